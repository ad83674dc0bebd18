"""The alembic plugin: `alembic check` and `alembic revision --autogenerate` on our files.

Registered once in a process, because alembic refuses a second time and env.py may run again.
"""

import logging
from collections.abc import Iterable
from functools import cache
from typing import Any

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from alembic.runtime.migration import MigrationContext
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult

from migrations.desired_state.compare import Change, compare
from migrations.desired_state.render import NO_SOURCES, Sources, render, split_name
from migrations.desired_state.replay import replay
from migrations.desired_state.sources import SourceError, read_bootstrap, read_sources
from migrations.runner.errors import FilesFailed

NAME = "gardenos.desired_state"

log = logging.getLogger("gardenos.migrate")


class DesiredStateOp(ops.MigrateOperation):
    """One difference between head and the files."""

    def __init__(self, change: Change, sources: Sources) -> None:
        """Keep the change and the texts it may be written with."""
        self.change = change
        self.sources = sources

    def reverse(self) -> "DesiredStateOp":
        """The way back, written from the catalogue: the files no longer have the old text."""
        return DesiredStateOp(self.change.reverse, NO_SOURCES)

    def to_diff_tuple(self) -> tuple[str, str, str]:
        """What `alembic check` prints."""
        return self.change.kind, self.change.name, self.change.how

    @property
    def table(self) -> str | None:
        """The table that the statements lock, if they lock one."""
        if self.change.kind in ("trigger", "policy", "table"):
            name = self.change.name
            return name if self.change.kind == "table" else split_name(name)[0]
        return None


@cache
def register() -> str:
    """Make the plugin known to alembic; its name, for `autogenerate_plugins`."""
    plugin = Plugin(NAME)
    plugin.add_autogenerate_comparator(_compare, "autogenerate", priority=DispatchPriority.MEDIUM)
    renderers.dispatch_for(DesiredStateOp)(_render)
    return NAME


def _compare(context: AutogenContext, upgrade_ops: ops.UpgradeOps) -> PriorityDispatchResult:
    assert context.connection is not None
    session: Any = context.connection.connection.driver_connection
    try:
        files = read_sources()
        changes = compare(replay(session, read_bootstrap(), files))
    except SourceError as error:
        raise FilesFailed(str(error)) from error
    sources = Sources(files)
    for change in changes:
        log.info("%s", change)
        upgrade_ops.ops.append(DesiredStateOp(change, sources))
    return PriorityDispatchResult.CONTINUE


def _render(_context: AutogenContext, operation: DesiredStateOp) -> str:
    statements = render(operation.change, operation.sources)
    if '"""' in statements:
        return f"execute({statements!r})"
    indented = "\n".join(f"    {line}" if line else "" for line in statements.splitlines())
    return f'execute(\n    r"""\n{indented}\n    """\n)'


def one_revision_per_table(
    context: MigrationContext, _revision: Any, directives: list[ops.MigrationScript]
) -> None:
    """Split what was found: a transaction holds AccessExclusive on one table at most.

    Functions, views and privileges, which lock no table of ours, come first, together. Revisions
    are numbered on from head (alembic: process_revision_directives).
    """
    script = directives[0]
    assert script.upgrade_ops is not None
    found = [one for one in script.upgrade_ops.ops if isinstance(one, DesiredStateOp)]
    directory = context.script
    assert directory is not None
    number = max((int(revision.revision) for revision in directory.walk_revisions()), default=0)
    message = script.message or "change the desired state"
    directives.clear()
    previous = script.head
    for table, operations in _by_table(found):
        number += 1
        identifier = f"{number:04d}"
        upgrade = ops.UpgradeOps(list(operations))
        directives.append(
            ops.MigrationScript(
                identifier,
                upgrade,
                upgrade.reverse(),
                message=f"{message} of {table}" if table and len(_tables(found)) > 1 else message,
                head=previous,
            )
        )
        previous = identifier


def _tables(found: Iterable[DesiredStateOp]) -> list[str | None]:
    return list(dict.fromkeys(one.table for one in found))


def _by_table(
    found: list[DesiredStateOp],
) -> list[tuple[str | None, list[DesiredStateOp]]]:
    tables = sorted(_tables(found), key=lambda table: (table is not None, table or ""))
    return [(table, [one for one in found if one.table == table]) for table in tables]
