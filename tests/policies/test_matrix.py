"""Every cell of `policies/permissions.csv`: as the member, through an agent, with an API key."""

from pathlib import Path

import pytest

from tests.policies.access import Connection, acting
from tests.policies.cells import Cells, agency_rows, kept_by_guard
from tests.policies.matrix import FILE, SCHEMAS, Cell, Command, Matrix, Role, Scope
from tests.policies.meaning import LINKS, PARENTS, reaches
from tests.policies.world import SUBJECTS, World, refresh_trail

CELLS = list(Matrix().cells.values())
cases = pytest.mark.parametrize(
    ("table", "role", "command"),
    [pytest.param(cell.table, cell.role, cell.command, id=str(cell)) for cell in CELLS],
)
GUARDS_READ = {"tenancy.api_keys:update": ["tenancy.memberships:select"]}
# a view shows what its caller may read of the tables below it (check_views_and_sequences)
VIEWS = {"audit.row_hashes", "audit.record_entries", "crm.current_consents"}
KEY_COMMANDS = ("select", "insert", "update", "delete")


def ancestors(table: str) -> set[str]:
    """The tables that a child asks, and those that they ask."""
    above = set(PARENTS.get(table, {}).values())
    return above.union(*(ancestors(parent) for parent in above))


@cases
def test_member(
    client: Connection, world: World, matrix: Matrix, table: str, role: Role, command: Command
) -> None:
    me = world.me(world.a, SUBJECTS[role])
    with acting(client, world.a.members[SUBJECTS[role]].claims()):
        Cells(client, world, matrix, me).check(table, command)


@pytest.mark.parametrize(
    ("table", "role", "command"),
    [
        pytest.param(cell.table, cell.role, cell.command, id=str(cell))
        for cell in CELLS
        # an agent acts for people
        if cell.role is not Role.AI_AGENT
    ],
)
def test_agent_acting_for_member(
    client: Connection, world: World, matrix: Matrix, table: str, role: Role, command: Command
) -> None:
    me = world.through_agent(world.a, SUBJECTS[role])
    agent = world.a.members["agent"]
    claims = world.a.members[SUBJECTS[role]].claims(act={"user_id": str(agent.user_id)})
    with acting(client, claims):
        Cells(client, world, matrix, me).check(table, command)


@cases
def test_api_key(
    client: Connection,
    back_office: Connection,
    superuser: Connection,
    world: World,
    matrix: Matrix,
    table: str,
    role: Role,
    command: Command,
) -> None:
    """Three keys: without scopes, with what the command needs, with everything else."""
    member = world.a.members[SUBJECTS[role]]
    me = world.me(world.a, SUBJECTS[role])
    right = f"{table}:{'update' if command is Command.SOFT_DELETE else command}"
    # the guard of a key looks up the membership that the key acts as
    needed = {right, f"{table}:select", *GUARDS_READ.get(right, ())}
    # a child is reached through its parent, and that through its own
    for above in ancestors(table):
        needed |= {f"{above}:select", f"{above}:update"}
    needed |= {f"{linked}:select" for linked in LINKS.get(table, {}).values()}
    everything = {f"{cell.table}:{word}" for cell in CELLS for word in KEY_COMMANDS}
    for kind, scopes in (
        ("everything", set()),
        ("narrowed", needed),
        ("elsewhere", everything - {right}),
    ):
        key = world.a.keys[role, kind]
        with acting(back_office, None, "service_role", keep=True):
            back_office.execute(
                "update tenancy.api_keys set scopes = %s where id = %s", [sorted(scopes), key]
            )
        refresh_trail(world, superuser)
        claims = member.claims(api_key_id=str(key))
        with acting(client, claims):
            keyed = me.with_key(key, *scopes)
            Cells(client, world, matrix, keyed, alike=True).check(table, command)


@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell.scope is not Scope.NONE], ids=str)
def test_cell_has_rows_on_both_sides(world: World, matrix: Matrix, cell: Cell) -> None:
    """Without a row that is reached and one that is not, a cell would prove nothing."""
    me = world.me(world.a, SUBJECTS[cell.role])
    rows = world.rows[cell.table]
    reached = [
        row for row in rows if reaches(matrix, cell.scope, cell.table, row, me, cell.command)
    ]
    if cell.command is Command.INSERT:
        # what may be inserted is judged by the candidates of `cells.py`
        return
    if cell.command in (Command.UPDATE, Command.DELETE, Command.SOFT_DELETE):
        reached = [row for row in reached if not kept_by_guard(world, cell.table, row, me)]
    assert reached
    # a model is of all agencies
    assert len(reached) < len(rows) or cell.table == "ai.embedding_models"
    if cell.scope is Scope.OWN:
        assert len(reached) < len(agency_rows(world, cell.table, me))


def test_matrix_lists_exactly_the_tables_there_are(superuser: Connection, matrix: Matrix) -> None:
    found = superuser.execute(
        "select n.nspname || '.' || c.relname as name"
        " from pg_class as c join pg_namespace as n on n.oid = c.relnamespace"
        " where n.nspname = any (%s) and c.relkind in ('r', 'p', 'f', 'm', 'v')"
        " and not c.relispartition",
        [list(SCHEMAS)],
    ).fetchall()
    assert {row["name"] for row in found} - VIEWS == matrix.tables


def test_matrix_has_a_line_for_each_role_of_the_database(
    superuser: Connection, matrix: Matrix
) -> None:
    found = superuser.execute(
        "select unnest(enum_range(null::app.agency_role))::text as name"
    ).fetchall()
    assert {row["name"] for row in found} == {role.value for role in Role}
    for table in matrix.tables:
        for role in Role:
            for command in Command:
                assert (table, role, command) in matrix.cells


def test_matrix_is_canonical(matrix: Matrix) -> None:
    """Each line as the typed cells would write it: nothing else hides in the file."""
    lines = FILE.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "schema,table,agency_role,select,insert,update,delete,soft_delete"
    rendered = [
        ",".join(
            [
                *table.split("."),
                role.value,
                *(matrix.scope(table, role, command).value for command in Command),
            ]
        )
        for table in dict.fromkeys(cell.table for cell in CELLS)
        for role in Role
    ]
    assert lines[1:] == rendered


@pytest.mark.parametrize("role", list(Role))
def test_soft_delete_is_never_wider_than_update(matrix: Matrix, role: Role) -> None:
    order = list(Scope)
    for table in matrix.tables:
        soft = matrix.scope(table, role, Command.SOFT_DELETE)
        assert order.index(soft) <= order.index(matrix.scope(table, role, Command.UPDATE))


def test_a_line_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    twice = tmp_path / "permissions.csv"
    text = FILE.read_text(encoding="utf-8")
    twice.write_text(text + text.splitlines()[-1] + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match="twice"):
        Matrix(twice)
