"""The present tense: the files of `sql/` and `policies/`, and the statements in them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pglast import ast, parse_sql, split
from pglast.enums import AlterTableType

ROOT = Path(__file__).resolve().parents[2]

OWNER = "gardenos_owner"

# Replayed in this order: what stands later may name what stands earlier.
FOLDERS = ("sql/functions", "sql/views", "sql/triggers", "policies")

# What bootstrap says about schemas and default privileges, which no file below FOLDERS does.
BOOTSTRAP = ("sql/bootstrap/50_privileges.sql",)

# How a statement names what it makes: the kind and name of the catalogue snapshot.
ObjectName = tuple[str, str]


class SourceError(Exception):
    """A file that cannot be replayed; the message names it and says what to do."""


@dataclass(frozen=True)
class Source:
    """One file: the declaration of one object, or of all the row-level security of a table."""

    path: Path
    text: str

    @property
    def name(self) -> str:
        """The path as it is written in messages."""
        return self.path.as_posix()

    @property
    def role(self) -> str:
        """Who runs the file, and so owns what it makes: the role it begins with, else the owner."""
        for line in self.text.splitlines():
            if line and not line.startswith("--"):
                words = line.rstrip(";").split()
                return words[3] if words[:3] == ["set", "local", "role"] else OWNER
        return OWNER

    @cached_property
    def statements(self) -> dict[ObjectName, str]:
        """The statement that makes each function, trigger, policy and view of the file."""
        found = {}
        for statement in map(str.strip, map(str, split(self.text))):
            name = _made_by(statement)
            if name is not None:
                found[name] = _without_leading_comments(statement) + ";"
        return found


def read_sources(root: Path = ROOT) -> list[Source]:
    """Every file of the present tense, in the order of replay.

    Raises:
        SourceError: a file holds a tab or trailing white space, which would not survive the way
            into a revision and back.
    """
    return list(_read(root, [path for folder in FOLDERS for path in _files(root / folder)]))


def read_bootstrap(root: Path = ROOT) -> list[Source]:
    """The files of bootstrap that say what the catalogue has besides objects."""
    return list(_read(root, [root / name for name in BOOTSTRAP]))


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.sql"))


def _read(root: Path, paths: list[Path]) -> Iterator[Source]:
    for path in paths:
        text = path.read_text(encoding="utf-8")
        where = path.relative_to(root)
        for number, line in enumerate(text.splitlines(), start=1):
            if "\t" in line or line != line.rstrip():
                raise SourceError(
                    f"{where.as_posix()}:{number} holds a tab or ends in white space: remove it, "
                    "a revision cannot keep it."
                )
        yield Source(where, text)


def _made_by(statement: str) -> ObjectName | None:
    """What one statement makes, if it is of a kind that is rendered statement by statement."""
    node = parse_sql(statement)[0].stmt
    if isinstance(node, ast.CreateTrigStmt):
        return "trigger", f"{_relation(node.relation)}.{_quoted(node.trigname)}"
    if isinstance(node, ast.CreatePolicyStmt):
        return "policy", f"{_relation(node.table)}.{_quoted(node.policy_name)}"
    if isinstance(node, ast.ViewStmt):
        return "view", _relation(node.view)
    if isinstance(node, ast.AlterTableStmt):
        kinds = {command.subtype for command in node.cmds}
        if AlterTableType.AT_EnableRowSecurity in kinds:
            return "row_security", _relation(node.relation)
    return None


def _relation(node: ast.RangeVar) -> str:
    return f"{_quoted(node.schemaname)}.{_quoted(node.relname)}"


def _quoted(name: str) -> str:
    """As quote_ident does for names that are no keywords."""
    plain = name.replace("_", "a").isalnum() and name == name.lower() and not name[0].isdigit()
    return name if plain else '"' + name.replace('"', '""') + '"'


def _without_leading_comments(statement: str) -> str:
    lines = statement.splitlines()
    while lines and (lines[0].startswith("--") or not lines[0].strip()):
        lines.pop(0)
    return "\n".join(lines)
