"""No escalation (schema 7.3) and at least one active owner (schema 7.2).

Rules 5 and parts of 3 concern invitations and stand in test_invitations; rule 7 in test_api_keys.
"""

import threading
from typing import Any

import psycopg
import pytest

from tests.policies.town import (
    AGENCIES,
    MEMBERSHIPS,
    USERS,
    Stage,
    Town,
    named,
    team_id,
)

ALPHA = AGENCIES["alpha"].id
RANKS = ["owner", "admin", "manager", "member", "viewer", "client"]
UPDATE = "update tenancy.memberships set {} where id = %s"


def member(user: str, agency: str = "alpha") -> Any:
    return MEMBERSHIPS[agency, user].id


def change(stage: Stage, user: str, assignments: str) -> int:
    """Update somebody's membership as whoever is on stage."""
    return stage.run(UPDATE.format(assignments), member(user))


def role_of(stage: Stage, user: str) -> Any:
    claims = dict(stage.claims)
    found = stage.service().value(
        "select role::text from tenancy.memberships where id = %s", member(user)
    )
    stage.present(claims)
    return found


# --- rule 1: only an owner makes, changes or removes an owner ---------------------------------


def test_an_owner_makes_changes_and_removes_an_owner(stage: Stage) -> None:
    stage.become("ann")
    assert change(stage, "mel", "role = 'owner', record_scope = 'all'") == 1
    assert change(stage, "olga", "display_name = 'Olga O.'") == 1
    assert change(stage, "olga", "status = 'removed'") == 1
    assert change(stage, "mel", "role = 'member'") == 1


@pytest.mark.parametrize(
    "assignments",
    [
        "role = 'admin'",
        "status = 'suspended'",
        "status = 'removed'",
        "display_name = 'Nobody'",
        "capabilities = '{export}'",
        "job_title = null",
        "row_version = row_version",
    ],
)
def test_an_admin_touches_no_owner(stage: Stage, assignments: str) -> None:
    with stage.become("adam").refused("42501"):
        change(stage, "ann", assignments)


@pytest.mark.parametrize("user", ["mel", "adam", "vic"])
def test_an_admin_makes_no_owner(stage: Stage, user: str) -> None:
    with stage.become("adam").refused("42501"):
        change(stage, user, "role = 'owner', record_scope = 'all'")


# --- rule 2: nobody changes their own role, scope, capabilities or status ---------------------


@pytest.mark.parametrize("user", ["ann", "adam"])
@pytest.mark.parametrize(
    "assignments",
    [
        "role = 'manager'",
        "role = 'viewer', record_scope = 'own'",
        "record_scope = 'team'",
        "capabilities = '{import,export,merge}'",
        "status = 'suspended'",
        "status = 'removed'",
    ],
)
def test_nobody_changes_their_own_standing(stage: Stage, user: str, assignments: str) -> None:
    with stage.become(user).refused("42501"):
        change(stage, user, assignments)


@pytest.mark.parametrize("user", ["ann", "adam"])
def test_people_change_the_rest_of_their_membership(stage: Stage, user: str) -> None:
    stage.become(user)
    assert change(stage, user, "display_name = 'Me', job_title = 'Boss', role = role") == 1


@pytest.mark.parametrize("user", ["mia", "max", "mel", "vic", "cli", "bot"])
def test_the_others_change_no_membership_at_all(stage: Stage, user: str) -> None:
    stage.become(user)
    assert stage.run("update tenancy.memberships set display_name = 'x'") == 0
    assert change(stage, user, "role = 'owner', record_scope = 'all'") == 0


# --- rule 3: nobody gives, or touches a row with, a role above their own ----------------------


@pytest.mark.parametrize("given", RANKS)
@pytest.mark.parametrize(("actor", "mine"), [("ann", "owner"), ("adam", "admin")])
def test_a_role_is_given_up_to_ones_own(stage: Stage, actor: str, mine: str, given: str) -> None:
    stage.become(actor)
    scope = {"owner": "all", "admin": "all", "manager": "team"}.get(given, "own")
    assignments = f"role = '{given}', record_scope = '{scope}'"
    if given == "client":
        # contact_id is not theirs to give: a client comes by invitation
        with stage.refused("23514"):
            change(stage, "mel", assignments)
    elif RANKS.index(given) >= RANKS.index(mine):
        assert change(stage, "mel", assignments) == 1
        assert role_of(stage, "mel") == given
    else:
        with stage.refused("42501"):
            change(stage, "mel", assignments)


def test_an_admin_changes_another_admin(stage: Stage) -> None:
    stage.become("adam")
    assert change(stage, "paused", "status = 'active'") == 1
    assert change(stage, "paused", "role = 'viewer', record_scope = 'own'") == 1


def test_one_statement_for_all_stops_at_the_first_owner(stage: Stage) -> None:
    with stage.become("adam").refused("42501"):
        stage.run("update tenancy.memberships set job_title = 'Minion'")


def test_the_rank_is_live(stage: Stage) -> None:
    """An admin in the token, a member by now."""
    stage.become("ann")
    change(stage, "adam", "role = 'member'")
    stage.become("adam", agency_role="admin")
    assert change(stage, "mel", "role = 'viewer'") == 0


# --- rule 4: ai_agent stands outside the order ------------------------------------------------

ADD = (
    "insert into tenancy.memberships (user_id, role, display_name, record_scope)"
    " values (%s, %s::app.agency_role, 'New', 'own') returning role::text"
)


@pytest.mark.parametrize("actor", ["ann", "adam"])
def test_owners_and_admins_add_agents(stage: Stage, actor: str) -> None:
    assert stage.become(actor).value(ADD, USERS["bot-free"].id, "ai_agent") == "ai_agent"
    assert stage.value(
        "select created_by = app.membership_id() from tenancy.memberships where user_id = %s",
        USERS["bot-free"].id,
    )


@pytest.mark.parametrize("actor", ["mia", "max", "mel", "vic", "cli", "bot", "loner"])
def test_nobody_else_adds_an_agent(stage: Stage, actor: str) -> None:
    with stage.become(actor).refused("42501"):
        stage.run(ADD, USERS["bot-free"].id, "ai_agent")


def test_a_person_is_no_agent_and_an_agent_no_person(stage: Stage) -> None:
    stage.become("ann")
    with stage.refused("23514"):
        stage.run(ADD, USERS["loner"].id, "ai_agent")
    with stage.refused("23514"):
        stage.run(ADD, USERS["bot-free"].id, "member")
    for user, role in (("mel", "ai_agent"), ("bot", "member"), ("bot", "viewer")):
        with stage.refused("23514"):
            change(stage, user, f"role = '{role}'")


@pytest.mark.parametrize("role", RANKS)
def test_people_come_by_invitation_only(stage: Stage, role: str) -> None:
    insert = (
        "insert into tenancy.memberships (user_id, role, record_scope, display_name)"
        f" values (%s, '{role}', 'all', 'New')"
    )
    with stage.become("ann").refused("23514" if role == "client" else "42501"):
        stage.run(insert, USERS["loner"].id)
    agency = AGENCIES["alpha"].id
    with stage.service().refused("23514" if role == "client" else "42501"):
        stage.run(
            "insert into tenancy.memberships (agency_id, user_id, role, record_scope, display_name)"
            f" values (%s, %s, '{role}', 'all', 'New')",
            agency,
            USERS["loner"].id,
        )


def test_agents_are_changed_by_owners_and_admins(stage: Stage) -> None:
    for actor in ("ann", "adam"):
        assert change(stage.become(actor), "bot", "status = 'suspended'") == 1
        assert change(stage.become(actor), "bot", "status = 'active', record_scope = 'all'") == 1


def test_an_agent_adds_no_agent_for_an_owner(stage: Stage) -> None:
    stage.become("ann", act={"user_id": str(USERS["bot"].id)})
    with stage.refused("42501"):
        stage.run(ADD, USERS["bot-free"].id, "ai_agent")
    assert change(stage, "bot", "record_scope = 'all'") == 0


# --- rule 6: user_id never changes; contact_id only by merge ----------------------------------


def test_a_membership_stays_with_its_user(stage: Stage) -> None:
    with stage.become("ann").refused("PT403"):
        stage.run(UPDATE.format("user_id = %s"), USERS["loner"].id, member("mel"))
    with stage.service().refused("PT403"):
        stage.run(UPDATE.format("user_id = %s"), USERS["loner"].id, member("mel"))


def test_nobody_sets_the_contact_of_a_client(stage: Stage) -> None:
    with stage.become("ann").refused("42501"):
        stage.run(UPDATE.format("contact_id = %s"), named("contact", "other"), member("cli"))


# --- what a membership is made of -------------------------------------------------------------


@pytest.mark.parametrize(
    ("user", "assignments"),
    [
        ("mel", "role = 'admin', record_scope = 'team'"),
        ("mel", "role = 'manager', record_scope = 'own'"),
        ("mel", "capabilities = '{fly}'"),
        ("mel", "role = 'client'"),
        ("cli", "role = 'member'"),
        ("mel", "display_name = '   '"),
    ],
)
def test_a_membership_that_makes_no_sense_is_refused(
    stage: Stage, user: str, assignments: str
) -> None:
    with stage.become("ann").refused("23514"):
        change(stage, user, assignments)


def test_times_of_suspension_and_removal_are_the_databases(stage: Stage) -> None:
    times = (
        "select suspended_at is not null, removed_at is not null"
        " from tenancy.memberships where id = %s"
    )
    stage.become("ann")
    for status, expected in (
        ("suspended", (True, False)),
        ("removed", (False, True)),
        ("active", (False, False)),
    ):
        change(stage, "mel", f"status = '{status}'")
        assert stage.value(times, member("mel")) == expected
    with stage.refused("42501"):
        change(stage, "mel", "suspended_at = now()")


@pytest.mark.parametrize("role", ["ann", "adam", "mel"])
def test_nobody_deletes_a_membership(stage: Stage, role: str) -> None:
    with stage.become(role).refused("42501"):
        stage.run("delete from tenancy.memberships where id = %s", member("vic"))


def test_not_even_the_back_office_deletes_a_membership(stage: Stage) -> None:
    with stage.service().refused("42501") as caught:
        stage.run("delete from tenancy.memberships where id = %s", member("vic"))
    assert "never deleted" in str(caught.value)


def test_a_default_team_is_one_of_the_agency(stage: Stage) -> None:
    assert change(stage.become("ann"), "mel", f"default_team_id = '{team_id('sales')}'") == 1
    with stage.refused("23503"):
        change(stage, "mel", f"default_team_id = '{team_id('sales-beta')}'")


def test_a_user_is_a_member_once(stage: Stage) -> None:
    with stage.become("ann").refused("23505"):
        stage.run(ADD, USERS["bot"].id, "ai_agent")


# --- 7.2: at least one active owner -----------------------------------------------------------


def commit(town: Town, *statements: tuple[str, Any], actor: str | None = None) -> None:
    """Run statements as the back office, or as a person, and commit them."""
    with town.stage(keep=True) as stage:
        if actor is None:
            stage.service()
        else:
            stage.become(actor)
        for statement, argument in statements:
            stage.run(statement, argument)


def owners(town: Town) -> set[str]:
    with town.stage() as stage:
        found = set(
            stage.service().rows(
                "select m.user_id from tenancy.memberships as m join tenancy.users as u"
                " on u.id = m.user_id and u.status = 'active'"
                " where m.agency_id = %s and m.role = 'owner' and m.status = 'active'",
                ALPHA,
            )
        )
    return {name for name, user in USERS.items() if user.id in found}


LOSSES = {
    "demoted": (UPDATE.format("role = 'admin'"), member("ann")),
    "suspended": (UPDATE.format("status = 'suspended'"), member("ann")),
    "removed": (UPDATE.format("status = 'removed'"), member("ann")),
    "disabled": ("update tenancy.users set status = 'disabled' where id = %s", USERS["ann"].id),
    "erased": ("update tenancy.users set status = 'erased' where id = %s", USERS["ann"].id),
}


@pytest.fixture
def one_owner(own_town: Town) -> Town:
    """The town with ann as the only owner of alpha and of nothing else; she has no records."""
    with own_town.database.connect() as admin:
        admin.execute("set session_replication_role = replica")
        admin.execute(
            "update tenancy.memberships set status = 'removed' where id in (%s, %s, %s)",
            (member("olga"), member("ann", "halted"), member("ann", "gone")),
        )
        admin.execute(
            "update crm.contacts set owner_id = null where owner_id = %s", [member("ann")]
        )
    assert owners(own_town) == {"ann"}
    return own_town


@pytest.mark.parametrize("loss", LOSSES)
def test_the_last_owner_is_not_lost_at_commit(one_owner: Town, loss: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation) as caught:
        commit(one_owner, LOSSES[loss])
    assert "no active owner" in str(caught.value)
    assert owners(one_owner) == {"ann"}


@pytest.mark.parametrize("loss", LOSSES)
def test_an_owner_who_is_not_the_last_is_lost(one_owner: Town, loss: str) -> None:
    commit(one_owner, (UPDATE.format("role = 'owner', record_scope = 'all'"), member("mel")))
    commit(one_owner, LOSSES[loss])
    assert owners(one_owner) == {"mel"}


def test_owners_hand_over_within_one_transaction_in_any_order(one_owner: Town) -> None:
    commit(
        one_owner,
        LOSSES["demoted"],
        (UPDATE.format("role = 'owner', record_scope = 'all'"), member("mel")),
    )
    assert owners(one_owner) == {"mel"}


@pytest.mark.parametrize("kind", ["a disabled owner", "a suspended owner", "a removed owner"])
def test_an_owner_who_cannot_act_does_not_count(one_owner: Town, kind: str) -> None:
    commit(one_owner, (UPDATE.format("role = 'owner', record_scope = 'all'"), member("mel")))
    if kind == "a disabled owner":
        commit(
            one_owner,
            ("update tenancy.users set status = 'disabled' where id = %s", USERS["mel"].id),
        )
    else:
        status = kind.split()[1]
        commit(one_owner, (UPDATE.format(f"status = '{status}'"), member("mel")))
    with pytest.raises(psycopg.errors.CheckViolation):
        commit(one_owner, LOSSES["removed"])


def test_an_agency_that_is_closing_may_lose_its_last_owner(one_owner: Town) -> None:
    commit(
        one_owner,
        ("update tenancy.agencies set status = 'closing' where id = %s", ALPHA),
        LOSSES["removed"],
    )
    assert owners(one_owner) == set()


def test_a_suspended_agency_may_not(one_owner: Town) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        commit(
            one_owner,
            ("update tenancy.agencies set status = 'suspended' where id = %s", ALPHA),
            LOSSES["removed"],
        )


def test_an_owner_of_two_agencies_is_the_last_of_each(one_owner: Town) -> None:
    """Disabling the user is refused although one of the two agencies has another owner."""
    with one_owner.stage(keep=True) as stage:
        stage.service().run("select app.create_agency('Delta', 'delta', %s)", USERS["ann"].id)
        stage.run(UPDATE.format("role = 'owner', record_scope = 'all'"), member("mel"))
    with pytest.raises(psycopg.errors.CheckViolation):
        commit(one_owner, LOSSES["disabled"])


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
@pytest.mark.parametrize("by", ["each other", "themselves", "user status"])
def test_two_owners_do_not_vanish_at_the_same_moment(
    own_town: Town, isolation: str, by: str
) -> None:
    """Ann and Olga demote each other, or both leave: exactly one of the two gets through."""
    with own_town.database.connect() as admin:
        admin.execute("set session_replication_role = replica")
        admin.execute(
            "update tenancy.memberships set status = 'removed' where id in (%s, %s)",
            (member("ann", "halted"), member("ann", "gone")),
        )
    assert owners(own_town) == {"ann", "olga"}
    barrier = threading.Barrier(2)
    outcomes: dict[str, str] = {}

    def attempt(actor: str, other: str) -> None:
        try:
            with own_town.stage(keep=True, isolation=isolation) as stage:
                stage.become(actor)
                if by == "each other":
                    change(stage, other, "role = 'admin'")
                elif by == "themselves":
                    stage.run("select app.leave_agency()")
                else:
                    stage.service().run(
                        "update tenancy.users set status = 'disabled' where id = %s",
                        USERS[actor].id,
                    )
                barrier.wait(timeout=20)
            outcomes[actor] = "done"
        except psycopg.Error as error:
            outcomes[actor] = str(error.sqlstate)

    threads = [
        threading.Thread(target=attempt, args=pair) for pair in (("ann", "olga"), ("olga", "ann"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(outcomes) == ["ann", "olga"]
    assert list(outcomes.values()).count("done") == 1, outcomes
    assert len(owners(own_town)) == 1
    # 40P01 and 40001 say "try again", and then 23514 is the answer
    assert set(outcomes.values()) <= {"done", "23514", "40001", "40P01"}
