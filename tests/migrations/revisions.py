"""Directories of revisions for one test: the real first one, and what the test adds."""

import shutil
from pathlib import Path

from migrations.runner.checksum import NAME, VERSIONS, render_manifest
from tests.database import ROOT

FIRST = "0001_create_migration_ledger.py"

TEXT = '''"""{title}"""

from alembic import op

from migrations.runner.execute import execute
from migrations.runner.index import create_index, drop_index

revision = {number!r}
down_revision = {previous!r}
branch_labels = None
depends_on = None


def upgrade() -> None:
{up}


def downgrade() -> None:
{down}
'''


class Revisions:
    """A directory of revisions that can grow."""

    def __init__(self, directory: Path) -> None:
        """Begin with the real revision 0001, which makes the ledger."""
        self.versions = directory / "versions"
        self.versions.mkdir(parents=True)
        shutil.copy(VERSIONS / FIRST, self.versions)
        self.ini = directory / "alembic.ini"
        self.ini.write_text(
            "[alembic]\n"
            f"script_location = {ROOT}/migrations\n"
            f"version_locations = {self.versions}\n"
            "path_separator = os\n"
            f"prepend_sys_path = {ROOT}\n"
        )
        self.count = 1
        self._seal()

    def add(self, *up: str, down: tuple[str, ...] = (), outside: bool = False) -> str:
        """Add a revision.

        Args:
            up: statements of upgrade.
            down: statements of downgrade.
            outside: run them outside a transaction, as CREATE INDEX CONCURRENTLY must be.

        Returns:
            its number.
        """
        block = ["with op.get_context().autocommit_block():"] if outside else []
        indent = " " * 4 if outside else ""
        calls = [f"{indent}execute({statement!r})" for statement in up]
        return self._write([*block, *calls], [f"execute({statement!r})" for statement in down])

    def add_index(self, name: str, on: str, *, unique: bool = False) -> str:
        """Add a revision that builds an index concurrently; arguments as of `create_index`."""
        return self._write(
            [f"create_index({name!r}, {on!r}, unique={unique})"], [f"drop_index({name!r})"]
        )

    def _write(self, up: list[str], down: list[str]) -> str:
        self.count += 1
        number = f"{self.count:04}"
        (self.versions / f"{number}_test_revision.py").write_text(
            TEXT.format(
                title=f"Revision {number} of a test",
                number=number,
                previous=f"{self.count - 1:04}",
                up="\n".join(" " * 4 + line for line in up),
                down="\n".join(" " * 4 + line for line in down or ["pass"]),
            )
        )
        self._seal()
        return number

    def path(self, number: str) -> Path:
        """The file of a revision."""
        return next(self.versions.glob(f"{number}_*.py"))

    def _seal(self) -> None:
        (self.versions / NAME).write_text(render_manifest(self.versions))
