"""What a run on somebody else's cluster is refused for, before it has changed anything there."""

import psycopg

from migrations.bootstrap.apply import SCRIPTS
from tests.database import GivenServer
from tests.policies.cluster_login import (
    CONNECT_SECONDS,
    PREFIX,
    URL,
    Connection,
    Refused,
    reason_of,
)

OLDEST_VERSION = 150000
SUPERUSERS = ("postgres", "supabase_admin")

# Any number will do, as long as nobody else uses it: "gardenos policies".
LOCK = 7_021_995_315

# The logins that tests use.
LOGINS = (
    "authenticator",
    "authenticator_ro",
    "gardenos_app",
    "gardenos_auditor",
    "gardenos_migrator",
    "gardenos_monitor",
    "gardenos_worker",
    "supabase_auth_admin",
    "supabase_storage_admin",
)

# What all databases of a cluster share about roles. A fact and the roles that it is about.
SHARED_FACTS = """
select array[r.rolname::text] as roles, to_jsonb(r)::text as fact
  from pg_roles as r
union all
select array[m.rolname::text, g.rolname::text], (to_jsonb(a) - 'oid')::text
  from pg_auth_members as a
  join pg_roles as m on m.oid = a.member
  join pg_roles as g on g.oid = a.roleid
union all
select array[r.rolname::text], p.parname || ' ' || x.privilege_type
  from pg_parameter_acl as p
 cross join lateral aclexplode(p.paracl) as x
  join pg_roles as r on r.oid = x.grantee and not r.rolsuper
union all
select array[]::text[], s.setconfig::text
  from pg_db_role_setting as s
 where s.setrole = 0 and s.setdatabase = 0
"""


def refuse_unsuitable(connection: Connection) -> None:
    """Raise `Refused` for a server or a login that bootstrap and tests cannot work with."""
    if connection.info.server_version < OLDEST_VERSION:
        raise Refused(
            f"{URL} is PostgreSQL {connection.info.server_version // 10000}, and gardenos-db needs "
            "15 or newer: name a newer server."
        )
    row = connection.execute(
        "select pg_is_in_recovery(),"
        " current_user::text,"
        " (select rolsuper from pg_roles where rolname = current_user),"
        " exists (select 1 from pg_available_extensions where name = 'vector')"
    ).fetchone()
    assert row is not None
    standby, user, superuser, has_vector = row
    if standby:
        raise Refused(f"{URL} is a standby: name the read-write port, which leads to the primary.")
    if not superuser:
        raise Refused(f"{URL} logs in as {user}, who is not a superuser: bootstrap needs one.")
    if user not in SUPERUSERS:
        raise Refused(
            f"{URL} logs in as {user}: name postgres or supabase_admin, because app.claims() "
            "believes superusers by these names."
        )
    if not has_vector:
        raise Refused(
            f"{URL} is a server without pgvector: install pgvector 0.8.4 or newer on every node."
        )


def refuse_second_run(connection: Connection) -> None:
    """Roles are the cluster's: two runs would drop each other's.

    The lock is one of this database and ends with the session; a run that was started from another
    database shows by the name of its session.
    """
    row = connection.execute(
        "select pg_try_advisory_lock(%s) and not exists (select 1 from pg_stat_activity"
        " where starts_with(application_name, %s) and pid <> pg_backend_pid())",
        [LOCK, PREFIX],
    ).fetchone()
    if row != (True,):
        raise Refused(f"Another run of these tests is using the cluster of {URL}: wait for it.")


def refuse_changes(url: str, known: set[str]) -> None:
    """Try bootstrap in a transaction that is rolled back: no role that is there may change.

    Raises:
        Refused: it would, or it fails.
    """
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            before = _shared_facts(connection)
            with connection.transaction(force_rollback=True):
                for script in sorted(SCRIPTS.glob("[0-9][0-9]_*.sql")):
                    connection.execute(script.read_bytes())
                after = _shared_facts(connection)
    except psycopg.Error as error:
        raise Refused(f"Bootstrap does not work on this cluster: {reason_of(error)}.") from error
    changed = [roles for roles, _ in before ^ after if roles <= known]
    if changed:
        names = ", ".join(sorted(set().union(*changed))) or "settings of all roles"
        raise Refused(
            f"Bootstrap would change what this cluster has already ({names}), and a test run must "
            "not: run `make bootstrap` there first, or use a cluster without these roles."
        )


def _shared_facts(connection: Connection) -> set[tuple[frozenset[str], str]]:
    return {(frozenset(roles), fact) for roles, fact in connection.execute(SHARED_FACTS)}


def refuse_without_logins(server: GivenServer, dbname: str) -> None:
    """Log in as everybody whom the tests need.

    Raises:
        Refused: a login is not let in; the first one is named.
    """
    for login in LOGINS:
        try:
            psycopg.connect(server.url(login, dbname), connect_timeout=CONNECT_SECONDS).close()
        except psycopg.OperationalError as error:
            raise Refused(
                f"The cluster refuses the login {login}: {reason_of(error)}; put its password into "
                "PGPASSFILE or ~/.pgpass, and let pg_hba.conf admit it from here to databases "
                f"named {PREFIX}… ."
            ) from None
