"""What revisions call to build and drop indexes while tenants go on writing.

CREATE INDEX CONCURRENTLY commits on its way. A failover, a cancel or an error in the middle leaves
an index that is invalid, and with IF NOT EXISTS the next run would take it for done. So these look
first. They belong into revisions that hold nothing else: what stands before one there is committed
by it, and a run that starts again finds the indexes that are done.
"""

import logging
from dataclasses import dataclass

from alembic import op
from sqlalchemy import text

from migrations.runner.errors import RevisionFailed
from migrations.runner.execute import execute
from migrations.runner.settings import SESSION

log = logging.getLogger("gardenos.migrate")

LOOK = """
select
    i.indisvalid and i.indisready and i.indislive,
    pg_catalog.pg_get_indexdef(i.indexrelid)
from pg_catalog.pg_index as i
join pg_catalog.pg_class as c on c.oid = i.indexrelid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where n.nspname = :schema
    and c.relname = :name
"""


@dataclass(frozen=True)
class _Found:
    """An index as the catalogue has it."""

    usable: bool
    definition: str


def create_index(name: str, on: str, *, unique: bool = False) -> None:
    """Build an index concurrently; one that is there and whole is left alone.

    Args:
        name: with its schema, `crm.deals_stage_id_idx`.
        on: the rest of the definition as pg_get_indexdef prints it, in upper or lower case:
            `on crm.deals using btree (agency_id, stage_id)`.
        unique: a unique index.

    Raises:
        RevisionFailed: an index of that name is there and is another one, or the new one is printed
            differently: a later run could not tell it from another one.
    """
    schema, _, short = name.rpartition(".")
    kind = "unique index" if unique else "index"
    wanted = f"create {kind} {short} {on}"
    context = op.get_context()
    with context.autocommit_block():
        # it waits for every older transaction, and a timeout would leave an invalid index
        execute("set lock_timeout = '0'")
        found = None if context.as_sql else _look(schema, short)
        if found is not None and not found.usable:
            log.info("%s is invalid, left by a run that was interrupted: built again", name)
            execute(f"drop index concurrently {name}")
            found = None
        if found is None:
            execute(f"create {kind} concurrently {short} {on}")
        if not context.as_sql:
            _check(name, wanted, _look(schema, short))
        execute(f"set lock_timeout = '{SESSION['lock_timeout']}'")


def drop_index(name: str) -> None:
    """Drop an index concurrently; one that is gone already is no error.

    Args:
        name: with its schema.
    """
    schema, _, short = name.rpartition(".")
    context = op.get_context()
    with context.autocommit_block():
        execute("set lock_timeout = '0'")
        if context.as_sql or _look(schema, short) is not None:
            execute(f"drop index concurrently {name}")
        execute(f"set lock_timeout = '{SESSION['lock_timeout']}'")


def _look(schema: str, name: str) -> _Found | None:
    row = op.get_bind().execute(text(LOOK), {"schema": schema, "name": name}).one_or_none()
    return None if row is None else _Found(row[0], row[1])


def _check(name: str, wanted: str, found: _Found | None) -> None:
    if found is None or not found.usable:
        raise RevisionFailed(f"Index {name} was built and is not valid: start again.")
    if _folded(found.definition) != _folded(wanted):
        raise RevisionFailed(
            f"Index {name} is `{found.definition}`, and the revision wants `{wanted}`: write it as "
            "PostgreSQL prints it, or take another name."
        )


def _folded(definition: str) -> str:
    """Without what does not matter: white space and upper case."""
    return " ".join(definition.split()).casefold()
