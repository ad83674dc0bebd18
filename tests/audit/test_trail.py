"""Every change leaves its one row, with who, what and when; what was rolled back leaves none."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.audit.trail import NO_AGENCY, Office, Person
from tests.policies.access import acting

# --- one row for each change ----------------------------------------------------------------------


def test_insert_update_and_delete_leave_one_row_each(office: Office, owner: Person) -> None:
    team = office.team(owner, "North")
    office.do(owner, "update tenancy.teams set description = 'cold' where id = %s", team)
    office.serve("delete from tenancy.teams where id = %s", team)
    inserted, updated, deleted = office.rows(team)
    assert [row["op"] for row in (inserted, updated, deleted)] == ["insert", "update", "delete"]
    assert inserted["new_values"]["name"] == "North"
    assert inserted["old_values"] is None
    assert updated["old_values"].keys() == updated["new_values"].keys() == set(updated["changed"])
    assert set(updated["changed"]) == {"description", "updated_at", "row_version"}
    assert (updated["old_values"]["description"], updated["new_values"]["description"]) == (
        None,
        "cold",
    )
    assert deleted["new_values"] is None
    assert deleted["old_values"]["description"] == "cold"
    assert {row["agency_id"] for row in (inserted, updated, deleted)} == {owner.agency_id}


def test_what_is_rolled_back_leaves_nothing(office: Office, owner: Person) -> None:
    before = office.total()
    with acting(office.client, owner.claims()):
        office.client.execute("insert into tenancy.teams (name) values ('North')")
    with pytest.raises(psycopg.errors.UniqueViolation):
        office.do(owner, "insert into tenancy.teams (name) values ('x'), ('x')")
    assert office.total() == before


def test_a_statement_that_touches_no_row_leaves_nothing(office: Office, owner: Person) -> None:
    before = office.total()
    with office.superuser.transaction():
        office.superuser.execute("update tenancy.teams set name = 'x' where false")
        (row,) = office.superuser.execute("select pg_current_xact_id_if_assigned() as xid")
        assert row["xid"] is None
        office.superuser.execute("select pg_current_xact_id()")
        office.superuser.execute("update tenancy.teams set name = 'x' where false")
    office.do(owner, "update tenancy.teams set name = 'x' where false")
    office.serve("delete from tenancy.teams where false")
    office.do(owner, "insert into tenancy.teams (name) select 'x' where false")
    assert office.total() == before


def test_an_upsert_leaves_what_it_did(office: Office, owner: Person) -> None:
    team = office.team(owner, "North")
    statement = (
        "insert into tenancy.teams (agency_id, id, name) values (%s, %s, 'South')"
        " on conflict (agency_id, id) do update set name = excluded.name"
    )
    other = uuid4()
    office.do(owner, statement, owner.agency_id, team)
    office.do(owner, statement.replace("South", "West"), owner.agency_id, other)
    assert [row["op"] for row in office.rows(team)] == ["insert", "update"]
    assert [row["op"] for row in office.rows(other)] == ["insert"]


def test_a_merge_leaves_what_it_did(office: Office, owner: Person) -> None:
    kept, gone = office.team(owner, "Kept"), office.team(owner, "Gone")
    before = office.total()
    office.serve(
        "merge into tenancy.teams as t using (values (%s::uuid, 'Kept'), (%s, 'Gone'), (%s, 'New'))"
        " as s (id, name) on t.id = s.id and t.agency_id = %s"
        " when matched and s.name = 'Gone' then delete"
        " when matched then update set description = 'merged'"
        " when not matched then insert (agency_id, id, name) values (%s, s.id, s.name)",
        kept,
        gone,
        uuid4(),
        owner.agency_id,
        owner.agency_id,
    )
    assert office.total() == before + 3
    assert [office.rows(team)[-1]["op"] for team in (kept, gone)] == ["update", "delete"]


def test_copy_leaves_a_row_for_each_row(office: Office, owner: Person) -> None:
    before = office.total()
    # service_role passes the policies; for the other roles COPY FROM is refused on such tables
    with (
        acting(office.client, None, "service_role", keep=True),
        office.client.cursor().copy("copy tenancy.teams (agency_id, name) from stdin") as copy,
    ):
        for number in range(1000):
            copy.write_row([owner.agency_id, f"Team {number}"])
    assert office.total() == before + 1000


def test_cascades_leave_their_rows(office: Office, owner: Person) -> None:
    parent = office.team(owner, "North")
    child = office.do(
        owner,
        "insert into tenancy.teams (name, parent_team_id) values ('Below', %s) returning id",
        parent,
    )
    link = office.do(
        owner,
        "insert into tenancy.team_members (team_id, membership_id) values (%s, %s) returning id",
        parent,
        owner.membership_id,
    )
    office.serve("delete from tenancy.teams where id = %s", parent)
    assert [row["op"] for row in office.rows(link, "team_members")] == ["insert", "delete"]
    (cleared,) = office.rows(child)[1:]
    assert cleared["new_values"]["parent_team_id"] is None
    assert cleared["old_values"]["parent_team_id"] == str(parent)
    assert {row["db_role"] for row in office.rows(parent)[-1:]} == {"service_role"}
    assert cleared["db_role"] == "service_role", "not the owner, whom the cascade runs as on 18"


def test_many_rows_in_one_statement_are_each_recorded(office: Office, owner: Person) -> None:
    office.do(
        owner, "insert into tenancy.teams (name) select 'T' || g from generate_series(1, 500) g"
    )
    office.do(owner, "update tenancy.teams set description = name")
    rows = office.rows()
    assert len(rows) == 1000
    assert all(row["new_values"]["description"][0] == "T" for row in rows if row["op"] == "update")
    assert len({row["xid"] for row in rows}) == 2


def test_many_rows_after_one_are_not_compared_each_with_each(office: Office, owner: Person) -> None:
    """The plan of a trigger's statement is kept, and may have been made for one row."""
    plans: list[str] = []
    with office.database.connect(autocommit=True) as connection:
        connection.execute("load 'auto_explain'")
        connection.execute("set auto_explain.log_min_duration = 0")
        connection.execute("set auto_explain.log_nested_statements = on")
        connection.execute("set client_min_messages = log")
        connection.add_notice_handler(lambda notice: plans.append(notice.message_primary or ""))
        for rows in (1, 1, 1, 1, 1, 1, 1, 500):
            del plans[:]
            connection.execute(
                "insert into tenancy.teams (agency_id, name) select %s, gen_random_uuid()::text"
                " from generate_series(1, %s)",
                [owner.agency_id, rows],
            )
            connection.execute("update tenancy.teams set description = gen_random_uuid()::text")
    joins = [plan for plan in plans if "'update'" in plan]
    assert len(joins) == 1
    assert "old_rows" in joins[0]
    assert "Nested Loop" not in joins[0]


@pytest.mark.parametrize(
    ("harm", "recorded"),
    [
        ("alter table tenancy.teams disable trigger audit_insert", 0),
        (
            "create trigger twice after insert on tenancy.teams referencing new table as new_rows"
            " for each statement execute function audit.record_tenancy_teams()",
            2,
        ),
    ],
)
def test_whoever_writes_in_a_test_notices_a_row_too_few_or_too_many(
    office: Office, owner: Person, harm: str, recorded: int
) -> None:
    office.superuser.execute(harm.encode())
    with pytest.raises(AssertionError, match=f"1 rows were changed, and {recorded} recorded"):
        office.team(owner)


def test_values_keep_their_types(office: Office, owner: Person) -> None:
    values = json.dumps({"limit": 1.5, "on": True, "list": [1, "a", None]})
    office.do(owner, "update tenancy.agencies set settings = %s::jsonb", values)
    (row,) = office.rows(owner.agency_id, "agencies")[-1:]
    assert row["new_values"]["settings"] == {"limit": 1.5, "on": True, "list": [1, "a", None]}
    assert isinstance(row["new_values"]["row_version"], int)
    assert Decimal(str(row["new_values"]["settings"]["limit"])) == Decimal("1.5")


def test_untracked_columns_alone_are_no_change(office: Office, owner: Person) -> None:
    key = office.do(owner, "select app.create_api_key('k')")
    assert key
    before = office.total()
    office.serve("update tenancy.api_keys set last_used_at = now()", counted=False)
    assert office.total() == before
    office.serve("update tenancy.api_keys set last_used_at = now(), name = 'new'")
    (row,) = office.rows(table="api_keys")[1:]
    assert "last_used_at" not in row["changed"]


def test_secrets_leave_no_values(office: Office, owner: Person) -> None:
    office.do(owner, "select app.create_api_key('k')")
    (row,) = office.rows(table="api_key_secrets")
    assert row["op"] == "insert"
    assert [row[name] for name in ("old_values", "new_values", "salt", "values_hash")] == [None] * 4


def test_global_tables_belong_to_no_agency(office: Office, owner: Person) -> None:
    (row,) = office.rows(owner.user_id, "users")
    assert row["agency_id"] == NO_AGENCY
    (agency,) = office.rows(owner.agency_id, "agencies")
    assert agency["agency_id"] == owner.agency_id, "owners see the changes of their agency"


def test_an_issuer_that_is_renamed_goes_and_comes(office: Office, owner: Person) -> None:
    office.serve("insert into tenancy.issuers (issuer, kind) values ('https://old.test', 'kratos')")
    office.serve(
        "update tenancy.issuers set issuer = 'https://new.test' where kind = 'kratos'",
        counted=False,
    )
    assert [row["op"] for row in office.rows(table="issuers")[-2:]] == ["delete", "insert"] or [
        row["op"] for row in office.rows(table="issuers")[-2:]
    ] == ["insert", "delete"]


def test_truncate_is_refused_to_everybody(office: Office, owner: Person) -> None:
    for table in ("tenancy.teams", "tenancy.users", "audit.log", "audit.seals", "audit.retired"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            office.superuser.execute(f"truncate {table} cascade")


# --- who ------------------------------------------------------------------------------------------


def of(row: dict[str, Any]) -> tuple[Any, ...]:
    """Who a row names."""
    return (
        row["actor_kind"],
        row["actor_user_id"],
        row["actor_membership_id"],
        row["on_behalf_of_id"],
        row["agency_role"],
        row["db_role"],
    )


def test_a_person_is_named(office: Office, owner: Person) -> None:
    (row,) = office.rows(office.team(owner))
    assert of(row) == (
        "user",
        owner.user_id,
        owner.membership_id,
        None,
        "owner",
        "authenticated",
    )
    assert (row["epoch"], row["timeline"]) == (1, 1)


def test_an_agent_is_named_with_the_user_it_acts_for(office: Office, owner: Person) -> None:
    robot = office.hire(owner)
    office.do(
        owner, "update tenancy.memberships set job_title = 'x' where id = %s", robot.membership_id
    )
    (row,) = office.rows(robot.membership_id, "memberships")[1:]
    assert row["actor_kind"] == "user"
    claims = owner.claims(act={"user_id": str(robot.user_id)})
    with acting(office.client, claims, keep=True):
        office.client.execute("set local role authenticated")
        (actor,) = office.client.execute("select app.membership_id() as id").fetchall()
        assert actor["id"] == owner.membership_id
    with office.database.connect(autocommit=True) as superuser, superuser.transaction():
        # an agent has no cell that writes in schema tenancy, so the owner of a definer stands in
        superuser.execute("select set_config('request.jwt.claims', %s, true)", [json.dumps(claims)])
        superuser.execute(
            "update tenancy.teams set name = name where false; update tenancy.agencies"
            " set locale = 'de' where id = '" + str(owner.agency_id) + "'"
        )
    (row,) = office.rows(owner.agency_id, "agencies")[-1:]
    assert of(row)[:5] == (
        "agent",
        robot.user_id,
        robot.membership_id,
        owner.user_id,
        "ai_agent",
    )


def test_a_key_is_named(office: Office, owner: Person) -> None:
    office.do(owner, "select app.create_api_key('k')")
    (key,) = office.superuser.execute("select id from tenancy.api_keys").fetchall()
    office.do(
        owner.claims(api_key_id=str(key["id"])), "insert into tenancy.teams (name) values ('K')"
    )
    (row,) = office.rows()
    assert (row["actor_kind"], row["api_key_id"]) == ("api_key", key["id"])
    assert row["actor_user_id"] == owner.user_id


def test_services_are_system_whatever_the_claims_say(office: Office, owner: Person) -> None:
    with acting(office.client, owner.claims(), "service_role", keep=True):
        office.client.execute(
            "insert into tenancy.teams (agency_id, name) values (%s, 'S')", [owner.agency_id]
        )
    (row,) = office.rows()
    assert of(row) == ("system", None, None, None, None, "service_role")


def test_who_ends_the_own_rights_is_named(office: Office, owner: Person) -> None:
    """After the statement nothing is proved any more."""
    office.do(owner, "select app.create_api_key('k')")
    (key,) = office.superuser.execute("select id from tenancy.api_keys").fetchall()
    office.do(
        owner.claims(api_key_id=str(key["id"])), "update tenancy.api_keys set revoked_at = now()"
    )
    (row,) = office.rows(table="api_keys")[1:]
    assert (row["actor_kind"], row["api_key_id"]) == ("api_key", key["id"])
    assert row["actor_user_id"] == owner.user_id


def test_forged_claims_name_nobody(office: Office, owner: Person) -> None:
    """A login that must show a seal, and shows none: its claims are not read."""
    with office.database.connect("gardenos_app") as forger:
        forger.execute("set local role authenticated")
        forger.execute(
            "select set_config('request.jwt.claims', %s, true)", [json.dumps(owner.claims())]
        )
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            forger.execute("insert into tenancy.teams (name) values ('F')")
    assert office.rows() == []


@pytest.mark.parametrize(
    ("headers", "request_id", "ip"),
    [
        ({"x-request-id": "r-1", "x-forwarded-for": "6.6.6.6, 10.0.0.7"}, "r-1", "10.0.0.7"),
        ({"x-real-ip": "2001:db8::1", "x-forwarded-for": "6.6.6.6"}, None, "2001:db8::1"),
        ({"x-request-id": "a\nb", "x-forwarded-for": "nonsense"}, "ab", None),
        ("{", None, None),
        ("[]", None, None),
    ],
)
def test_the_request_is_noted_and_never_stops_a_write(
    office: Office, owner: Person, headers: Any, request_id: str | None, ip: str | None
) -> None:
    text = headers if isinstance(headers, str) else json.dumps(headers)
    with acting(office.client, owner.claims(), keep=True):
        office.client.execute("select set_config('request.headers', %s, true)", [text])
        office.client.execute("insert into tenancy.teams (name) values ('R')")
    (row,) = office.rows()
    assert row["request_id"] == request_id
    assert (str(row["ip"]) if row["ip"] else None) == ip


def test_the_epoch_of_a_restored_database_is_noted(office: Office, owner: Person) -> None:
    office.superuser.execute("insert into migration.epochs (epoch, reason) values (2, 'restored')")
    (row,) = office.rows(office.team(owner))
    assert row["epoch"] == 2


# --- partitions -----------------------------------------------------------------------------------


def test_two_years_of_months_are_there(office: Office) -> None:
    with office.database.connect("gardenos_monitor") as monitor:
        assert monitor.execute("select audit.months_ahead()").fetchall() == [(24,)]


def test_the_job_makes_the_months_that_are_missing(office: Office) -> None:
    with office.database.connect("gardenos_worker", autocommit=True) as worker:
        assert worker.execute("select audit.make_partitions(24)").fetchall() == [(0,)]
        assert worker.execute("select audit.make_partitions(30)").fetchall() == [(6,)]
        assert worker.execute("select audit.months_ahead()").fetchall() == [(30,)]
        for months in ("-1", "121", "null"):
            with pytest.raises(psycopg.errors.InvalidParameterValue):
                worker.execute(f"select audit.make_partitions({months})")


def test_a_month_that_is_missing_shortens_what_is_ahead(office: Office, owner: Person) -> None:
    (month,) = office.superuser.execute(
        "select to_char(now() at time zone 'UTC' + interval '3 months', '\"log_\"YYYY_MM') as name"
    ).fetchall()
    office.superuser.execute(f"alter table audit.log detach partition audit.{month['name']}")
    (ahead,) = office.superuser.execute("select audit.months_ahead() as n").fetchall()
    assert ahead["n"] == 2
    with (
        office.database.connect("gardenos_worker") as worker,
        pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState),
    ):
        worker.execute("select audit.make_partitions(24)")


def test_without_a_partition_a_write_fails_loudly(office: Office, owner: Person) -> None:
    (month,) = office.superuser.execute(
        "select to_char(now() at time zone 'UTC', '\"log_\"YYYY_MM') as name"
    ).fetchall()
    office.superuser.execute(f"alter table audit.log detach partition audit.{month['name']}")
    with pytest.raises(psycopg.errors.CheckViolation):
        office.team(owner)


def test_the_floor_of_uuids_is_where_a_month_begins(office: Office) -> None:
    (row,) = office.superuser.execute(
        "select app.uuid_v7_floor('2026-11-01 00:00:00+00') as id"
    ).fetchall()
    moment = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp() * 1000)
    assert row["id"] == UUID(int=(moment << 80) | (7 << 76) | (2 << 62))
