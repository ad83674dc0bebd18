"""Rows that the matrix tries to insert into the tables of crm, integration and governance.

For each table a row for each way that somebody may or may not add one: below a parent of everybody
and nobody, in one's own name and in a colleague's.
"""

from collections.abc import Callable, Mapping
from itertools import product
from uuid import UUID, uuid4

from tests.policies.access import Row
from tests.policies.records import ASSIGNED, NOW, VISIBILITIES, WHOSE

# every row there is, the agency, its members and its teams by name
Builder = Callable[
    [Mapping[str, list[Row]], UUID, Mapping[str, UUID], Mapping[str, UUID]], list[Row]
]


def whose(members: Mapping[str, UUID], teams: Mapping[str, UUID], *, assigned: bool) -> list[Row]:
    """Owners, assignees and teams; a row without an owner becomes the writer's."""
    found = []
    for owner, assignee, team in WHOSE + (ASSIGNED if assigned else ()):
        row: Row = {
            "owner_id": members[owner] if owner else None,
            "team_id": teams[team] if team else None,
        }
        if assigned:
            row["assignee_id"] = members[assignee] if assignee else None
        found.append(row)
    return found


def rows_of(rows: Mapping[str, list[Row]], table: str, agency_id: UUID) -> list[Row]:
    """The rows of an agency, those of each owner side by side."""
    return [row for row in rows[table] if row["agency_id"] == agency_id]


def ids(rows: Mapping[str, list[Row]], table: str, agency_id: UUID) -> list[UUID]:
    """Their ids."""
    return [row["id"] for row in rows_of(rows, table, agency_id)]


def owned(**values: object) -> Builder:
    """Rows of a table of records."""
    return lambda rows, agency_id, members, teams: [
        {**values, **row} for row in whose(members, teams, assigned=False)
    ]


def plain(**values: object) -> Builder:
    """One row that belongs to the agency."""
    return lambda rows, agency_id, members, teams: [dict(values)]


def below(parent: str, column: str, **values: object) -> Builder:
    """A child for each row of the parent."""
    return lambda rows, agency_id, members, teams: [
        {column: target, **values} for target in ids(rows, parent, agency_id)
    ]


def linked(parent: str, column: str, other: str, link: str) -> Builder:
    """A child for each row of the parent, pointing to one other row that it is not linked to."""

    def build(
        rows: Mapping[str, list[Row]],
        agency_id: UUID,
        members: Mapping[str, UUID],
        teams: Mapping[str, UUID],
    ) -> list[Row]:
        targets = ids(rows, other, agency_id)
        return [
            {column: source, link: targets[(index + 5) % len(targets)]}
            for index, source in enumerate(ids(rows, parent, agency_id))
        ]

    return build


def deals(
    rows: Mapping[str, list[Row]],
    agency_id: UUID,
    members: Mapping[str, UUID],
    teams: Mapping[str, UUID],
) -> list[Row]:
    """Deals of everybody, in the first pipeline."""
    stage = next(
        row
        for row in rows_of(rows, "crm.pipeline_stages", agency_id)
        if row["pipeline_id"] == pipelines(rows, agency_id)[0]
    )
    return [
        {
            "title": "New",
            "pipeline_id": stage["pipeline_id"],
            "stage_id": stage["id"],
            "currency": "EUR",
            **row,
        }
        for row in whose(members, teams, assigned=False)
    ]


def pipelines(rows: Mapping[str, list[Row]], agency_id: UUID) -> list[UUID]:
    """The live pipelines of an agency."""
    return [
        row["id"] for row in rows_of(rows, "crm.pipelines", agency_id) if row["deleted_at"] is None
    ]


def tagged(
    rows: Mapping[str, list[Row]],
    agency_id: UUID,
    members: Mapping[str, UUID],
    teams: Mapping[str, UUID],
) -> list[Row]:
    """A second tag on every contact, company and deal."""
    tag = next(row["id"] for row in rows_of(rows, "crm.tags", agency_id) if row["name"] == "cold")
    return [
        {"tag_id": tag, column: target}
        for column, table in (
            ("contact_id", "crm.contacts"),
            ("company_id", "crm.companies"),
            ("deal_id", "crm.deals"),
        )
        for target in ids(rows, table, agency_id)
    ]


def engaged(*, assigned: bool, about: bool, **values: object) -> Builder:
    """Activities, conversations or events of everybody, in each visibility."""

    def build(
        rows: Mapping[str, list[Row]],
        agency_id: UUID,
        members: Mapping[str, UUID],
        teams: Mapping[str, UUID],
    ) -> list[Row]:
        found: list[Row] = []
        clients = [
            row["contact_id"]
            for row in rows_of(rows, "tenancy.memberships", agency_id)
            if row["contact_id"]
        ]
        for visibility, row in product(VISIBILITIES, whose(members, teams, assigned=assigned)):
            if about and visibility == "client":
                found += [
                    {**values, "visibility": visibility, "contact_id": client, **row}
                    for client in clients
                ]
            elif visibility != "client":
                found.append({**values, "visibility": visibility, **row})
        return found

    return build


def messages(
    rows: Mapping[str, list[Row]],
    agency_id: UUID,
    members: Mapping[str, UUID],
    teams: Mapping[str, UUID],
) -> list[Row]:
    """A draft and an inbound message in each conversation."""
    return [
        {"conversation_id": place, "direction": direction, "status": "draft"}
        for place in ids(rows, "crm.conversations", agency_id)[::2]
        for direction in ("outbound", "inbound")
    ]


def participants(
    rows: Mapping[str, list[Row]],
    agency_id: UUID,
    members: Mapping[str, UUID],
    teams: Mapping[str, UUID],
) -> list[Row]:
    """Somebody new in each conversation and at each event."""
    return [
        {column: target, "address": "new@nowhere.test"}
        for column, table in (
            ("conversation_id", "crm.conversations"),
            ("calendar_event_id", "crm.calendar_events"),
        )
        for target in ids(rows, table, agency_id)[::3]
    ]


def files(
    rows: Mapping[str, list[Row]],
    agency_id: UUID,
    members: Mapping[str, UUID],
    teams: Mapping[str, UUID],
) -> list[Row]:
    """A file on some rows of each kind, and on none, of the portal and of the office."""
    found: list[Row] = []
    for column, table in (
        ("contact_id", "crm.contacts"),
        ("company_id", "crm.companies"),
        ("deal_id", "crm.deals"),
        ("activity_id", "crm.activities"),
        ("calendar_event_id", "crm.calendar_events"),
        ("message_id", "crm.messages"),
    ):
        targets = ids(rows, table, agency_id)
        for index, target in enumerate(targets[:: 1 + len(targets) // 25]):
            visibility, owner = (("team", "member"), ("client", "client"))[index % 2]
            found.append(
                {
                    column: target,
                    "visibility": visibility,
                    "owner_id": members[owner],
                    "purpose": "attachment",
                }
            )
    found += [
        {"purpose": "export", "visibility": visibility, "owner_id": members[owner]}
        for visibility in ("team", "private")
        for owner in ("member", "manager", "owner", "client")
    ]
    return [
        {
            "provider": "minio",
            "bucket": "files",
            "object_path": f"{agency_id}/new/{uuid4()}",
            "file_name": "new.pdf",
            "mime": "application/pdf",
            "byte_size": 1,
            **row,
        }
        for row in found
    ]


def consents(
    rows: Mapping[str, list[Row]],
    agency_id: UUID,
    members: Mapping[str, UUID],
    teams: Mapping[str, UUID],
) -> list[Row]:
    """A grant by form and a withdrawal through the portal, of each contact."""
    return [
        {
            "contact_id": contact,
            "purpose": "newsletter",
            "lawful_basis": "consent",
            "status": status,
            "source": source,
        }
        for contact in ids(rows, "crm.contacts", agency_id)
        for status, source in (("granted", "form"), ("withdrawn", "portal"))
    ]


def saved_views(
    rows: Mapping[str, list[Row]],
    agency_id: UUID,
    members: Mapping[str, UUID],
    teams: Mapping[str, UUID],
) -> list[Row]:
    """A view of everybody."""
    return [
        {"owner_id": members[name], "entity": "crm.deals", "name": "New", "visibility": "agency"}
        for name in ("member", "member2", "manager", "owner", "admin", "viewer", "agent")
    ]


def documents(
    rows: Mapping[str, list[Row]],
    agency_id: UUID,
    members: Mapping[str, UUID],
    teams: Mapping[str, UUID],
) -> list[Row]:
    """Notes of everybody, and documents of contacts and of activities that have none yet."""
    new: Row = {"title": "New", "content_sha256": bytes(32), "visibility": "agency"}
    return [
        *(
            {**new, "source_kind": "note", "visibility": visibility, **row}
            for row in whose(members, teams, assigned=False)
            for visibility in ("private", "agency")
        ),
        *(
            {**new, "source_kind": kind, f"{kind}_id": target}
            for kind, table in (("contact", "crm.contacts"), ("activity", "crm.activities"))
            for target in ids(rows, table, agency_id)[1::4]
        ),
    ]


def memories(
    rows: Mapping[str, list[Row]],
    agency_id: UUID,
    members: Mapping[str, UUID],
    teams: Mapping[str, UUID],
) -> list[Row]:
    """About the agency and members, by everybody, and about records of everybody."""
    new: Row = {"kind": "semantic", "content": "New", "visibility": "agency"}
    return [
        *(
            {**new, "subject": "agency", "visibility": visibility, **row}
            for row in whose(members, teams, assigned=False)
            for visibility in ("private", "team")
        ),
        *(
            {
                **new,
                "subject": "member",
                "visibility": "private",
                "membership_id": member,
                "owner_id": member,
            }
            for member in members.values()
        ),
        *(
            {**new, "subject": kind, "visibility": visibility, f"{kind}_id": target}
            for kind, table in (
                ("contact", "crm.contacts"),
                ("company", "crm.companies"),
                ("deal", "crm.deals"),
            )
            for target in ids(rows, table, agency_id)[::3]
            for visibility in ("private", "agency")
        ),
    ]


BUILDERS: dict[str, Builder] = {
    "crm.companies": owned(name="New"),
    "crm.contacts": owned(full_name="New"),
    "crm.deals": deals,
    "crm.contact_points": below("crm.contacts", "contact_id", kind="im", value="new"),
    "crm.contact_companies": linked("crm.contacts", "contact_id", "crm.companies", "company_id"),
    "crm.tags": plain(name="new"),
    "crm.record_tags": tagged,
    "crm.custom_field_defs": plain(entity="deal", key="new", label="New", data_type="text"),
    "crm.lookup_values": plain(kind="industry", label="New"),
    "crm.saved_views": saved_views,
    "crm.pipelines": plain(name="new"),
    "crm.pipeline_stages": lambda rows, agency_id, members, teams: [
        {"pipeline_id": pipelines(rows, agency_id)[0], "name": "New", "position": 99}
    ],
    "crm.deal_contacts": linked("crm.deals", "deal_id", "crm.contacts", "contact_id"),
    "crm.products": plain(sku="new", name="New", unit_price=1, currency="EUR"),
    "crm.deal_line_items": below("crm.deals", "deal_id", description="New", unit_price=1),
    "crm.activities": engaged(assigned=True, about=True, kind="note", subject="New"),
    "crm.conversations": engaged(assigned=True, about=True, channel="email"),
    "crm.participants": participants,
    "crm.messages": messages,
    "crm.calendar_events": engaged(
        assigned=False, about=False, title="New", starts_at=NOW, ends_at=NOW
    ),
    "crm.files": files,
    "crm.consents": consents,
    "ai.documents": documents,
    "ai.memories": memories,
    "integration.import_jobs": lambda rows, agency_id, members, teams: [
        {"entity": "deal", **row}
        for row in whose(members, teams, assigned=False)
        if row["owner_id"] is not None
    ],
    "governance.erasure_requests": lambda rows, agency_id, members, teams: [
        {"subject_kind": "contact", "subject_id": uuid4(), "label_masked": "J"}
    ],
    "governance.retention_policies": plain(entity="crm.files", keep="90 days", action="delete"),
}
