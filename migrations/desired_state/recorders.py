"""The functions that append a table's changes to the trail, written from its columns.

One static function for each table: a general one has to take every row apart as JSON, and two more
microseconds per column are the whole budget. `python -m migrations.desired_state.recorders` writes
the files from a scratch database at head; a test compares them, so no new column is forgotten.
"""

import csv
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config

from migrations.desired_state.scratch import scratch_database
from migrations.desired_state.sources import ROOT
from migrations.runner.connect import Address
from migrations.runner.settings import MIGRATOR

LEVELS = ROOT / "policies" / "audit.csv"

# Written often and no change of the row: neither versioned nor recorded.
UNTRACKED = frozenset(
    (
        "last_used_at",
        "last_accessed_at",
        "access_count",
        "last_read_at",
        "last_message_at",
        "participant_ids",
        "attempts",
        "locked_by",
        "locked_until",
        "tier",
        "total_rows",
        "created_rows",
        "updated_rows",
        "skipped_rows",
        "failed_rows",
    )
)

# When a row, or the conversation that it belongs to, is private, the trail must not tell what it
# says: when values are recorded, for each operation. A message stays in its conversation.
OPEN_WHEN = {
    "row": {
        "insert": "n.visibility <> 'private'",
        "update": "o.visibility <> 'private' and n.visibility <> 'private'",
        "delete": "o.visibility <> 'private'",
    },
    "conversation": {
        "insert": "app.is_open_conversation(n.agency_id, n.conversation_id)",
        "update": "app.is_open_conversation(n.agency_id, n.conversation_id)",
        "delete": "app.is_open_conversation(o.agency_id, o.conversation_id)",
    },
}

AGENCIES = "tenancy.agencies"
NO_AGENCY = "'00000000-0000-0000-0000-000000000000'"

COLUMNS = """
select
    a.attname::text,
    a.atttypid <> 'pg_catalog.tsvector'::regtype,
    exists (
        select 1
          from pg_catalog.pg_index as i
         where i.indrelid = a.attrelid and i.indisprimary and a.attnum = any (i.indkey::int2[])
    ),
    t.typnamespace = 'extensions'::regnamespace
  from pg_catalog.pg_attribute as a
  join pg_catalog.pg_type as t on t.oid = a.atttypid
 where a.attrelid = %s::regclass and a.attnum > 0 and not a.attisdropped
 order by a.attnum
"""

CONTEXT = (
    "actor_kind",
    "actor_user_id",
    "actor_membership_id",
    "on_behalf_of_id",
    "api_key_id",
    "agency_role",
    "db_role",
    "request_id",
    "ip",
    "xid",
    "epoch",
    "timeline",
)


def levels(file: Path = LEVELS) -> dict[str, str]:
    """Table to its level: full, keys or none."""
    with file.open(newline="", encoding="utf-8") as lines:
        return {f"{row['schema']}.{row['table']}": row["level"] for row in csv.DictReader(lines)}


def privacy(file: Path = LEVELS) -> dict[str, str]:
    """Table to what makes a row of it private, a key of OPEN_WHEN; tables that have such rows."""
    with file.open(newline="", encoding="utf-8") as lines:
        return {
            f"{row['schema']}.{row['table']}": row["private"]
            for row in csv.DictReader(lines)
            if row["private"]
        }


def recorder_name(table: str) -> str:
    """The function of a table: `audit.record_tenancy_teams`."""
    return f"audit.record_{table.replace('.', '_')}"


@dataclass(frozen=True)
class Shape:
    """What a recorder has to know of its table."""

    table: str
    level: str
    columns: list[str]
    key: list[str]
    derived: list[str]
    # of types whose operators are in schema extensions
    foreign: list[str]
    private: str | None = None


def recorder(shape: Shape) -> str:
    """The file of one function."""
    table, level = shape.table, shape.level
    name = recorder_name(table)
    declared = "    secret bytea;\n" if level == "full" else ""
    drawn = "    secret := uuid_send(gen_random_uuid());\n" if level == "full" else ""
    body = "".join(_branch(op, _statement(op, shape)) for op in ("insert", "update", "delete"))
    return f"""\
-- Appends the changes of {table} to the trail, {_says(shape)}.
-- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
-- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
set local role gardenos_audit_writer;

create or replace function {name}()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set plan_cache_mode = force_generic_plan
as $function$
declare
    context record;
{declared}begin
    -- no transaction id: the statement wrote nothing
    if pg_current_xact_id_if_assigned() is null then
        return null;
    end if;
    context := audit.context();
{drawn}{body}    end if;
    return null;
end;
$function$;

revoke all on function {name}() from public;
grant execute on function {name}() to gardenos_owner;

comment on function {name}() is
'Appends the changes of {table} to the trail.';

set local role gardenos_owner;
"""


def _branch(op: str, statement: str) -> str:
    """One branch of the trigger."""
    return f"    {'if' if op == 'insert' else 'elsif'} tg_op = '{op.upper()}' then\n" + indent(
        statement, "        "
    )


def _says(shape: Shape) -> str:
    if shape.level != "full":
        return "without their values"
    return "with their values" + (", private rows without" if shape.private else "")


def _statement(op: str, shape: Shape) -> str:
    """One INSERT … SELECT into the trail."""
    table, columns, key = shape.table, shape.columns, shape.key
    row = "o" if op == "delete" else "n"
    agency, record = _identity(row, table, columns, both=op == "update")
    schema, _, name = table.partition(".")
    names = ["agency_id", "schema_name", "table_name", "record_id", "op"]
    values = [agency, f"'{schema}'", f"'{name}'", record, _op(op, key)]
    if shape.level == "full":
        kept = _values(op, shape)
        # one random number for a statement, and for each row what only who has it can tell
        kept["salt"] = f"substring(sha256(secret || uuid_send({record})) from 1 for 16)"
        names += kept
        values += [_unless_private(op, shape, name, value) for name, value in kept.items()]
    names += CONTEXT
    values += [f"context.{each}" for each in CONTEXT]
    return (
        f"insert into audit.log (\n{_listed(names)}\n)\n"
        f"select\n{_listed(values)}\n"
        f"{_from(op, shape)};\n"
    )


def _unless_private(op: str, shape: Shape, name: str, value: str) -> str:
    """What stands in a column of the trail: nothing of a row that is or was private."""
    if shape.private is None:
        return value
    is_open = OPEN_WHEN[shape.private][op]
    otherwise = "\n    else '{}'" if name == "changed" else ""
    return f"case\n    when {is_open}\n        then {_deeper(value)}{otherwise}\nend"


def _deeper(value: str) -> str:
    return indent(value, "        ").lstrip()


def _values(op: str, shape: Shape) -> dict[str, str]:
    """What a row held and holds: column of the trail to expression."""
    found = {}
    derived = "".join(f" - '{each}'" for each in shape.derived)
    if op == "insert":
        found["new_values"] = f"to_jsonb(n){derived}"
    elif op == "delete":
        found["old_values"] = f"to_jsonb(o){derived}"
    else:
        # what never changes is left out; where there is no id, the key may
        fixed = UNTRACKED | set(shape.key if "id" in shape.key else ())
        tracked = [each for each in shape.columns if each not in fixed]
        names = ",\n".join(f"case when {_differs(each)} then '{each}' end" for each in tracked)
        found["changed"] = "array_remove(array[\n" + indent(names, "    ") + "\n], null)"
        found["old_values"] = _changed("o", tracked)
        found["new_values"] = _changed("n", tracked)
    return found


def _identity(row: str, table: str, columns: list[str], *, both: bool) -> tuple[str, str]:
    """The agency and the record of a row, as expressions."""
    if "id" not in columns:
        name = f"coalesce(n.{columns[0]}, o.{columns[0]})" if both else f"{row}.{columns[0]}"
        digest = f"sha256(convert_to({name}, 'UTF8'))"
        return NO_AGENCY, f"encode(substring({digest} from 1 for 16), 'hex')::uuid"
    if table == AGENCIES:
        return f"{row}.id", f"{row}.id"
    return f"{row}.agency_id" if "agency_id" in columns else NO_AGENCY, f"{row}.id"


def _op(op: str, key: list[str]) -> str:
    """The operation; where the key may change, an update of it is a delete and an insert."""
    if op != "update" or "id" in key:
        return f"'{op}'"
    return (
        "case\n"
        f"    when o.{key[0]} is null then 'insert'\n"
        f"    when n.{key[0]} is null then 'delete'\n"
        "    else 'update'\n"
        "end::app.audit_op"
    )


def _from(op: str, shape: Shape) -> str:
    key = shape.key
    if op != "update":
        row, rows = ("n", "new_rows") if op == "insert" else ("o", "old_rows")
        return f"  from {rows} as {row}"
    return (
        f"  from old_rows as o\n  {'join' if 'id' in key else 'full join'} new_rows as n\n    on "
        + "\n   and ".join(f"n.{each} = o.{each}" for each in key)
        + _where(shape)
    )


def _where(shape: Shape) -> str:
    """Leave out what touched nothing but untracked columns."""
    columns = shape.columns
    untracked = [each for each in columns if each in UNTRACKED]
    if not untracked:
        return ""
    same = [f"not {_differs(each)}" for each in untracked]
    others = [
        f"(o.{each} operator(extensions.<>) n.{each})" if each in shape.foreign else _differs(each)
        for each in columns
        if each not in UNTRACKED
    ]
    return "\n where (\n" + indent("\nand ".join(same), "    ") + "\n)\nor " + "\nor ".join(others)


def _differs(column: str) -> str:
    return f"(o.{column} is distinct from n.{column})"


def _changed(row: str, tracked: list[str]) -> str:
    return "\n|| ".join(
        f"case when {_differs(each)}"
        f" then jsonb_build_object('{each}', {row}.{each}) else '{{}}' end"
        for each in tracked
    )


def _listed(lines: list[str]) -> str:
    return indent(",\n".join(lines), "    ")


def texts(cursor: psycopg.Cursor[tuple[Any, ...]]) -> dict[Path, str]:
    """The files of all tables that are recorded.

    Args:
        cursor: of a database at head.
    """
    found = {}
    private = privacy()
    for table, level in levels().items():
        if level != "none":
            columns = cursor.execute(COLUMNS, [table]).fetchall()
            file = ROOT / "sql" / "functions" / f"{recorder_name(table)}.sql"
            found[file] = recorder(
                Shape(
                    table,
                    level,
                    [name for name, is_told, *_ in columns if is_told],
                    [name for name, _, is_key, _ in columns if is_key],
                    [name for name, is_told, *_ in columns if not is_told],
                    [name for name, *_, is_foreign in columns if is_foreign],
                    private.get(table),
                )
            )
    return found


def main() -> int:
    """Write the files and name those that changed."""
    with scratch_database() as superuser:
        config = Config(ROOT / "alembic.ini")
        config.attributes["address"] = Address.parse(superuser).acting_as(MIGRATOR)
        command.upgrade(config, "head")
        with psycopg.connect(superuser) as connection, connection.cursor() as cursor:
            for path, text in texts(cursor).items():
                if not path.exists() or path.read_text(encoding="utf-8") != text:
                    path.write_text(text, encoding="utf-8")
                    print(f"wrote {path.relative_to(ROOT).as_posix()}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
