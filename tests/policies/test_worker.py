"""The workers: what `policies/worker.csv` allows, in the one agency that a transaction is bound to.

Every cell is run as the login gardenos_worker, allowed and denied, with rows on both sides.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg.rows import dict_row

from tests.database import Database
from tests.policies.access import Connection, acting, attempt
from tests.policies.cells import CHANGES, candidates, insert, key_list, keys_of
from tests.policies.matrix import Matrix
from tests.policies.recorded import recorded
from tests.policies.worker import FILE, contract
from tests.policies.world import Agency, World

CONTRACT = contract()
TABLES = sorted(Matrix().tables)
every_table = pytest.mark.parametrize("table", TABLES)
every_duty = pytest.mark.parametrize("table", sorted(CONTRACT))
BIND = "select app.bind_worker(%s)"


@pytest.fixture(scope="module")
def worker(built_world: World, world_database: Database) -> Iterator[Connection]:
    """The login of the workers, outside of any transaction."""
    with world_database.connect(
        "gardenos_worker", autocommit=True, row_factory=dict_row
    ) as connection:
        yield connection


@contextmanager
def bound(connection: Connection, agency: UUID, *, counted: bool = False) -> Iterator[None]:
    """A transaction bound to an agency, rolled back; with `counted` all changes are recorded."""
    with connection.transaction(force_rollback=True):
        connection.execute(BIND, [agency])
        with recorded(connection) if counted else nullcontext():
            yield


def agency_seen(connection: Connection) -> Any:
    (row,) = connection.execute("select app.agency_id() as id").fetchall()
    return row["id"]


def writable(superuser: Connection, table: str) -> list[str]:
    """The columns that can be written at all."""
    found = superuser.execute(
        "select attname::text as name from pg_attribute"
        " where attrelid = %s::regclass and attnum > 0 and not attisdropped"
        " and attgenerated = '' and attidentity = '' order by attnum",
        [table],
    ).fetchall()
    return [row["name"] for row in found]


def rows_of(world: World, table: str, agency: Agency) -> list[dict[str, Any]]:
    """Those of an agency; a model is of every agency."""
    return [row for row in world.rows[table] if row.get("agency_id", agency.id) == agency.id]


def new_chunk(world: World, agency: Agency) -> dict[str, Any]:
    live = (row for row in rows_of(world, "ai.documents", agency) if row["deleted_at"] is None)
    text = {"seq": 987, "content": "New", "token_count": 1, "content_sha256": bytes(32)}
    return {"document_id": next(live)["id"], **text}


def new_text(world: World, agency: Agency, table: str) -> dict[str, Any]:
    """A live memory that has no row of this table, and a model that the table is for."""
    taken = {row["memory_id"] for row in rows_of(world, table, agency)}
    (memory, *_) = (
        row
        for row in rows_of(world, "ai.memories", agency)
        if row["deleted_at"] is None and row["id"] not in taken
    )
    (model, *_) = (
        row
        for row in world.rows["ai.embedding_models"]
        if table in ("ai.embedding_jobs", f"ai.embeddings_{row['storage']}")
    )
    return {"memory_id": memory["id"], "model_id": model["id"], "content_sha256": bytes(32)}


def new_vector(dims: int, table: str) -> Callable[[World, Agency], dict[str, Any]]:
    return lambda world, agency: {
        **new_text(world, agency, table),
        "tier": "small",
        "embedding": f"[{','.join(['0.5'] * dims)}]",
    }


NEW_TEXTS: dict[str, Callable[[World, Agency], dict[str, Any]]] = {
    "ai.chunks": new_chunk,
    "ai.embeddings_vector_1536": new_vector(1536, "ai.embeddings_vector_1536"),
    "ai.embeddings_halfvec_3072": new_vector(3072, "ai.embeddings_halfvec_3072"),
    "ai.embedding_jobs": lambda world, agency: new_text(world, agency, "ai.embedding_jobs"),
}


def new_row(world: World, table: str, agency: Agency) -> dict[str, Any]:
    """A whole row to insert; two tables that no client writes have none among the candidates."""
    if table == "integration.import_rows":
        job = rows_of(world, "integration.import_jobs", agency)[0]["id"]
        return {"agency_id": agency.id, "job_id": job, "row_no": 987_654}
    if table == "integration.webhook_deliveries":
        endpoint = rows_of(world, "integration.webhook_endpoints", agency)[0]["id"]
        event = {"event_id": uuid4(), "event_type": "crm.deals.updated"}
        return {"agency_id": agency.id, "endpoint_id": endpoint, **event}
    if table in NEW_TEXTS:
        return {"agency_id": agency.id, **NEW_TEXTS[table](world, agency)}
    return next(
        candidate.row
        for candidate in candidates(world, table)
        if candidate.narrowed is None and candidate.row["agency_id"] == agency.id
    )


# --- the cells ------------------------------------------------------------------------------------


@every_table
def test_a_worker_reads_its_tables_in_its_agency(
    worker: Connection, world: World, table: str
) -> None:
    for agency in (world.a, world.b):
        with bound(worker, agency.id):
            outcome = attempt(worker, f"select * from {table}")
            if table not in CONTRACT:
                assert outcome.refused_by_grant, outcome
                continue
            mine = rows_of(world, table, agency)
            # but models, which are of all agencies
            everywhere = table == "ai.embedding_models"
            assert 0 < len(mine) < len(world.rows[table]) + everywhere, "rows on both sides"
            assert keys_of(table, outcome.rows) == keys_of(table, mine)


@every_table
def test_a_worker_inserts_what_it_may_and_into_its_agency_only(
    worker: Connection, superuser: Connection, world: World, table: str
) -> None:
    duty = CONTRACT.get(table)
    with bound(worker, world.a.id, counted=True):
        if duty is None or "insert" not in duty.commands:
            outcome = attempt(worker, *insert(table, candidates(world, table)[0].row))
            assert outcome.refused_by_grant, outcome
            return
        for agency in (world.a, world.b):
            outcome = attempt(worker, *insert(table, new_row(world, table, agency)))
            if agency is world.a:
                assert outcome.count == 1, outcome
            else:
                assert outcome.refused_by_policy, outcome
        for column in writable(superuser, table):
            # only the grant is asked: default values would break other rules
            outcome = attempt(worker, f"insert into {table} ({column}) values (default)")
            assert outcome.refused_by_grant is not duty.grants("insert", column), (column, outcome)


@every_table
def test_a_worker_changes_the_columns_it_may_in_its_agency_only(
    worker: Connection, superuser: Connection, world: World, table: str
) -> None:
    duty = CONTRACT.get(table)
    with bound(worker, world.a.id, counted=True):
        for column in writable(superuser, table):
            outcome = attempt(worker, f"update {table} set {column} = {column}")
            if duty is None or not duty.grants("update", column):
                assert outcome.refused_by_grant, (column, outcome)
                continue
            assert outcome.count == len(rows_of(world, table, world.a)), (column, outcome)
            outcome = attempt(
                worker, f"update {table} set {column} = {column} where agency_id = %s", [world.b.id]
            )
            assert (outcome.sqlstate, outcome.count) == (None, 0), (column, outcome)


@every_table
def test_a_worker_deletes_deliveries_and_leaves_the_rest_to_retention(
    worker: Connection, world: World, table: str
) -> None:
    duty = CONTRACT.get(table)
    with bound(worker, world.a.id):
        outcome = attempt(worker, f"delete from {table}")
        if duty is not None and "delete" in duty.commands:
            assert outcome.count == len(rows_of(world, table, world.a))
        else:
            assert outcome.refused_by_grant, outcome
        assert attempt(worker, f"truncate {table} cascade").sqlstate == "42501"


def test_a_row_stays_in_its_agency(worker: Connection, world: World) -> None:
    with bound(worker, world.a.id):
        outcome = attempt(
            worker, "update integration.webhook_deliveries set agency_id = %s", [world.b.id]
        )
        assert outcome.sqlstate == "PT403", outcome


def test_what_a_worker_changes_is_recorded_and_stamped_with_nobody(
    worker: Connection, world: World
) -> None:
    with bound(worker, world.a.id, counted=True):
        worker.execute("update crm.files set scan_status = 'infected'")
        (row,) = worker.execute(
            "select count(*) from crm.files where updated_by is null"
        ).fetchall()
        assert row["count"] == len(rows_of(world, "crm.files", world.a))


# --- the binding ----------------------------------------------------------------------------------


def sees_nothing(worker: Connection, world: World) -> None:
    """No agency, no row of any table, and no row that can be added."""
    assert agency_seen(worker) is None
    for table, duty in CONTRACT.items():
        outcome = attempt(worker, f"select 1 from {table}")
        assert (outcome.sqlstate, outcome.rows) == (None, []), (table, outcome)
        if "insert" in duty.commands:
            outcome = attempt(worker, *insert(table, new_row(world, table, world.a)))
            assert outcome.refused_by_policy, (table, outcome)
        if duty.update == "x":
            outcome = attempt(worker, f"update {table} set {CHANGES[table][0]}")
            assert (outcome.sqlstate, outcome.count) == (None, 0), (table, outcome)


def test_without_a_binding_there_is_nothing(worker: Connection, world: World) -> None:
    with worker.transaction(force_rollback=True):
        sees_nothing(worker, world)
    # outside of a transaction block it ends with its own statement
    worker.execute(BIND, [world.a.id])
    assert agency_seen(worker) is None


def forge(connection: Connection, claims: object, seal: str, *, local: bool = True) -> None:
    connection.execute(
        "select set_config('request.jwt.claims', %s, %s), set_config('gardenos.seal', %s, %s)",
        [
            claims if isinstance(claims, str) else json.dumps(claims, default=str),
            local,
            seal,
            local,
        ],
    )


def taken(connection: Connection) -> tuple[str, str]:
    """The claims and the seal of a bound transaction, as injected SQL can read them."""
    (row,) = connection.execute(
        "select current_setting('request.jwt.claims') as claims,"
        " current_setting('gardenos.seal') as seal"
    ).fetchall()
    return row["claims"], row["seal"]


@pytest.mark.parametrize("seal", ["", "0" * 64, "x"])
def test_forged_claims_bind_nothing(worker: Connection, world: World, seal: str) -> None:
    for claims in (
        world.a.members["owner"].claims(),
        world.a.members["owner"].claims(role="gardenos_worker"),
        {"role": "gardenos_worker", "agency_id": world.a.id},
        {"agency_id": world.a.id},
        "{",
        "null",
    ):
        with worker.transaction(force_rollback=True):
            forge(worker, claims, seal)
            sees_nothing(worker, world)


def test_a_seal_is_good_for_its_agency_and_its_transaction_only(
    worker: Connection, world: World, world_database: Database
) -> None:
    with bound(worker, world.a.id):
        claims, seal = taken(worker)
        for other in (
            claims.replace(str(world.a.id), str(world.b.id)),
            world.a.members["owner"].claims(),
            claims + " ",
        ):
            forge(worker, other, seal)
            sees_nothing(worker, world)
        forge(worker, claims, seal)
        assert agency_seen(worker) == world.a.id
        with (
            world_database.connect("gardenos_worker", row_factory=dict_row) as second,
            second.transaction(force_rollback=True),
        ):
            forge(second, claims, seal)
            assert agency_seen(second) is None
    with worker.transaction(force_rollback=True):
        forge(worker, claims, seal)
        sees_nothing(worker, world)


def test_settings_that_outlive_the_transaction_bind_nothing(
    worker: Connection, world: World
) -> None:
    """As a pool would carry them over, or a careless `set`."""
    try:
        with worker.transaction():
            worker.execute(BIND, [world.a.id])
            forge(worker, *taken(worker), local=False)
            assert agency_seen(worker) == world.a.id
        with worker.transaction(force_rollback=True):
            sees_nothing(worker, world)
    finally:
        worker.execute("discard all")


def test_one_transaction_is_bound_to_one_agency(worker: Connection, world: World) -> None:
    with bound(worker, world.a.id):
        refused = attempt(worker, BIND, [world.b.id])
        assert (refused.sqlstate, str(world.a.id) in refused.message) == ("42501", True)
        assert attempt(worker, BIND, [world.a.id]).sqlstate is None
        assert agency_seen(worker) == world.a.id
    with worker.transaction(force_rollback=True):
        with worker.transaction(force_rollback=True):
            worker.execute(BIND, [world.a.id])
        assert agency_seen(worker) is None, "a savepoint that is undone takes the binding along"
        worker.execute(BIND, [world.b.id])
        assert agency_seen(worker) == world.b.id


@pytest.mark.parametrize(("agency", "sqlstate"), [(None, "22004"), (uuid4(), "42501")])
def test_an_agency_that_is_not_there_is_not_bound(
    worker: Connection, world: World, agency: UUID | None, sqlstate: str
) -> None:
    with worker.transaction(force_rollback=True):
        assert attempt(worker, BIND, [agency]).sqlstate == sqlstate
        sees_nothing(worker, world)


def test_a_bound_worker_is_nobody(worker: Connection, world: World) -> None:
    with bound(worker, world.a.id):
        (proof,) = worker.execute("select * from app.proof()").fetchall()
        assert proof.pop("agency_id") == world.a.id
        assert set(proof.values()) == {None}
        (row,) = worker.execute(
            "select app.may('crm.contacts:select', 'owner', 'ai_agent') as may,"
            " app.can_import() as imports, app.contact_id() as contact, app.my_teams() as teams,"
            " app.reach('crm.contacts:select', agency => '{owner}') as reach"
        ).fetchall()
        assert row == {"may": False, "imports": False, "contact": None, "teams": [], "reach": None}


def test_nobody_else_binds_as_a_worker(
    client: Connection, superuser: Connection, world: World, world_database: Database
) -> None:
    """Whoever logged in otherwise is no worker, whatever role and claims they have now."""
    forged = {"role": "gardenos_worker", "agency_id": str(world.a.id)}
    for role in ("anon", "authenticated", "service_role"):
        for claims in (None, forged, world.a.members["owner"].claims()):
            with acting(client, claims, role):
                assert attempt(client, BIND, [world.a.id]).sqlstate == "42501"
                assert (
                    attempt(client, "select app.issue_worker_seal(%s)", [world.a.id]).sqlstate
                    == "42501"
                )
    with acting(client, forged):
        assert agency_seen(client) is None
    with superuser.transaction(force_rollback=True):
        superuser.execute("set local role gardenos_worker")
        refused = attempt(superuser, BIND, [world.a.id])
        assert (refused.sqlstate, "postgres" in refused.message) == ("42501", True)
        forge(superuser, forged, "")
        assert agency_seen(superuser) is None
    for login in ("gardenos_app", "gardenos_auditor", "authenticator"):
        with world_database.connect(login, autocommit=True) as connection:
            assert attempt(connection, BIND, [world.a.id]).sqlstate == "42501"


def test_a_transaction_that_only_reads_is_bound_too(worker: Connection, world: World) -> None:
    """As on a replica: the binding writes nothing."""
    with worker.transaction(force_rollback=True):
        worker.execute("set transaction read only")
        worker.execute(BIND, [world.a.id])
        outcome = attempt(worker, "select agency_id, id from crm.contacts")
        mine = rows_of(world, "crm.contacts", world.a)
        assert keys_of("crm.contacts", outcome.rows) == keys_of("crm.contacts", mine)


# --- an agency that is not active -----------------------------------------------------------------


def become(superuser: Connection, agency: UUID, assignments: str) -> None:
    """Commit it without stamps and trail, so that the world stays as the tests know it."""
    with superuser.transaction():
        superuser.execute("set local session_replication_role = replica")
        superuser.execute(f"update tenancy.agencies set {assignments} where id = %s", [agency])


@pytest.mark.parametrize(
    "state",
    ["status = 'suspended'", "status = 'closing'", "deleted_at = now()"],
    ids=["suspended", "closing", "deleted"],
)
def test_in_an_agency_that_is_not_active_a_worker_erases_and_retains_only(
    worker: Connection, superuser: Connection, world: World, state: str
) -> None:
    with worker.transaction(force_rollback=True):
        worker.execute(BIND, [world.a.id])
        assert attempt(worker, "select 1 from crm.messages").count > 0
        try:
            become(superuser, world.a.id, state)
            # the next statement, in the transaction that was bound before
            for table, duty in CONTRACT.items():
                outcome = attempt(worker, f"select {key_list(table)} from {table}")
                shown = rows_of(world, table, world.a) if duty.in_any_agency else []
                assert keys_of(table, outcome.rows) == keys_of(table, shown), table
                for command in duty.commands - {"select"}:
                    allowed = duty.in_any_agency
                    if command == "insert":
                        outcome = attempt(worker, *insert(table, new_row(world, table, world.a)))
                        assert outcome.refused_by_policy, (table, outcome)
                    elif command == "update":
                        (column, *_) = duty.update.split() if duty.update != "x" else ["id"]
                        outcome = attempt(worker, f"update {table} set {column} = {column}")
                        assert (outcome.count > 0) is allowed, (table, outcome)
                    else:
                        assert attempt(worker, f"delete from {table}").count == 0
        finally:
            become(superuser, world.a.id, "status = 'active', deleted_at = null")
        assert attempt(worker, "select 1 from crm.messages").count > 0


# --- the contract ---------------------------------------------------------------------------------


def test_the_tables_of_the_contract_are_tables_of_the_matrix() -> None:
    assert CONTRACT.keys() <= set(TABLES)


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("crm,deals,", "crm,contacts,", "twice"),
        ("crm,deals,active", "crm,deals,sometimes", "unknown word"),
        ("crm,deals,active,x,,,retention", "crm,deals,active,x,,,perhaps", "unknown word"),
    ],
)
def test_a_contract_that_makes_no_sense_is_refused(
    tmp_path: Path, old: str, new: str, word: str
) -> None:
    text = FILE.read_text(encoding="utf-8")
    assert old in text
    broken = tmp_path / "worker.csv"
    broken.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ValueError, match=word):
        contract(broken)
