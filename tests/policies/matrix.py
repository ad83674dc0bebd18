"""The permission matrix as data: one typed row per table and agency role.

The words of a cell are those of `policies/permissions.csv`; what they mean is in `meaning.py`.
"""

import csv
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

FILE = Path(__file__).parents[2] / "policies" / "permissions.csv"
SCHEMAS = ("tenancy", "crm", "ai", "integration", "governance", "audit", "langgraph")


class Role(StrEnum):
    """What a member is in the agency."""

    OWNER = "owner"
    ADMIN = "admin"
    MANAGER = "manager"
    MEMBER = "member"
    VIEWER = "viewer"
    CLIENT = "client"
    AI_AGENT = "ai_agent"


class Command(StrEnum):
    """The columns of the matrix; `soft_delete` is an update of `deleted_at`."""

    SELECT = "select"
    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"
    SOFT_DELETE = "soft_delete"


class Scope(StrEnum):
    """The words a cell may hold."""

    NONE = "none"
    SELF = "self"
    OWN = "own"
    PARTICIPANT = "participant"
    TEAM = "team"
    AGENCY = "agency"
    SHARED = "shared"
    SCOPE = "scope"
    PARENT = "parent"


@dataclass(frozen=True)
class Cell:
    """One table, role and command, and which rows it reaches."""

    table: str
    role: Role
    command: Command
    scope: Scope

    def __str__(self) -> str:
        """Name of the cell, as pytest shows it."""
        return f"{self.table}-{self.role}-{self.command}"


class Matrix:
    """All cells of a `permissions.csv`."""

    def __init__(self, file: Path = FILE) -> None:
        """Read the file.

        Raises:
            ValueError: an unknown role or scope, or a line that is there twice.
        """
        self.cells: dict[tuple[str, Role, Command], Cell] = {}
        with file.open(newline="", encoding="utf-8") as lines:
            for line in csv.DictReader(lines):
                for command in Command:
                    cell = Cell(
                        table=f"{line['schema']}.{line['table']}",
                        role=Role(line["agency_role"]),
                        command=command,
                        scope=Scope(line[command]),
                    )
                    key = (cell.table, cell.role, cell.command)
                    if key in self.cells:
                        raise ValueError(f"{file.name} has the line of {cell} twice: remove one.")
                    self.cells[key] = cell

    @property
    def tables(self) -> set[str]:
        """The tables that have at least one line."""
        return {table for table, _, _ in self.cells}

    def scope(self, table: str, role: Role, command: Command) -> Scope:
        """The word in one cell."""
        return self.cells[table, role, command].scope

    def granted(self, table: str, command: Command) -> bool:
        """Whether anybody may: where all roles have `none` there is no grant either."""
        return any(self.scope(table, role, command) is not Scope.NONE for role in Role)
