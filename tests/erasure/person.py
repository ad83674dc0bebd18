"""One person who is in every table of an agency, and who may ask that it be forgotten."""

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from tests.audit.trail import Office, Person
from tests.crm.desk import Desk
from tests.policies.access import Outcome, Row, acting

NAME = "Zaphod Beeblebrox"
EMAIL = "zaphod@heart-of-gold.test"
PHONE = "+442079460018"
PROSE = f"On Monday {NAME} ({EMAIL}, +44 20 7946-0018) called."
# What a search of the whole database must not find, in any case of letters.
TRACES = ("zaphod", "beeblebrox", "heart-of-gold", "79460018", "7946-0018", "7946 0018")

# Columns that hold no text of a person although they are marked: hashes, and a name that is masked.
HASHED = {
    ("governance.suppressions", "value_hash"),
    ("governance.erasure_requests", "label_masked"),
}


@dataclass
class Agency:
    """An agency and those who decide in it; `add` writes rows as a superuser, recorded."""

    office: Office
    owner: Person
    admin: Person
    member: Person
    ids: dict[str, list[UUID]] = field(default_factory=dict)

    @property
    def id(self) -> UUID:
        """The id of the agency."""
        return self.owner.agency_id

    def add(self, table: str, **values: Any) -> UUID:
        """Insert a row and answer its id."""
        row: Row = {"agency_id": self.id, "id": uuid4(), **values}
        self.office.superuser.execute(
            f"insert into {table} ({', '.join(row)})"
            f" values ({', '.join(['%s'] * len(row))})".encode(),
            [Jsonb(value) if isinstance(value, dict) else value for value in row.values()],
        )
        self.ids.setdefault(table, []).append(row["id"])
        return UUID(str(row["id"]))

    def contact(self, name: str = NAME, *addresses: tuple[str, str], **values: Any) -> UUID:
        """A contact with addresses, each a kind and a value."""
        contact = self.add("crm.contacts", full_name=name, **values)
        for kind, value in addresses:
            self.add("crm.contact_points", contact_id=contact, kind=kind, value=value)
        return contact

    def do(self, who: Person, statement: str, *parameters: Any) -> Any:
        """Run and commit one statement as a client; its first value."""
        with acting(self.office.client, who.claims(), keep=True, counted=False):
            cursor = self.office.client.execute(statement, parameters or None)
            rows = cursor.fetchall() if cursor.description else []
        return next(iter(rows[0].values())) if rows else None

    def refusal(self, who: Person, statement: str, *parameters: Any) -> Outcome:
        """How a statement of a client is refused; without sqlstate when it is done."""
        try:
            self.do(who, statement, *parameters)
        except psycopg.Error as error:
            return Outcome(sqlstate=error.sqlstate, message=error.diag.message_primary or "")
        return Outcome()

    def work(self, statement: str, *parameters: Any) -> Any:
        """Run and commit one statement as the worker, bound to the agency; its first value."""
        with (
            self.office.database.connect("gardenos_worker", row_factory=dict_row) as worker,
            worker.transaction(),
        ):
            worker.execute("select app.bind_worker(%s)", [self.id])
            cursor = worker.execute(statement, parameters or None)
            rows = cursor.fetchall() if cursor.description else []
        return next(iter(rows[0].values())) if rows else None

    def row(self, table: str, record: UUID) -> Row:
        """A row as it stands, seen by a superuser; empty when it is gone."""
        found = self.office.superuser.execute(
            f"select * from {table} where agency_id = %s and id = %s".encode(), [self.id, record]
        ).fetchone()
        return found or {}

    def request(self, subject: UUID, kind: str = "contact", reason: str | None = None) -> UUID:
        """The owner asks that somebody be forgotten."""
        found: UUID = self.do(
            self.owner,
            "insert into governance.erasure_requests (subject_kind, subject_id, reason)"
            " values (%s, %s, %s) returning id",
            kind,
            subject,
            reason,
        )
        return found

    def approved(self, subject: UUID, kind: str = "contact", reason: str | None = None) -> UUID:
        """The owner asks, the admin approves."""
        request = self.request(subject, kind, reason)
        self.do(self.admin, "select app.approve_erasure(%s)", request)
        return request

    def erase(self, subject: UUID, kind: str = "contact") -> tuple[UUID, Row]:
        """Ask, approve, execute; the request and its report."""
        request = self.approved(subject, kind)
        return request, self.work("select app.execute_erasure(%s)", request)

    def decide(self, request: UUID, report: Row, *, erase: bool = True) -> int:
        """Decide all mentions of a report alike; answers how many are open."""
        hits = [
            {"table": hit["table"], "column": hit["column"], "id": one, "erase": erase}
            for hit in report.get("hits", [])
            for one in hit["ids"]
        ]
        number: int = self.do(
            self.owner, "select app.confirm_erasure_hits(%s, %s)", request, json.dumps(hits)
        )
        return number


def found_agency(office: Office) -> Agency:
    """A new agency with three people."""
    desk = Desk(office, office.found(Desk.new_slug()))
    people = [desk.colleague(name) for name in ("Ann", "Mel")]
    office.serve(
        "update tenancy.memberships set role = 'admin', record_scope = 'all'"
        " where agency_id = %s and id = %s",
        desk.owner.agency_id,
        people[0].membership_id,
    )
    admin, member = people
    return Agency(office, desk.owner, admin, member)


def write_everywhere(agency: Agency) -> UUID:
    """Put the person into every table and every marked column; answers its contact."""
    add, me = agency.add, agency.owner.membership_id
    for entity in ("contact", "company", "deal"):
        add("crm.custom_field_defs", entity=entity, key="note", label="Note", data_type="text")
    contact = agency.contact(NAME, ("email", EMAIL), ("phone", PHONE), ("im", "@zaphod42"))
    loser = agency.contact(NAME, ("email", f"old.{EMAIL}"))
    other = agency.contact("Trillian", ("email", "trillian@earth.test"))
    _write_tenancy(agency, contact)
    company = add("crm.companies", name="Starships")
    for name in ("Gardens", "Gardeners"):
        add("crm.companies", name=name)
    add(
        "crm.merge_records",
        entity="company",
        winner_company_id=agency.ids["crm.companies"][1],
        loser_company_id=agency.ids["crm.companies"][2],
        snapshot={"loser": {"custom": {"note": PROSE}}},
        moved={},
        merged_by_id=me,
    )
    add("crm.contact_companies", contact_id=contact, company_id=company)
    tag = add("crm.tags", name="vip")
    add("crm.record_tags", tag_id=tag, contact_id=contact)
    add("crm.lookup_values", kind="source", label="Fair")
    add("crm.saved_views", owner_id=me, entity="crm.contacts", name="Mine")
    add(
        "crm.merge_records",
        entity="contact",
        winner_contact_id=contact,
        loser_contact_id=loser,
        snapshot={"loser": {"full_name": NAME}},
        moved={"dropped": [{"row": {"address": EMAIL}}]},
        merged_by_id=me,
    )
    agency.office.superuser.execute(
        "update crm.contacts set deleted_at = now(), merged_into_id = %s"
        " where agency_id = %s and id = %s",
        [contact, agency.id, loser],
    )
    pipeline = add("crm.pipelines", name="Gardens")
    stage = add("crm.pipeline_stages", pipeline_id=pipeline, name="New", position=1)
    deal = add(
        "crm.deals",
        title="A garden",
        pipeline_id=pipeline,
        stage_id=stage,
        currency="EUR",
        primary_contact_id=contact,
    )
    add("crm.deal_contacts", deal_id=deal, contact_id=contact)
    add("crm.products", sku="g", name="Garden", unit_price=5, currency="EUR")
    add("crm.deal_line_items", deal_id=deal, description="Line", unit_price=5)
    _write_engagement(agency, contact, other, deal)
    add("crm.consents", contact_id=contact, purpose="news", lawful_basis="consent",
        status="granted", source="form")  # fmt: skip
    job = add("integration.import_jobs", entity="contact", owner_id=me)
    for number, about in enumerate((contact, None)):
        add(
            "integration.import_rows",
            job_id=job,
            row_no=number,
            contact_id=about,
            raw={"mail": EMAIL, "name": NAME},
        )
    _write_knowledge(agency, contact, other, deal)
    endpoint = add("integration.webhook_endpoints", name="Hook", url="https://hook.test/")
    add("integration.webhook_secrets", endpoint_id=endpoint, secret_ref="s")
    add("integration.webhook_deliveries", endpoint_id=endpoint, event_id=uuid4(), event_type="x")
    _fill_marked_columns(agency, contact)
    return contact


def _write_knowledge(agency: Agency, contact: UUID, other: UUID, deal: UUID) -> None:
    """What agents know of the person, and of another one and of the agency, about the person."""
    add, me = agency.add, agency.owner.membership_id
    models = {
        (kind, dims): agency.office.serve(
            "insert into ai.embedding_models (key, provider, model, vector_type, dims, status)"
            " values (%s, 'p', 'm', %s, %s, 'active') returning id",
            f"p/{uuid4()}",
            kind,
            dims,
        )
        for kind, dims in (("vector", 1536), ("halfvec", 3072))
    }
    hashed = {"content_sha256": bytes(32)}
    for source in ({"contact_id": other}, {"contact_id": contact}, {"deal_id": deal}):
        (column,) = source
        document = add(
            "ai.documents",
            source_kind=column.removesuffix("_id"),
            title="Document",
            visibility="agency",
            **source,
            **hashed,
        )
        chunk = add(
            "ai.chunks", document_id=document, seq=0, content="Text", token_count=1, **hashed
        )
        for (kind, dims), model in models.items():
            add(
                f"ai.embeddings_{kind}_{dims}",
                chunk_id=chunk,
                model_id=model,
                tier="small",
                embedding=f"[{','.join(['1'] * dims)}]",
                **hashed,
            )
            add("ai.embedding_jobs", chunk_id=chunk, model_id=model, **hashed)
        add(
            "ai.memories",
            subject=column.removesuffix("_id"),
            kind="semantic",
            content="Fact",
            visibility="agency",
            **source,
            **hashed,
        )
    add(
        "ai.memories",
        subject="agency",
        kind="procedural",
        content=PROSE,
        visibility="agency",
        owner_id=me,
        **hashed,
    )


def _write_tenancy(agency: Agency, contact: UUID) -> None:
    """The person is a client of the portal too, was invited, and has a key and a team's note."""
    office, add = agency.office, agency.add
    user = office.serve(
        "insert into tenancy.users (email, full_name, avatar_path)"
        " values (%s, %s, %s) returning id",
        EMAIL,
        NAME,
        f"avatars/{EMAIL}",
    )
    office.serve(
        "insert into tenancy.user_identities (user_id, issuer, subject)"
        " select %s, issuer, %s from tenancy.issuers limit 1",
        user,
        EMAIL,
    )
    member = uuid4()
    with office.superuser.transaction():
        office.superuser.execute("set local session_replication_role = replica")
        office.superuser.execute(
            "insert into tenancy.memberships (agency_id, id, user_id, role, display_name,"
            " contact_id) values (%s, %s, %s, 'client', 'Z', %s)",
            [agency.id, member, user, contact],
        )
    agency.ids["tenancy.memberships"] = [member]
    invitation = add(
        "tenancy.invitations",
        email=EMAIL,
        role="client",
        contact_id=contact,
        invited_by_id=agency.owner.membership_id,
    )
    add("tenancy.invitation_secrets", invitation_id=invitation, token_hash=bytes(32))
    team = add("tenancy.teams", name="North")
    add("tenancy.team_members", team_id=team, membership_id=agency.member.membership_id)
    key = add("tenancy.api_keys", name="Key", prefix="k", acts_as_id=agency.owner.membership_id)
    add("tenancy.api_key_secrets", api_key_id=key, key_hash=bytes(32))


def _write_engagement(agency: Agency, contact: UUID, other: UUID, deal: UUID) -> None:
    """What was said and done with the person, and with another one about the person."""
    add, me = agency.add, agency.owner.membership_id
    for about in (other, contact):
        add("crm.activities", kind="note", subject="Note", contact_id=about, owner_id=me)
        conversation = add(
            "crm.conversations", channel="email", contact_id=about, owner_id=me, subject="Hello"
        )
        message = add(
            "crm.messages",
            conversation_id=conversation,
            direction="inbound",
            status="received",
            body_text="Hello",
            sender_contact_id=contact,
        )
        event = add("crm.calendar_events", title="Visit", starts_at="now", ends_at="now")
        for address in (EMAIL, "arthur@earth.test"):
            add("crm.participants", conversation_id=conversation, address=address)
        add("crm.participants", calendar_event_id=event, contact_id=about)
        for column, target in (("message_id", message), ("deal_id", deal)):
            add(
                "crm.files",
                provider="minio",
                bucket="files",
                object_path=f"{agency.id}/{uuid4()}",
                file_name="plan.pdf",
                mime="application/pdf",
                byte_size=1,
                **{column: target},
            )


def marked_columns(agency: Agency) -> list[Row]:
    """The columns that an erasure has to search, and whether one holds a trace of the person."""
    found = agency.office.superuser.execute(
        "select table_name, column_name, is_json, format_type(a.atttypid, a.atttypmod) as type"
        "  from app.personal_columns() as c join pg_attribute as a"
        "    on a.attrelid = c.table_name::regclass and a.attname = c.column_name"
    ).fetchall()
    for one in found:
        table, column = one["table_name"], one["column_name"]
        one["held"] = agency.office.superuser.execute(
            f"select count(*) as n from {table}"
            f" where agency_id = %s and {column}::text ~* %s".encode(),
            [agency.id, "|".join(TRACES)],
        ).fetchall()[0]["n"]
    return [one for one in found if (one["table_name"], one["column_name"]) not in HASHED]


def _fill_marked_columns(agency: Agency, contact: UUID) -> None:
    """Write about the person where nothing is yet: into one row of each marked column."""
    for one in marked_columns(agency):
        if one["held"]:
            continue
        table, column = one["table_name"], one["column_name"]
        if table == "governance.erasure_requests":
            continue  # the request itself has a reason
        if table == "crm.contacts":
            record = contact
        elif (table, column) == ("crm.contact_points", "e164"):
            record = agency.ids[table][1]
        else:
            record = agency.ids[table][0]
        value: Any = PROSE
        if one["is_json"]:
            value = Jsonb({"note": PROSE})
        elif one["type"] == "app.email":
            value = EMAIL
        elif one["type"] == "app.phone":
            value = PHONE
        elif column == "object_path":
            value = f"{agency.id}/{EMAIL}/{NAME}.pdf"
        statement = f"update {table} set {column} = %s where agency_id = %s and id = %s"
        if table.startswith("tenancy."):
            agency.office.serve(statement, value, agency.id, record, counted=False)
        else:
            agency.office.superuser.execute(statement.encode(), [value, agency.id, record])
