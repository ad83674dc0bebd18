"""How long the audit trail takes to answer, and how little that depends on its length.

`python -m tests.bench.audit_reading [ROWS]`: so many rows (5 000 000 unless told) over two years in
a server of its own, a fifth of them in one agency. Every question is asked at a tenth of the rows
and at all of them, as an owner through row-level security. The ratio of the two is the result: 1
means that the length does not matter. The last line is the same page by OFFSET, for comparison.
"""

import statistics
import sys
import time
from collections.abc import Mapping
from typing import Any

import psycopg

from tests.database import Cluster, Database, private_server

RUNS = 15
MONTHS = 24
# Agency 0 has a fifth of all rows, the others share the rest.
AGENCIES = 400
ROWS = 5_000_000

SERVER = {
    "shared_buffers": "512MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "8GB",
    "autovacuum": "off",
}

# md5 gives ids that every run can name again: agency, actor and record by number.
PAST_MONTHS = """
    do $past$
    declare
        month timestamp;
        name text;
    begin
        for month in
            select generate_series(
                date_trunc('month', now() at time zone 'UTC') - make_interval(months => {months}),
                date_trunc('month', now() at time zone 'UTC') - interval '1 month',
                '1 month'
            )
        loop
            name := to_char(month, '"log_"YYYY_MM');
            execute format(
                'create table if not exists audit.%I partition of audit.log'
                || ' for values from (%L) to (%L)',
                name,
                app.uuid_v7_floor(month at time zone 'UTC'),
                app.uuid_v7_floor((month + interval '1 month') at time zone 'UTC')
            );
            execute format('alter table audit.%I owner to gardenos_owner', name);
            execute format('alter table audit.%I enable row level security', name);
            execute format('alter table audit.%I force row level security', name);
        end loop;
    end
    $past$
"""

FILL = """
    insert into audit.log (
        agency_id, id, at, schema_name, table_name, record_id, op, changed, old_values, new_values,
        salt, actor_kind, actor_user_id, agency_role, db_role, request_id, xid, epoch,
        timeline
    )
    select
        md5('agency ' || g.agency)::uuid,
        (
            lpad(to_hex((extract(epoch from g.at) * 1000)::bigint), 12, '0')
            || '7' || left(md5(g.number::text), 3) || '8' || right(md5(g.number::text), 15)
        )::uuid,
        g.at,
        'tenancy',
        case
            when g.dice %% 2000 < 1 then 'api_keys'
            when g.dice %% 10 < 6 then 'teams'
            else 'memberships'
        end,
        md5(
            concat_ws(' ', g.agency, %(first)s, g.number %% greatest(%(count)s / 50, 1))
        )::uuid,
        'update',
        array['name', 'row_version'],
        jsonb_build_object('name', 'Name ' || g.number, 'row_version', g.number),
        jsonb_build_object('name', 'Name ' || g.number + 1, 'row_version', g.number + 1),
        '\\x000102030405060708090a0b0c0d0e0f',
        'user',
        md5(
            case
                when g.dice %% 20000 < 1 then 'rare '
                else 'actor ' || g.dice %% 50 || ' of '
            end || g.agency
        )::uuid,
        'admin',
        'authenticated',
        'request ' || g.number,
        (1000 + g.number)::text::xid8,
        1,
        1
      from (
          select
              n.number,
              case when d.dice %% 5 = 0 then 0 else 1 + d.dice %% %(agencies)s end as agency,
              d.dice / 5 as dice,
              now() - interval '1 hour' - (1 - (n.number - %(first)s)::float8 / %(count)s)
              * make_interval(days => 30 * %(months)s) as at
            from generate_series(%(first)s::bigint, %(first)s + %(count)s - 1) as n (number)
           cross join lateral (
                values (abs(hashint8extended(n.number, 1) %% 1000000007))
           ) as d (dice)
      ) as g
"""

# Agency 0 becomes one that can be entered, with one owner.
ENTER = """
    with agency as (
        insert into tenancy.agencies (id, slug, name)
        values (md5('agency 0')::uuid, 'agency-0', 'Agency 0')
    ), person as (
        insert into tenancy.users (id, email) values (md5('actor 1 of 0')::uuid, 'owner@bench.test')
    ), issuer as (
        insert into tenancy.issuers (issuer, kind, may_assert_user_id)
        values ('https://bench.test', 'gotrue', true)
    )
    insert into tenancy.memberships (agency_id, user_id, role, record_scope, display_name)
    values (md5('agency 0')::uuid, md5('actor 1 of 0')::uuid, 'owner', 'all', 'Olga')
"""

QUESTIONS = {
    "activity: first page": "select count(*) from audit.activity()",
    "activity: a page of a year ago": "select count(*) from audit.activity(before => %(middle)s)",
    "activity: one busy actor": "select count(*) from audit.activity(actor => %(busy)s)",
    "activity: one rare actor": "select count(*) from audit.activity(actor => %(rare)s)",
    "activity: a busy table": "select count(*) from audit.activity(in_table => 'tenancy.teams')",
    "activity: a rare table": "select count(*) from audit.activity(in_table => 'tenancy.api_keys')",
    "activity: one day a year ago": (
        "select count(*) from audit.activity(since => %(since)s, until => %(until)s)"
    ),
    "history of a record": "select count(*) from audit.history('tenancy.teams', %(record)s)",
    "as_of, a year ago": ("select audit.as_of('tenancy.teams', %(record)s, %(since)s)"),
}
OFFSET_NAME = "the page of a year ago, by OFFSET"
OFFSET = (
    "select count(*) from (select * from audit.log order by id desc limit 50"
    " offset %(offset)s) as page"
)


def prepare(database: Database) -> None:
    """Make the months of the past, and an owner who asks."""
    with database.connect(autocommit=True) as connection:
        connection.execute(PAST_MONTHS.format(months=MONTHS + 1).encode())
        # past the guards, which want an invitation
        with connection.transaction():
            connection.execute("set local session_replication_role = replica")
            connection.execute(ENTER)


def add_rows(database: Database, first: int, count: int) -> None:
    """Write so many rows, evenly over two years, and gather statistics.

    Args:
        first: the number of the first row; a number is written once.
        count: how many.
    """
    with database.connect(autocommit=True) as connection:
        connection.execute(
            FILL,
            {"first": first, "count": count, "agencies": AGENCIES, "months": MONTHS},
        )
        connection.execute("vacuum analyze audit.log")


def facts(database: Database) -> dict[str, Any]:
    """What the questions ask for: ids that are there."""
    with database.connect() as connection:
        row = connection.execute(
            """
            with middle as (
                select l.id, l.at, l.record_id
                  from audit.log as l
                 where l.agency_id = md5('agency 0')::uuid
                   and l.id < app.uuid_v7_floor(now() - interval '365 days')
                   and l.table_name = 'teams'
                 order by l.id desc
                 limit 1
            )
            select
                m.id as middle, m.record_id as record,
                m.at as until, m.at - interval '1 day' as since,
                md5('actor 5 of 0')::uuid as busy, md5('rare 0')::uuid as rare,
                (
                    select count(*) from audit.log as l
                     where l.agency_id = md5('agency 0')::uuid and l.id > m.id
                ) as "offset"
              from middle as m
            """
        )
        found = row.fetchone()
        assert found is not None
        assert row.description is not None
        # the record is there today, as far as as_of can see
        connection.execute("set local session_replication_role = replica")
        connection.execute(
            "insert into tenancy.teams (agency_id, id, name, created_at)"
            " values (md5('agency 0')::uuid, %s, %s, now() - interval '3 years')"
            " on conflict do nothing",
            [found[1], str(found[1])],
        )
        return dict(zip((column.name for column in row.description), found, strict=True))


def enter(connection: psycopg.Connection[Any]) -> None:
    """Become the owner of agency 0 until the end of the transaction."""
    claims = connection.execute(
        "select json_build_object('iss', 'https://bench.test', 'sub', 'owner',"
        " 'user_id', md5('actor 1 of 0')::uuid, 'agency_id', md5('agency 0')::uuid)::text"
    ).fetchone()
    assert claims is not None
    connection.execute("select set_config('request.jwt.claims', %s, true)", claims)
    connection.execute("set local role authenticated")


def ask(
    connection: psycopg.Connection[Any], question: str, values: Mapping[str, Any]
) -> tuple[float, float, float]:
    """Milliseconds as an owner: median, least, most."""
    times = []
    with connection.transaction():
        enter(connection)
        for _ in range(RUNS):
            start = time.perf_counter()
            connection.execute(question.encode(), values).fetchall()
            times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times), min(times), max(times)


def main() -> int:
    """Print the table, as Markdown."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    measured: list[dict[str, tuple[float, float, float]]] = []
    with private_server(SERVER) as server, Cluster(server).migrated() as database:
        prepare(database)
        for first, count in ((1, rows // 10), (rows // 10 + 1, rows - rows // 10)):
            add_rows(database, first, count)
            values = facts(database)
            with database.connect("authenticator") as connection:
                measured.append(
                    {
                        name: ask(connection, question, values)
                        for name, question in (QUESTIONS | {OFFSET_NAME: OFFSET}).items()
                    }
                )
    short, long = measured
    print(f"| question | {rows // 10} rows, ms | {rows} rows, ms (least to most) | ratio |")
    print("|---|---|---|---|")
    for name, (median, least, most) in long.items():
        print(
            f"| {name} | {short[name][0]:.1f} | {median:.1f} ({least:.1f} to {most:.1f})"
            f" | {median / short[name][0]:.2f} |"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
