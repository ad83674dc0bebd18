"""Two records that are one, with something in every table that hangs on them; a dump of it all."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from tests.audit.trail import Person
from tests.crm.desk import Desk
from tests.policies.access import Row

# What a merge counts on and never turns back: see app.undo_merge.
STAMPS = ("row_version", "updated_at", "updated_by")
STAYS = {"crm.consents", "crm.merge_records"}
LOGINS = [("tenancy.memberships", "contact_id"), ("tenancy.invitations", "contact_id")]

Dump = dict[tuple[str, str], Row]


@dataclass(frozen=True)
class Pair:
    """Two records to merge."""

    table: str
    winner: UUID
    loser: UUID


def merge(desk: Desk, pair: Pair, who: Person | None = None, **choices: Any) -> UUID:
    """Merge the two; the id of the merge."""
    function = {"crm.contacts": "merge_contacts", "crm.companies": "merge_companies"}[pair.table]
    found: UUID = desk.office.do(
        who or desk.owner,
        f"select app.{function}(%s, %s, %s::jsonb)",
        pair.winner,
        pair.loser,
        json.dumps(choices),
    )
    return found


def undo(desk: Desk, merged: UUID, who: Person | None = None) -> dict[str, Any]:
    """Undo a merge; what it could not turn back."""
    found: dict[str, Any] = desk.office.do(who or desk.owner, "select app.undo_merge(%s)", merged)
    return found


def children(desk: Desk, table: str) -> list[tuple[str, str]]:
    """Table and column of everything that points to contacts or companies, off the catalogue."""
    found = desk.office.superuser.execute(
        "select c.conrelid::regclass::text as name, a.attname::text as reference"
        "  from pg_constraint as c"
        "  join pg_attribute as a on a.attrelid = c.conrelid and a.attnum = any(c.conkey)"
        "   and a.attname <> 'agency_id'"
        " where c.contype = 'f' and c.confrelid = %s::regclass",
        [table],
    ).fetchall()
    logins = LOGINS if table == "crm.contacts" else []
    return sorted({(row["name"], row["reference"]) for row in found} | set(logins))


def count(desk: Desk, table: str, column: str, record: UUID) -> int:
    """How many rows point to this record there."""
    (row,) = desk.office.superuser.execute(
        f"select count(*) as n from {table} where agency_id = %s and {column} = %s".encode(),
        [desk.owner.agency_id, record],
    ).fetchall()
    number: int = row["n"]
    return number


def dump(desk: Desk) -> Dump:
    """Every row of the agency: all of crm, imports, memberships and invitations."""
    superuser = desk.office.superuser
    tables = [
        row["name"]
        for row in superuser.execute(
            "select c.oid::regclass::text as name from pg_class as c"
            " where c.relkind = 'r' and (c.relnamespace = 'crm'::regnamespace or c.oid::regclass"
            " in ('integration.import_rows', 'tenancy.memberships', 'tenancy.invitations',"
            " 'ai.documents', 'ai.memories'))"
        )
    ]
    return {
        (table, str(row["found"]["id"])): row["found"]
        for table in tables
        for row in superuser.execute(
            f"select to_jsonb(t) as found from {table} as t where agency_id = %s".encode(),
            [desk.owner.agency_id],
        )
    }


def unstamped(rows: Dump) -> Dump:
    """The rows without what counts on, and without the merges themselves."""
    return {
        (table, record): {name: value for name, value in row.items() if name not in STAMPS}
        for (table, record), row in rows.items()
        if table != "crm.merge_records"
    }


def invite_client(desk: Desk, contact: UUID) -> None:
    """An open invitation of a client."""
    desk.do(
        "select app.invite(%s, 'client', 'own', null, %s)", f"{uuid4()}@clients.example", contact
    )


def client(desk: Desk, contact: UUID) -> Person:
    """The login of a client, put there past the invitation."""
    user = desk.office.serve("insert into tenancy.users (full_name) values ('Cli') returning id")
    member = uuid4()
    with desk.office.superuser.transaction():
        desk.office.superuser.execute("set local session_replication_role = replica")
        desk.office.superuser.execute(
            "insert into tenancy.memberships"
            " (agency_id, id, user_id, role, display_name, contact_id)"
            " values (%s, %s, %s, 'client', 'Cli', %s)",
            [desk.owner.agency_id, member, user, contact],
        )
    return Person(user, member, desk.owner.agency_id)


def furnish(desk: Desk, record: str, of: UUID, shared: "Shared") -> None:
    """Hang one row of each table on a contact (`contact_id`) or a company (`company_id`).

    Besides what is its own, it gets the tag, deal, employer and so on that both records of a pair
    have.
    """
    mine: dict[str, Any] = {record: of}
    agency = desk.owner.agency_id
    for tag in (shared.tag, desk.insert("crm.tags", name=f"Tag {uuid4()}")):
        desk.insert("crm.record_tags", tag_id=tag, **mine)
    main = {"contact_id": "primary_contact_id"}.get(record, record)
    deal = desk.deal(shared.pipeline, shared.stage, **{main: of})
    desk.insert("crm.activities", kind="note", subject="Called", visibility="private", **mine)
    desk.serve(
        "crm.files",
        provider="minio",
        bucket="files",
        object_path=f"{agency}/{uuid4()}",
        file_name="a.pdf",
        mime="application/pdf",
        byte_size=1,
        **mine,
    )
    job = desk.serve("integration.import_jobs", entity="deal", owner_id=desk.owner.membership_id)
    desk.serve("integration.import_rows", job_id=job, row_no=1, **mine)
    about = record.removesuffix("_id")
    desk.serve(
        "ai.documents",
        source_kind=about,
        title="Text",
        content_sha256=bytes(32),
        **mine,
    )
    desk.serve(
        "ai.memories",
        subject=about,
        kind="semantic",
        content="Fact",
        visibility="agency",
        **mine,
    )
    event: dict[str, Any] = {"title": "Lunch", "starts_at": "2026-01-01", "ends_at": "2026-01-02"}
    if record == "company_id":
        desk.insert("crm.calendar_events", company_id=of, **event)
        for person in (shared.person, desk.contact(full_name="Only here")):
            desk.insert("crm.contact_companies", contact_id=person, company_id=of)
        return
    for company in (shared.company, desk.insert("crm.companies", name="Only here")):
        desk.insert("crm.contact_companies", contact_id=of, company_id=company)
    desk.insert(
        "crm.contact_companies",
        contact_id=of,
        company_id=shared.company,
        started_on="2010-01-01",
        ended_on="2012-01-01",
    )
    for one in (shared.deal, deal):
        desk.insert("crm.deal_contacts", deal_id=one, contact_id=of, role_title="Buyer")
    conversation = desk.insert("crm.conversations", channel="email", contact_id=of)
    for place in (shared.conversation, conversation):
        desk.insert("crm.participants", conversation_id=place, contact_id=of)
    for happening in (shared.event, desk.insert("crm.calendar_events", **event)):
        desk.insert("crm.participants", calendar_event_id=happening, contact_id=of)
    desk.serve(
        "crm.messages",
        conversation_id=conversation,
        direction="inbound",
        status="received",
        sender_contact_id=of,
    )
    desk.email(of, f"{uuid4()}@example.org", is_primary=True)
    gone = desk.email(of, f"{uuid4()}@example.org")
    desk.do("update crm.contact_points set deleted_at = now() where id = %s", gone)
    for kind, value in (("phone", "+493012345"), ("url", f"https://{uuid4()}.example")):
        desk.insert(
            "crm.contact_points",
            contact_id=of,
            kind=kind,
            value=value,
            is_shared=kind == "phone",
            is_primary=True,
        )
    desk.insert(
        "crm.consents",
        contact_id=of,
        purpose="newsletter",
        lawful_basis="consent",
        status="granted",
        source="form",
    )
    invite_client(desk, of)


@dataclass(frozen=True)
class Shared:
    """What both records of a pair have."""

    tag: UUID
    pipeline: UUID
    stage: UUID
    deal: UUID
    company: UUID
    person: UUID
    conversation: UUID
    event: UUID


def common(desk: Desk) -> Shared:
    """Something for two records to share."""
    pipeline, (stage,) = desk.pipeline("open")
    return Shared(
        desk.insert("crm.tags", name=f"Tag {uuid4()}"),
        pipeline,
        stage,
        desk.deal(pipeline, stage),
        desk.insert("crm.companies", name="Both work here"),
        desk.contact(full_name="Works for both"),
        desk.insert("crm.conversations", channel="email"),
        desk.insert(
            "crm.calendar_events", title="Lunch", starts_at="2026-01-01", ends_at="2026-01-02"
        ),
    )


def contacts(desk: Desk) -> Pair:
    """Two contacts with something in every table; a former loser hangs on the second."""
    shared = common(desk)
    winner = desk.contact(full_name="Zoë Müller", first_name="Zoë")
    loser = desk.contact(full_name="Zoe Mueller", last_name="Müller", job_title="Buyer")
    for record in (winner, loser):
        furnish(desk, "contact_id", record, shared)
    merge(desk, Pair("crm.contacts", loser, desk.contact(full_name="Z. M.")))
    client(desk, loser)
    return Pair("crm.contacts", winner, loser)


def companies(desk: Desk) -> Pair:
    """Two companies with something in every table; a former loser hangs on the second."""
    shared = common(desk)
    winner = desk.insert("crm.companies", name="Garden Ltd", city="Graz")
    loser = desk.insert(
        "crm.companies",
        name="Garden",
        domain=f"{uuid4()}.example",
        street="Ring 1",
        city="Wien",
        annual_revenue=10,
        currency="EUR",
    )
    for record in (winner, loser):
        furnish(desk, "company_id", record, shared)
    merge(
        desk, Pair("crm.companies", loser, desk.insert("crm.companies", name="Garden, the third"))
    )
    return Pair("crm.companies", winner, loser)


MAKERS = {"contacts": contacts, "companies": companies}
