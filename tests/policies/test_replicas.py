"""What is read on a replica is what the matrix allows: the same rows, and none without claims.

CLUSTER_RO_URL and CLUSTER_NODE_URLS say where. A policy decides where it runs: with functions that
must work in recovery, for logins whose sessions may outlive a promotion.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from psycopg.rows import dict_row

from tests.database import Database, Databases
from tests.policies.access import Connection, acting, attempt
from tests.policies.cells import Cells, key_list, keys_of, visible
from tests.policies.cluster_url import places
from tests.policies.matrix import Command, Matrix, Role
from tests.policies.replicas import await_replay, in_recovery, reading
from tests.policies.test_isolation import SECRETS
from tests.policies.worker import contract
from tests.policies.world import SUBJECTS, World, build, user_claims

PLACES = places()
if not PLACES:
    pytest.skip(
        "neither CLUSTER_RO_URL nor CLUSTER_NODE_URLS names a replica", allow_module_level=True
    )

LOGINS = ("authenticator", "authenticator_ro")
TABLES = sorted(Matrix().tables)
ONESELF = {"tenancy.users", "tenancy.user_identities"}
everywhere = pytest.mark.parametrize(
    "reader",
    [pytest.param((place, login), id=f"{place}-{login}") for place in PLACES for login in LOGINS],
    indirect=True,
)
every_place = pytest.mark.parametrize("place", list(PLACES))
every_role = pytest.mark.parametrize("role", list(Role))


@dataclass(frozen=True)
class Reader:
    """A session on a node, and who logged in."""

    connection: Connection
    login: str


@pytest.fixture(scope="module")
def reader(
    built_world: World,
    world_database: Database,
    superuser: Connection,
    request: pytest.FixtureRequest,
) -> Iterator[Reader]:
    """A login on a node that shows the world of the matrix."""
    place, login = request.param
    with reading(PLACES[place], login, world_database.name, superuser) as connection:
        yield Reader(connection, login)


def wrong_cells(cells: Cells) -> dict[str, str]:
    """The tables that show other rows than their cell says, each with what is wrong."""
    wrong = {}
    for table in TABLES:
        try:
            cells.check(table, Command.SELECT)
        except AssertionError as error:
            wrong[table] = str(error)
    return wrong


# --- the matrix -----------------------------------------------------------------------------------


@everywhere
@every_role
def test_member_reads_the_cells(reader: Reader, world: World, matrix: Matrix, role: Role) -> None:
    with acting(reader.connection, world.a.members[SUBJECTS[role]].claims()):
        me = world.me(world.a, SUBJECTS[role])
        assert wrong_cells(Cells(reader.connection, world, matrix, me)) == {}


@everywhere
@pytest.mark.parametrize("role", [role for role in Role if role is not Role.AI_AGENT])
def test_agent_reads_the_cells_of_both(
    reader: Reader, world: World, matrix: Matrix, role: Role
) -> None:
    agent = world.a.members["agent"]
    claims = world.a.members[SUBJECTS[role]].claims(act={"user_id": str(agent.user_id)})
    with acting(reader.connection, claims):
        me = world.through_agent(world.a, SUBJECTS[role])
        assert wrong_cells(Cells(reader.connection, world, matrix, me)) == {}


@everywhere
@every_role
def test_api_key_reads_the_cells(reader: Reader, world: World, matrix: Matrix, role: Role) -> None:
    key = world.a.keys[role, "everything"]
    claims = world.a.members[SUBJECTS[role]].claims(api_key_id=str(key))
    with acting(reader.connection, claims):
        me = world.me(world.a, SUBJECTS[role]).with_key(key)
        assert wrong_cells(Cells(reader.connection, world, matrix, me)) == {}


@every_place
def test_a_bound_worker_reads_its_agency(
    world: World, world_database: Database, superuser: Connection, place: str
) -> None:
    with (
        reading(PLACES[place], "gardenos_worker", world_database.name, superuser) as connection,
        connection.transaction(),
    ):
        for bound in (False, True):
            if bound:
                connection.execute("select app.bind_worker(%s)", [world.a.id])
            for table in contract():
                # models belong to no agency: whoever is bound to one reads them
                mine = [
                    row for row in world.rows[table] if row.get("agency_id") in (None, world.a.id)
                ]
                outcome = attempt(connection, f"select {key_list(table)} from {table}")
                expected = keys_of(table, mine) if bound else set()
                assert keys_of(table, outcome.rows) == expected, (table, outcome)


# --- isolation ------------------------------------------------------------------------------------


@everywhere
@pytest.mark.parametrize(
    "claims", [None, "", "null", "[]", "{", "{}", '{"role":"authenticated"}', '{"agency_id":1}']
)
def test_no_claims_and_broken_claims_show_nothing(reader: Reader, claims: str | None) -> None:
    with acting(reader.connection, claims):
        assert visible(reader.connection) == {}


@everywhere
def test_claims_do_not_stay_on_the_session(reader: Reader, world: World) -> None:
    with acting(reader.connection, world.a.members["owner"].claims(), keep=True):
        assert visible(reader.connection)
    with acting(reader.connection, None):
        assert visible(reader.connection) == {}


@everywhere
@every_role
def test_claims_of_another_agency_show_only_oneself(
    reader: Reader, world: World, role: Role
) -> None:
    member = world.a.members[SUBJECTS[role]]
    with acting(reader.connection, member.claims(agency_id=str(world.b.id), agency_role="owner")):
        shown = visible(reader.connection)
    assert shown.keys() <= ONESELF
    assert shown.get("tenancy.users", {(member.user_id,)}) == {(member.user_id,)}


@everywhere
@pytest.mark.parametrize("name", ["suspended", "removed"])
def test_former_member_shows_only_oneself(reader: Reader, world: World, name: str) -> None:
    member = world.a.members[name]
    with acting(reader.connection, member.claims()):
        shown = visible(reader.connection)
    assert shown.keys() == ONESELF
    assert shown["tenancy.users"] == {(member.user_id,)}


@everywhere
def test_stranger_shows_only_oneself(reader: Reader, world: World) -> None:
    with acting(reader.connection, user_claims(world.stranger, agency_id=str(world.a.id))):
        shown = visible(reader.connection)
    assert shown.keys() == ONESELF
    assert shown["tenancy.users"] == {(world.stranger,)}


@everywhere
def test_without_a_role_nothing_is_granted(reader: Reader, world: World) -> None:
    """The login itself, and anon."""

    def answered() -> dict[str, str | None]:
        answers = {
            table: attempt(reader.connection, f"select 1 from {table}").sqlstate for table in TABLES
        }
        return {table: sqlstate for table, sqlstate in answers.items() if sqlstate != "42501"}

    assert answered() == {}
    with acting(reader.connection, world.a.members["owner"].claims(role="anon"), "anon"):
        assert answered() == {}


@everywhere
def test_all_rows_are_there(reader: Reader, world: World) -> None:
    """The control: what hides rows is row-level security, not a replica that is behind."""
    with acting(reader.connection, None, "service_role"):
        for table in TABLES:
            outcome = attempt(reader.connection, f"select {key_list(table)} from {table}")
            # what agents keep is for agents alone
            if table in SECRETS or table.startswith("langgraph."):
                assert outcome.sqlstate == "42501", table
            else:
                assert keys_of(table, outcome.rows) == keys_of(table, world.rows[table]), table


# --- functions and writes -------------------------------------------------------------------------

# function of a policy -> arguments to try it with; a function without arguments needs none
ARGUMENTS = {
    "app.may(text,app.agency_role[])": ["'tenancy.teams:select', 'owner', 'member'"],
    "app.may_as_myself(text)": ["'tenancy.users:select'"],
    "app.may_as_agent(text)": ["'langgraph.store:select'"],
    f"app.agent_reach(text{',app.agency_role[]' * 3})": [
        "'ai.agent_runs:select', agency => '{owner,admin}', own => '{member,ai_agent}'",
    ],
    f"app.reach(text{',app.agency_role[]' * 4})": [
        "'crm.deals:select', agency => '{owner,admin}', scope => '{manager,member,viewer}'",
        "'crm.deals:update', agency => '{owner}', team => '{manager}', own => '{member}'",
    ],
}
POLICY_FUNCTIONS = """
select distinct p.oid::regprocedure::text as signature
  from pg_depend as d
  join pg_proc as p on d.refclassid = 'pg_proc'::regclass and p.oid = d.refobjid
 where d.classid = 'pg_policy'::regclass
   and p.pronamespace = 'app'::regnamespace
   -- some are asked for other roles only
   and has_function_privilege('authenticated', p.oid, 'execute')
"""


@everywhere
@every_role
def test_functions_of_policies_answer_as_on_the_primary(
    reader: Reader, client: Connection, superuser: Connection, world: World, role: Role
) -> None:
    signatures = [row["signature"] for row in superuser.execute(POLICY_FUNCTIONS)]
    assert len(signatures) >= 6
    calls = [
        f"select {signature.partition('(')[0]}({arguments}) as answer"
        for signature in signatures
        for arguments in ([""] if signature.endswith("()") else ARGUMENTS[signature])
    ]
    for claims in (None, world.a.members[SUBJECTS[role]].claims()):
        answers = []
        for connection in (client, reader.connection):
            with acting(connection, claims):
                answers.append([attempt(connection, call) for call in calls])
        assert answers[0] == answers[1]
        assert {answer.sqlstate for answer in answers[1]} == {None}


@everywhere
@pytest.mark.parametrize(
    "statement",
    [
        "insert into tenancy.teams (name) values ('Written on a replica')",
        "update tenancy.teams set description = 'Written on a replica'",
        "delete from tenancy.team_members",
        "select app.create_api_key('Made on a replica')",
        "select app.invite('replica@both.test', 'viewer')",
        "select id from tenancy.teams for update",
    ],
)
def test_a_write_is_refused(reader: Reader, world: World, statement: str) -> None:
    """25006, whatever policies say: a client that reached a standby must notice.

    The login for replicas is refused on the primary too, where it may find itself after a failover.
    """
    refused = reader.login == "authenticator_ro" or in_recovery(reader.connection)
    with acting(reader.connection, world.a.members["owner"].claims()):
        outcome = attempt(reader.connection, statement)
    assert outcome.sqlstate == ("25006" if refused else None), outcome


# --- what changes on the primary ------------------------------------------------------------------


@pytest.fixture(scope="module")
def changing(cluster: Databases) -> Iterator[tuple[Database, World]]:
    """A world of its own, in which tests commit."""
    with cluster.migrated() as database:
        yield (
            database,
            build(lambda role: database.connect(role, autocommit=True, row_factory=dict_row)),
        )


WIDE = 'alter policy "staff read the teams of their agency" on tenancy.teams using ({})'


@every_place
def test_a_policy_made_too_wide_turns_the_cell_red(
    changing: tuple[Database, World], matrix: Matrix, place: str, mutant: Callable[..., None]
) -> None:
    """On the primary a client is let in; its cell on the replica must notice."""
    database, world = changing
    mutant("policy", f"replica {place} tenancy.teams client select", WIDE.format("agency"))
    claims = world.a.members["client"].claims()
    me = world.me(world.a, "client")
    with database.connect(autocommit=True, row_factory=dict_row) as primary:
        (policy,) = primary.execute(
            "select pg_get_expr(polqual, polrelid) as text from pg_policy"
            " where polname = 'staff read the teams of their agency'"
        ).fetchall()
        with reading(PLACES[place], "authenticator_ro", database.name, primary) as connection:
            cells = Cells(connection, world, matrix, me)
            with acting(connection, claims):
                cells.check("tenancy.teams", Command.SELECT)
            try:
                primary.execute(WIDE.format("agency_id = (select app.agency_id())"))
                await_replay(connection, primary)
                with acting(connection, claims), pytest.raises(AssertionError):
                    cells.check("tenancy.teams", Command.SELECT)
            finally:
                primary.execute(WIDE.format(policy["text"]))
            await_replay(connection, primary)
            with acting(connection, claims):
                cells.check("tenancy.teams", Command.SELECT)


@every_place
def test_a_revoked_member_loses_the_open_session(
    changing: tuple[Database, World], place: str
) -> None:
    """Replay is all that stands between a revocation and the next statement on a replica."""
    database, world = changing
    member = world.a.members["member2"]
    change = "update tenancy.memberships set status = %s where id = %s"
    with (
        database.connect("authenticator", autocommit=True, row_factory=dict_row) as primary,
        reading(PLACES[place], "authenticator_ro", database.name, primary) as connection,
        acting(connection, member.claims()),
    ):
        assert visible(connection).keys() > ONESELF
        for status, shows_more in (("suspended", False), ("active", True)):
            with acting(primary, world.a.members["owner"].claims(), keep=True):
                primary.execute(change, [status, member.membership_id])
            await_replay(connection, primary)
            assert (visible(connection).keys() > ONESELF) is shows_more


def test_one_place_is_really_a_replica(world_database: Database, superuser: Connection) -> None:
    found = {}
    for place, server in PLACES.items():
        with reading(server, "authenticator_ro", world_database.name, superuser) as connection:
            found[place] = in_recovery(connection)
    assert any(found.values()), f"all of these are primaries: {sorted(found)}"
