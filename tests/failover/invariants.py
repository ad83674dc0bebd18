"""The invariants of design/failover.md, section 6: what holds after every fault.

Each is a function that answers what violates it, one line each. To add one, write its function and
add it to `INVARIANTS`. A line that is a `Note` is information and no violation.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from alembic.script import ScriptDirectory

from migrations.runner.errors import RunError
from tests.database import alembic_config, upgrade
from tests.failover.evidence import Attempt, Evidence, Probe
from tests.failover.fingerprint import Fingerprint, fingerprint
from tests.failover.presence import Fate, fates, lost, presence
from tests.failover.reach import (
    PAUSE_SECONDS,
    Reach,
    connect,
    leader,
    rows,
    wait_for_leader,
    wait_for_replay,
)
from tests.failover.summary import Summary, summarise

HEALED_SECONDS = 60
REPLAY_SECONDS = 10
# More lines of one kind tell nothing new.
SHOWN = 8

LEDGER = "migration.alembic_version"


class Note(str):
    """A line that is no violation."""

    __slots__ = ()


@dataclass(frozen=True)
class Before:
    """The cluster before the first fault."""

    fingerprint: Fingerprint
    timeline: int


def remember(reach: Reach) -> Before:
    """Look at a healthy cluster, to compare with later."""
    node = wait_for_leader(reach)
    return Before(fingerprint(reach, node), timeline(reach, node))


def timeline(reach: Reach, node: str) -> int:
    """The timeline on which a leader writes."""
    query = "select ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int"
    ((found,),) = rows(reach, node, query)
    return int(found)


# --- I1 -------------------------------------------------------------------------------------------

# How often a key may be in the ledger and among the teams.
NOWHERE, ONCE = (0, 0), (1, 1)
ALLOWED: dict[Fate, set[tuple[int, int]]] = {
    "acked": {ONCE},
    "refused": {NOWHERE},
    "unknown": {NOWHERE, ONCE},
    "open": {NOWHERE, ONCE},
}


def acknowledged_writes_are_there(evidence: Evidence, reach: Reach, before: Before) -> list[str]:
    """I1, on every node.

    A key that was acked is in both tables once. One that was refused each time is in neither, and
    one whose fate nobody knows is in both or in neither, on all nodes alike.
    """
    wait_for_replay(reach, REPLAY_SECONDS)
    known = fates(evidence)
    found = []
    places: dict[UUID, set[bool]] = {}
    for node in reach.nodes:
        for key, there in presence(reach, node, known).items():
            fate = known[key]
            if fate != "open":
                places.setdefault(key, set()).add(there != (0, 0))
            if there not in ALLOWED[fate]:
                found.append(
                    f"{node}: key {key} was {fate}, and is {there[0]} times in chaos.ledger"
                    f" and {there[1]} times in tenancy.teams"
                )
    found += [f"key {key} is on some nodes only" for key, where in places.items() if len(where) > 1]
    return shortened(found)


# --- I2, I9 ---------------------------------------------------------------------------------------


def changes_have_their_audit_row(evidence: Evidence, reach: Reach, before: Before) -> list[str]:
    """I2, for the teams that the writers made."""
    known = list(fates(evidence))
    found = rows(
        reach,
        "rw",
        """
        with written as (
            select t.id
              from tenancy.teams as t
             where t.id = any(%s)
        ), recorded as (
            select l.record_id as id, count(*) as times
              from audit.log as l
             where l.schema_name = 'tenancy'
               and l.table_name = 'teams'
               and l.op::text = 'insert'
               and l.record_id = any(%s)
             group by l.record_id
        )
        select coalesce(w.id, r.id), w.id is not null, coalesce(r.times, 0)
          from written as w
          full join recorded as r on r.id = w.id
         where w.id is null or coalesce(r.times, 0) <> 1
        """,
        known,
        known,
    )
    return shortened(
        f"team {key} is {'there' if there else 'gone'}, with {times} audit rows"
        for key, there, times in found
    )


def audit_verifies(evidence: Evidence, reach: Reach, before: Before) -> list[str]:
    """I9: `audit.verify()` answers no row, once all that can be sealed is sealed.

    The seals are rolled back: a check leaves the cluster as it found it.
    """
    with connect(reach, "postgres", through=wait_for_leader(reach)) as connection:
        connection.execute("select audit.seal()")
        found = connection.execute("select * from audit.verify()").fetchall()
        connection.rollback()
    return shortened(f"audit.verify: {row}" for row in found)


# --- I10 ------------------------------------------------------------------------------------------

# How long what is left of the outbox may be held back, by sessions that an end is being put to.
HELD_BACK_SECONDS = 10

DELIVERED = """
select d.event, d.record
  from unnest(%s::uuid[], %s::uuid[], %s::uuid[]) as d (agency, event, record)
  left join integration.outbox_events as e
    on e.agency_id = d.agency
   and e.id = d.event
  left join crm.companies as c
    on c.agency_id = d.agency
   and c.id = d.record
 where e.id is null
    or (e.type = 'crm.companies.created' and c.id is null)
"""

TOLD = """
with written as (
    select t.id
      from crm.companies as t
     where t.id = any(%s)
), told as (
    select e.aggregate_id as id, count(*) as times
      from integration.outbox_events as e
     where e.type = 'crm.companies.created'
       and e.aggregate_id = any(%s)
     group by e.aggregate_id
)
select coalesce(w.id, t.id), w.id is not null, coalesce(t.times, 0)
  from written as w
  full join told as t on t.id = w.id
 where w.id is null or coalesce(t.times, 0) <> 1
"""

WAITING = """
select agency_id, id, aggregate_id, published_at is not null
  from integration.outbox_events
 where aggregate_id = any(%s)
   and id <> all(%s)
"""


def events_are_those_of_the_changes(evidence: Evidence, reach: Reach, before: Before) -> list[str]:
    """I10: no event was delivered whose change is gone, and none is lost.

    Each row that the writers made has its one event, which was delivered or still can be.
    """
    known = list(fates(evidence))
    sent = {(each.agency, each.event, each.record) for each in evidence.deliveries}
    parts: list[list[UUID]] = [list(part) for part in zip(*sent, strict=True)] or [[], [], []]
    found = [
        f"event {event} of {record} was delivered, and its transaction did not survive"
        for event, record in rows(reach, "rw", DELIVERED, *parts)
    ]
    found += [
        f"key {key} is {'there' if there else 'gone'}, with {times} events"
        for key, there, times in rows(reach, "rw", TOLD, known, known)
    ]
    if evidence.finished:
        left = rows(reach, "rw", WAITING, known, parts[1])
        found += [
            f"event {event} of {record} is marked as published, and nobody got it"
            for _, event, record, published in left
            if published
        ]
        waiting = {(agency, event) for agency, event, _, published in left if not published}
        found += [f"event {event} is never given" for _, event in never_given(reach, waiting)]
    return shortened(found)


def never_given(reach: Reach, waiting: set[tuple[UUID, UUID]]) -> set[tuple[UUID, UUID]]:
    """Which of these events, each with its agency, a worker cannot claim. Nothing is kept."""
    deadline = time.monotonic() + HELD_BACK_SECONDS
    with connect(reach, "gardenos_worker", through=wait_for_leader(reach)) as connection:
        while waiting and time.monotonic() < deadline:
            for agency in {agency for agency, _ in waiting}:
                connection.execute("select app.bind_worker(%s)", [agency])
                given = connection.execute(
                    "select agency_id, id from app.claim_outbox_stream(10000)"
                ).fetchall()
                connection.rollback()
                waiting = waiting - set(given)
    return waiting


# --- I3 -------------------------------------------------------------------------------------------


def security_is_unchanged(evidence: Evidence, reach: Reach, before: Before) -> list[str]:
    """I3: every node says what the leader said before."""
    wait_for_replay(reach, REPLAY_SECONDS)
    found = []
    for node in reach.nodes:
        lines = before.fingerprint.difference(fingerprint(reach, node))
        found += [f"{node}: {line}" for line in lines]
    return shortened(found, 24)


# --- I4 -------------------------------------------------------------------------------------------


def agencies_stay_apart(evidence: Evidence, reach: Reach, before: Before) -> list[str]:
    """I4: no probe found a rule broken, and every question was answered on every path."""
    found = [_told(probe) for probe in evidence.probes if probe.verdict in ("broken", "blind")]
    asked = {(probe.path, probe.question) for probe in evidence.probes}
    answered = {(p.path, p.question) for p in evidence.probes if p.verdict == "held"}
    found += [f"{path}: never answered: {question}" for path, question in sorted(asked - answered)]
    paths = {"rw", "ro", *reach.nodes} - {path for path, _ in asked}
    found += [f"{path}: nobody looked" for path in sorted(paths)]
    return shortened(found)


def _told(probe: Probe) -> str:
    return f"{probe.path}: {probe.verdict}: {probe.question}: {probe.detail} ({probe.witness})"


# --- I5 -------------------------------------------------------------------------------------------

SEQUENCES = """
    select
        s.oid::regclass::text,
        d.refobjid::regclass::text,
        quote_ident(a.attname)
      from pg_class as s
      join pg_sequence as q on q.seqrelid = s.oid and q.seqincrement > 0
      join pg_depend as d
        on d.classid = 'pg_class'::regclass
       and d.objid = s.oid
       and d.refclassid = 'pg_class'::regclass
       and d.deptype in ('a', 'i')
      join pg_attribute as a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
     where s.relkind = 'S'
"""


def sequences_are_ahead(evidence: Evidence, reach: Reach, before: Before) -> list[str]:
    """I5: what a sequence gives next was neither used in its column nor acked; no id is twice."""
    found = []
    acked = [a.ledger_id for a in evidence.of("acked") if a.ledger_id is not None]
    with connect(reach, "postgres", through=wait_for_leader(reach)) as connection:
        for sequence, table, column in connection.execute(SEQUENCES.encode()).fetchall():
            row = connection.execute(
                f"""
                select
                    q.last_value + case when q.is_called then 1 else 0 end,
                    (select coalesce(max({column}), 0) from {table})
                  from {sequence} as q
                """.encode()
            ).fetchone()
            assert row is not None
            following, highest = row
            if table == "chaos.ledger":
                highest = max([highest, *acked])
            if following <= highest:
                found.append(f"{sequence} gives {following} next, and {highest} is used")
        twice = connection.execute(
            "select id, count(*) from chaos.ledger group by id having count(*) > 1"
        ).fetchall()
        found += [f"chaos.ledger has id {number} {times} times" for number, times in twice]
        kept = set(connection.execute("select key, id from chaos.ledger").fetchall())
    present = {key for key, _ in kept}
    found += [
        f"key {attempt.key} was acked with id {attempt.ledger_id}, and has another"
        for attempt in evidence.of("acked")
        if attempt.key in present and (attempt.key, attempt.ledger_id) not in kept
    ]
    return shortened(found)


# --- I6 -------------------------------------------------------------------------------------------


def one_node_acknowledges(evidence: Evidence, reach: Reach, before: Before) -> list[str]:
    """I6: a timeline is one node's, and once a later timeline acked, no earlier one does.

    Two answers of 200 to /primary are no violation as long as one of the two acks nothing.
    """
    found = []
    owners: dict[int, Attempt] = {}
    latest: Attempt | None = None
    for attempt in evidence.of("acked"):
        if attempt.timeline is None or attempt.answered is None or attempt.sent is None:
            found.append(f"key {attempt.key} was acked by nobody known")
            continue
        owner = owners.setdefault(attempt.timeline, attempt)
        if owner.node != attempt.node:
            found.append(
                f"{owner.node} and {attempt.node} both acked on timeline {attempt.timeline}"
            )
        if latest is None or attempt.timeline > (latest.timeline or 0):
            latest = attempt
        elif attempt.timeline < (latest.timeline or 0) and attempt.sent > (latest.answered or 0):
            found.append(
                f"{attempt.node} acked {attempt.key} on timeline {attempt.timeline},"
                f" {attempt.sent - (latest.answered or 0):.3f} s after {latest.node} acked"
                f" on timeline {latest.timeline}"
            )
    overlaps = [poll for poll in evidence.polls if len(poll.primaries) > 1]
    notes = [
        Note(f"{len(overlaps)} polls saw two nodes answer /primary: {overlaps[0].primaries}")
        for _ in overlaps[:1]
    ]
    return [*shortened(found), *notes]


# --- I7 -------------------------------------------------------------------------------------------


def migrations_are_whole(evidence: Evidence, reach: Reach, before: Before) -> list[str]:
    """I7: the ledger is at head, upgrading again changes nothing, and no index is invalid."""
    head = ScriptDirectory.from_config(
        alembic_config(reach.url("gardenos_migrator"))
    ).get_current_head()
    versions = [row[0] for row in rows(reach, "rw", f"select version_num from {LEDGER}")]
    found = []
    if versions != [head]:
        found.append(f"{LEDGER} holds {versions}, and the files end with {head}")
    else:
        earlier = _migrations(reach)
        try:
            upgrade(reach.url("gardenos_migrator"))
        except RunError as error:
            found.append(f"upgrading again is refused: {error}")
        if _migrations(reach) != earlier:
            found.append("upgrading again wrote to the ledger")
    query = "select indexrelid::regclass::text from pg_index where not (indisvalid and indisready)"
    found += [f"index {name} is invalid" for (name,) in rows(reach, "rw", query)]
    return shortened(found)


def _migrations(reach: Reach) -> list[tuple[Any, ...]]:
    """The ledger, and by which transaction each row was written."""
    return rows(reach, "rw", "select r.xmin::text, r.* from migration.revisions as r order by 2")


# --- I8 -------------------------------------------------------------------------------------------


def wait_until_whole(evidence: Evidence, reach: Reach, before: Before, seconds: float) -> float:
    """Wait for I8, no longer than this; answer how many seconds it took."""
    begun = time.monotonic()
    while cluster_is_whole(evidence, reach, before):
        if time.monotonic() > begun + seconds:
            break
        time.sleep(PAUSE_SECONDS)
    return time.monotonic() - begun


def cluster_is_whole(evidence: Evidence, reach: Reach, before: Before) -> list[str]:
    """I8: one node leads, all others stream from it on its timeline.

    Every node is asked itself: /cluster shows a dead member as streaming for a while.
    """
    lead = leader(reach)
    if lead is None:
        return ["there is no single node that is not in recovery"]
    found = []
    try:
        wanted = timeline(reach, lead)
        for node in reach.nodes:
            if node != lead:
                found += [f"{node}: {line}" for line in _ailments_of_standby(reach, node, wanted)]
    except psycopg.Error as error:
        found.append(f"a node does not answer: {error}")
    return found


def _ailments_of_standby(reach: Reach, node: str, wanted: int) -> list[str]:
    status = rows(reach, node, "select status, received_tli from pg_stat_wal_receiver")
    if not status or status[0][0] != "streaming":
        return [f"does not stream, but {status}"]
    if status[0][1] != wanted:
        return [f"receives timeline {status[0][1]}, and the leader writes {wanted}"]
    return []


# --- all of them ----------------------------------------------------------------------------------


class Invariant(NamedTuple):
    """A sentence, and the function that says what violates it."""

    number: str
    sentence: str
    check: Callable[[Evidence, Reach, Before], list[str]]


INVARIANTS = (
    Invariant(
        "I1", "no acknowledged write is lost, none is there twice", acknowledged_writes_are_there
    ),
    Invariant("I2", "every change has its one audit row", changes_have_their_audit_row),
    Invariant(
        "I3",
        "policies, grants, roles, functions and triggers are unchanged, everywhere",
        security_is_unchanged,
    ),
    Invariant("I4", "agencies stay apart on every path", agencies_stay_apart),
    Invariant("I5", "sequences are ahead of every id", sequences_are_ahead),
    Invariant("I6", "at most one node acknowledges writes", one_node_acknowledges),
    Invariant("I7", "the migrations are whole", migrations_are_whole),
    Invariant("I8", "all members run on one timeline, in time", cluster_is_whole),
    Invariant("I9", "the audit log verifies", audit_verifies),
    Invariant(
        "I10",
        "every change has its one event, and none left the house whose change is gone",
        events_are_those_of_the_changes,
    ),
)


@dataclass(frozen=True)
class Verdict:
    """What became of the invariants in one run."""

    violations: dict[str, list[str]]
    notes: dict[str, list[str]]
    summary: Summary
    sentences: dict[str, str] = field(
        default_factory=lambda: {number: sentence for number, sentence, _ in INVARIANTS}
    )

    @property
    def holds(self) -> bool:
        """Whether nothing was violated."""
        return not self.violations

    def __str__(self) -> str:
        """All of it, for the person who reads the failed test."""
        lines = [str(self.summary)]
        for number in sorted(self.sentences):
            broken, said = self.violations.get(number, []), self.notes.get(number, [])
            lines.append(f"{'BROKEN' if broken else 'holds ':<7}{number} {self.sentences[number]}")
            lines += [f"         {line}" for line in broken]
            lines += [f"       ({line})" for line in said]
        return "\n".join(lines)


def check(
    evidence: Evidence, reach: Reach, before: Before, *, healed_seconds: float = HEALED_SECONDS
) -> Verdict:
    """Check all invariants on a healed cluster.

    Args:
        evidence: of the run; checked as it is now when the witnesses still work.
        reach: the cluster.
        before: what `remember` saw before the first fault.
        healed_seconds: how long to wait until all members run; then I8 is broken.
    """
    wait_until_whole(evidence, reach, before, healed_seconds)
    frozen = evidence.snapshot()
    violations: dict[str, list[str]] = {}
    notes: dict[str, list[str]] = {}
    for number, _, function in INVARIANTS:
        try:
            told = function(frozen, reach, before)
        except (psycopg.Error, TimeoutError) as error:
            told = [f"could not be checked: {error}"]
        for line in told:
            (notes if isinstance(line, Note) else violations).setdefault(number, []).append(line)
    for witness, reason in frozen.crashes.items():
        violations.setdefault("I4", []).append(f"witness {witness} died: {reason}")
    return Verdict(violations, notes, summarise(frozen, lost=_lost(frozen, reach)))


def _lost(evidence: Evidence, reach: Reach) -> int | None:
    """How many acked keys are gone; None when no leader tells."""
    node = leader(reach)
    return None if node is None else len(lost(evidence, reach, node))


def shortened(lines: Iterable[str], shown: int = SHOWN) -> list[str]:
    """The first lines, and how many more there are."""
    every = list(lines)
    more = len(every) - shown
    return every if more <= 0 else [*every[:shown], f"and {more} more"]
