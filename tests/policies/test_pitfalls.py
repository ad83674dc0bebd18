"""The pitfalls of row-level security (supabase-contract.md, section 10), each with its proof.

The number of a test is the number of the pitfall. What is proved for every table elsewhere is named
by the catalogue check or test that does it, and shown here once more on one case. Not yet, because
there is nothing of the kind in the database:

* 25, audit triggers: schema audit is empty; they come with the log.
* 23, partitions: there are none. The checks of the catalogue read partitions; `test_23` makes one.
* 31, realtime itself is not run here: its publication is tested, and claims that it would store.
* 14, EXPLAIN through the API: a setting of PostgREST (`db-plan-enabled`), which is not run here.
* 12 and 24, storage and vault: these schemas are empty here; the post-service step is tested in
  `tests/contract`.
"""

import json

import pytest
from psycopg.rows import dict_row

from tests.database import Database
from tests.policies import catalogue
from tests.policies.access import Connection, acting, attempt
from tests.policies.cluster_url import is_set_aside
from tests.policies.matrix import Matrix
from tests.policies.world import World, user_claims

API_ROLES = ("anon", "authenticated", "service_role")
TABLES = sorted(Matrix().tables)
TEAMS = "select id from tenancy.teams"


def test_01_view_without_security_invoker(superuser: Connection, world: World) -> None:
    """A definer view of a superuser shows A to B; an invoker view does not, and the check knows."""
    assert catalogue.check_views_and_sequences(superuser) == []
    with superuser.transaction(force_rollback=True):
        for option, shown in (("false", True), ("true", False)):
            superuser.execute(
                f"create view tenancy.v_{option} with (security_invoker = {option})"
                " as select agency_id from tenancy.teams"
            )
            superuser.execute(f"grant select on tenancy.v_{option} to authenticated")
            with acting(superuser, world.b.members["owner"].claims()):
                found = superuser.execute(f"select agency_id from tenancy.v_{option}").fetchall()
            assert ({"agency_id": world.a.id} in found) is shown
        violations = catalogue.check_views_and_sequences(superuser)
        assert violations == ["tenancy.v_false: a view without security_invoker"]


def test_02_definer_function_without_search_path(superuser: Connection, world: World) -> None:
    """A shadow of each name in pg_temp, in front of the path, is not called."""
    assert catalogue.check_search_path(superuser) == []
    assert catalogue.check_definers(superuser) == []
    assert catalogue.check_execute(superuser) == []
    with superuser.transaction(force_rollback=True):
        superuser.execute(
            "create temporary table memberships as"
            " select m.*, 'owner'::text as shadow from tenancy.memberships as m"
        )
        superuser.execute("update pg_temp.memberships set role = 'owner', status = 'active'")
        superuser.execute(
            "create function pg_temp.nullif(text, text) returns text language sql"
            " as $$ select '{}'::text $$"
        )
        superuser.execute("set local search_path = pg_temp, tenancy, app")
        with acting(superuser, world.a.members["viewer"].claims()):
            superuser.execute("set local search_path = pg_temp, tenancy, app")
            (row,) = superuser.execute("select app.agency_role()::text as role").fetchall()
        assert row == {"role": "viewer"}


def test_03_no_force_rls(superuser: Connection) -> None:
    assert catalogue.check_rls_is_forced(superuser) == []
    with superuser.transaction(force_rollback=True):
        superuser.execute("set local role gardenos_owner")
        for table in TABLES:
            assert attempt(superuser, f"select 1 from {table}").count == 0


def test_04_bypassrls_and_superusers(superuser: Connection) -> None:
    assert catalogue.check_privileged_roles(superuser) == []
    reached = superuser.execute(
        "select rolname::text as name from pg_roles where (rolsuper or rolbypassrls)"
        " and pg_has_role('authenticator', oid, 'member')"
    ).fetchall()
    assert reached == [{"name": "service_role"}]


@pytest.mark.parametrize(
    "role", ["postgres", "supabase_admin", "gardenos_owner", "gardenos_migrator", "gardenos_sealer"]
)
def test_05_set_role_abuse(client: Connection, role: str) -> None:
    with client.transaction(force_rollback=True):
        assert attempt(client, f"set local role {role}").sqlstate == "42501"
        client.execute("set local role authenticated")
        assert attempt(client, f"set local role {role}").sqlstate == "42501"
        assert attempt(client, f"set session authorization {role}").sqlstate == "42501"


def test_06_self_set_claims(superuser: Connection) -> None:
    """No exposed function sets a setting or runs text; only service logins are `authenticated`."""
    assert catalogue.check_settings_are_not_set(superuser) == []
    members = superuser.execute(
        "select rolname::text as name from pg_roles"
        " where not rolsuper and rolname <> 'authenticated'"
        " and pg_has_role(oid, 'authenticated', 'member')"
    ).fetchall()
    assert {row["name"] for row in members if not is_set_aside(row["name"])} == {
        "authenticator",
        "authenticator_ro",
        "gardenos_app",
        "gardenos_worker",
        "supabase_realtime_admin",
        "supabase_storage_admin",
    }


def test_07_claims_left_on_a_pooled_connection(client: Connection, world: World) -> None:
    """The next transaction has none; and the legacy setting changes nothing, ever."""
    a, b = world.a.members["owner"], world.b.members["owner"]
    with acting(client, a.claims(), keep=True):
        before = attempt(client, TEAMS)
        assert before.count > 0
    with acting(client, None):
        assert (attempt(client, TEAMS).sqlstate, attempt(client, TEAMS).count) == (None, 0)
    for claims, expected in ((None, 0), (a.claims(), before.count)):
        with acting(client, claims):
            for name, value in (
                ("sub", str(b.user_id)),
                ("role", "service_role"),
                ("agency_id", str(world.b.id)),
                ("user_id", str(b.user_id)),
            ):
                client.execute(
                    "select set_config('request.jwt.claim.' || %s, %s, true)", [name, value]
                )
            outcome = attempt(client, TEAMS)
            assert outcome.count == expected
            assert outcome.rows == before.rows[:expected]


@pytest.mark.parametrize(
    "claims",
    [
        *(None, "", "null", "[]", '"x"', "1", "{", "\x01", '{"a":"\\u0000"}', '{"a":1e1000000}'),
        pytest.param("[" * 100_000, id="deep"),
        *(
            '{"role": "authenticated", "agency_id": ' + value + "}"
            for value in ('"null"', '""', "null", "1", "{}", '"not-a-uuid"')
        ),
    ],
)
def test_08_raising_claim_reader(client: Connection, claims: str | None) -> None:
    """Never an error, never a row. Fuzzed by the thousand in `test_claims_fuzz.py`."""
    with acting(client, claims):
        outcome = attempt(client, TEAMS)
        assert (outcome.sqlstate, outcome.count) == (None, 0), outcome


def test_09_update_moves_a_row(client: Connection, world: World) -> None:
    a, b = world.a, world.b
    with acting(client, a.members["owner"].claims()):
        move = "update tenancy.teams set agency_id = %s where agency_id = %s"
        assert attempt(client, move, [b.id, a.id]).sqlstate in ("42501", "PT403")
        assert attempt(client, move, [a.id, b.id]).count == 0
        foreign = attempt(
            client, "insert into tenancy.teams (agency_id, name) values (%s, 'x')", [b.id]
        )
        assert foreign.refused_by_policy


def test_10_foreign_keys_bypass_rls(
    client: Connection, superuser: Connection, world: World
) -> None:
    assert catalogue.check_composite_foreign_keys(superuser) == []
    with acting(client, world.a.members["owner"].claims()):
        outcome = attempt(
            client,
            "insert into tenancy.teams (name, parent_team_id) values ('x', %s)",
            [world.b.teams["North"]],
        )
        assert outcome.sqlstate == "23503"


def test_11_unique_as_oracle(client: Connection, superuser: Connection, world: World) -> None:
    """The same names and addresses live in both agencies; no conflict answers for a hidden row."""
    assert catalogue.check_unique_starts_with_agency(superuser) == []
    with acting(client, world.b.members["owner"].claims(), keep=False):
        only_b = attempt(client, "insert into tenancy.teams (name) values ('Taken') returning id")
        assert only_b.count == 1
    with acting(client, world.a.members["owner"].claims()):
        for name in ("North", "North-east"):
            # taken in A itself: 23505, as it should be; what B has makes no difference
            assert (
                attempt(client, "insert into tenancy.teams (name) values (%s)", [name]).sqlstate
                == "23505"
            )
        hidden = attempt(
            client,
            "insert into tenancy.teams (agency_id, id, name) values (%s, %s, 'x')"
            " on conflict do nothing",
            [world.b.id, world.b.teams["North"]],
        )
        assert hidden.refused_by_policy
        # the address of a user of B, given by an owner of A, answers like any other
        for address in ("owner@b.test", "nobody@b.test"):
            assert attempt(client, "select app.invite(%s, 'viewer')", [address]).count == 1


def test_12_truncate(superuser: Connection) -> None:
    """No API role, no table of the whole database."""
    found = superuser.execute(
        "select c.oid::regclass::text as name, r as role from pg_class as c"
        " cross join unnest(%s::text[]) as r"
        " where c.relkind in ('r', 'p') and has_table_privilege(r, c.oid, 'truncate')",
        [list(API_ROLES)],
    ).fetchall()
    assert found == []


@pytest.mark.parametrize("privilege", ["references", "trigger"])
def test_13_references_and_trigger(superuser: Connection, privilege: str) -> None:
    assert catalogue.check_table_privileges(superuser) == []
    found = superuser.execute(
        "select c.oid::regclass::text as name, r.rolname::text as role"
        " from pg_class as c cross join pg_roles as r"
        " where c.relnamespace::regnamespace::text = any (%s)"
        " and c.relkind in ('r', 'p') and not r.rolsuper and r.oid <> c.relowner"
        " and has_table_privilege(r.oid, c.oid, %s)",
        [catalogue.OURS, privilege],
    ).fetchall()
    assert found == []


def test_14_leaky_functions(client: Connection, superuser: Connection, world: World) -> None:
    """1/0 on a hidden row never happens; `test_isolation.py` adds NOTICE, for every table."""
    assert catalogue.check_leakproof(superuser) == []
    with acting(client, world.a.members["owner"].claims()):
        probe = "select 1 / (case when name = %s then 0 else 1 end) from tenancy.teams"
        assert attempt(client, probe, ["North"]).sqlstate == "22012"
        hidden = attempt(client, probe.replace("name", "agency_id"), [world.b.id])
        assert hidden.sqlstate is None


def test_15_user_metadata(client: Connection, superuser: Connection, world: World) -> None:
    """A person without an agency writes one into the own metadata: nothing."""
    assert catalogue.check_forbidden_texts(superuser) == []
    forged = {
        "agency_id": str(world.a.id),
        "agency_role": "owner",
        "user_id": str(world.a.members["owner"].user_id),
        "role": "service_role",
    }
    claims = user_claims(world.stranger, user_metadata=forged, app_metadata=forged)
    with acting(client, claims):
        assert attempt(client, TEAMS).count == 0
        (row,) = attempt(client, "select id from tenancy.users").rows
        assert row["id"] == world.stranger


def test_16_copy(client: Connection, superuser: Connection, world: World) -> None:
    """Policies hold for COPY TO (`test_isolation.py`); files and programs are out of reach."""
    assert catalogue.check_predefined_roles(superuser) == []
    for role in API_ROLES:
        with acting(client, world.a.members["owner"].claims(role=role), role):
            for statement in (
                "copy (select 1) to '/tmp/never'",
                "copy (select 1) to program 'true'",
                "copy tenancy.teams (name) from '/etc/hostname'",
                "select pg_read_file('/etc/hostname')",
                "select pg_ls_dir('/')",
            ):
                assert attempt(client, statement).sqlstate == "42501", statement


def test_17_materialised_views_and_foreign_tables(superuser: Connection) -> None:
    found = superuser.execute(
        "select c.oid::regclass::text as name from pg_class as c"
        " cross join unnest(%s::text[]) as r"
        " where c.relkind in ('m', 'f') and has_table_privilege(r, c.oid, 'select')",
        [list(API_ROLES)],
    ).fetchall()
    assert found == []
    assert superuser.execute("select 1 from pg_foreign_server").fetchall() == []


def test_18_new_tables(world: World, world_database: Database) -> None:
    """A table that the migrator makes belongs to nobody else, and the checks find what it lacks."""
    assert_new = "select has_table_privilege(%s, 'tenancy.fresh', %s) as held"
    with world_database.connect("gardenos_migrator", row_factory=dict_row) as migrator:
        migrator.execute("set role gardenos_owner")
        migrator.execute("create table tenancy.fresh (agency_id uuid, id uuid)")
        for role in (*API_ROLES, "gardenos_app", "gardenos_worker", "gardenos_auditor"):
            for privilege in ("select", "insert", "update", "delete", "truncate"):
                (row,) = migrator.execute(assert_new, [role, privilege]).fetchall()
                assert row == {"held": False}
        assert any("fresh" in line for line in catalogue.check_rls_is_forced(migrator))
        migrator.rollback()


def test_19_sequences(superuser: Connection) -> None:
    found = superuser.execute(
        "select c.oid::regclass::text as name, r as role from pg_class as c"
        " cross join unnest(%s::text[]) as r"
        " where c.relkind = 'S' and c.relnamespace::regnamespace::text = any (%s)"
        " and has_sequence_privilege(r, c.oid, 'usage, select, update')",
        [list(API_ROLES), catalogue.OURS],
    ).fetchall()
    assert found == []


def test_20_public_execute(superuser: Connection, world_database: Database) -> None:
    """Neither a function of today nor one that the owner makes tomorrow."""
    assert catalogue.check_no_public_execute(superuser) == []
    assert catalogue.check_default_privileges(superuser) == []
    with world_database.connect("gardenos_migrator", row_factory=dict_row) as migrator:
        for role in sorted(catalogue.CLOSED_ROLES):
            migrator.execute(f"set role {role}")
            migrator.execute("create function app.fresh() returns int language sql as 'select 1'")
            for name in API_ROLES:
                (row,) = migrator.execute(
                    "select has_function_privilege(%s, 'app.fresh()', 'execute') as held", [name]
                ).fetchall()
                assert row == {"held": False}
            migrator.rollback()


def test_21_event_triggers(superuser: Connection) -> None:
    found = superuser.execute(
        "select e.evtname::text as name, r.rolsuper as super, o.rolsuper as owned,"
        " coalesce(p.proconfig, '{}') as settings from pg_event_trigger as e"
        " join pg_roles as r on r.oid = e.evtowner"
        " join pg_proc as p on p.oid = e.evtfoid"
        " join pg_roles as o on o.oid = p.proowner"
    ).fetchall()
    assert found
    for row in found:
        assert row["super"], row
        assert row["owned"], row
        assert 'search_path=""' in row["settings"], row


def test_22_statistics(client: Connection, superuser: Connection, world: World) -> None:
    """Neither the values of the planner, nor what other sessions run."""
    superuser.execute("analyze tenancy.teams")
    secret = "select 'a statement of somebody else'"
    superuser.execute(secret)
    for name in ("owner", "viewer"):
        with acting(client, world.a.members[name].claims()):
            shown = attempt(client, "select 1 from pg_stats where schemaname = 'tenancy'")
            assert shown.count == 0
            others = attempt(
                client,
                "select query from pg_stat_activity where pid <> pg_backend_pid()"
                " and query like '%somebody else%'",
            )
            assert others.count == 0, others


def test_23_partitions(superuser: Connection) -> None:
    """A leaf has its own flags and grants: one that has neither policies nor RLS is found."""
    with superuser.transaction(force_rollback=True):
        superuser.execute("set local role gardenos_owner")
        superuser.execute(
            "create table tenancy.parted (agency_id uuid not null, id uuid not null,"
            " primary key (agency_id, id)) partition by range (id)"
        )
        superuser.execute("alter table tenancy.parted enable row level security")
        superuser.execute("alter table tenancy.parted force row level security")
        superuser.execute(
            "create table tenancy.leaf partition of tenancy.parted for values from (minvalue)"
            " to (maxvalue)"
        )
        assert catalogue.check_rls_is_forced(superuser) == [
            "tenancy.leaf: row-level security is off"
        ]


def test_24_secrets_beside_the_data(client: Connection, superuser: Connection) -> None:
    found = superuser.execute(
        "select n.nspname::text as name, r as role from pg_namespace as n"
        " cross join unnest(%s::text[]) as r"
        " where n.nspname in ('auth', 'vault', 'migration', '_realtime')"
        " and has_schema_privilege(r, n.oid, 'usage')",
        [list(API_ROLES)],
    ).fetchall()
    assert found == []
    with acting(client, None):
        (row,) = client.execute(
            "select current_setting('app.settings.jwt_secret', true) as secret"
        ).fetchall()
    assert not row["secret"]


def test_26_upsert_returning_merge_on_a_hidden_row(client: Connection, world: World) -> None:
    """42501, never an update; `test_isolation.py` tries every table."""
    hidden = [world.b.id, world.b.teams["North"]]
    with acting(client, world.a.members["owner"].claims()):
        upsert = (
            "insert into tenancy.teams (agency_id, id, name) values (%s, %s, 'x')"
            " on conflict (agency_id, id) do update set name = excluded.name returning id"
        )
        assert attempt(client, upsert, hidden).refused_by_policy
        merge = (
            "merge into tenancy.teams as t"
            " using (select %s::uuid as agency_id, %s::uuid as id) as s"
            " on (t.agency_id, t.id) = (s.agency_id, s.id)"
            " when matched then update set name = 'x'"
        )
        assert attempt(client, merge, hidden).count == 0
        own = [world.a.id, world.a.teams["North"]]
        assert attempt(client, upsert, own).count == 1, "an upsert of the own row works"
        assert attempt(client, merge, own).count == 1


def test_27_cascades_bypass_rls(client: Connection, superuser: Connection, world: World) -> None:
    """The same team id in both agencies: deleting A's takes no member of B's."""
    a, b = world.a, world.b
    with superuser.transaction(force_rollback=True):
        superuser.execute("set local role service_role")
        superuser.execute(
            "insert into tenancy.teams (agency_id, id, name) values (%s, %s, 'Twin')",
            [a.id, b.teams["North"]],
        )
        superuser.execute(
            "insert into tenancy.team_members (agency_id, team_id, membership_id)"
            " values (%s, %s, %s)",
            [a.id, b.teams["North"], a.members["viewer"].membership_id],
        )
        count = "select count(*) as n from tenancy.team_members where team_id = %s"
        (before,) = superuser.execute(count, [b.teams["North"]]).fetchall()
        superuser.execute(
            "delete from tenancy.teams where agency_id = %s and id = %s", [a.id, b.teams["North"]]
        )
        (after,) = superuser.execute(count, [b.teams["North"]]).fetchall()
        assert after["n"] == before["n"] - 1 > 0


def test_28_null_agency(client: Connection, superuser: Connection, world: World) -> None:
    assert catalogue.check_tenant_key(superuser) == []
    for claims in (
        None,
        {"role": "authenticated"},
        world.a.members["owner"].claims(agency_id=None),
    ):
        with acting(client, claims):
            for statement in (
                "select 1 from tenancy.teams where agency_id is null",
                "select 1 from tenancy.teams where agency_id is not distinct from app.agency_id()",
            ):
                outcome = attempt(client, statement)
                assert (outcome.sqlstate, outcome.count) == (None, 0)


def test_29_row_security_off(client: Connection, world: World) -> None:
    with acting(client, world.a.members["owner"].claims()):
        client.execute("set local row_security = off")
        outcome = attempt(client, TEAMS)
        assert outcome.sqlstate == "42501"
        assert "would be affected by row-level security policy" in outcome.message


def test_30_large_objects_and_notify(client: Connection, superuser: Connection) -> None:
    """Large objects are closed, and no function of ours sends a payload."""
    for role in ("anon", "authenticated", "service_role"):
        with acting(client, None, role):
            for statement in (
                "select lo_create(0)",
                "select lo_get(1)",
                "select lo_from_bytea(0, 'x')",
                "select lo_export(1, '/tmp/never')",
            ):
                assert attempt(client, statement).sqlstate == "42501", statement
    for signature, function in catalogue.functions(superuser).items():
        assert "notify" not in function["body"].lower(), signature


def test_31_realtime_delete(superuser: Connection) -> None:
    """Deletes ignore policies, so they are not published; nor is any table with secrets."""
    found = superuser.execute(
        "select pubname::text as name, puballtables, pubinsert, pubupdate, pubdelete, pubtruncate"
        " from pg_publication"
    ).fetchall()
    assert found == [
        {
            "name": "supabase_realtime",
            "puballtables": False,
            "pubinsert": True,
            "pubupdate": True,
            "pubdelete": False,
            "pubtruncate": False,
        }
    ]
    published = superuser.execute(
        "select schemaname || '.' || tablename as name from pg_publication_tables"
    ).fetchall()
    assert published == []


def test_31_revocation_is_seen_by_stored_claims(
    client: Connection, back_office: Connection, world: World
) -> None:
    """Realtime asks with claims it stored earlier: they stop working when the membership does."""
    member = world.b.members["member2"]
    claims = json.dumps(dict(member.claims()))
    with acting(client, claims):
        assert attempt(client, TEAMS).count > 0
    change = "update tenancy.memberships set status = %s where id = %s and agency_id = %s"
    try:
        with acting(back_office, None, "service_role", keep=True):
            back_office.execute(change, ["suspended", member.membership_id, member.agency_id])
        with acting(client, claims):
            assert attempt(client, TEAMS).count == 0
    finally:
        with acting(back_office, None, "service_role", keep=True):
            back_office.execute(change, ["active", member.membership_id, member.agency_id])


def test_32_forged_role_claim(client: Connection, world: World) -> None:
    """What PostgREST does with the claim: SET ROLE. And a role claim alone gives no right."""
    set_role = "select set_config('role', %s, true)"
    for role, sqlstate in (
        ("postgres", "42501"),
        ("supabase_admin", "42501"),
        ("gardenos_owner", "42501"),
        ("no_such_role", "22023"),
    ):
        assert attempt(client, set_role, [role]).sqlstate == sqlstate
    for role in ("service_role", "postgres", "gardenos_worker"):
        with acting(client, world.a.members["viewer"].claims(role=role, agency_role="owner")):
            outcome = attempt(client, "select distinct agency_id from tenancy.teams")
            assert outcome.rows == [{"agency_id": world.a.id}]
            refused = attempt(client, "insert into tenancy.teams (name) values ('x')")
            assert refused.refused_by_policy
