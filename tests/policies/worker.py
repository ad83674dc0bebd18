"""`policies/worker.csv` as data: what a bound worker may do, table by table (schema.md 8.3).

| column | says |
|---|---|
| agency | `any`, or `active`: nothing in an agency that is suspended, closing or deleted |
| select | `x` or nothing |
| insert | `x`, `all but` and a column, or nothing |
| update | `x`, the columns, or nothing |
| delete | `x`; `retention`: by a function only, so no grant and no policy; or nothing |
"""

import csv
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).parents[2] / "policies" / "worker.csv"
COMMANDS = ("select", "insert", "update", "delete")


@dataclass(frozen=True)
class Duty:
    """One line: the cells of one table."""

    table: str
    in_any_agency: bool
    select: str
    insert: str
    update: str
    delete: str

    @property
    def commands(self) -> set[str]:
        """The commands that have a policy."""
        return {command for command in COMMANDS if getattr(self, command) not in ("", "retention")}

    def grants(self, command: str, column: str) -> bool:
        """Whether this column may be read or written; of a delete it does not matter which."""
        if command not in self.commands:
            return False
        cell = getattr(self, command)
        if cell.startswith("all but "):
            return column not in cell.removeprefix("all but ").split()
        return cell == "x" or column in cell.split()


def contract(file: Path = FILE) -> dict[str, Duty]:
    """Table to its line.

    Raises:
        ValueError: a table twice, or a word that no cell may hold.
    """
    found: dict[str, Duty] = {}
    with file.open(newline="", encoding="utf-8") as lines:
        for line in csv.DictReader(lines):
            table = f"{line['schema']}.{line['table']}"
            if table in found:
                raise ValueError(f"{file.name} has {table} twice: remove one line.")
            if (
                line["agency"] not in ("any", "active")
                or line["select"] != "x"
                or line["delete"] not in ("", "x", "retention")
            ):
                raise ValueError(f"{file.name}: the line of {table} holds an unknown word.")
            found[table] = Duty(
                table, line["agency"] == "any", *(line[command] for command in COMMANDS)
            )
    return found
