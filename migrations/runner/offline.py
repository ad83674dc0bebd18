"""What `--sql` prints around the revisions, so that psql does what the runner does.

The text refuses to run where the runner would: on a standby, beside another deploy, or on a
database that is not at the version it starts from; and it ends by looking whether it arrived.
"""

from migrations.runner.ledger import TABLE
from migrations.runner.plan import Plan
from migrations.runner.settings import LEDGER, LOCK_KEY, VERSION_TABLE, session_statements

VERSION = f"{LEDGER}.{VERSION_TABLE}"


def prologue(plan: Plan) -> list[str]:
    """The statements before the first revision, without their semicolons."""
    start = plan.versions[0]
    return [
        "-- Run as gardenos_migrator: psql -X -v ON_ERROR_STOP=1 -f FILE\n"
        f"-- From {start or 'base'} to {plan.target or 'base'}",
        *session_statements(),
        f"""do $guard$
begin
    if pg_catalog.pg_is_in_recovery() then
        raise exception 'this is a standby: run it on the primary';
    end if;
    if not pg_catalog.pg_try_advisory_lock({LOCK_KEY}) then
        raise exception 'another deploy holds the lock' using errcode = '55P03';
    end if;
{_version_guard(start)}
end
$guard$""",
    ]


def _version_guard(start: str | None) -> str:
    if start is None:
        # alembic makes the version table before the first revision; a downgrade to base leaves it.
        return f"""\
    if pg_catalog.to_regclass('{VERSION}') is not null then
        if exists (select from {VERSION}) then
            raise exception 'the database is not empty: it has a version in {VERSION}';
        end if;
        drop table {VERSION};
    end if;"""
    return f"""\
    if not exists (select from {VERSION} where version_num = '{start}') then
        raise exception 'the database is not at {start}, where this script begins';
    end if;"""


def epilogue(plan: Plan) -> list[str]:
    """The statements after the last revision, without their semicolons."""
    target = plan.target
    found = f"(select array_agg(v.version_num::text) from {VERSION} as v)"  # noqa: S608
    if target is None:
        return [_final(f"{found} is not null", "base")]
    at_target = f"{found} is distinct from array['{target}']"
    recorded = f"not exists (select from {TABLE} as r where r.revision = '{target}')"
    return [_final(f"{at_target}\n        or {recorded}", target)]


def _final(wrong: str, target: str) -> str:
    return f"""do $proof$
begin
    if {wrong} then
        raise exception 'the database did not arrive at {target}';
    end if;
end
$proof$"""
