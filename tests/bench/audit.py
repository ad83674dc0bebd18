"""What the trail costs: no audit, a row-level jsonb trigger, and ours, side by side in one run.

    .venv/bin/python -m tests.bench.audit [--rounds 15]

Prints one Markdown table of ratios to no audit (median, and the spread of the quartiles). The
row-level trigger is supa_audit's, spared its look-up of the primary key and its uuid v5. Rounds of
all three are interleaved, on a private server, as superuser without claims. Single statements run
in one loop in the server, so that no round trip hides what a trigger costs; `durable` is a client's
transaction of one insert, with its round trips and its fsync. The last line is what a member
notices: a table of ours, its policies and guards, with and without its audit triggers.
"""

import argparse
import statistics
import time
from collections import defaultdict
from typing import Any

import psycopg

from migrations.desired_state import recorders
from tests.audit.trail import Office, opened
from tests.database import Cluster, private_server
from tests.policies.access import acting

AGENCY = "01900000-0000-7000-8000-000000000001"
VARIANTS = ("none", "row", "ours")
COLUMNS = {
    "agency_id": f"uuid not null default '{AGENCY}'",
    "id": "uuid not null default app.uuid_v7()",
    "name": "app.label not null",
    "email": "app.email",
    "status": "text not null default 'open'",
    "owner_id": "uuid",
    "amount": "numeric(18, 4)",
    "note": "app.line",
    "tags": "text[]",
    "created_at": "timestamptz not null default now()",
    "created_by": "uuid",
    "updated_at": "timestamptz not null default now()",
    "updated_by": "uuid",
    "row_version": "integer not null default 1",
}
TABLE = """
create table crm.{} ({}, primary key (agency_id, id));
create index on crm.{} (agency_id, name);
"""
ROW_TRIGGER = """
create table crm.record_version (
    id bigint primary key generated always as identity,
    record_id uuid,
    old_record_id uuid,
    op text not null,
    ts timestamptz not null default now(),
    table_oid oid not null,
    table_schema name not null,
    table_name name not null,
    record jsonb,
    old_record jsonb
);
create index on crm.record_version (record_id) where record_id is not null;
create index on crm.record_version (old_record_id) where old_record_id is not null;
create index on crm.record_version using brin (ts);
create index on crm.record_version (table_oid);

create function crm.version_row() returns trigger language plpgsql as $$
begin
    insert into crm.record_version (
        record_id, old_record_id, op, table_oid, table_schema, table_name, record, old_record
    )
    values (
        new.id, old.id, tg_op, tg_relid, tg_table_schema, tg_table_name,
        to_jsonb(new), to_jsonb(old)
    );
    return coalesce(new, old);
end;
$$;
create trigger version after insert or update or delete on crm.bench_row
for each row execute function crm.version_row();
"""
OURS = """
create trigger audit_insert after insert on crm.bench_ours
referencing new table as new_rows
for each statement execute function audit.record_crm_bench_ours();
create trigger audit_update after update on crm.bench_ours
referencing old table as old_rows new table as new_rows
for each statement execute function audit.record_crm_bench_ours();
"""
SETTINGS = {
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "fsync": "on",
    "synchronous_commit": "off",
}
NOTE = "A note of usual length, as people write"
ONE_INSERT = (
    "insert into crm.{} (name, email, owner_id, amount, note)"
    f" values ('Name', 'name@example.test', '{AGENCY}', 12.5, '{NOTE}')"
)
MANY_INSERT = (
    "insert into crm.{} (name, email, owner_id, amount, note)"
    f" select 'Name ' || g, 'name@example.test', '{AGENCY}', g, '{NOTE}'"
    " from generate_series(1, 10000) as g"
)
CHANGE = (
    "update crm.{} set status = status || 'x', row_version = row_version + 1,"
    " updated_at = clock_timestamp()"
)
LOOP = "do $$ begin for each in 1..1000 loop {}; end loop; end $$"
EACH = (
    "do $$ declare one uuid; begin"
    " for one in select id from {} limit 1000 loop {}; end loop; end $$"
)
TRANSACTIONS = 100
MEMBER = {
    "insert 1": LOOP.format("insert into tenancy.teams (name) values (gen_random_uuid()::text)"),
    "update 1": EACH.format(
        "tenancy.teams", "update tenancy.teams set description = 'x' where id = one"
    ),
}


def prepare(connection: psycopg.Connection[Any]) -> None:
    """Make the three tables and their triggers."""
    listed = ", ".join(f"{name} {what}" for name, what in COLUMNS.items())
    for variant in VARIANTS:
        name = f"bench_{variant}"
        connection.execute(TABLE.format(name, listed, name).encode())
    connection.execute(ROW_TRIGGER.encode())
    text = recorders.recorder(
        recorders.Shape("crm.bench_ours", "full", list(COLUMNS), ["agency_id", "id"], [], [])
    )
    connection.execute(text.encode())
    connection.execute("reset role")
    connection.execute(OURS.encode())
    connection.commit()


def measure(connection: psycopg.Connection[Any], variant: str) -> dict[str, tuple[float, float]]:
    """One round: each workload to its seconds and its bytes of WAL."""
    table = f"bench_{variant}"
    connection.execute(f"truncate crm.{table}".encode())
    if variant == "row":
        connection.execute("truncate crm.record_version")
    if variant == "ours":
        connection.execute("set session_replication_role = replica")
        connection.execute("truncate audit.log")
        connection.execute("set session_replication_role = origin")
    connection.commit()
    found = {}
    insert, many = ONE_INSERT.format(table).encode(), MANY_INSERT.format(table).encode()
    change = CHANGE.format(table).encode()
    found["insert 1"] = timed(connection, LOOP.format(insert.decode()).encode())
    found["update 1"] = timed(
        connection,
        EACH.format(
            f"crm.{table}", f"{change.decode()} where agency_id = '{AGENCY}' and id = one"
        ).encode(),
    )
    found["insert 1, durable"] = durable(connection, insert)
    connection.execute(f"truncate crm.{table}".encode())
    connection.commit()
    found["insert 10 000"] = timed(connection, many)
    found["update 10 000"] = timed(connection, change)
    return found


def timed(connection: psycopg.Connection[Any], statement: bytes) -> tuple[float, float]:
    """Run one statement and commit: the seconds of the statement, its bytes of WAL."""
    before = position(connection)
    begun = time.perf_counter()
    connection.execute(statement)
    seconds = time.perf_counter() - begun
    connection.commit()
    return seconds, position(connection) - before


def durable(connection: psycopg.Connection[Any], statement: bytes) -> tuple[float, float]:
    """Run transactions of one statement: the median seconds of one, their bytes of WAL."""
    before = position(connection)
    connection.execute("set synchronous_commit = on")
    connection.commit()
    times = []
    for _ in range(TRANSACTIONS):
        begun = time.perf_counter()
        connection.execute(statement, prepare=True)
        connection.commit()
        times.append(time.perf_counter() - begun)
    connection.execute("set synchronous_commit = off")
    connection.commit()
    return statistics.median(times), position(connection) - before


def position(connection: psycopg.Connection[Any]) -> float:
    """How much WAL there is, in bytes."""
    row = connection.execute("select pg_current_wal_insert_lsn() - '0/0'::pg_lsn").fetchone()
    assert row is not None
    return float(row[0])


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    written: dict[tuple[str, str], list[float]] = defaultdict(list)
    with (
        private_server(SETTINGS) as server,
        Cluster(server).migrated() as database,
        database.connect() as connection,
    ):
        prepare(connection)
        for number in range(rounds + 1):
            for variant in VARIANTS:
                for workload, (seconds, wal) in measure(connection, variant).items():
                    if number:
                        times[variant, workload].append(seconds)
                        written[variant, workload].append(wal)
        with opened(database) as office:
            member = as_member(office, rounds)
    workloads = [workload for variant, workload in times if variant == "none"]
    print(f"| variant | {' | '.join(workloads)} | WAL {' / '.join(workloads)} |")
    print("|---" * (len(workloads) + 2) + "|")
    for variant in VARIANTS:
        cells = [ratio(times[variant, each], times["none", each]) for each in workloads]
        more = [
            statistics.median(written[variant, each]) / statistics.median(written["none", each])
            for each in workloads
        ]
        bytes_more = " / ".join(f"{each:.2f}" for each in more)
        print(f"| {variant} | {' | '.join(cells)} | {bytes_more} |")
    base = {each: f"{statistics.median(times['none', each]) * 1e6:.0f} us" for each in workloads}
    print(f"\nnone: {base}; {rounds} rounds")
    print("a member:", ", ".join(f"{name} {found}" for name, found in member.items()))


def as_member(office: Office, rounds: int) -> dict[str, str]:
    """Ratios of single statements of a member, with audit to without: median and quartiles."""
    owner = office.found("bench")
    seconds: dict[tuple[str, str], list[float]] = defaultdict(list)
    for number in range(rounds + 1):
        for state in ("disable", "enable"):
            for op in ("insert", "update"):
                office.superuser.execute(
                    f"alter table tenancy.teams {state} trigger audit_{op}".encode()
                )
            with acting(office.client, owner.claims(), counted=False):
                for op, statement in MEMBER.items():
                    begun = time.perf_counter()
                    office.client.execute(statement.encode())
                    if number:
                        seconds[state, op].append(time.perf_counter() - begun)
    return {op: ratio(seconds["enable", op], seconds["disable", op]) for op in MEMBER}


def ratio(values: list[float], base: list[float]) -> str:
    """The median of the ratios of rounds, and their quartiles."""
    ratios = [value / other for value, other in zip(values, base, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    main()
