"""Policies of records broken on purpose: for each kind of rule, the cell that must go red.

Each mutant is the policy of its file with one rule taken out of it.
"""

import pytest

from tests.conftest import Mutant
from tests.policies.access import Connection
from tests.policies.broken import Broken, assert_noticed, function, policy
from tests.policies.matrix import Command, Role
from tests.policies.world import World

READ_CONTACTS = ("crm.contacts", "staff read contacts within their scope")
CHANGE_CONTACTS = (
    "crm.contacts",
    "staff change contacts within their scope and members their own",
)
ADD_DEALS = ("crm.deals", "staff add deals within their scope and members their own")
READ_POINTS = ("crm.contact_points", "staff read contact points of contacts they see")
CHANGE_POINTS = (
    "crm.contact_points",
    "staff change contact points of contacts they may change",
)
READ_CONVERSATIONS = (
    "crm.conversations",
    "people read conversations they take part in, staff by role",
)
CHANGE_CONVERSATIONS = (
    "crm.conversations",
    "staff change conversations of their teams or their own",
)
READ_ACTIVITIES = (
    "crm.activities",
    "staff read activities in their scope and clients shared ones",
)
READ_MESSAGES = ("crm.messages", "people read the messages of conversations they see")
WRITE_MESSAGES = ("crm.messages", "people write into conversations they take part in")
READ_VIEWS = ("crm.saved_views", "staff read views that are shared with them")

OWN = "when 'own' then owner_id = (select app.membership_id())"
UNASSIGNED = "or (owner_id is null and team_id is null)"
TAKES_PART = "or (select app.membership_id()) = any(participant_ids)"
MINE = "(select app.membership_id()) in (owner_id, assignee_id)"
POINT_PARENT = """exists (
        select 1
          from crm.contacts as parent
         where parent.agency_id = crm.contact_points.agency_id
           and parent.id = crm.contact_points.contact_id
    )"""

BROKEN = {
    "own is everybody's": Broken(
        policy(*CHANGE_CONTACTS, OWN, "when 'own' then true"),
        ("crm.contacts", Role.MEMBER, Command.UPDATE),
    ),
    "own is nobody's": Broken(
        policy(*CHANGE_CONTACTS, OWN, "when 'own' then false"),
        ("crm.contacts", Role.MEMBER, Command.UPDATE),
    ),
    "a record is written in a colleague's name": Broken(
        policy(*ADD_DEALS, OWN, "when 'own' then true"),
        ("crm.deals", Role.MEMBER, Command.INSERT),
    ),
    "any team is mine": Broken(
        policy(
            *READ_CONTACTS,
            "team_id = any((select app.my_teams())::uuid[])",
            "team_id is not null",
        ),
        ("crm.contacts", Role.MANAGER, Command.SELECT),
    ),
    "what is nobody's is hidden from the team": Broken(
        policy(*READ_CONTACTS, UNASSIGNED, ""),
        ("crm.contacts", Role.MANAGER, Command.SELECT),
    ),
    "what is nobody's is everybody's own": Broken(
        policy(*READ_CONTACTS, OWN, f"{OWN} or owner_id is null"),
        ("crm.contacts", Role.MEMBER, Command.SELECT),
    ),
    "a lead does not see below": Broken(
        function("app.my_teams", "is_lead", "is_lead and false"),
        ("crm.contacts", Role.MANAGER, Command.SELECT),
    ),
    "the record scope of the membership is ignored": Broken(
        function(
            "app.reach",
            "when proof.agency_role = any(scope) then proof.record_scope",
            "when proof.agency_role = any(scope) then 'all'",
        ),
        ("crm.deals", Role.MEMBER, Command.SELECT),
    ),
    "children are shown without their parent": Broken(
        policy(*READ_POINTS, POINT_PARENT, "true"),
        ("crm.contact_points", Role.MEMBER, Command.SELECT),
    ),
    "a readable parent is enough for writing": Broken(
        policy(*CHANGE_POINTS, "for key share", ""),
        ("crm.contact_points", Role.MEMBER, Command.UPDATE),
        record_scope="all",
    ),
    "private rows are shown to the owner of the agency": Broken(
        policy(*READ_CONVERSATIONS, "when 'all' then", "when 'all' then true or"),
        ("crm.conversations", Role.OWNER, Command.SELECT),
    ),
    "private rows are shown to the team": Broken(
        policy(*READ_ACTIVITIES, "visibility <> 'private'", "true"),
        ("crm.activities", Role.MANAGER, Command.SELECT),
    ),
    "who takes part does not see": Broken(
        policy(*READ_CONVERSATIONS, TAKES_PART, ""),
        ("crm.conversations", Role.MEMBER, Command.SELECT),
    ),
    "whom it is assigned to does not see": Broken(
        policy(*READ_ACTIVITIES, MINE, "(select app.membership_id()) = owner_id"),
        ("crm.activities", Role.MEMBER, Command.SELECT),
    ),
    "anybody writes into a conversation they see": Broken(
        policy(*WRITE_MESSAGES, "and (\n                   (select", "and (\n true or (select"),
        ("crm.messages", Role.OWNER, Command.INSERT),
    ),
    "a view for a team is for all": Broken(
        policy(*READ_VIEWS, "visibility = 'team'", "visibility = 'team' or true"),
        ("crm.saved_views", Role.MEMBER, Command.SELECT),
    ),
    "a client sees what is shared with another": Broken(
        policy(*READ_ACTIVITIES, "and contact_id = (select app.contact_id())", ""),
        ("crm.activities", Role.CLIENT, Command.SELECT),
    ),
    "a client sees what is about it and not shared": Broken(
        policy(*READ_ACTIVITIES, "visibility = 'client'", "true"),
        ("crm.activities", Role.CLIENT, Command.SELECT),
    ),
    "a client sees what staff says among themselves": Broken(
        policy(*READ_MESSAGES, "direction <> 'internal'", "true"),
        ("crm.messages", Role.CLIENT, Command.SELECT),
    ),
    "a client sees drafts": Broken(
        policy(*READ_MESSAGES, "and status <> 'draft'", ""),
        ("crm.messages", Role.CLIENT, Command.SELECT),
    ),
    "deleted rows are shown": Broken(
        policy(*READ_CONTACTS, "deleted_at is null", "true"),
        ("crm.contacts", Role.VIEWER, Command.SELECT),
    ),
    "update is enough to delete": Broken(
        policy(*READ_CONVERSATIONS, "deleted_at is null", "true")
        + policy(*CHANGE_CONVERSATIONS, "deleted_at is null", "true"),
        ("crm.conversations", Role.MEMBER, Command.SOFT_DELETE),
    ),
    "the cell of the agent is forgotten": Broken(
        function("app.reach", "if agents is null then", "if false then"),
        ("crm.conversations", Role.OWNER, Command.UPDATE),
        agent=True,
    ),
    "an agent reaches as far as the person": Broken(
        function("app.reach", "return least(mine, agents);", "return mine;"),
        ("crm.contacts", Role.OWNER, Command.UPDATE),
        agent=True,
    ),
    "the scopes of a key are forgotten": Broken(
        function("app.reach", "if proof.scopes is not null and", "if false and"),
        ("crm.companies", Role.OWNER, Command.UPDATE),
        scopes=("crm.companies:select",),
    ),
}


@pytest.mark.parametrize("mutation", BROKEN)
def test_matrix_notices(superuser: Connection, world: World, mutation: str, mutant: Mutant) -> None:
    broken = BROKEN[mutation]
    mutant("policy", f"matrix {' '.join(broken.cell)}", mutation)
    assert_noticed(superuser, world, broken)
