"""The lists that people open and the look-ups of a parent use the index that is meant for them.

At 100 000 rows per agency, as the people who open them: what decides is the shape of the plan,
never a time. Rows are loaded past the triggers; a plan does not care who stamped them.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.crm.searching import ENTITIES
from tests.database import Databases
from tests.policies.town import AGENCIES, MEMBERSHIPS, TEAMS, Stage, Town, team_id

ROWS = 100_000
# Of another agency: enough that its rows are in the way.
OTHER_ROWS = 20_000

# Built again when the rows are there, which takes a fraction of the time.
INDEXES = """
select format('drop index %s', i.indexrelid::regclass), pg_get_indexdef(i.indexrelid)
  from pg_index as i
  join pg_class as c on c.oid = i.indrelid
 where c.relnamespace = 'crm'::regnamespace and c.relkind = 'r'
   and not exists (select 1 from pg_constraint as k where k.conindid = i.indexrelid)
"""

# each owned by one of the members, and every tenth by nobody
WHOSE = """
    (%(members)s::uuid[])[1 + i %% 7], (%(teams)s::uuid[])[1 + i %% 3]
"""
LOAD = (
    """
    insert into crm.pipelines (agency_id, id, name) values (%(agency)s, %(agency)s, 'Sales')
    """,
    """
    insert into crm.pipeline_stages (agency_id, id, pipeline_id, name, position)
    select %(agency)s, md5('stage' || i)::uuid, %(agency)s, 'Stage ' || i, i
      from generate_series(0, 19) as i
    """,
    f"""
    insert into crm.contacts (agency_id, id, full_name, updated_at, owner_id, team_id)
    select %(agency)s, md5('contact' || i)::uuid, 'Person ' || i,
           '2026-01-01'::timestamptz + i * interval '1 s', {WHOSE}
      from generate_series(1, %(rows)s) as i
    """,
    """
    insert into crm.contact_points (agency_id, contact_id, kind, value)
    select %(agency)s, md5('contact' || i)::uuid, 'email', i || '@plans.test'
      from generate_series(1, %(rows)s) as i
    """,
    f"""
    insert into crm.companies (agency_id, name, owner_id, team_id)
    select %(agency)s, 'Company ' || i, {WHOSE}
      from generate_series(1, %(rows)s) as i
    """,
    f"""
    insert into crm.deals (
        agency_id, id, title, pipeline_id, stage_id, currency, updated_at, expected_close_on,
        owner_id, team_id
    )
    select %(agency)s, md5('deal' || i)::uuid, 'Deal', %(agency)s, md5('stage' || i %% 20)::uuid,
           'EUR', '2026-01-01'::timestamptz + i * interval '1 s', '2026-01-01'::date + i %% 900,
           {WHOSE}
      from generate_series(1, %(rows)s) as i
    """,
    """
    insert into crm.deal_line_items (agency_id, deal_id, description, unit_price)
    select %(agency)s, md5('deal' || i)::uuid, 'Line', 1
      from generate_series(1, %(rows)s) as i
    """,
    f"""
    insert into crm.activities (
        agency_id, kind, subject, occurred_at, due_at, contact_id, deal_id, assignee_id,
        owner_id, team_id
    )
    select %(agency)s, 'task', 'Task', '2026-01-01'::timestamptz + i * interval '1 s',
           '2026-01-01'::timestamptz + i * interval '1 s',
           md5('contact' || 1 + i %% 20000)::uuid, md5('deal' || 1 + i %% 20000)::uuid,
           (%(members)s::uuid[])[1 + i %% 5], {WHOSE}
      from generate_series(1, %(rows)s) as i
    """,
    f"""
    insert into crm.conversations (
        agency_id, id, channel, status, last_message_at, owner_id, team_id
    )
    select %(agency)s, md5('conversation' || i)::uuid, 'email',
           case when i %% 50 = 0 then 'open' else 'closed' end::app.conversation_status,
           '2026-01-01'::timestamptz + i * interval '1 s', {WHOSE}
      from generate_series(1, %(rows)s) as i
    """,
    """
    insert into crm.messages (agency_id, conversation_id, direction, status, sent_at)
    select %(agency)s, md5('conversation' || 1 + i %% 5000)::uuid, 'inbound', 'received',
           '2026-01-01'::timestamptz + i * interval '1 s'
      from generate_series(1, %(rows)s) as i
    """,
    f"""
    insert into crm.calendar_events (agency_id, title, starts_at, ends_at, owner_id, team_id)
    select %(agency)s, 'Event', '2026-01-01'::timestamptz + i * interval '1 min',
           '2026-01-01'::timestamptz + i * interval '1 min', {WHOSE}
      from generate_series(1, %(rows)s) as i
    """,
)

# what people open -> the statement, and the index that answers it
LISTS = {
    "the latest contacts": (
        "select * from crm.contacts where deleted_at is null order by updated_at desc, id limit 50",
        "contacts_updated_at_idx",
    ),
    "a contact": (
        "select * from crm.contacts where id = md5('contact77')::uuid",
        "contacts_pkey",
    ),
    "how to reach a contact": (
        "select * from crm.contact_points where contact_id = md5('contact77')::uuid",
        "contact_points_contact_id_idx",
    ),
    "who has this address": (
        "select * from crm.contact_points where kind = 'email' and value_norm = '77@plans.test'",
        "contact_points_value_norm_idx",
    ),
    "the latest deals": (
        "select * from crm.deals where deleted_at is null order by updated_at desc, id limit 50",
        "deals_updated_at_idx",
    ),
    "a column of the board": (
        "select * from crm.deals where stage_id = md5('stage3')::uuid and deleted_at is null"
        " order by updated_at desc, id limit 50",
        "deals_board_idx",
    ),
    "the forecast of a week": (
        "select * from crm.deals where status = 'open' and deleted_at is null"
        " and expected_close_on between '2026-03-02' and '2026-03-08'",
        "deals_forecast_idx",
    ),
    "the lines of a deal": (
        "select * from crm.deal_line_items where deal_id = md5('deal77')::uuid",
        "deal_line_items_deal_id_idx",
    ),
    "the timeline of a contact": (
        "select * from crm.activities where contact_id = md5('contact77')::uuid"
        " and deleted_at is null order by occurred_at desc limit 50",
        "activities_contact",
    ),
    "the timeline of a deal": (
        "select * from crm.activities where deal_id = md5('deal77')::uuid"
        " and deleted_at is null order by occurred_at desc limit 50",
        "activities_deal",
    ),
    "my tasks": (
        "select * from crm.activities where assignee_id = (select app.membership_id())"
        " and completed_at is null and deleted_at is null order by due_at limit 50",
        "activities_tasks_idx",
    ),
    "open conversations": (
        "select * from crm.conversations where status = 'open' and deleted_at is null"
        " order by last_message_at desc, id limit 50",
        "conversations_unclosed_idx",
    ),
    "the messages of a conversation": (
        "select * from crm.messages where conversation_id = md5('conversation77')::uuid"
        " order by sent_at desc, id limit 50",
        "messages_conversation_id_idx",
    ),
    "the calendar of a week": (
        "select * from crm.calendar_events where deleted_at is null"
        " and starts_at >= '2026-02-02' and starts_at < '2026-02-09' order by starts_at, id",
        "calendar_events_starts_at_idx",
    ),
}


@pytest.fixture(scope="module")
def large_town(cluster: Databases) -> Iterator[Town]:
    """The town: in each table that is asked 100 000 rows of one agency, and some of another."""
    with cluster.migrated() as database:
        town = Town(database)
        with database.connect("postgres", autocommit=True) as connection:
            connection.execute("set session_replication_role = replica")
            connection.execute("set maintenance_work_mem = '256MB'")
            indexes = connection.execute(INDEXES.encode()).fetchall()
            for drop, _ in indexes:
                connection.execute(drop.encode())
            for agency, rows in (("alpha", ROWS), ("beta", OTHER_ROWS)):
                members = [m.id for (place, _), m in MEMBERSHIPS.items() if place == agency][:5]
                teams = [team_id(name) for name, team in TEAMS.items() if team[0] == agency]
                for statement in LOAD:
                    connection.execute(
                        statement.encode(),
                        {
                            "agency": AGENCIES[agency].id,
                            "rows": rows,
                            "members": members,
                            "teams": teams,
                        },
                    )
            for _, create in indexes:
                connection.execute(create.encode())
            connection.execute("analyze")
        yield town


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan node and all below it."""
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


@pytest.mark.parametrize("user", ["ann", "max", "mia", "both"])
@pytest.mark.parametrize("name", LISTS)
def test_a_list_uses_its_index(large_town: Town, name: str, user: str) -> None:
    """Owner, managers of all and of a team, and a member of a team: the same index for each."""
    statement, index = LISTS[name]
    with large_town.stage() as stage:
        stage.become(user)
        (plan,) = stage.value(f"explain (format json) {statement}")
        found = list(nodes(plan["Plan"]))
        used = {node["Index Name"] for node in found if "Index Name" in node}
        assert any(name.startswith(index) for name in used), used
        # the index is searched by more than the agency, or read in its order
        assert any(
            "AND" in node.get("Index Cond", "") or "Sort" not in {n["Node Type"] for n in found}
            for node in found
            if node.get("Index Name", "").startswith(index)
        )
        scanned = [
            node["Relation Name"]
            for node in found
            if node["Node Type"] == "Seq Scan" and node["Plan Rows"] > 1000
        ]
        assert not scanned


@pytest.mark.parametrize("user", ["ann", "mia", "both"])
def test_a_list_of_children_does_not_look_up_each_parent(large_town: Town, user: str) -> None:
    """Counting all points asks for the visible contacts once, hashed, not row by row."""
    with large_town.stage() as stage:
        stage.become(user)
        (plan,) = stage.value("explain (format json) select count(*) from crm.contact_points")
        filters = " ".join(str(node.get("Filter", "")) for node in nodes(plan["Plan"]))
        assert "hashed SubPlan" in filters


def test_no_function_of_ours_runs_per_row(large_town: Town) -> None:
    """Whatever the plan, calls stand in InitPlans: none in a filter or a condition."""
    with large_town.stage() as stage:
        stage.become("mia")
        for statement, _ in LISTS.values():
            (plan,) = stage.value(f"explain (format json, verbose) {statement}")
            for node in nodes(plan["Plan"]):
                for part in ("Filter", "Index Cond", "Recheck Cond"):
                    assert "app.reach(" not in node.get(part, "")
                    assert "app.may(" not in node.get(part, "")
                    assert "app.my_teams(" not in node.get(part, "")


# what people type -> the function, the look-up's table, and the indexes that answer it
SEARCHES = {
    "a name": ("search_contacts", "quittenb", {"contacts_full_name_search_idx"}),
    "a misspelt name": ("search_contacts", "Quitenbaum", {"contacts_full_name_search_idx"}),
    "two letters of a name": ("search_contacts", "qu", {"contacts_full_name_search_idx"}),
    "a part of an address": (
        "search_contacts",
        "quitten@pl",
        {"contact_points_value_norm_trgm_idx", "contacts_pkey"},
    ),
    "a company": ("search_companies", "quittenb", {"companies_name_search_idx"}),
    "a deal": ("search_deals", "quittenb", {"deals_title_search_idx"}),
    "a note": ("search_activities", "quittenb", {"activities_search_idx"}),
    "a subject": ("search_conversations", "quittenb", {"conversations_subject_search_idx"}),
    "a message": ("search_messages", "quittenb", {"messages_search_idx"}),
    "an event": ("search_events", "quittenb", {"calendar_events_search_idx"}),
}
# a record of each list that these words mean, without an owner
RARE = """
    insert into crm.contacts (agency_id, id, full_name)
    values (%(agency)s, %(agency)s, 'Xaver Quittenbaum');
    insert into crm.contact_points (agency_id, contact_id, kind, value)
    values (%(agency)s, %(agency)s, 'email', 'quitten@plans.test');
    insert into crm.companies (agency_id, name) values (%(agency)s, 'Quittenbaum');
    insert into crm.deals (agency_id, title, pipeline_id, stage_id, currency)
    values (%(agency)s, 'Quittenbaum', %(agency)s, md5('stage0')::uuid, 'EUR');
    insert into crm.activities (agency_id, kind, subject)
    values (%(agency)s, 'note', 'Quittenbaum');
    insert into crm.conversations (agency_id, id, channel, subject, owner_id)
    values (%(agency)s, %(agency)s, 'email', 'Quittenbaum', %(member)s);
    insert into crm.messages (agency_id, conversation_id, direction, status, body_text)
    values (%(agency)s, %(agency)s, 'inbound', 'received', 'Quittenbaum');
    insert into crm.calendar_events (agency_id, title, starts_at, ends_at)
    values (%(agency)s, 'Quittenbaum', now(), now())
"""


@pytest.mark.parametrize("user", ["ann", "mia", "both"])
@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_uses_its_index_past_the_policies(large_town: Town, name: str, user: str) -> None:
    """What the functions run is seen by auto_explain; each finds its record among 100 000."""
    function, typed, indexes = SEARCHES[name]
    notices: list[str] = []
    with large_town.database.connect() as connection, connection.transaction(force_rollback=True):
        connection.execute("load 'auto_explain'")
        for setting, value in (
            ("log_min_duration", "0"),
            ("log_nested_statements", "on"),
            ("log_analyze", "on"),
            ("log_timing", "off"),
            ("log_format", "json"),
            ("log_level", "notice"),
        ):
            connection.execute(f"set local auto_explain.{setting} = '{value}'".encode())
        values = {"agency": AGENCIES["alpha"].id, "member": MEMBERSHIPS["alpha", user].id}
        connection.execute("set local session_replication_role = replica")
        for statement in RARE.split(";"):
            connection.execute(statement.encode(), values)
        connection.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
        found = Stage(connection).become(user).rows(f"select id from app.{function}(%s, 10)", typed)
    plans = [json.loads(one[one.index("{") :])["Plan"] for one in notices if "{" in one]
    seen = [node for plan in plans for node in nodes(plan)]
    assert found
    assert indexes <= {node.get("Index Name") for node in seen}
    scanned = {node["Relation Name"] for node in seen if node["Node Type"] == "Seq Scan"}
    assert not scanned & {entity.table.removeprefix("crm.") for entity in ENTITIES.values()}
    # what an index finds is what is looked at: not the agency, row by row
    looked_at = max(
        node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
        for node in seen
    )
    assert looked_at < ROWS / 100
