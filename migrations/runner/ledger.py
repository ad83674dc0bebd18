"""The record of which text was applied: one row for each revision, in its own transaction.

The row commits with the revision or not at all, so it also proves a commit whose answer was lost.
"""

from pathlib import Path
from typing import Any

from alembic.runtime.migration import MigrationContext, MigrationInfo
from alembic.script import Script
from sqlalchemy import text

from migrations.runner.checksum import digest
from migrations.runner.settings import LEDGER

TABLE = f"{LEDGER}.revisions"


def record(ctx: MigrationContext, step: MigrationInfo, **_: Any) -> None:
    """Write or remove the row of a revision; alembic calls it after each step (on_version_apply).

    The first revision makes the table, so its downgrade took the row with it.
    """
    revision = step.up_revision
    assert isinstance(revision, Script)
    identifier = revision.revision
    if step.is_upgrade:
        sha256 = digest(Path(revision.path))
        ctx.execute(
            text(
                f"insert into {TABLE} (revision, sha256) "  # noqa: S608
                f"values ('{identifier}', '{sha256}')"
            )
        )
    elif step.down_revision_ids:
        ctx.execute(text(f"delete from {TABLE} where revision = '{identifier}'"))  # noqa: S608
