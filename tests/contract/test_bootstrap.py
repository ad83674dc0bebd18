"""Bootstrap: complete, repeatable, and able to repair what drifted."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import errors, sql

from migrations import bootstrap
from migrations.bootstrap.apply import SCRIPTS
from tests.conftest import Mutant
from tests.database import ROOT, Database, program_environment

# Everything bootstrap writes, with the version of each row: a second run must not write it again.
STATE = """
select 'role', r::text from pg_catalog.pg_roles as r
union all
select 'version of a role', a.xmin::text || ' ' || a.rolname from pg_catalog.pg_authid as a
union all
select 'membership', a.xmin::text || ' ' || a::text from pg_catalog.pg_auth_members as a
union all
select 'setting', s.xmin::text || ' ' || s::text from pg_catalog.pg_db_role_setting as s
union all
select 'schema', n.xmin::text || ' ' || n::text from pg_catalog.pg_namespace as n
    where n.nspname !~ '^pg_(toast_)?temp_'
union all
select 'extension', e.xmin::text || ' ' || e::text from pg_catalog.pg_extension as e
union all
select 'default privilege', d.xmin::text || ' ' || d::text from pg_catalog.pg_default_acl as d
union all
select 'publication', p.xmin::text || ' ' || p::text from pg_catalog.pg_publication as p
union all
select 'event trigger', e.xmin::text || ' ' || e::text from pg_catalog.pg_event_trigger as e
union all
select 'parameter', p.xmin::text || ' ' || p::text from pg_catalog.pg_parameter_acl as p
union all
select 'function', concat_ws(' ', p.oid, p.proname, p.proowner, p.proacl, p.proconfig, p.prosrc)
    from pg_catalog.pg_proc as p
    where p.pronamespace = 'extensions'::regnamespace or p.proname ~ '^(lo|lowrite)'
order by 1, 2
"""

API_ROLES = ("anon", "authenticated", "service_role")
NARROW = (
    "gardenos_membership_reader",
    "gardenos_tenancy_writer",
    "gardenos_sealer",
    "gardenos_search",
    "gardenos_crm_writer",
    "gardenos_ai_writer",
    "gardenos_merger",
    "gardenos_eraser",
    "gardenos_audit_writer",
    "gardenos_audit_sealer",
    "gardenos_audit_redactor",
    "gardenos_publisher",
)
ROLES = (
    "postgres",
    "supabase_admin",
    "dashboard_user",
    "supabase_auth_admin",
    "supabase_storage_admin",
    "supabase_realtime_admin",
    "authenticator",
    "authenticator_ro",
    *API_ROLES,
    "gardenos_owner",
    "gardenos_migrator",
    "gardenos_app",
    "gardenos_worker",
    "gardenos_auditor",
    "gardenos_monitor",
    *NARROW,
)
MEMBERSHIPS = (
    *(("authenticator", role) for role in API_ROLES),
    *(("authenticator_ro", role) for role in API_ROLES),
    *(("supabase_realtime_admin", role) for role in API_ROLES),
    ("supabase_storage_admin", "authenticator"),
    ("gardenos_app", "authenticated"),
    ("gardenos_worker", "authenticated"),
    ("gardenos_migrator", "gardenos_owner"),
    *(("gardenos_migrator", role) for role in NARROW),
    ("gardenos_monitor", "pg_monitor"),
    ("gardenos_publisher", "pg_read_all_stats"),
)
OURS = (
    "app",
    "tenancy",
    "crm",
    "ai",
    "langgraph",
    "integration",
    "governance",
    "audit",
    "migration",
)
SCHEMAS = {
    **dict.fromkeys(OURS, "gardenos_owner"),
    "auth": "supabase_auth_admin",
    "storage": "supabase_storage_admin",
    "realtime": "supabase_admin",
    "_realtime": "supabase_admin",
}
REALTIME = (
    "publication supabase_realtime, owned by gardenos_owner, for insert and update of single tables"
)

# What is done to a complete database, and what verify.sql must call it.
DAMAGE = [
    *((f"alter role {role} rename to gone", f"role {role}") for role in ROLES),
    ("alter role authenticator inherit", "attribute noinherit of role authenticator"),
    ("alter role authenticator nologin", "attribute login of role authenticator"),
    ("alter role authenticator superuser", "attribute nosuperuser of role authenticator"),
    ("alter role authenticated bypassrls", "attribute nobypassrls of role authenticated"),
    ("alter role gardenos_owner bypassrls", "attribute nobypassrls of role gardenos_owner"),
    ("alter role gardenos_migrator createrole", "attribute nocreaterole of role gardenos_migrator"),
    ("alter role anon login", "attribute nologin of role anon"),
    ("alter role service_role nobypassrls", "attribute bypassrls of role service_role"),
    (
        "alter role supabase_realtime_admin replication",
        "attribute noreplication of role supabase_realtime_admin",
    ),
    ("alter role supabase_admin nosuperuser", "attribute superuser of role supabase_admin"),
    (
        "alter role supabase_auth_admin reset search_path",
        "setting search_path of role supabase_auth_admin",
    ),
    (
        "alter role supabase_storage_admin set search_path = public",
        "setting search_path of role supabase_storage_admin",
    ),
    (
        "alter role authenticator_ro reset default_transaction_read_only",
        "setting default_transaction_read_only of role authenticator_ro",
    ),
    ("alter role anon reset statement_timeout", "setting statement_timeout of role anon"),
    *(
        (f"revoke {granted} from {member}", f"membership of {member} in {granted}")
        for member, granted in MEMBERSHIPS
    ),
    (
        "grant anon to authenticator with admin option",
        "membership of authenticator in anon with admin false, inherit false, set true",
    ),
    (
        "grant postgres to authenticator",
        "revoke of the membership of authenticator in postgres",
    ),
    (
        "grant supabase_admin to authenticator_ro",
        "revoke of the membership of authenticator_ro in supabase_admin",
    ),
    (
        "grant supabase_storage_admin to gardenos_migrator",
        "revoke of the membership of gardenos_migrator in supabase_storage_admin",
    ),
    (
        "grant service_role to gardenos_app",
        "revoke of the membership of gardenos_app in service_role",
    ),
    (
        "grant gardenos_owner to dashboard_user",
        "revoke of the membership of dashboard_user in gardenos_owner",
    ),
    (
        "grant gardenos_membership_reader to authenticated",
        "revoke of the membership of authenticated in gardenos_membership_reader",
    ),
    *(
        (f"alter schema {name} rename to gone", f"schema {name}")
        for name in (*SCHEMAS, "extensions")
    ),
    *(
        (f"alter schema {name} owner to dashboard_user", f"owner {owner} of schema {name}")
        for name, owner in SCHEMAS.items()
    ),
    (
        "alter schema extensions owner to dashboard_user",
        "owner with superuser of schema extensions",
    ),
    *(
        (f"drop extension {name}", f"extension {name} in schema extensions")
        for name in ("vector", "btree_gin", "btree_gist", "pg_trgm")
    ),
    (
        "alter extension vector set schema public",
        "extension vector in schema extensions",
    ),
    ("revoke usage on schema crm from authenticated", "usage on schema crm for authenticated"),
    (
        "revoke usage on schema app from supabase_auth_admin",
        "usage on schema app for supabase_auth_admin",
    ),
    (
        "revoke create on schema app from gardenos_sealer",
        "create on schema app for gardenos_sealer",
    ),
    ("revoke usage on schema storage from anon", "usage on schema storage for anon"),
    ("revoke usage on schema extensions from anon", "usage on schema extensions for anon"),
    ("grant usage on schema crm to anon", "revoke of usage on schema crm from anon"),
    ("grant usage on schema tenancy to public", "revoke of usage on schema tenancy from public"),
    (
        "grant create on schema tenancy to authenticated",
        "revoke of create on schema tenancy from authenticated",
    ),
    (
        "grant usage on schema migration to service_role",
        "revoke of usage on schema migration from service_role",
    ),
    ("grant create on schema public to public", "revoke of create on schema public from public"),
    (
        "grant create on schema extensions to authenticated",
        "revoke of create on schema extensions from authenticated",
    ),
    *(
        (
            f"alter default privileges for role {role} grant execute on functions to public",
            f"default privilege of {role}: no execute on functions for public",
        )
        for role in ("gardenos_owner", "gardenos_migrator", *NARROW)
    ),
    (
        "alter default privileges for role gardenos_owner in schema crm"
        " grant all on tables to anon",
        "revoke of the default privileges of gardenos_owner for anon",
    ),
    (
        "alter default privileges for role postgres in schema public"
        " grant all on tables to authenticated",
        "revoke of the default privileges of postgres for authenticated",
    ),
    (
        "alter default privileges for role gardenos_owner grant usage on sequences to public",
        "revoke of the default privileges of gardenos_owner for public",
    ),
    (
        "grant execute on function pg_catalog.lo_creat(integer) to public",
        "revoke of execute on the large object functions from public",
    ),
    (
        "create extension pg_stat_statements schema extensions",
        "revoke of pg_stat_statements from public",
    ),
    (
        "revoke set on parameter log_min_messages from supabase_realtime_admin",
        "privilege to set log_min_messages for supabase_realtime_admin",
    ),
    ("grant select on pg_stat_activity to public", "revocation of pg_stat_activity from public"),
    (
        "grant execute on function pg_stat_get_activity(integer) to public",
        "revocation of pg_stat_activity from public",
    ),
    (
        "do $$ begin"
        " execute format('grant temporary on database %I to public', current_database());"
        " end $$",
        "revocation of temporary objects from public",
    ),
    ("drop publication supabase_realtime", REALTIME),
    ("alter publication supabase_realtime set (publish = 'insert, update, delete')", REALTIME),
    ("alter publication supabase_realtime set (publish = 'insert, update, truncate')", REALTIME),
    ("alter publication supabase_realtime owner to dashboard_user", REALTIME),
    ("alter publication supabase_realtime add tables in schema crm", REALTIME),
    (
        "drop publication supabase_realtime; create publication supabase_realtime for all tables",
        REALTIME,
    ),
    ("drop event trigger gardenos_pgrst_ddl", "event trigger gardenos_pgrst_ddl"),
    ("drop event trigger gardenos_pgrst_drop", "event trigger gardenos_pgrst_drop"),
    ("alter event trigger gardenos_pgrst_ddl disable", "event trigger gardenos_pgrst_ddl"),
    (
        "alter function extensions.gardenos_notify_drop() reset search_path",
        "event trigger gardenos_pgrst_drop",
    ),
    (
        "alter function extensions.gardenos_notify_drop() owner to dashboard_user",
        "event trigger gardenos_pgrst_drop",
    ),
    (
        "alter role authenticator set app.settings.jwt_secret = 'known to all'",
        "removal of the stored setting app.settings.jwt_secret",
    ),
]

# From 16 on the options belong to each grant, and NOINHERIT after the grant changes nothing.
DAMAGED_OPTIONS = [
    (
        "grant service_role to authenticator with inherit true",
        "membership of authenticator in service_role with admin false, inherit false, set true",
    ),
    (
        "grant gardenos_owner to gardenos_migrator with inherit true",
        "membership of gardenos_migrator in gardenos_owner"
        " with admin false, inherit false, set true",
    ),
    (
        "grant authenticated to gardenos_app with set false",
        "membership of gardenos_app in authenticated with admin false, inherit false, set true",
    ),
    (
        "grant pg_monitor to gardenos_monitor with inherit false",
        "membership of gardenos_monitor in pg_monitor with admin false, inherit true, set true",
    ),
    (
        "grant authenticated to gardenos_owner with admin option;"
        " grant authenticated to gardenos_app with inherit true granted by gardenos_owner",
        "membership of gardenos_app in authenticated with admin false, inherit false, set true",
    ),
]


def run_files(connection: psycopg.Connection[Any]) -> None:
    for script in sorted(SCRIPTS.glob("[0-9][0-9]_*.sql")):
        connection.execute(script.read_bytes())


def command(*arguments: str, url: str | None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "migrations.bootstrap", *arguments],
        cwd=ROOT,
        env=program_environment(url),
        capture_output=True,
        text=True,
        check=False,
    )


def damage_id(value: object) -> str | None:
    return str(value)[:70] if isinstance(value, str) else None


def test_second_run_writes_nothing_and_says_nothing(
    blank: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    url = blank.url()
    bootstrap.apply(url)
    with psycopg.connect(url) as connection:
        first = connection.execute(STATE).fetchall()
    capfd.readouterr()

    bootstrap.apply(url)

    with psycopg.connect(url) as connection:
        assert connection.execute(STATE).fetchall() == first
    said = [line for line in capfd.readouterr().err.splitlines() if "HNSW" not in line]
    assert said == []


def test_the_migrator_may_ask_what_is_missing(prepared: Database) -> None:
    with prepared.connect("gardenos_migrator") as connection:
        assert bootstrap.missing(connection) == []


def test_everything_is_missing_before(blank: Database) -> None:
    with blank.connect() as connection:
        left = bootstrap.missing(connection)
    assert [f"schema {name}" for name in sorted([*SCHEMAS, "extensions"])] == [
        phrase for phrase in left if phrase.startswith("schema ")
    ]


@pytest.mark.parametrize(("damage", "phrase"), DAMAGE, ids=damage_id)
def test_damage_is_named_and_repaired(
    dba: psycopg.Connection[Any], damage: str, phrase: str, mutant: Mutant
) -> None:
    mutant("bootstrap", "verify.sql", damage)
    dba.execute("set local client_min_messages = error")
    dba.execute(damage.encode())
    assert phrase in bootstrap.missing(dba)

    run_files(dba)

    assert bootstrap.missing(dba) == []


@pytest.mark.parametrize(("damage", "phrase"), DAMAGED_OPTIONS, ids=damage_id)
def test_damaged_membership_options_are_named_and_repaired(
    dba: psycopg.Connection[Any], damage: str, phrase: str, mutant: Mutant
) -> None:
    if dba.info.server_version < 160000:
        pytest.skip("15 has no options of a membership")
    test_damage_is_named_and_repaired(dba, damage, phrase, mutant)


def test_pgvector_below_0_8_is_missing(dba: psycopg.Connection[Any]) -> None:
    dba.execute("update pg_extension set extversion = '0.7.4' where extname = 'vector'")
    assert bootstrap.missing(dba) == ["extension vector 0.8 or newer (0.7.4 is installed)"]


def test_pgvector_with_hnsw_faults_is_updated_or_warned_of(dba: psycopg.Connection[Any]) -> None:
    dba.execute("update pg_extension set extversion = '0.8.0' where extname = 'vector'")
    said: list[str] = []
    dba.add_notice_handler(lambda notice: said.append(str(notice.message_primary)))
    run_files(dba)
    row = dba.execute(
        """
        select e.extversion, a.default_version, a.default_version < '0.8.4'
        from pg_extension as e
        join pg_available_extensions as a on a.name = e.extname
        where e.extname = 'vector'
        """
    ).fetchone()
    assert row is not None
    present, offered, faulty = row
    assert present == offered
    assert any("HNSW faults" in line for line in said) == faulty


def test_operators_timeouts_passwords_and_grants_stay(dba: psycopg.Connection[Any]) -> None:
    dba.execute("alter role anon set statement_timeout = '1s'")
    dba.execute("alter role authenticator password 'theirs' connection limit 50")
    dba.execute("create role reporting")
    dba.execute("grant usage on schema crm to reporting")
    dba.execute("grant gardenos_auditor to reporting")
    query = """
        select
            (select a.rolpassword is not null and a.rolconnlimit = 50
               from pg_authid as a where a.rolname = 'authenticator'),
            (select 'statement_timeout=1s' = any (r.rolconfig)
               from pg_roles as r where r.rolname = 'anon'),
            has_schema_privilege('reporting', 'crm', 'usage'),
            pg_has_role('reporting', 'gardenos_auditor', 'member')
    """
    assert dba.execute(query).fetchone() == (True, True, True, True)

    run_files(dba)

    assert dba.execute(query).fetchone() == (True, True, True, True)
    assert bootstrap.missing(dba) == []


def test_bootstrap_makes_role_postgres_when_the_superuser_has_another_name(
    dba: psycopg.Connection[Any],
) -> None:
    dba.execute("alter role postgres rename to somebody_else")
    run_files(dba)
    row = dba.execute(
        "select rolcanlogin, rolsuper, rolbypassrls from pg_roles where rolname = 'postgres'"
    ).fetchone()
    assert row == (False, False, False)


def test_only_the_listed_roles_are_superusers_or_bypass_rls(dba: psycopg.Connection[Any]) -> None:
    rows = dba.execute(
        """
        select r.rolname from pg_roles as r
        where (r.rolsuper or r.rolbypassrls) and r.rolname <> 'contract_dba'
        order by r.rolname
        """
    ).fetchall()
    assert [name for (name,) in rows] == ["postgres", "service_role", "supabase_admin"]


def test_memberships_do_not_inherit_even_when_the_member_does(dba: psycopg.Connection[Any]) -> None:
    if dba.info.server_version < 160000:
        pytest.skip("on 15 the attribute of the member decides")
    dba.execute("create schema tried")
    dba.execute("grant usage on schema tried to service_role")
    dba.execute("alter role authenticator inherit")
    assert dba.execute(
        "select has_schema_privilege('authenticator', 'tried', 'usage')"
    ).fetchone() == (False,)


@pytest.mark.parametrize(
    ("login", "target", "allowed"),
    [
        *(("authenticator", role, True) for role in API_ROLES),
        *(("authenticator_ro", role, True) for role in API_ROLES),
        *(
            (login, target, False)
            for login in ("authenticator", "authenticator_ro")
            for target in ROLES
            if target not in (*API_ROLES, "authenticator", "authenticator_ro")
        ),
        ("gardenos_app", "authenticated", True),
        *(
            ("gardenos_app", target, False)
            for target in ROLES
            if target not in ("gardenos_app", "authenticated")
        ),
        *(("gardenos_migrator", target, True) for target in ("gardenos_owner", *NARROW)),
        *(
            ("gardenos_migrator", target, False)
            for target in ROLES
            if target not in ("gardenos_migrator", "gardenos_owner", *NARROW)
        ),
        ("gardenos_worker", "authenticated", True),
        *(
            (login, target, False)
            for login in ("gardenos_worker", "gardenos_auditor", "gardenos_monitor")
            for target in (
                *API_ROLES,
                "authenticator",
                "gardenos_owner",
                "gardenos_migrator",
                *NARROW,
            )
            if (login, target) != ("gardenos_worker", "authenticated")
        ),
    ],
)
def test_set_role(prepared: Database, login: str, target: str, allowed: bool) -> None:
    with prepared.connect(login) as connection:
        change = sql.SQL("set local role {}").format(sql.Identifier(target))
        if allowed:
            connection.execute(change)
        else:
            with pytest.raises(errors.InsufficientPrivilege, match="permission denied to set role"):
                connection.execute(change)


def test_unknown_role_of_a_forged_claim_is_22023(prepared: Database) -> None:
    with (
        prepared.connect("authenticator") as connection,
        pytest.raises(errors.InvalidParameterValue),
    ):
        connection.execute("select set_config('role', 'no_such_role', true)")


def test_role_settings_take_effect_at_login(prepared: Database) -> None:
    def shown(role: str, *settings: str) -> list[str]:
        with prepared.connect(role) as connection:
            return [
                str(connection.execute("select current_setting(%s)", [name]).fetchone()[0])  # type: ignore[index]
                for name in settings
            ]

    assert shown("authenticator", "statement_timeout", "lock_timeout") == ["8s", "8s"]
    assert shown("authenticator_ro", "default_transaction_read_only") == ["on"]
    assert shown("gardenos_auditor", "default_transaction_read_only") == ["on"]
    assert shown("supabase_auth_admin", "search_path", "idle_in_transaction_session_timeout") == [
        "auth",
        "1min",
    ]
    assert shown("supabase_storage_admin", "search_path") == ["storage"]


def test_realtime_admin_has_a_search_path_of_three_schemas(dba: psycopg.Connection[Any]) -> None:
    row = dba.execute(
        "select rolconfig from pg_roles where rolname = 'supabase_realtime_admin'"
    ).fetchone()
    assert row == (["search_path=public, extensions, realtime"],)


def test_services_before_bootstrap_keep_what_they_made(prepared: Database, blank: Database) -> None:
    """gotrue, storage-api and realtime ran first, in schemas that belong to somebody else."""
    del prepared  # needed only for its roles, which belong to the cluster
    url = blank.url()
    with psycopg.connect(url) as connection:
        connection.execute(
            """
            create schema auth;
            create schema storage;
            create schema realtime;
            create table auth.users (id uuid primary key);
            create function auth.uid() returns uuid language sql stable as 'select null::uuid';
            create type auth.factor_type as enum ('totp');
            create table storage.objects (id uuid primary key);
            create table realtime.messages (id uuid);
            alter table auth.users owner to supabase_auth_admin;
            alter function auth.uid() owner to supabase_auth_admin;
            alter type auth.factor_type owner to supabase_auth_admin;
            alter table storage.objects owner to supabase_storage_admin;
            alter table realtime.messages owner to supabase_realtime_admin;
            """
        )

    bootstrap.apply(url)

    with psycopg.connect(url) as connection:
        rows = connection.execute(
            """
            select c.oid::regclass::text, pg_get_userbyid(c.relowner)::text from pg_class as c
            join pg_namespace as n on n.oid = c.relnamespace
            where c.relkind = 'r' and n.nspname in ('auth', 'storage', 'realtime')
            union all
            select p.oid::regprocedure::text, pg_get_userbyid(p.proowner)::text from pg_proc as p
            where p.pronamespace = 'auth'::regnamespace
            """
        ).fetchall()
        assert dict(rows) == {
            "auth.users": "supabase_auth_admin",
            "auth.uid()": "supabase_auth_admin",
            "storage.objects": "supabase_storage_admin",
            "realtime.messages": "supabase_realtime_admin",
        }
        assert bootstrap.missing(connection) == []


def test_services_can_do_their_ddl(prepared: Database) -> None:
    """Unqualified DDL lands in the service's own schema; our event triggers are not in the way."""
    for role, schema in (("supabase_auth_admin", "auth"), ("supabase_storage_admin", "storage")):
        with prepared.connect(role) as connection:
            connection.execute(
                """
                create table schema_migrations (version text primary key);
                create index on schema_migrations (version);
                create type tried as enum ('one');
                create function tried_function() returns uuid language sql as 'select null::uuid';
                comment on table schema_migrations is 'tried';
                alter table schema_migrations add column name text;
                """
            )
            row = connection.execute("select 'schema_migrations'::regclass::oid").fetchone()
            assert row is not None
            place = connection.execute(
                "select relnamespace::regnamespace::text from pg_class where oid = %s", row
            ).fetchone()
            assert place == (schema,)
            connection.execute(
                "drop table schema_migrations; drop type tried; drop function tried_function()"
            )
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute("create table public.schema_migrations (version text)")


def notifications(connection: psycopg.Connection[Any]) -> list[str]:
    return [f"{n.channel}: {n.payload}" for n in connection.notifies(timeout=0.3)]


@pytest.fixture
def listener(prepared: Database) -> Iterator[psycopg.Connection[Any]]:
    with prepared.connect("authenticator", autocommit=True) as connection:
        connection.execute("listen pgrst")
        yield connection


@pytest.mark.parametrize(
    ("before", "statement", "heard"),
    [
        ("", "create table crm.tried (id int)", True),
        ("create table crm.tried (id int)", "alter table crm.tried add column name text", True),
        ("create table crm.tried (id int)", "comment on table crm.tried is 'x'", True),
        ("create table crm.tried (id int)", "drop table crm.tried", True),
        ("", "create function crm.tried() returns int language sql as 'select 1'", True),
        ("", "create view crm.tried_view as select 1 as id", True),
        ("create view crm.tried_view as select 1 as id", "drop view crm.tried_view", True),
        ("", "create temporary table tried (id int)", False),
        ("create temporary table tried (id int)", "drop table tried", False),
        ("create table crm.tried (id int)", "create index on crm.tried (id)", False),
    ],
)
def test_postgrest_hears_of_ddl_of_a_role_without_rights_on_the_triggers(
    prepared: Database,
    listener: psycopg.Connection[Any],
    before: str,
    statement: str,
    heard: bool,
) -> None:
    with prepared.connect(autocommit=True) as superuser:
        superuser.execute(f"grant temporary on database {prepared.name} to gardenos_owner".encode())
    with prepared.connect("gardenos_migrator", autocommit=True) as connection:
        connection.execute("set role gardenos_owner")
        if before:
            connection.execute(before.encode())
        notifications(listener)
        try:
            connection.execute(statement.encode())
            assert notifications(listener) == (["pgrst: reload schema"] if heard else [])
        finally:
            connection.execute(
                """
                set client_min_messages = error;
                drop table if exists crm.tried, pg_temp.tried;
                drop view if exists crm.tried_view;
                drop function if exists crm.tried();
                """
            )


def test_what_the_owner_makes_is_closed(prepared: Database) -> None:
    with prepared.connect("gardenos_migrator") as connection:
        for role in ("gardenos_owner", *NARROW):
            connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
            connection.execute("create function app.tried() returns int language sql as 'select 1'")
            row = connection.execute(
                "select proacl::text from pg_proc where proname = 'tried'"
            ).fetchone()
            assert row == ("{" + f"{role}=X/{role}" + "}",)
            connection.execute("drop function app.tried()")
        connection.execute("set local role gardenos_owner")
        connection.execute("create table crm.tried (id int generated always as identity)")
        acls = connection.execute(
            """
            select relname::text, relacl::text from pg_class
            where relname like 'tried%' and relkind in ('r', 'S')
            """
        ).fetchall()
        assert dict(acls) == {"tried": None, "tried_id_seq": None}
        connection.rollback()


def test_no_large_objects_for_anyone(prepared: Database) -> None:
    for login in ("authenticator", "gardenos_app", "gardenos_worker"):
        with prepared.connect(login, autocommit=True) as connection:
            for call in (
                "lo_create(0)",
                "lo_from_bytea(0, '')",
                "lo_get(1)",
                "lo_import('/etc/hostname')",
            ):
                with pytest.raises(errors.InsufficientPrivilege):
                    connection.execute(f"select {call}".encode())


def test_statement_statistics_are_for_monitoring_alone(dba: psycopg.Connection[Any]) -> None:
    dba.execute("create extension pg_stat_statements schema public")
    run_files(dba)
    rows = dba.execute(
        """
        select
            r.rolname::text,
            has_table_privilege(r.oid, 'public.pg_stat_statements', 'select'),
            has_function_privilege(r.oid, 'public.pg_stat_statements(boolean)', 'execute')
        from pg_roles as r
        where r.rolname in ('anon', 'authenticated', 'authenticator', 'gardenos_app')
            or r.rolname = 'gardenos_monitor'
        """
    ).fetchall()
    assert {name: (view, function) for name, view, function in rows} == {
        "anon": (False, False),
        "authenticated": (False, False),
        "authenticator": (False, False),
        "gardenos_app": (False, False),
        "gardenos_monitor": (True, True),
    }


def test_publication_keeps_its_tables_when_its_flags_are_repaired(
    dba: psycopg.Connection[Any],
) -> None:
    dba.execute("set local client_min_messages = error")
    dba.execute("create table crm.tried (id int primary key)")
    dba.execute("alter table crm.tried owner to gardenos_owner")
    dba.execute("set local role gardenos_owner")
    dba.execute("alter publication supabase_realtime add table crm.tried")
    dba.execute("reset role")
    dba.execute(
        "alter publication supabase_realtime set (publish = 'insert, update, delete, truncate')"
    )

    run_files(dba)

    row = dba.execute(
        """
        select p.pubinsert, p.pubupdate, p.pubdelete, p.pubtruncate, t.tablename::text
        from pg_publication as p
        join pg_publication_tables as t on t.pubname = p.pubname
        where p.pubname = 'supabase_realtime'
        """
    ).fetchone()
    assert row == (True, True, False, False, "tried")


def test_a_missing_pgvector_is_one_sentence(dba: psycopg.Connection[Any]) -> None:
    if dba.info.server_version < 180000:
        pytest.skip("only 18 can be told to look for extensions elsewhere")
    dba.execute("drop extension vector")
    dba.execute("set local extension_control_path = '/nonexistent'")
    with pytest.raises(psycopg.Error) as caught:
        dba.execute((SCRIPTS / "40_extensions.sql").read_bytes())
    assert caught.value.diag.message_primary == (
        "pgvector is not installed on this server: install postgresql-18-pgvector or build "
        "pgvector 0.8.4 or newer, then run bootstrap again"
    )


def test_three_bootstraps_at_once(blank: Database, prepared: Database) -> None:
    """Two of one database, one of another: roles are shared, and advisory locks are not."""
    failed: list[BaseException] = []

    def run(database: Database) -> None:
        try:
            bootstrap.apply(database.url())
        except BaseException as error:  # noqa: BLE001
            failed.append(error)

    with prepared.connect(autocommit=True) as connection:
        connection.execute("revoke anon, authenticated from authenticator, authenticator_ro")
        connection.execute("alter role authenticated bypassrls")
    threads = [threading.Thread(target=run, args=[made]) for made in (blank, prepared, blank)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    for made in (blank, prepared):
        with made.connect() as connection:
            assert bootstrap.missing(connection) == []


def test_not_a_superuser_is_one_sentence_and_changes_nothing(blank: Database) -> None:
    with blank.connect(autocommit=True) as connection:
        connection.execute("create role contract_creator login createrole createdb")
        try:
            before = connection.execute(STATE.replace("extensions'", "pg_catalog'")).fetchall()
            with pytest.raises(bootstrap.BootstrapError) as caught:
                bootstrap.apply(blank.url("contract_creator"))
            assert str(caught.value) == (
                "Bootstrap needs a superuser, and contract_creator is not one: run "
                "`python -m migrations.bootstrap` with a superuser in DATABASE_URL, or let your "
                "DBA run the files of sql/bootstrap/."
            )
            after = connection.execute(STATE.replace("extensions'", "pg_catalog'")).fetchall()
            assert after == before

            with (
                blank.connect("contract_creator") as other,
                pytest.raises(errors.InsufficientPrivilege, match="bootstrap needs a superuser"),
            ):
                other.execute((SCRIPTS / "10_roles.sql").read_bytes())
        finally:
            connection.execute("drop role contract_creator")


def test_check_lists_what_is_missing(blank: Database) -> None:
    url = blank.url()
    before = command("--check", url=url)
    assert before.returncode == 1
    assert "extension vector in schema extensions" in before.stdout.splitlines()

    assert command(url=url).returncode == 0

    after = command("--check", url=blank.url("gardenos_migrator"))
    assert (after.returncode, after.stdout, after.stderr) == (0, "", "")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://dba:s3cr%2Ft@127.0.0.1:1/gardenos",
        "postgresql://dba:s3c/r3t@127.0.0.1:5432/gardenos",
        "postgresql://dba:s3@cr3t@127.0.0.1:5432/gardenos",
        "postgresql://dba:s3c%zzr3t@127.0.0.1:5432/gardenos",
        "not a url",
    ],
)
@pytest.mark.parametrize("option", ["--check", "--post-service", None])
def test_a_useless_url_is_one_sentence_without_the_password(url: str, option: str | None) -> None:
    done = command(*([option] if option else []), url=url)
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    for part in ("s3c", "r3t", "s3@", "Traceback"):
        assert part not in done.stderr


def post_bootstrap(
    database: Database, directory: Path, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Call the script as Patroni does, from somewhere else, to make this database."""
    return subprocess.run(
        [str(SCRIPTS / "post_bootstrap.sh"), *arguments],
        cwd=directory,
        env=program_environment(
            None, {"PSQL": str(database.server.psql), "GARDENOS_DBNAME": database.name}
        ),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("form", ["url", "words"])
def test_post_bootstrap_for_patroni(prepared: Database, form: str, tmp_path: Path) -> None:
    made = Database(prepared.server, f"contract-{form}")
    url = made.server.url("postgres", "postgres")
    if form == "words":
        parts = psycopg.conninfo.conninfo_to_dict(url)
        url = " ".join(f"{name}='{value}'" for name, value in parts.items())
    try:
        for _ in range(2):
            done = post_bootstrap(made, tmp_path, url)
            said = [line for line in done.stderr.splitlines() if "HNSW" not in line]
            assert (done.returncode, done.stdout, said) == (0, "", [])
            with made.connect() as connection:
                assert bootstrap.missing(connection) == []
    finally:
        with prepared.connect(autocommit=True) as connection:
            connection.execute(
                sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(made.name))
            )


def test_post_bootstrap_fails_loudly(prepared: Database, tmp_path: Path) -> None:
    made = Database(prepared.server, "contract_never_made")
    url = made.server.url("postgres", "postgres")

    assert post_bootstrap(made, tmp_path).returncode == 64
    odd = post_bootstrap(Database(made.server, "x?dbname=postgres"), tmp_path, url)
    assert odd.returncode == 64
    unreachable = post_bootstrap(made, tmp_path, "postgresql://dba:s3cr3t@127.0.0.1:1/postgres")
    assert unreachable.returncode != 0
    assert "s3cr3t" not in unreachable.stderr
    weak = post_bootstrap(made, tmp_path, made.server.url("gardenos_migrator", "postgres"))
    assert weak.returncode != 0


def test_bootstrap_carries_no_password_and_no_psql_command() -> None:
    for script in SCRIPTS.glob("*.sql"):
        for number, line in enumerate(script.read_text().splitlines(), 1):
            assert not line.lstrip().startswith("\\"), f"{script.name}:{number}"
            assert "password '" not in line.lower(), f"{script.name}:{number}"
