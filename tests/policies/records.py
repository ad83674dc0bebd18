"""The records of one agency: of everybody and nobody, live and deleted, private and shared.

They are written past row-level security, because what decides who sees a row is its columns. Whose
a row is, its team and its visibility go through all that the words of the matrix tell apart; rows
that belong to another row take turns.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import cycle, product
from typing import Any
from uuid import UUID, uuid4

from psycopg.types.json import Jsonb

from tests.policies.access import Connection, Row

TABLES = (
    "crm.lookup_values",
    "crm.custom_field_defs",
    "crm.tags",
    "crm.pipelines",
    "crm.pipeline_stages",
    "crm.products",
    "crm.companies",
    "crm.contacts",
    "crm.deals",
    "crm.contact_points",
    "crm.contact_companies",
    "crm.record_tags",
    "crm.saved_views",
    "crm.merge_records",
    "crm.deal_contacts",
    "crm.deal_stage_history",
    "crm.deal_line_items",
    "crm.activities",
    "crm.conversations",
    "crm.calendar_events",
    "crm.participants",
    "crm.messages",
    "crm.files",
    "crm.consents",
    "ai.embedding_models",
    "ai.documents",
    "ai.chunks",
    "ai.memories",
    "ai.agency_tiers",
    "ai.embeddings_vector_1536",
    "ai.embeddings_halfvec_3072",
    "ai.embedding_jobs",
    "integration.outbox_events",
    "integration.webhook_endpoints",
    "integration.webhook_secrets",
    "integration.webhook_deliveries",
    "integration.import_jobs",
    "integration.import_rows",
    "governance.erasure_requests",
    "governance.retention_policies",
    "governance.suppressions",
)
# owner, assignee, team: what the words own, team and unassigned tell apart
WHOSE: tuple[tuple[str | None, str | None, str | None], ...] = (
    ("member", None, None),
    ("member", None, "South"),
    ("member2", None, None),
    ("member2", None, "North"),
    ("member2", None, "North-east"),
    ("member2", None, "South"),
    ("manager", None, "North"),
    ("manager2", None, None),
    ("viewer", None, None),
    ("agent", None, "South"),
    ("owner", None, None),
    ("admin", None, "South"),
    ("client", None, None),
    (None, None, "North"),
    (None, None, "South"),
    (None, None, None),
)
ASSIGNED: tuple[tuple[str | None, str | None, str | None], ...] = (
    (None, "member", None),
    ("member2", "member", "South"),
    ("member2", "manager", None),
    ("owner", "viewer", "South"),
    ("member2", "agent", None),
    ("manager", "client", None),
    (None, "member2", None),
)
VISIBILITIES = ("private", "team", "agency", "client")
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=9)


class Records:
    """Writes the records of one agency and remembers their ids."""

    def __init__(
        self,
        connection: Connection,
        agency_id: UUID,
        members: Mapping[str, UUID],
        teams: Mapping[str, UUID],
        contacts: Mapping[str, UUID],
    ) -> None:
        """Take what there is.

        Args:
            connection: of a superuser, in autocommit.
            agency_id: of the agency.
            members: the membership ids of its people, by name.
            teams: its teams, by name.
            contacts: the contacts behind its clients; they are there already.
        """
        self.connection = connection
        self.agency_id = agency_id
        self.members = members
        self.teams = teams
        self.contacts = contacts
        self.ids: dict[str, list[UUID]] = {"crm.contacts": list(contacts.values())}

    def write(self) -> None:
        """Write them all."""
        with self.connection.transaction():
            self._vocabulary()
            self._records()
            self._children()
            self._engagement()
            self._files()
            self._knowledge()
            self._machinery()

    def add(self, table: str, **values: Any) -> UUID:
        """Insert one row and answer its id."""
        row: Row = {"agency_id": self.agency_id, "id": uuid4(), **values}
        self.connection.execute(
            f"insert into {table} ({', '.join(row)}) values ({', '.join(['%s'] * len(row))})",
            [Jsonb(value) if isinstance(value, dict | list) else value for value in row.values()],
        )
        self.ids.setdefault(table, []).append(row["id"])
        return UUID(str(row["id"]))

    def _whose(self, *, assigned: bool) -> Iterator[Row]:
        for owner, assignee, team in WHOSE + (ASSIGNED if assigned else ()):
            row: Row = {
                "owner_id": self.members[owner] if owner else None,
                "team_id": self.teams[team] if team else None,
            }
            if assigned:
                row["assignee_id"] = self.members[assignee] if assignee else None
            yield row

    def _vocabulary(self) -> None:
        for kind in ("source", "lifecycle_stage"):
            self.add("crm.lookup_values", kind=kind, label="First")
        self.add("crm.custom_field_defs", entity="company", key="size", label="S", data_type="text")
        for name, deleted_at in (("hot", None), ("cold", None), ("old", LONG_AGO)):
            self.add("crm.tags", name=name, deleted_at=deleted_at)
            self.add(
                "crm.products",
                sku=name,
                name=name,
                unit_price=5,
                currency="EUR",
                deleted_at=deleted_at,
            )
            pipeline = self.add("crm.pipelines", name=name, deleted_at=deleted_at)
            self.add("crm.pipeline_stages", pipeline_id=pipeline, name="New", position=1)

    def _records(self) -> None:
        pipeline, stage = self.ids["crm.pipelines"][0], self.ids["crm.pipeline_stages"][0]
        for deleted_at in (None, LONG_AGO):
            for whose in self._whose(assigned=False):
                self.add("crm.companies", name="Company", deleted_at=deleted_at, **whose)
                self.add("crm.contacts", full_name="Contact", deleted_at=deleted_at, **whose)
                self.add(
                    "crm.deals",
                    title="Deal",
                    pipeline_id=pipeline,
                    stage_id=stage,
                    currency="EUR",
                    deleted_at=deleted_at,
                    **whose,
                )

    def _children(self) -> None:
        companies, contacts = self.ids["crm.companies"], self.ids["crm.contacts"]
        for index, contact in enumerate(contacts):
            for kind, deleted_at in (("email", None), ("url", LONG_AGO)):
                self.add(
                    "crm.contact_points",
                    contact_id=contact,
                    kind=kind,
                    value=f"p{index}@both.test",
                    deleted_at=deleted_at,
                )
            self.add("crm.contact_companies", contact_id=contact, company_id=companies[index % 32])
        for index, deal in enumerate(self.ids["crm.deals"]):
            self.add("crm.deal_contacts", deal_id=deal, contact_id=contacts[index])
            self.add("crm.deal_line_items", deal_id=deal, description="Line", unit_price=5)
        self._stage_history()
        for column, table in (
            ("contact_id", "crm.contacts"),
            ("company_id", "crm.companies"),
            ("deal_id", "crm.deals"),
        ):
            for target in self.ids[table]:
                self.add("crm.record_tags", tag_id=self.ids["crm.tags"][0], **{column: target})
        for winner, loser in zip(contacts[3:19], contacts[19:], strict=False):
            self._merge("contact", winner, loser)
        for winner, loser in zip(companies[:16], companies[16:], strict=True):
            self._merge("company", winner, loser)
        for index, (owner, visibility, deleted_at) in enumerate(
            product(
                ("member", "member2", "manager", "owner", "viewer"),
                ("private", "team", "agency"),
                (None, LONG_AGO),
            )
        ):
            for team in ("North", "South"):
                self.add(
                    "crm.saved_views",
                    owner_id=self.members[owner],
                    team_id=self.teams[team],
                    visibility=visibility,
                    entity="crm.deals",
                    name=f"View {index} {team}",
                    deleted_at=deleted_at,
                )

    def _stage_history(self) -> None:
        """The trigger of deals has written it; each deal has a stay in a stage."""
        self.connection.execute(
            "insert into crm.deal_stage_history (agency_id, deal_id, to_stage_id, entered_at)"
            " select d.agency_id, d.id, d.stage_id, now() from crm.deals as d"
            " where d.agency_id = %s and not exists (select 1 from crm.deal_stage_history as h"
            " where h.agency_id = d.agency_id and h.deal_id = d.id)",
            [self.agency_id],
        )

    def _merge(self, entity: str, winner: UUID, loser: UUID) -> None:
        self.add(
            "crm.merge_records",
            entity=entity,
            snapshot={},
            moved={},
            merged_by_id=self.members["owner"],
            **{f"winner_{entity}_id": winner, f"loser_{entity}_id": loser},
        )

    def _engagement(self) -> None:
        contact = cycle([self.contacts["client"], self.contacts["client2"], None])
        someone = cycle(["member", None, "manager", "viewer", "agent", "member2", "owner"])
        for visibility, deleted_at in (*product(VISIBILITIES, [None]), ("agency", LONG_AGO)):
            for whose in self._whose(assigned=True):
                about = next(contact)
                if visibility == "client":
                    about = about or self.contacts["client"]
                shown: Row = {"visibility": visibility, "deleted_at": deleted_at}
                self.add(
                    "crm.activities",
                    kind="note",
                    subject="Note",
                    contact_id=about,
                    **shown,
                    **whose,
                )
                place = self.add(
                    "crm.conversations", channel="email", contact_id=about, **shown, **whose
                )
                event_whose = {name: whose[name] for name in ("owner_id", "team_id")}
                event = self.add(
                    "crm.calendar_events",
                    title="Event",
                    starts_at=NOW,
                    ends_at=NOW,
                    **shown,
                    **event_whose,
                )
                self._participants(place, event, about, next(someone))
                self._messages(place)

    def _participants(
        self, conversation: UUID, event: UUID, about: UUID | None, member: str | None
    ) -> None:
        for column, target in (("conversation_id", conversation), ("calendar_event_id", event)):
            self.add("crm.participants", address="x@nowhere.test", **{column: target})
            if about:
                self.add("crm.participants", contact_id=about, **{column: target})
            if member:
                self.add("crm.participants", membership_id=self.members[member], **{column: target})

    def _messages(self, conversation: UUID) -> None:
        index = len(self.ids["crm.conversations"])
        drafter = ("member", "manager", "owner", "agent", "admin")[index % 5]
        for direction, status, sender, deleted_at in (
            ("outbound", "draft", drafter, None),
            ("outbound", "draft", drafter, LONG_AGO),
            ("outbound", "sent", drafter, None),
            ("internal", "sent", "member2", None),
            ("inbound", "received", None, None),
            ("inbound", "received", None, LONG_AGO),
        ):
            self.add(
                "crm.messages",
                conversation_id=conversation,
                direction=direction,
                status=status,
                sender_membership_id=self.members[sender] if sender else None,
                body_text="Hello",
                deleted_at=deleted_at,
            )

    def _files(self) -> None:
        turns = zip(
            cycle(VISIBILITIES),
            cycle([None, "member", "manager", "owner", "client"]),
            cycle([None, None, LONG_AGO]),
            strict=False,
        )
        targets: list[tuple[str, UUID | None]] = [("purpose", None)] * 30
        for column, table in (
            ("contact_id", "crm.contacts"),
            ("company_id", "crm.companies"),
            ("deal_id", "crm.deals"),
            ("activity_id", "crm.activities"),
            ("calendar_event_id", "crm.calendar_events"),
            ("message_id", "crm.messages"),
        ):
            targets += [(column, target) for target in self.ids[table]]
        for index, ((column, target), (visibility, owner, deleted_at)) in enumerate(
            zip(targets, turns, strict=False)
        ):
            self.add(
                "crm.files",
                provider="minio",
                bucket="files",
                object_path=f"{self.agency_id}/{index}",
                file_name="file.pdf",
                mime="application/pdf",
                byte_size=1,
                visibility=visibility,
                owner_id=self.members[owner] if owner else None,
                deleted_at=deleted_at,
                **{column: target if target else "export"},
            )
        for contact in self.ids["crm.contacts"]:
            self.add(
                "crm.consents",
                contact_id=contact,
                purpose="newsletter",
                lawful_basis="consent",
                status="granted",
                source="form",
            )

    def _knowledge(self) -> None:
        """Documents of every kind of source, memories of every subject; vectors of some."""
        for kind, table, step in (
            ("activity", "crm.activities", 2),
            ("conversation", "crm.conversations", 2),
            ("contact", "crm.contacts", 2),
            ("company", "crm.companies", 4),
            ("deal", "crm.deals", 4),
            ("file", "crm.files", 11),
        ):
            for source in self.ids[table][::step]:
                self._document(source_kind=kind, **{f"{kind}_id": source})
        for visibility, whose in product(VISIBILITIES[:3], self._whose(assigned=False)):
            self._document(source_kind="note", visibility=visibility, **whose)
        for whose, visibility, deleted_at in product(
            list(self._whose(assigned=False)), VISIBILITIES[:3], (None, LONG_AGO)
        ):
            self._memory(subject="agency", visibility=visibility, deleted_at=deleted_at, **whose)
        for member in self.members.values():
            self._memory(
                subject="member", membership_id=member, owner_id=member, visibility="private"
            )
        for kind, table in (
            ("contact", "crm.contacts"),
            ("company", "crm.companies"),
            ("deal", "crm.deals"),
        ):
            for source, visibility in product(self.ids[table][::2], VISIBILITIES[:3]):
                self._memory(subject=kind, visibility=visibility, **{f"{kind}_id": source})
        for kind, dims in (("vector", 1536), ("halfvec", 3072)):
            self._vectors(kind, dims)
        self.connection.execute(
            "insert into ai.embedding_jobs (agency_id, memory_id, model_id, content_sha256)"
            " select m.agency_id, m.id, e.id, m.content_sha256"
            " from ai.memories as m cross join ai.embedding_models as e"
            " where m.agency_id = %s and m.deleted_at is null limit 2",
            [self.agency_id],
        )

    def _document(self, **values: Any) -> None:
        document = self.add(
            "ai.documents",
            **{"visibility": "agency", **values},
            title="Document",
            content_sha256=bytes(32),
        )
        self.connection.execute(
            "insert into ai.chunks"
            " (agency_id, document_id, seq, content, token_count, content_sha256, visibility)"
            " select d.agency_id, d.id, 0, 'Text', 1, %s, 'private' from ai.documents as d"
            " where d.agency_id = %s and d.id = %s and d.deleted_at is null",
            [bytes(32), self.agency_id, document],
        )

    def _memory(self, **values: Any) -> None:
        self.add("ai.memories", kind="semantic", content="Fact", content_sha256=bytes(32), **values)

    def _vectors(self, kind: str, dims: int) -> None:
        """One for every second text; most rows of the smaller table are enough."""
        self.connection.execute(
            "insert into ai.embedding_models (key, provider, model, vector_type, dims, status)"
            " values (%s, 'test', 'test', %s, %s, 'active') on conflict (key) do nothing",
            [f"test/{kind}@{dims}", kind, dims],
        )
        storage = f"{kind}_{dims}"
        for column, table, live in (
            ("chunk_id", "ai.chunks", "true"),
            ("memory_id", "ai.memories", "deleted_at is null"),
        ):
            self.connection.execute(
                f"insert into ai.embeddings_{storage}"
                f" (agency_id, {column}, model_id, tier, content_sha256, embedding, visibility)"
                " select t.agency_id, t.id, m.id, 'small', t.content_sha256,"
                f" array_fill(0.5, array[{dims}])::extensions.{kind}, 'private'"
                f" from (select *, row_number() over (order by id) as place from {table}) as t"
                " join ai.embedding_models as m on m.storage = %s"
                f" where t.agency_id = %s and {live} and t.place %% 2 = 0",
                [storage, self.agency_id],
            )

    def _machinery(self) -> None:
        for name, deleted_at in (("live", None), ("old", LONG_AGO)):
            endpoint = self.add(
                "integration.webhook_endpoints",
                name=name,
                url=f"https://{name}.test/",
                deleted_at=deleted_at,
            )
            self.add("integration.webhook_secrets", endpoint_id=endpoint, secret_ref=name)
            self.add(
                "integration.webhook_deliveries",
                endpoint_id=endpoint,
                event_id=uuid4(),
                event_type="crm.deals.updated",
            )
        self.connection.execute(
            "insert into integration.outbox_events"
            " (agency_id, aggregate, aggregate_id, type, epoch, timeline)"
            " values (%s, 'crm.deals', %s, 'crm.deals.updated', 1, 1)",
            [self.agency_id, uuid4()],
        )
        for owner, team in product(
            ("member", "member2", "manager", "manager2", "owner"), (None, "North", "South")
        ):
            job = self.add(
                "integration.import_jobs",
                entity="contact",
                owner_id=self.members[owner],
                team_id=self.teams[team] if team else None,
            )
            self.add("integration.import_rows", job_id=job, row_no=1)
        erasure = self.add(
            "governance.erasure_requests",
            subject_kind="contact",
            subject_id=uuid4(),
            label_masked="J… D…",
        )
        self.connection.execute(
            "delete from governance.retention_policies"
            " where agency_id = %s and entity = 'crm.files'",
            [self.agency_id],
        )
        self.add(
            "governance.retention_policies",
            entity="integration.import_jobs",
            keep="90 days",
            action="delete",
        )
        self.add(
            "governance.suppressions",
            erasure_id=erasure,
            kind="email",
            value_hash=bytes(32),
        )
