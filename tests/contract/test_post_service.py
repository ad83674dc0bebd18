"""The post-service step: policies on storage.objects and realtime.messages, and the revokes there.

The services' tables are made here in the shape that their migrations give them, by the roles that
the services connect as.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import errors, sql

from migrations import bootstrap
from tests.database import Cluster, Database

API_ROLES = ("anon", "authenticated", "service_role")
ISSUER = "https://auth.contract.test"
A = UUID("0198a000-0000-7000-8000-00000000000a")
B = UUID("0198a000-0000-7000-8000-00000000000b")
PEOPLE = {
    role: UUID(f"0198a000-0000-7000-8000-0000000001{number:02x}")
    for number, role in enumerate(("owner", "admin", "manager", "member", "viewer", "client"))
}
OTHER_OWNER = UUID("0198a000-0000-7000-8000-000000000201")

STORAGE = """
    create table buckets (
        id text primary key,
        name text not null unique,
        owner uuid,
        public boolean default false,
        created_at timestamptz default now()
    );
    create table objects (
        id uuid primary key default gen_random_uuid(),
        bucket_id text references buckets (id),
        name text,
        owner uuid,
        owner_id text,
        metadata jsonb,
        path_tokens text[] generated always as (string_to_array(name, '/')) stored,
        created_at timestamptz default now(),
        unique (bucket_id, name)
    );
    create table buckets_analytics (id text primary key);
    create table s3_multipart_uploads (id text primary key);
    create function foldername(name text) returns text[] language plpgsql as $$
    begin
        return (string_to_array(name, '/'))[1 : array_length(string_to_array(name, '/'), 1) - 1];
    end
    $$;
    alter table objects enable row level security;
    alter table buckets enable row level security;
    grant all on objects, buckets, buckets_analytics to anon, authenticated;
    grant all on all tables in schema storage to service_role;
    alter default privileges in schema storage
        grant all on tables to anon, authenticated, service_role;
"""

REALTIME = """
    create table realtime.messages (
        topic text not null,
        extension text not null,
        payload jsonb,
        event text,
        private boolean default false,
        updated_at timestamp not null default now(),
        inserted_at timestamp not null default now(),
        id uuid not null default gen_random_uuid(),
        primary key (id, inserted_at)
    ) partition by range (inserted_at);
    create table realtime.messages_now partition of realtime.messages
        for values from ('2000-01-01') to ('3000-01-01');
    create table realtime.subscription (
        id bigint generated always as identity primary key,
        subscription_id uuid not null,
        entity regclass not null,
        claims jsonb not null
    );
    create function realtime.topic() returns text language sql stable
        as $$ select nullif(current_setting('realtime.topic', true), '') $$;
    alter table realtime.messages enable row level security;
    alter table realtime.messages_now enable row level security;
    alter table realtime.messages owner to supabase_realtime_admin;
    alter table realtime.messages_now owner to supabase_realtime_admin;
    alter table realtime.subscription owner to supabase_realtime_admin;
    alter function realtime.topic() owner to supabase_realtime_admin;
    grant usage on schema realtime to anon, authenticated, service_role, supabase_realtime_admin;
    grant select, insert, update on realtime.messages to anon, authenticated, service_role;
    grant all on realtime.messages_now to anon, authenticated;
    grant all on realtime.subscription to anon, authenticated, service_role;
    insert into realtime.subscription (subscription_id, entity, claims)
    values (gen_random_uuid(), 'pg_class', '{"sub": "somebody"}');
"""


def make_services(database: Database) -> None:
    """Create the services' objects, as the services do."""
    with database.connect("supabase_storage_admin") as connection:
        connection.execute(STORAGE.encode())
    with database.connect("supabase_admin") as connection:
        connection.execute(REALTIME.encode())


def seed(database: Database) -> None:
    """Two agencies, one person of each role in A, an owner in B."""
    with database.connect() as connection:
        # without foreign keys and triggers: a client needs a contact, which is not the matter here
        connection.execute("set local session_replication_role = replica")
        connection.execute(
            """
            insert into tenancy.issuers (issuer, kind, may_assert_user_id)
            values (%s, 'test', true)
            """,
            [ISSUER],
        )
        with connection.cursor() as cursor:
            cursor.executemany(
                "insert into tenancy.agencies (id, slug, name) values (%s, %s, %s)",
                [(A, "agency-a", "A"), (B, "agency-b", "B")],
            )
            cursor.executemany(
                "insert into tenancy.users (id, full_name) values (%s, 'x')",
                [(user,) for user in (*PEOPLE.values(), OTHER_OWNER)],
            )
            cursor.executemany(
                """
                insert into tenancy.memberships
                    (agency_id, user_id, role, record_scope, display_name, contact_id)
                values (%s, %s, %s::app.agency_role, %s::app.record_scope, 'x', %s)
                """,
                [
                    (
                        agency,
                        user,
                        role,
                        "all" if role in ("owner", "admin", "manager") else "own",
                        user if role == "client" else None,
                    )
                    for agency, user, role in [
                        *((A, user, role) for role, user in PEOPLE.items()),
                        (B, OTHER_OWNER, "owner"),
                    ]
                ],
            )
        connection.execute(
            """
            insert into storage.buckets (id, name) values ('siblings', 'siblings')
            """
        )
        with connection.cursor() as cursor:
            cursor.executemany(
                "insert into storage.objects (bucket_id, name) values (%s, %s)",
                [
                    ("agency-files", f"{A}/a.pdf"),
                    ("agency-files", f"{A}/deep/a.pdf"),
                    ("agency-files", f"{B}/b.pdf"),
                    ("agency-files", f"{str(A).upper()}/wrong-case.pdf"),
                    ("agency-files", f"x{A}/prefix.pdf"),
                    ("agency-files", "not a uuid/x.pdf"),
                    ("agency-files", "no-folder.pdf"),
                    ("siblings", "public.pdf"),
                ],
            )


@pytest.fixture(scope="module")
def serviced(cluster: Cluster) -> Iterator[Database]:
    """A migrated database with the services' tables, two agencies, and the step run once."""
    with cluster.migrated() as made:
        make_services(made)
        bootstrap.apply_post_service(made.url())
        seed(made)
        yield made


@contextmanager
def acting(
    database: Database,
    user: UUID | None,
    agency: UUID | None,
    *,
    login: str = "authenticator",
    role: str = "authenticated",
) -> Iterator[psycopg.Connection[Any]]:
    """A transaction as a service opens it for a request; rolled back at the end."""
    claims: dict[str, str] = {"iss": ISSUER, "role": role}
    if user is not None:
        claims |= {"sub": str(user), "user_id": str(user)}
    if agency is not None:
        claims |= {"agency_id": str(agency)}
    with database.connect(login) as connection:
        connection.execute(
            "select set_config('role', %s, true), set_config('request.jwt.claims', %s, true)",
            [role, json.dumps(claims)],
        )
        yield connection
        connection.rollback()


def objects(connection: psycopg.Connection[Any]) -> list[str]:
    query = "select name from storage.objects order by name"
    return [name for (name,) in connection.execute(query)]


def policies(connection: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    return connection.execute(
        """
        select schemaname, tablename, policyname, permissive, roles::text, cmd, qual, with_check
        from pg_policies where schemaname in ('storage', 'realtime') order by 1, 2, 3
        """
    ).fetchall()


def test_absent_tables_are_skipped(blank: Database, capfd: pytest.CaptureFixture[str]) -> None:
    url = blank.url()
    bootstrap.apply(url)
    capfd.readouterr()
    bootstrap.apply_post_service(url)
    assert [line.split(",")[0] for line in capfd.readouterr().err.splitlines()] == [
        "skipped: storage.objects does not exist yet",
        "skipped: realtime.messages does not exist yet",
    ]


def test_before_our_migrations_the_holes_are_closed_and_nothing_is_open(
    blank: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    url = blank.url()
    bootstrap.apply(url)
    make_services(blank)
    with blank.connect("authenticator") as connection:
        connection.execute("set local role anon")
        # the hole, as upstream ships it
        connection.execute("truncate storage.objects")
        assert connection.execute("select claims from realtime.subscription").fetchall()
        connection.rollback()
    capfd.readouterr()

    bootstrap.apply_post_service(url)

    assert capfd.readouterr().err.count("app.agency_id() does not exist yet") == 2
    with psycopg.connect(url) as connection:
        assert policies(connection) == []
    with blank.connect("authenticator", autocommit=True) as connection:
        connection.execute("set role authenticated")
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("truncate storage.objects")
        assert objects(connection) == []


def test_an_early_version_of_storage_is_no_obstacle(database: Database) -> None:
    """The column public came with storage-api's eighth migration."""
    with database.connect("supabase_storage_admin") as connection:
        connection.execute(
            """
            create table buckets (id text primary key, name text not null);
            create table objects (id uuid primary key, bucket_id text, name text);
            """
        )
    bootstrap.apply_post_service(database.url())
    with database.connect() as connection:
        assert len(policies(connection)) == 6


def test_running_twice_gives_the_same(serviced: Database) -> None:
    with serviced.connect(autocommit=True) as connection:
        before = policies(connection)
        assert [row[:3] for row in before] == [
            ("realtime", "messages", "gardenos_floor"),
            ("realtime", "messages", "gardenos_floor_anon"),
            ("realtime", "messages", "gardenos_insert"),
            ("realtime", "messages", "gardenos_select"),
            ("storage", "objects", "gardenos_delete"),
            ("storage", "objects", "gardenos_floor"),
            ("storage", "objects", "gardenos_floor_anon"),
            ("storage", "objects", "gardenos_insert"),
            ("storage", "objects", "gardenos_select"),
            ("storage", "objects", "gardenos_update"),
        ]
        bootstrap.apply_post_service(serviced.url())
        assert policies(connection) == before


def test_altered_policies_and_new_grants_are_repaired(serviced: Database) -> None:
    url = serviced.url()
    with psycopg.connect(url, autocommit=True) as connection:
        before = policies(connection)
        connection.execute("alter policy gardenos_select on storage.objects using (true)")
        connection.execute("drop policy gardenos_floor on storage.objects")
        connection.execute("alter table storage.objects disable row level security")
        connection.execute("grant all on storage.objects, realtime.subscription to authenticated")
        connection.execute("update storage.buckets set public = true where id = 'agency-files'")
        connection.execute("alter table realtime.messages_now disable row level security")
        connection.execute("grant select on realtime.messages_now to authenticated")

        bootstrap.apply_post_service(url)

        assert policies(connection) == before
        row = connection.execute(
            """
            select
                (select relrowsecurity from pg_class where oid = 'storage.objects'::regclass),
                has_table_privilege('authenticated', 'storage.objects', 'truncate'),
                has_table_privilege('authenticated', 'realtime.subscription', 'select'),
                (select b.public from storage.buckets as b where b.id = 'agency-files'),
                (select relrowsecurity from pg_class where oid = 'realtime.messages_now'::regclass),
                has_table_privilege('authenticated', 'realtime.messages_now', 'select')
            """
        ).fetchone()
        assert row == (True, False, False, False, True, False)


def test_no_truncate_references_trigger_for_api_roles(serviced: Database) -> None:
    with serviced.connect("supabase_storage_admin", autocommit=True) as made:
        made.execute("create table storage.made_later (id int)")
    with serviced.connect(autocommit=True) as connection:
        try:
            kinds = ["truncate", "references", "trigger"]
            if connection.info.server_version >= 170000:
                kinds.append("maintain")
            rows = connection.execute(
                """
                select r.rolname::text, c.oid::regclass::text, p.privilege
                from pg_class as c
                join pg_namespace as n on n.oid = c.relnamespace
                cross join pg_roles as r
                cross join unnest(%s::text[]) as p (privilege)
                where n.nspname in ('storage', 'realtime')
                    and c.relkind in ('r', 'p')
                    and r.rolname in ('anon', 'authenticated', 'service_role')
                    and has_table_privilege(r.oid, c.oid, p.privilege)
                """,
                [kinds],
            ).fetchall()
            assert rows == []
        finally:
            connection.execute("drop table storage.made_later")


def test_a_grant_by_somebody_else_is_reported_not_overlooked(serviced: Database) -> None:
    url = serviced.url()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("grant usage on schema storage to dashboard_user")
        connection.execute("grant truncate on storage.objects to dashboard_user with grant option")
        connection.execute(
            "set role dashboard_user; grant truncate on storage.objects to anon; reset role"
        )
        try:
            with pytest.raises(bootstrap.BootstrapError, match=r"role anon still has truncate"):
                bootstrap.apply_post_service(url)
        finally:
            connection.execute("revoke truncate on storage.objects from dashboard_user cascade")
            connection.execute("revoke usage on schema storage from dashboard_user")
        bootstrap.apply_post_service(url)


@pytest.mark.parametrize("login", ["authenticator", "supabase_storage_admin"])
@pytest.mark.parametrize(
    ("user", "agency", "seen"),
    [
        (PEOPLE["owner"], A, [f"{A}/a.pdf", f"{A}/deep/a.pdf"]),
        (PEOPLE["admin"], A, [f"{A}/a.pdf", f"{A}/deep/a.pdf"]),
        (PEOPLE["manager"], A, []),
        (PEOPLE["member"], A, []),
        (PEOPLE["client"], A, []),
        (OTHER_OWNER, B, [f"{B}/b.pdf"]),
        (OTHER_OWNER, A, []),
        (PEOPLE["owner"], B, []),
        (PEOPLE["owner"], None, []),
        (None, A, []),
    ],
)
def test_objects_of_one_agency(
    serviced: Database,
    login: str,
    user: UUID | None,
    agency: UUID | None,
    seen: list[str],
) -> None:
    with acting(serviced, user, agency, login=login) as connection:
        assert objects(connection) == seen


@pytest.mark.parametrize(
    "claims",
    ["", "null", "[]", "{", '{"agency_id": "null"}', '{"agency_id": 1}', '{"a": "\\u0000"}'],
)
def test_useless_claims_see_nothing_and_raise_nothing(serviced: Database, claims: str) -> None:
    with acting(serviced, None, None) as connection:
        connection.execute("select set_config('request.jwt.claims', %s, true)", [claims])
        assert objects(connection) == []
        assert connection.execute("select from realtime.messages").fetchall() == []


def test_writes_to_objects_stay_in_the_agency(serviced: Database) -> None:
    insert = "insert into storage.objects (bucket_id, name) values (%s, %s) returning name"
    with acting(serviced, PEOPLE["owner"], A) as connection:
        assert connection.execute(insert, ["agency-files", f"{A}/new.pdf"]).fetchone()
        for bucket, name in (
            ("agency-files", f"{B}/new.pdf"),
            ("agency-files", "new.pdf"),
            ("agency-files", f"{A}x/new.pdf"),
            ("siblings", f"{A}/new.pdf"),
        ):
            with pytest.raises(errors.InsufficientPrivilege), connection.transaction():
                connection.execute(insert, [bucket, name])
        with pytest.raises(errors.InsufficientPrivilege), connection.transaction():
            connection.execute("update storage.objects set name = %s", [f"{B}/moved.pdf"])
        with pytest.raises(errors.InsufficientPrivilege), connection.transaction():
            connection.execute("update storage.objects set bucket_id = 'siblings'")
        with pytest.raises(errors.InsufficientPrivilege), connection.transaction():
            connection.execute(
                f"""
                insert into storage.objects (bucket_id, name) values ('agency-files', '{B}/b.pdf')
                on conflict (bucket_id, name) do update set metadata = '{{}}'
                """.encode()
            )
        assert connection.execute("update storage.objects set metadata = '{}'").rowcount == 3
        assert connection.execute("delete from storage.objects").rowcount == 3
    with acting(serviced, PEOPLE["admin"], A) as connection:
        assert connection.execute("update storage.objects set metadata = '{}'").rowcount == 2
        assert connection.execute("delete from storage.objects").rowcount == 0
    with (
        acting(serviced, PEOPLE["member"], A) as connection,
        pytest.raises(errors.InsufficientPrivilege),
    ):
        connection.execute(insert, ["agency-files", f"{A}/new.pdf"])


def test_a_sibling_bucket_neither_opens_ours_nor_is_broken_by_it(serviced: Database) -> None:
    with serviced.connect(autocommit=True) as connection:
        connection.execute(
            "create policy careless on storage.objects for all to anon, authenticated using (true)"
        )
        try:
            for role, user, seen in (
                ("anon", None, ["public.pdf"]),
                ("authenticated", OTHER_OWNER, [f"{B}/b.pdf", "public.pdf"]),
                ("authenticated", None, ["public.pdf"]),
            ):
                with acting(serviced, user, B, role=role) as session:
                    assert objects(session) == seen
                    assert (
                        session.execute(
                            "delete from storage.objects where name like %s",
                            [f"{A}%"],
                        ).rowcount
                        == 0
                    )
        finally:
            connection.execute("drop policy careless on storage.objects")


def test_the_services_keep_their_own_access(serviced: Database) -> None:
    with serviced.connect("supabase_storage_admin") as connection:
        assert len(objects(connection)) == 8
    with serviced.connect("supabase_admin") as connection:
        assert connection.execute("select from realtime.subscription").rowcount == 1
        connection.execute("set local role supabase_realtime_admin")
        connection.execute("select from realtime.messages")


def test_services_can_still_change_their_tables(serviced: Database) -> None:
    """Our policies depend on no function of a service, so it may drop and remake each of them."""
    with serviced.connect("supabase_storage_admin") as connection:
        connection.execute("drop function foldername(text)")
        connection.execute("alter table objects add column version text")
        connection.execute("create index on objects (owner_id)")
        connection.rollback()
    with serviced.connect("supabase_admin") as connection:
        connection.execute("drop function realtime.topic()")
        connection.execute(
            """
            create table realtime.messages_later partition of realtime.messages
                for values from ('3000-01-01') to ('3001-01-01')
            """
        )
        connection.rollback()


@pytest.mark.parametrize("role", API_ROLES)
def test_claims_of_subscribers_are_nobodys(serviced: Database, role: str) -> None:
    with serviced.connect("authenticator") as connection:
        connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("select claims from realtime.subscription")


@pytest.mark.parametrize("role", ["anon", "authenticated"])
def test_a_partition_of_messages_is_nobodys(serviced: Database, role: str) -> None:
    with serviced.connect("authenticator") as connection:
        connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("select from realtime.messages_now")


def probe(
    database: Database,
    topic: str,
    user: UUID | None,
    agency: UUID | None,
    role: str = "authenticated",
) -> dict[str, bool]:
    """What realtime finds out about a channel: it probes and rolls back, as supabase_admin."""
    found: dict[str, bool] = {}
    claims = {"iss": ISSUER, "role": role, "user_id": str(user), "agency_id": str(agency)}
    with database.connect("supabase_admin") as connection:
        insert = "insert into realtime.messages (topic, extension) values (%s, %s) returning id"
        ids = {}
        for extension in ("broadcast", "presence"):
            row = connection.execute(insert, [topic, extension]).fetchone()
            assert row is not None
            ids[extension] = row[0]
        connection.execute(
            """
            select
                set_config('role', %(role)s, true),
                set_config('realtime.topic', %(topic)s, true),
                set_config('request.jwt.claims', %(claims)s, true),
                set_config('request.jwt.claim.sub', 'somebody else', true),
                set_config('request.jwt.claim.role', %(role)s, true),
                set_config('request.headers', '{}', true)
            """,
            {"role": role, "topic": topic, "claims": json.dumps(claims)},
        )
        for extension, message in ids.items():
            query = "select from realtime.messages where topic = %s and id = %s"
            found[f"read {extension}"] = connection.execute(query, [topic, message]).rowcount == 1
        for extension in ids:
            try:
                with connection.transaction():
                    connection.execute(insert, [topic, extension])
                found[f"write {extension}"] = True
            except errors.InsufficientPrivilege:
                found[f"write {extension}"] = False
        connection.rollback()
    return found


EVERYTHING = {
    "read broadcast": True,
    "read presence": True,
    "write broadcast": True,
    "write presence": True,
}
NOTHING = dict.fromkeys(EVERYTHING, False)


@pytest.mark.parametrize(
    ("topic", "user", "agency", "found"),
    [
        (f"agency:{A}", PEOPLE["owner"], A, EVERYTHING),
        (f"agency:{A}:deals:42", PEOPLE["member"], A, EVERYTHING),
        (f"agency:{A}", PEOPLE["viewer"], A, EVERYTHING | {"write broadcast": False}),
        (f"agency:{A}", PEOPLE["client"], A, NOTHING),
        (f"agency:{A}", OTHER_OWNER, B, NOTHING),
        (f"agency:{A}", OTHER_OWNER, A, NOTHING),
        (f"agency:{A}", PEOPLE["owner"], B, NOTHING),
        (f"agency:{A}", PEOPLE["owner"], None, NOTHING),
        (f"agency:{A}x", PEOPLE["owner"], A, NOTHING),
        (f"agency:{str(A).upper()}", PEOPLE["owner"], A, NOTHING),
        (f"agency:{B}:{A}", PEOPLE["owner"], A, NOTHING),
        ("agency:", PEOPLE["owner"], A, NOTHING),
        ("agency:not a uuid", PEOPLE["owner"], A, NOTHING),
        (str(A), PEOPLE["owner"], A, NOTHING),
        ("", PEOPLE["owner"], A, NOTHING),
    ],
)
def test_channels_of_one_agency(
    serviced: Database,
    topic: str,
    user: UUID,
    agency: UUID | None,
    found: dict[str, bool],
) -> None:
    assert probe(serviced, topic, user, agency) == found


def test_anon_has_no_channel_and_a_sibling_policy_opens_none(serviced: Database) -> None:
    topic = f"agency:{A}"
    assert probe(serviced, topic, PEOPLE["owner"], A, role="anon") == NOTHING
    with serviced.connect(autocommit=True) as connection:
        connection.execute(
            """
            create policy careless on realtime.messages for all to anon, authenticated
                using (true) with check (true)
            """
        )
        try:
            assert probe(serviced, topic, None, None, role="anon") == NOTHING
            assert probe(serviced, topic, OTHER_OWNER, B) == NOTHING
            assert probe(serviced, "lobby", None, None, role="anon") == EVERYTHING
            assert probe(serviced, "lobby", OTHER_OWNER, B) == EVERYTHING
        finally:
            connection.execute("drop policy careless on realtime.messages")


def test_a_forged_topic_setting_opens_nothing(serviced: Database) -> None:
    """realtime.send runs as its caller, who can set realtime.topic: the row's own topic decides."""
    with acting(serviced, OTHER_OWNER, B) as connection:
        connection.execute("select set_config('realtime.topic', %s, true)", [f"agency:{B}"])
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute(
                "insert into realtime.messages (topic, extension) values (%s, 'broadcast')",
                [f"agency:{A}"],
            )


def test_a_revoked_membership_stops_at_the_next_statement(serviced: Database) -> None:
    with acting(serviced, PEOPLE["admin"], A) as connection:
        assert objects(connection)
        with serviced.connect(autocommit=True) as other:
            change = "update tenancy.memberships set status = %s where user_id = %s"
            other.execute("set session_replication_role = replica")
            other.execute(change, ["suspended", PEOPLE["admin"]])
            try:
                assert objects(connection) == []
            finally:
                other.execute(change, ["active", PEOPLE["admin"]])
