"""What the cells of the matrix cannot show: records that change hands, leaks that others had.

The rows are made as `service_role`; who sees and changes them is asked as the people of the town.
"""

from uuid import UUID, uuid4

import pytest

from tests.policies.town import AGENCIES, MEMBERSHIPS, Stage, team_id

ALPHA = AGENCIES["alpha"].id


def me(user: str) -> UUID:
    """The membership of somebody in agency alpha."""
    return MEMBERSHIPS["alpha", user].id


def make(stage: Stage, table: str, **values: object) -> UUID:
    """Insert a row of agency alpha as `service_role`; the id."""
    row = {"agency_id": ALPHA, "id": uuid4(), **values}
    marks = ", ".join(["%s"] * len(row))
    stage.service().run(f"insert into {table} ({', '.join(row)}) values ({marks})", *row.values())
    return UUID(str(row["id"]))


def contact(stage: Stage, **values: object) -> UUID:
    """A contact."""
    return make(stage, "crm.contacts", full_name="Somebody", **values)


def conversation(stage: Stage, **values: object) -> UUID:
    """A conversation."""
    return make(stage, "crm.conversations", channel="email", **values)


def readers(stage: Stage, table: str, row: UUID) -> set[str]:
    """Which people of agency alpha see this row."""
    return {
        user
        for user in ("ann", "adam", "mia", "max", "mel", "vic", "cli", "both")
        if stage.become(user).rows(f"select 1 from {table} where id = %s", row)
    }


# --- reading --------------------------------------------------------------------------------------


def test_a_contact_is_seen_by_its_owner_its_team_and_those_above(stage: Stage) -> None:
    row = contact(stage, owner_id=me("mel"), team_id=team_id("sales"))
    assert readers(stage, "crm.contacts", row) == {"ann", "adam", "mia", "max", "mel"}
    row = contact(stage, team_id=team_id("support"))
    assert readers(stage, "crm.contacts", row) == {"ann", "adam", "max"}


def test_an_unassigned_record_is_for_whoever_reaches_a_team(stage: Stage) -> None:
    assert readers(stage, "crm.contacts", contact(stage)) == {"ann", "adam", "mia", "max", "both"}


def test_a_lead_reaches_the_teams_below_and_a_member_does_not(stage: Stage) -> None:
    below = make(stage, "tenancy.teams", name="Below", parent_team_id=team_id("sales"))
    lowest = make(stage, "tenancy.teams", name="Lowest", parent_team_id=below)
    row = contact(stage, team_id=lowest)
    stage.service().run(
        "update tenancy.memberships set record_scope = 'team' where id = %s", me("mel")
    )
    assert "mia" in readers(stage, "crm.contacts", row)
    assert "mel" not in readers(stage, "crm.contacts", row)
    # a deleted team in between is still a link, and owns nothing any more
    stage.service().run("update tenancy.teams set deleted_at = now() where id = %s", below)
    assert "mia" in readers(stage, "crm.contacts", row)
    of_deleted = contact(stage, team_id=below)
    assert "mia" not in readers(stage, "crm.contacts", of_deleted)


def test_a_private_record_is_hidden_from_the_owner_of_the_agency(stage: Stage) -> None:
    row = make(
        stage,
        "crm.activities",
        kind="note",
        subject="Private",
        owner_id=me("mel"),
        assignee_id=me("mia"),
        visibility="private",
    )
    assert readers(stage, "crm.activities", row) == {"mel", "mia"}
    stage.become("ann")
    assert stage.run("update crm.activities set subject = 'x' where id = %s", row) == 0


def test_participants_let_a_colleague_into_a_private_conversation(stage: Stage) -> None:
    place = conversation(stage, owner_id=me("mel"), visibility="private")
    assert readers(stage, "crm.conversations", place) == {"mel"}
    stage.become("mel").run(
        "insert into crm.participants (conversation_id, membership_id) values (%s, %s)",
        place,
        me("both"),
    )
    assert readers(stage, "crm.conversations", place) == {"mel", "both"}
    stage.become("mel").run("delete from crm.participants where membership_id = %s", me("both"))
    assert readers(stage, "crm.conversations", place) == {"mel"}


def test_messages_are_hidden_with_their_conversation(stage: Stage) -> None:
    """chatwoot/chatwoot#10221: messages could be read by whoever could guess their id."""
    place = conversation(stage, owner_id=me("max"), team_id=team_id("support"), visibility="team")
    row = make(
        stage,
        "crm.messages",
        conversation_id=place,
        direction="inbound",
        status="received",
        body_text="Hello",
    )
    file = make(
        stage,
        "crm.files",
        provider="minio",
        bucket="b",
        object_path=f"{ALPHA}/a",
        file_name="a",
        mime="a/b",
        byte_size=1,
        message_id=row,
    )
    for table, found in (("crm.messages", row), ("crm.files", file)):
        assert readers(stage, table, found) == {"ann", "adam", "max"}


def test_notes_and_points_are_hidden_with_their_contact(stage: Stage) -> None:
    """frappe/crm#1492: whoever could not open a record could still read what hangs on it."""
    row = contact(stage, owner_id=me("max"), team_id=team_id("support"))
    point = make(stage, "crm.contact_points", contact_id=row, kind="email", value="Some@Body.test")
    assert readers(stage, "crm.contact_points", point) == {"ann", "adam", "max"}
    stage.become("mel")
    assert stage.run("delete from crm.contact_points where id = %s", point) == 0
    with stage.refused("42501"):
        stage.run(
            "insert into crm.contact_points (contact_id, kind, value) values (%s, 'url', 'x')", row
        )


def test_reading_the_parent_is_not_enough_to_write_a_child(stage: Stage) -> None:
    """A member who sees the team's contacts changes the own ones only, and what hangs on them."""
    row = contact(stage, owner_id=me("mia"), team_id=team_id("sales"))
    stage.service().run(
        "update tenancy.memberships set record_scope = 'team' where id = %s", me("mel")
    )
    assert "mel" in readers(stage, "crm.contacts", row)
    stage.become("mel")
    with stage.refused("42501"):
        stage.run(
            "insert into crm.contact_points (contact_id, kind, value) values (%s, 'url', 'x')", row
        )
    stage.become("mia").run(
        "insert into crm.contact_points (contact_id, kind, value) values (%s, 'url', 'x')", row
    )


# --- changing hands -------------------------------------------------------------------------------


def test_a_member_hands_over_as_far_as_they_see(stage: Stage) -> None:
    stage.service().run(
        "update tenancy.memberships set record_scope = 'team' where id = %s", me("mel")
    )
    row = contact(stage, owner_id=me("mel"))
    change = "update crm.contacts set owner_id = %s, team_id = %s where id = %s"
    stage.become("mel")
    with stage.refused("42501"):
        stage.run(change, me("max"), team_id("support"), row)
    assert stage.run(change, me("mia"), team_id("sales"), row) == 1
    # it is not theirs any more
    assert stage.run("update crm.contacts set job_title = 'x' where id = %s", row) == 0


def test_a_member_who_sees_only_the_own_hands_nothing_over(stage: Stage) -> None:
    row = contact(stage, owner_id=me("mel"))
    with stage.become("mel").refused("42501"):
        stage.run("update crm.contacts set owner_id = %s where id = %s", me("mia"), row)


def test_nobody_takes_what_they_do_not_see(stage: Stage) -> None:
    row = contact(stage, owner_id=me("max"))
    for thief in ("mel", "mia", "vic"):
        stage.become(thief)
        assert stage.run("update crm.contacts set owner_id = %s", me(thief)) == 0, thief
    assert row


def test_a_record_is_not_written_in_the_name_of_a_colleague(stage: Stage) -> None:
    stage.become("mel")
    with stage.refused("42501"):
        stage.run("insert into crm.contacts (full_name, owner_id) values ('x', %s)", me("mia"))
    with stage.refused("42501"):
        stage.run(
            "insert into crm.activities (kind, subject, owner_id, assignee_id)"
            " values ('task', 'x', %s, %s)",
            me("mia"),
            me("mel"),
        )
    stage.run(
        "insert into crm.activities (kind, subject, assignee_id) values ('task', 'x', %s)",
        me("mia"),
    )


# --- hidden links ---------------------------------------------------------------------------------


def test_a_link_to_a_hidden_record_is_refused(stage: Stage) -> None:
    """krayin/laravel-crm#732: the dialogue of a link showed the records of others."""
    hidden = make(stage, "crm.companies", name="Hidden", owner_id=me("max"))
    seen = make(stage, "crm.companies", name="Seen", owner_id=me("mel"))
    row = contact(stage, owner_id=me("mel"))
    stage.become("mel")
    statement = "insert into crm.contact_companies (contact_id, company_id) values (%s, %s)"
    with stage.refused("42501"):
        stage.run(statement, row, hidden)
    assert stage.run(statement, row, seen) == 1
    with stage.refused("42501"):
        stage.run("update crm.contact_companies set company_id = %s", hidden)


def test_a_hidden_link_that_is_there_does_not_freeze_the_row(stage: Stage) -> None:
    hidden = make(stage, "crm.companies", name="Hidden", owner_id=me("max"))
    row = make(
        stage,
        "crm.activities",
        kind="note",
        subject="x",
        owner_id=me("mel"),
        company_id=hidden,
    )
    stage.become("mel")
    assert stage.run("update crm.activities set subject = 'y' where id = %s", row) == 1


# --- clients and agents ---------------------------------------------------------------------------


@pytest.fixture
def client_contact(stage: Stage) -> UUID:
    """The contact behind the client of agency alpha."""
    return UUID(
        str(
            stage.service().value(
                "select contact_id from tenancy.memberships where id = %s", me("cli")
            )
        )
    )


def test_a_client_sees_of_a_conversation_what_is_meant_for_it(
    stage: Stage, client_contact: UUID
) -> None:
    place = conversation(stage, contact_id=client_contact, visibility="client")
    for direction, status in (
        ("inbound", "received"),
        ("outbound", "sent"),
        ("outbound", "draft"),
        ("internal", "sent"),
    ):
        make(stage, "crm.messages", conversation_id=place, direction=direction, status=status)
    assert sorted(stage.become("cli").rows("select direction::text from crm.messages")) == [
        "inbound",
        "outbound",
    ]
    assert stage.rows("select 1 from crm.contacts") == []
    stage.service().run("update crm.conversations set visibility = 'agency' where true")
    assert stage.become("cli").rows("select 1 from crm.messages") == []


def test_a_client_writes_to_the_agency_and_sees_its_message(
    stage: Stage, client_contact: UUID
) -> None:
    stage.become("cli")
    stage.run(
        "insert into crm.conversations (channel, contact_id, visibility)"
        " values ('webchat', %s, 'client')",
        client_contact,
    )
    place = stage.value("select id from crm.conversations")
    stage.run(
        "insert into crm.messages (conversation_id, direction, body_text)"
        " values (%s, 'inbound', 'Hello')",
        place,
    )
    assert stage.rows("select body_text::text from crm.messages") == ["Hello"]
    with stage.refused("42501"):
        stage.run(
            "insert into crm.messages (conversation_id, direction) values (%s, 'internal')", place
        )
    with stage.refused("42501"):
        stage.run(
            "insert into crm.conversations (channel, contact_id, visibility)"
            " values ('webchat', %s, 'team')",
            client_contact,
        )


def test_a_client_withdraws_consent_and_grants_none(stage: Stage, client_contact: UUID) -> None:
    stage.become("cli")
    statement = (
        "insert into crm.consents (contact_id, purpose, lawful_basis, status, source)"
        " values (%s, 'newsletter', 'consent', %s, 'portal')"
    )
    assert stage.run(statement, client_contact, "withdrawn") == 1
    with stage.refused("42501"):
        stage.run(statement, client_contact, "granted")


def test_a_client_sees_the_events_it_is_invited_to(stage: Stage, client_contact: UUID) -> None:
    rows = [
        make(
            stage,
            "crm.calendar_events",
            title=visibility,
            starts_at="2026-01-01",
            ends_at="2026-01-01",
            visibility=visibility,
        )
        for visibility in ("client", "agency", "client")
    ]
    for row in rows[:2]:
        make(stage, "crm.participants", calendar_event_id=row, contact_id=client_contact)
    assert stage.become("cli").rows("select id from crm.calendar_events") == [rows[0]]


def test_an_agent_acting_for_somebody_has_the_narrower_reach(stage: Stage) -> None:
    """The agent of alpha reaches its teams, the owner everything: together, the owner's teams."""
    row = contact(stage, owner_id=me("max"))
    own = contact(stage, owner_id=me("ann"))
    stage.become("ann", act={"user_id": str(_agent(stage))})
    assert set(stage.rows("select id from crm.contacts where id in (%s, %s)", row, own)) == {own}
    assert stage.run("update crm.contacts set deleted_at = now() where id = %s", row) == 0
    with stage.refused("42501"):
        stage.run("update crm.contacts set deleted_at = now() where id = %s", own)


def _agent(stage: Stage) -> UUID:
    return UUID(
        str(
            stage.service().value(
                "select user_id from tenancy.memberships where id = %s", me("bot")
            )
        )
    )


def test_a_member_without_the_capability_imports_nothing(stage: Stage) -> None:
    statement = "insert into integration.import_jobs (entity, owner_id) values ('contact', %s)"
    with stage.become("mel").refused("42501"):
        stage.run(statement, me("mel"))
    stage.service().run(
        "update tenancy.memberships set capabilities = '{import}' where id = %s", me("mel")
    )
    assert stage.become("mel").run(statement, me("mel")) == 1


def test_nobody_requests_an_erasure_as_somebody_else_or_already_approved(stage: Stage) -> None:
    statement = (
        "insert into governance.erasure_requests"
        " (subject_kind, subject_id, label_masked, status, requested_by_id)"
        " values ('contact', %s, 'J', %s, %s)"
    )
    stage.become("adam")
    with stage.refused("42501"):
        stage.run(statement, uuid4(), "approved", me("adam"))
    with stage.refused("42501"):
        stage.run(statement, uuid4(), "requested", me("ann"))
    assert stage.run(statement, uuid4(), "requested", me("adam")) == 1


@pytest.mark.parametrize("user", ["ann", "mia", "mel", "vic", "cli"])
def test_no_policy_asks_itself(stage: Stage, user: str) -> None:
    """42P17 shows only when a statement is planned: every table, every command, once."""
    stage.become(user)
    for table in stage.rows(
        "select c.oid::regclass::text from pg_class as c"
        " where c.relnamespace::regnamespace::text in ('crm', 'integration', 'governance')"
        " and c.relkind in ('r', 'p') and not c.relispartition"
        " and has_table_privilege(c.oid, 'select')"
    ):
        stage.rows(f"select 1 from {table} limit 1")


def test_a_deleted_team_is_given_no_more_records(stage: Stage) -> None:
    """By those who read it no more; and as a default it is none."""
    gone = make(stage, "tenancy.teams", name="Gone")
    row = contact(stage, owner_id=me("mel"))
    stage.service().run("update tenancy.teams set deleted_at = now() where id = %s", gone)
    stage.service().run(
        "update tenancy.memberships set default_team_id = %s where id = %s", gone, me("mel")
    )
    stage.become("mel")
    with stage.refused("42501"):
        stage.run("update crm.contacts set team_id = %s where id = %s", gone, row)
    stage.run("insert into crm.contacts (full_name) values ('New')")
    assert stage.rows("select team_id from crm.contacts where full_name = 'New'") == [None]
    assert stage.become("ann").run("update crm.contacts set team_id = %s", gone) > 0
