"""Each invariant is broken on purpose, on real servers, and must be named: it and no other."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.cluster.waiting import until
from tests.failover import invariants
from tests.failover.evidence import Attempt, Evidence, Poll, Probe
from tests.failover.invariants import Before, Verdict, check, cluster_is_whole, remember
from tests.failover.reach import connect, rows, wait_for_replay
from tests.failover.stand import Stage, set_stage
from tests.failover.unmanaged import Unmanaged, unmanaged
from tests.failover.witnesses import WitnessDied, Witnesses


@pytest.fixture(scope="module")
def reach() -> Iterator[Unmanaged]:
    with unmanaged() as servers:
        yield servers


@pytest.fixture(scope="module")
def stage(reach: Unmanaged) -> Stage:
    return set_stage(reach, 3)


@pytest.fixture(scope="module")
def before(reach: Unmanaged, stage: Stage) -> Before:
    return remember(reach)


@pytest.fixture(scope="module")
def seen(reach: Unmanaged, stage: Stage, before: Before) -> Evidence:
    """The evidence of a short run without a fault; one event is left to be delivered."""
    with Witnesses(reach, stage, reader_pause=0.2) as witnesses:
        witnesses.settle(20)
    found = witnesses.evidence
    left = {"event": found.deliveries[-1].event}
    found.deliveries = [each for each in found.deliveries if each.event != left["event"]]
    again = "update integration.outbox_events set published_at = null where id = %(event)s"
    run(reach, again, arguments=left)
    return found


@pytest.fixture
def evidence(seen: Evidence) -> Evidence:
    """A copy to forge."""
    return seen.snapshot()


def run(reach: Unmanaged, *statements: str, arguments: dict[str, Any] | None = None) -> None:
    """Run statements as superuser on the leader, and wait until all nodes have them."""
    with connect(reach, "postgres", autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode(), arguments)
    wait_for_replay(reach, 20)


def broken(verdict: Verdict) -> set[str]:
    return set(verdict.violations)


def test_a_run_without_a_fault_holds_everything(
    evidence: Evidence, reach: Unmanaged, before: Before
) -> None:
    verdict = check(evidence, reach, before)
    assert verdict.holds, str(verdict)
    assert verdict.summary.acked > 0
    assert verdict.summary.lost == 0
    assert verdict.summary.probes > 0
    assert "not yet" not in str(verdict)


# What is done to the cluster, and undone, and the invariant that must be named. What bootstrap has
# to repair is I7 too: the migrator refuses to upgrade.
CHANGES = {
    "rows of the trail are not those of the change": (
        "I2 I9",
        "set session_replication_role = replica;"
        " update audit.log set table_name = 'taems' where table_name = 'teams'",
        "set session_replication_role = replica;"
        " update audit.log set table_name = 'teams' where table_name = 'taems'",
    ),
    "values of the trail were changed": (
        "I9",
        "set session_replication_role = replica;"
        " update audit.log set new_values = new_values || '{\"x\": 1}' where table_name = 'teams'",
        "set session_replication_role = replica;"
        " update audit.log set new_values = new_values - 'x' where table_name = 'teams'",
    ),
    "a change is not recorded": (
        "I3 I9",
        "alter table tenancy.teams disable trigger audit_update",
        "alter table tenancy.teams enable trigger audit_update",
    ),
    "a trigger is disabled": (
        "I3 I9",
        "alter table tenancy.teams disable trigger stamp",
        "alter table tenancy.teams enable trigger stamp",
    ),
    "a trigger fires on replicas only": (
        "I3 I9",
        "alter table tenancy.teams enable replica trigger stamp",
        "alter table tenancy.teams enable trigger stamp",
    ),
    "a policy is renamed": (
        "I3",
        'alter policy "tenant floor" on tenancy.teams rename to "floor"',
        'alter policy "floor" on tenancy.teams rename to "tenant floor"',
    ),
    "row-level security is off": (
        "I3",
        "alter table tenancy.teams disable row level security",
        "alter table tenancy.teams enable row level security",
    ),
    "row-level security is not forced": (
        "I3",
        "alter table tenancy.teams no force row level security",
        "alter table tenancy.teams force row level security",
    ),
    "a table is granted": (
        "I3",
        "grant select on tenancy.teams to anon",
        "revoke select on tenancy.teams from anon",
    ),
    "a column is granted": (
        "I3",
        "grant select (name) on tenancy.teams to anon",
        "revoke select (name) on tenancy.teams from anon",
    ),
    "a schema is granted": (
        "I3 I7",
        "grant usage on schema tenancy to anon",
        "revoke usage on schema tenancy from anon",
    ),
    "a function is granted": (
        "I3",
        "grant execute on function app.uuid_v7() to anon",
        "revoke execute on function app.uuid_v7() from anon",
    ),
    "a default privilege is granted": (
        "I3 I7",
        "alter default privileges for role gardenos_owner grant select on tables to anon",
        "alter default privileges for role gardenos_owner revoke select on tables from anon",
    ),
    "the database is granted": (
        "I3",
        "grant create on database gardenos to anon",
        "revoke create on database gardenos from anon",
    ),
    "a role bypasses policies": (
        "I3 I7",
        "alter role anon bypassrls",
        "alter role anon nobypassrls",
    ),
    "a role may become another": (
        "I3 I7",
        "grant gardenos_owner to gardenos_app",
        "revoke gardenos_owner from gardenos_app",
    ),
    "a role loses a setting": (
        "I3 I7",
        "alter role authenticator_ro reset default_transaction_read_only",
        "alter role authenticator_ro set default_transaction_read_only = 'on'",
    ),
    "the database gets a setting": (
        "I3 I9 I10",
        "alter database gardenos set row_security = off",
        "alter database gardenos reset row_security",
    ),
    "a password changes": (
        "I3",
        "alter role gardenos_app password 'x'",
        "alter role gardenos_app password null",
    ),
    "a function runs as its owner": (
        "I3 I9",
        "alter function app.uuid_v7() security definer",
        "alter function app.uuid_v7() security invoker",
    ),
    "an event trigger is disabled": (
        "I3 I7",
        "alter event trigger gardenos_pgrst_ddl disable",
        "alter event trigger gardenos_pgrst_ddl enable",
    ),
    "a sequence steps back": (
        "I5",
        "select setval('chaos.ledger_id_seq', 1)",
        "select setval('chaos.ledger_id_seq', (select max(id) from chaos.ledger))",
    ),
    "a sequence gives the last id again": (
        "I5",
        "select setval('chaos.ledger_id_seq', (select max(id) from chaos.ledger), false)",
        "select setval('chaos.ledger_id_seq', (select max(id) from chaos.ledger))",
    ),
    "the ledger of migrations has two rows": (
        "I7",
        "alter table migration.alembic_version drop constraint alembic_version_pkc;"
        "insert into migration.alembic_version select * from migration.alembic_version",
        "delete from migration.alembic_version as a using migration.alembic_version as b"
        " where a.ctid > b.ctid;"
        "alter table migration.alembic_version add constraint alembic_version_pkc"
        " primary key (version_num)",
    ),
    "the ledger of migrations is behind": (
        "I7",
        "update migration.alembic_version set version_num = '0007'",
        "update migration.alembic_version set version_num ="
        " (select max(revision) from migration.revisions)",
    ),
    "an index is invalid": (
        "I7",
        "set allow_system_table_mods = on;"
        "update pg_index set indisvalid = false"
        " where indexrelid = 'tenancy.teams_parent_team_id_idx'::regclass",
        "set allow_system_table_mods = on;"
        "update pg_index set indisvalid = true"
        " where indexrelid = 'tenancy.teams_parent_team_id_idx'::regclass",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_behind_our_back_is_named(
    change: str, evidence: Evidence, reach: Unmanaged, before: Before
) -> None:
    number, statement, back = CHANGES[change]
    run(reach, statement)
    try:
        verdict = check(evidence, reach, before)
    finally:
        run(reach, back)
    assert broken(verdict) == set(number.split()), str(verdict)
    assert check(evidence, reach, before).holds


@pytest.mark.parametrize("table", ["chaos.ledger", "tenancy.teams"])
def test_a_lost_row_is_named(
    table: str, evidence: Evidence, reach: Unmanaged, before: Before
) -> None:
    key = evidence.of("acked")[3].key
    column = {"chaos.ledger": "key", "tenancy.teams": "id"}[table]
    names = {"key": key}
    unnoticed = "set session_replication_role = replica"
    run(
        reach,
        unnoticed,
        f"create table chaos.kept as select * from {table} where {column} = %(key)s",
        f"delete from {table} where {column} = %(key)s",
        arguments=names,
    )
    try:
        verdict = check(evidence, reach, before)
    finally:
        run(reach, unnoticed, f"insert into {table} overriding system value table chaos.kept")
        run(reach, "drop table chaos.kept")
    assert "I1" in broken(verdict)
    assert str(key) in str(verdict)
    assert verdict.summary.lost == 1
    # the table that kept the row is one more relation
    assert broken(verdict) == {"I1", "I3"} | ({"I2"} if table == "tenancy.teams" else set())


def test_a_lost_event_is_named(evidence: Evidence, reach: Unmanaged, before: Before) -> None:
    key = evidence.of("acked")[3].key
    table = "integration.outbox_events"
    unnoticed = "set session_replication_role = replica"
    run(
        reach,
        unnoticed,
        f"create table chaos.kept as select * from {table} where aggregate_id = %(key)s",
        f"delete from {table} where aggregate_id = %(key)s",
        arguments={"key": key},
    )
    try:
        verdict = check(evidence, reach, before)
    finally:
        run(
            reach,
            unnoticed,
            f"insert into {table} overriding system value table chaos.kept",
            "drop table chaos.kept",
        )
    assert broken(verdict) == {"I10", "I3"}, "the table that kept it is one more relation"
    assert f"{key} is there, with 0 events" in str(verdict)


def test_a_delivery_without_its_change_is_named(
    evidence: Evidence, reach: Unmanaged, before: Before
) -> None:
    last = evidence.deliveries[-1]
    evidence.add(replace(last, event=uuid4()))
    verdict = check(evidence, reach, before)
    assert broken(verdict) == {"I10"}
    assert "its transaction did not survive" in str(verdict)


def test_an_event_that_is_marked_and_not_delivered_is_named(
    evidence: Evidence, reach: Unmanaged, before: Before
) -> None:
    first = evidence.deliveries[0].event
    evidence.deliveries = [each for each in evidence.deliveries if each.event != first]
    assert broken(check(evidence, reach, before)) == {"I10"}


def test_an_event_that_nobody_can_have_is_named(
    evidence: Evidence, reach: Unmanaged, before: Before, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invariants, "HELD_BACK_SECONDS", 1)
    agency = evidence.deliveries[0].agency
    evidence.deliveries = []
    published = "select id from integration.outbox_events where published_at is not null"
    names = {"ids": [event for (event,) in rows(reach, "rw", published)]}
    run(reach, "update integration.outbox_events set published_at = null")
    with connect(reach, "gardenos_worker") as greedy:
        greedy.execute("select app.bind_worker(%s)", [agency])
        greedy.execute("select from app.claim_outbox_stream()")
        verdict = check(evidence, reach, before)
    run(
        reach,
        "update integration.outbox_events set published_at = now() where id = any(%(ids)s)",
        arguments=names,
    )
    assert broken(verdict) == {"I10"}
    assert "is never given" in str(verdict)


def test_a_row_that_is_there_twice_is_named(
    evidence: Evidence, reach: Unmanaged, before: Before
) -> None:
    key = evidence.of("acked")[3].key
    run(
        reach,
        "alter table chaos.ledger drop constraint ledger_pkey",
        "insert into chaos.ledger (key, agency_id)"
        " select key, agency_id from chaos.ledger where key = %(key)s",
        arguments={"key": key},
    )
    try:
        verdict = check(evidence, reach, before)
    finally:
        run(
            reach,
            "delete from chaos.ledger where id = (select max(id) from chaos.ledger)",
            "alter table chaos.ledger add constraint ledger_pkey primary key (key)",
        )
    assert broken(verdict) == {"I1"}
    assert f"{key} was acked, and is 2 times in chaos.ledger" in str(verdict)


def forged(evidence: Evidence, **changes: Any) -> Attempt:
    """The last acked attempt once more, with other facts, added to the evidence."""
    attempt = replace(evidence.of("acked")[-1], **changes)
    evidence.add(attempt)
    return attempt


def test_a_refused_write_that_is_there_is_named(
    evidence: Evidence, reach: Unmanaged, before: Before
) -> None:
    for attempt in evidence.of("acked")[:1]:
        attempt.outcome = "refused"
    verdict = check(evidence, reach, before)
    assert broken(verdict) == {"I1"}
    assert "was refused, and is 1 times" in str(verdict)


def test_an_unknown_write_may_be_there_or_not(
    evidence: Evidence, reach: Unmanaged, before: Before
) -> None:
    evidence.of("acked")[0].outcome = "unknown"
    forged(evidence, key=uuid4(), outcome="unknown")
    assert check(evidence, reach, before).holds


def test_a_key_that_was_acked_and_never_written_is_named(
    evidence: Evidence, reach: Unmanaged, before: Before
) -> None:
    forged(evidence, key=uuid4(), ledger_id=None)
    assert broken(check(evidence, reach, before)) == {"I1"}


def test_an_acked_id_that_the_sequence_will_give_again_is_named(
    evidence: Evidence, reach: Unmanaged, before: Before
) -> None:
    forged(evidence, ledger_id=10**9)
    assert broken(check(evidence, reach, before)) == {"I5"}


def test_two_nodes_that_ack_on_one_timeline_are_named(
    evidence: Evidence, reach: Unmanaged, before: Before
) -> None:
    forged(evidence, node="n2")
    verdict = check(evidence, reach, before)
    assert broken(verdict) == {"I6"}
    assert "n1 and n2 both acked on timeline 1" in str(verdict)


def test_a_zombie_that_acks_after_its_successor_is_named(
    evidence: Evidence, reach: Unmanaged, before: Before
) -> None:
    last = evidence.of("acked")[-1]
    assert last.sent is not None
    assert last.answered is not None
    successor = forged(evidence, node="n2", timeline=2, answered=last.answered + 1)
    assert check(evidence, reach, before).holds
    forged(evidence, sent=last.answered + 2, answered=last.answered + 3, node="n1", timeline=1)
    verdict = check(evidence, reach, before)
    assert broken(verdict) == {"I6"}, successor
    assert "n1 acked" in str(verdict)


def test_two_nodes_that_claim_to_lead_are_told_and_are_no_violation(
    evidence: Evidence, reach: Unmanaged, before: Before
) -> None:
    evidence.add(Poll(time.monotonic(), 0.1, ("n1", "n2")))
    verdict = check(evidence, reach, before)
    assert verdict.holds
    assert "1 polls saw two nodes" in str(verdict)


@pytest.mark.parametrize("verdict", ["broken", "blind"])
def test_a_leak_that_a_witness_saw_is_named(
    verdict: Any, evidence: Evidence, reach: Unmanaged, before: Before
) -> None:
    evidence.add(Probe("reader on ro", "ro", "a question", "held", 0, 0))
    evidence.add(Probe("reader on ro", "ro", "a question", verdict, 0, 0, "12 rows of it"))
    found = check(evidence, reach, before)
    assert broken(found) == {"I4"}
    assert "12 rows of it" in str(found)


def test_a_question_that_was_never_answered_is_named(
    evidence: Evidence, reach: Unmanaged, before: Before
) -> None:
    evidence.probes = [p for p in evidence.probes if (p.verdict, p.path) != ("held", "n3")]
    evidence.add(Probe("reader on n3", "n3", "a question", "down", 0, 0))
    assert broken(check(evidence, reach, before)) == {"I4"}


def test_a_path_on_which_nobody_looked_is_named(
    evidence: Evidence, reach: Unmanaged, before: Before
) -> None:
    evidence.probes = [probe for probe in evidence.probes if probe.path != "n3"]
    assert broken(check(evidence, reach, before)) == {"I4"}


def test_a_witness_that_died_fails_the_run(reach: Unmanaged, stage: Stage, before: Before) -> None:
    def clumsy() -> None:
        raise KeyError("bug in the test")

    witnesses = Witnesses(reach, stage)
    with witnesses:
        witnesses._crew.start("clumsy", clumsy)
        with pytest.raises(WitnessDied, match="bug in the test"):
            witnesses.settle(20)
        died = witnesses.evidence.snapshot()
        witnesses.evidence.crashes.clear()
    assert "I4" in broken(check(died, reach, before))


def test_a_dead_witness_fails_a_block_that_saw_nothing(reach: Unmanaged, stage: Stage) -> None:
    witnesses = Witnesses(reach, stage)
    with pytest.raises(WitnessDied, match="nobody home"), witnesses:
        witnesses.evidence.crashed("poller", "nobody home")


def test_a_standby_that_is_gone_is_named(
    evidence: Evidence, reach: Unmanaged, before: Before
) -> None:
    reach.servers["n3"].stop()
    try:
        assert any(
            "n3" in line or "answer" in line for line in cluster_is_whole(evidence, reach, before)
        )
    finally:
        reach.servers["n3"].start()
    assert check(evidence, reach, before).holds


# Real leaks: a mutation of the rules, and a question that must find it, on every path.
LEAKS = {
    "a member sees only its own agency": (
        'drop policy "tenant floor" on tenancy.teams;'
        "create policy leak on tenancy.teams for select to authenticated using (true)",
        {"rw", "ro", "n1", "n2", "n3"},
    ),
    "without good claims nobody sees anything": (
        "alter table tenancy.teams disable row level security",
        {"rw", "ro", "n1", "n2", "n3"},
    ),
    "nobody writes into another agency": (
        'drop policy "tenant floor" on tenancy.teams;'
        "create policy leak on tenancy.teams for insert to authenticated with check (true)",
        {"rw", "n1"},
    ),
    "a removed member writes nothing": (
        'drop policy "tenant floor" on tenancy.teams;'
        "create policy leak on tenancy.teams for insert to authenticated with check (true)",
        {"rw", "n1"},
    ),
    "nobody changes another agency": (
        'drop policy "tenant floor" on tenancy.teams;'
        "create policy leak on tenancy.teams for all to authenticated using (true)",
        {"rw", "n1"},
    ),
    "a removed member sees nothing": (
        'drop policy "tenant floor" on tenancy.teams;'
        "create policy leak on tenancy.teams for select to authenticated using (true)",
        {"rw", "ro", "n1", "n2", "n3"},
    ),
    "the agency of others stays closed": (
        'drop policy "tenant floor" on tenancy.teams;'
        "create policy leak on tenancy.teams for select to authenticated using (true)",
        {"rw", "ro", "n1", "n2", "n3"},
    ),
    "a reader sees only its own agency": (
        'drop policy "tenant floor" on tenancy.teams;'
        "create policy leak on tenancy.teams for select to authenticated using (true)",
        {"n1", "n2", "n3"},
    ),
    "a reader never writes": (
        "alter role authenticator_ro reset default_transaction_read_only",
        {"n1"},
    ),
    "a pooled connection keeps no claims of a transaction": (
        "alter table tenancy.teams disable row level security",
        {"rw"},
    ),
    "claims of a session end with its connection": (
        "alter table tenancy.teams disable row level security",
        {"rw"},
    ),
}
MEND = (
    "drop policy if exists leak on tenancy.teams",
    "alter table tenancy.teams enable row level security",
    "alter role authenticator_ro set default_transaction_read_only = 'on'",
)
FLOOR = """
create policy "tenant floor" on tenancy.teams as restrictive for all
    to anon, authenticated, service_role, gardenos_worker
    using (agency_id = (select app.agency_id()))
    with check (agency_id = (select app.agency_id()))
"""


def holes(witnesses: Witnesses, question: str) -> set[str]:
    """The paths on which the witness of this question saw what it must not."""
    probes = witnesses.evidence.snapshot().probes
    return {p.path for p in probes if (p.question, p.verdict) == (question, "broken")}


@pytest.mark.parametrize("statement", sorted({statement for statement, _ in LEAKS.values()}))
def test_a_hole_in_the_rules_is_seen_by_its_witness_on_every_path(
    statement: str, reach: Unmanaged, stage: Stage, before: Before, seen: Evidence
) -> None:
    asked = {question: paths for question, (how, paths) in LEAKS.items() if how == statement}
    run(reach, statement)
    try:
        with Witnesses(reach, stage, reader_pause=0.2) as witnesses:
            # what nobody expects has two seconds; what must be seen, as long as it takes
            time.sleep(2)
            until(
                lambda: all(paths <= holes(witnesses, each) for each, paths in asked.items()),
                60,
                f"a witness of {sorted(asked)} sees no hole",
            )
    finally:
        run(reach, *MEND)
        if "tenant floor" in statement:
            run(reach, FLOOR)
    for question, paths in asked.items():
        assert holes(witnesses, question) == paths, question
    # these witnesses had a publisher too: it may have delivered what the first one left
    seen.deliveries += witnesses.evidence.deliveries
    assert check(seen.snapshot(), reach, before).holds


def test_evidence_survives_its_file(evidence: Evidence, tmp_path: Path) -> None:
    evidence.mark("fault", "a fault")
    evidence.crashed("somebody", "a reason")
    evidence.dump(tmp_path / "evidence.jsonl")
    found = Evidence.load(tmp_path / "evidence.jsonl")
    assert vars(found.snapshot()) | {"_lock": 0} == vars(evidence.snapshot()) | {"_lock": 0}
