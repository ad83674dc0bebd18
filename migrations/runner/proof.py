"""The last look, on a new connection: is the database what the run says it made?"""

import psycopg
from alembic.script import ScriptDirectory

from migrations.runner.checksum import digest
from migrations.runner.connect import Address
from migrations.runner.errors import ProofFailed, VersionLost
from migrations.runner.ledger import TABLE
from migrations.runner.plan import Plan
from migrations.runner.settings import LEDGER, SCHEMAS, VERSION_TABLE

INVALID = """
select i.indexrelid::regclass::text
from pg_catalog.pg_index as i
join pg_catalog.pg_class as c on c.oid = i.indexrelid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where n.nspname = any(%s)
    and not (i.indisvalid and i.indisready and i.indislive)
order by 1
"""


def prove(
    address: Address, connection: psycopg.Connection, script: ScriptDirectory, plan: Plan
) -> None:
    """Compare the database with the target of the run.

    Args:
        address: for the messages.
        connection: a session that did not take part in the run, in autocommit mode.
        script: the revisions.
        plan: what the run set out to do.

    Raises:
        VersionLost: the version is an earlier one of this run: a commit did not survive a failover.
        ProofFailed: anything else is not as it should be.
    """
    _prove_writable(address, connection)
    _prove_version(connection, plan)
    _prove_hashes(connection, script, plan)
    invalid = [row[0] for row in connection.execute(INVALID, [list(SCHEMAS)])]
    if invalid:
        raise ProofFailed(
            f"Invalid index left behind: {', '.join(invalid)}; drop it or run the revision again."
        )


def _prove_writable(address: Address, connection: psycopg.Connection) -> None:
    row = connection.execute(
        "select pg_catalog.pg_is_in_recovery(),"
        " pg_catalog.current_setting('transaction_read_only') = 'on'"
    ).fetchone()
    assert row is not None
    if row[0] or row[1]:
        raise VersionLost(f"{address} stopped taking writes")
    # An xid of its own makes this commit wait for the standbys that the commits before waited for.
    connection.execute("select pg_catalog.pg_current_xact_id()")


def current_version(connection: psycopg.Connection) -> str | None:
    """The version that the database has; None before the first revision.

    Raises:
        ProofFailed: it has several.
    """
    found = []
    if _exists(connection, f"{LEDGER}.{VERSION_TABLE}"):
        query = f"select version_num from {LEDGER}.{VERSION_TABLE}"  # noqa: S608
        found = [row[0] for row in connection.execute(query.encode())]
    if len(found) > 1:
        raise ProofFailed(f"The database has several versions: {', '.join(sorted(found))}.")
    return found[0] if found else None


def _prove_version(connection: psycopg.Connection, plan: Plan) -> None:
    version = current_version(connection)
    if version == plan.target:
        return
    plan.position(version)
    raise VersionLost(f"at {version or 'base'} instead of {plan.target or 'base'}")


def _prove_hashes(connection: psycopg.Connection, script: ScriptDirectory, plan: Plan) -> None:
    applied: dict[str, str] = {}
    if _exists(connection, TABLE):
        query = f"select revision, sha256 from {TABLE}"  # noqa: S608
        applied = dict(connection.execute(query.encode()).fetchall())
    wanted = {
        revision.revision: digest(revision._script_path)
        for revision in (script.iterate_revisions(plan.target, "base") if plan.target else ())
    }
    for identifier in sorted(wanted.keys() | applied.keys()):
        if identifier not in applied:
            raise ProofFailed(f"Revision {identifier} left no row in {TABLE}.")
        if identifier not in wanted:
            raise ProofFailed(f"{TABLE} has revision {identifier}, which is not applied.")
        if applied[identifier] != wanted[identifier]:
            raise ProofFailed(
                f"Revision {identifier} was applied with another text than these files have: "
                f"its sha256 in {TABLE} is {applied[identifier]}."
            )


def _exists(connection: psycopg.Connection, name: str) -> bool:
    row = connection.execute("select to_regclass(%s) is not null", [name]).fetchone()
    return bool(row and row[0])
