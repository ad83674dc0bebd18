"""What happens between people: activities, conversations, messages, events, consents."""

from datetime import timedelta
from typing import Any

from tests.seed.draft import Draft

VISIBILITIES = ("agency", "team", "private", "client")
WEIGHTS = (50, 30, 12, 8)
CHANNELS = ("email", "email", "whatsapp", "phone", "webchat", "sms", "social", "assistant")


def write(draft: Draft, contacts: int) -> None:
    """All but the messages, of which there are as many as rows are left."""
    add_activities(draft, max(12, contacts * 6 // 5))
    add_conversations(draft, max(10, contacts * 9 // 20))
    add_events(draft, max(8, contacts // 4))
    add_consents(draft, max(6, contacts // 2))


def shown(draft: Draft, number: int) -> tuple[str, str | None]:
    """A visibility, and the contact that the row is about; what a client sees is about one.

    Args:
        draft: the agency.
        number: which row; the first four are of all visibilities.
    """
    visibility = VISIBILITIES[number] if number < 4 else draft.rng.choices(VISIBILITIES, WEIGHTS)[0]
    if visibility == "client":
        return visibility, draft.rng.choice(draft.clients)
    return visibility, draft.skewed(draft.contacts) if draft.chance(80) else None


def add_activities(draft: Draft, count: int) -> None:
    """Notes, calls, meetings and tasks."""
    for number in range(count):
        visibility, about = shown(draft, number)
        said = draft.words()
        kind = draft.rng.choice(["note", "call", "meeting", "task", "email", "system"])
        at = draft.instant()
        due = draft.after(at, 30) if kind == "task" else None
        activity = draft.new_id()
        deletion = draft.deletion(3)
        if deletion["deleted_at"] is None:
            draft.sample("crm.activities", activity)
        draft.load.add(
            "crm.activities",
            agency_id=draft.id,
            id=activity,
            kind=kind,
            type_id=draft.rng.choice(draft.lookups["activity_type"]) if draft.chance(50) else None,
            subject=said.text(draft.rng, 1)[:200],
            body=said.text(draft.rng, draft.rng.randint(1, 6)) if draft.chance(60) else None,
            occurred_at=at,
            due_at=due,
            completed_at=draft.after(due, 10) if due and draft.chance(60) else None,
            assignee_id=draft.member().id if draft.chance(25) else None,
            contact_id=about,
            company_id=draft.skewed(draft.companies) if draft.chance(30) else None,
            deal_id=draft.skewed(draft.deals) if draft.chance(30) else None,
            visibility=visibility,
            **draft.whose(),
            **deletion,
        )


def add_conversations(draft: Draft, count: int) -> None:
    """Threads, and who takes part in them."""
    for number in range(count):
        visibility, about = shown(draft, number)
        conversation = draft.new_id()
        channel = draft.rng.choice(CHANNELS)
        draft.conversations.append((conversation, about))
        status = draft.rng.choice(["open", "open", "pending", "snoozed", "closed"])
        draft.load.add(
            "crm.conversations",
            agency_id=draft.id,
            id=conversation,
            channel=channel,
            subject=draft.words().text(draft.rng, 1) if channel == "email" else None,
            status=status,
            contact_id=about,
            deal_id=draft.skewed(draft.deals) if draft.chance(20) else None,
            assignee_id=draft.member().id if draft.chance(50) else None,
            visibility=visibility,
            external_thread_id=f"{channel}-{draft.new_number()}" if draft.chance(70) else None,
            snoozed_until=draft.instant() if status == "snoozed" else None,
            **draft.whose(),
            **draft.deletion(3),
        )
    for conversation, about in draft.conversations:
        _take_part(draft, about, conversation=conversation)


def _take_part(
    draft: Draft, about: str | None, *, conversation: str | None = None, event: str | None = None
) -> None:
    """A few members, the contact it is about, and now and then somebody unknown."""
    people: list[dict[str, Any]] = []
    if draft.chance(75):
        staff = [one.id for one in draft.members if one.role != "client"]
        people += [{"membership_id": one} for one in draft.some(staff, 3)]
    if about:
        people.append({"contact_id": about})
    if draft.chance(20) or not people:
        people.append({"address": f"unknown.{draft.new_number()}@elsewhere.example"})
    roles = ("organizer", "attendee") if event else ("from", "to", "cc")
    for place, who in enumerate(people):
        draft.load.add(
            "crm.participants",
            agency_id=draft.id,
            id=draft.new_id(),
            conversation_id=conversation,
            calendar_event_id=event,
            membership_id=who.get("membership_id"),
            contact_id=who.get("contact_id"),
            address=who.get("address"),
            role=roles[min(place, len(roles) - 1)],
            response=draft.rng.choice(["accepted", "declined", "tentative"]) if event else None,
        )


def add_events(draft: Draft, count: int) -> None:
    """Appointments, and who comes."""
    events = []
    for number in range(count):
        visibility, about = shown(draft, number)
        event = draft.new_id()
        events.append((event, about))
        deletion = draft.deletion(3)
        if deletion["deleted_at"] is None:
            draft.sample("crm.calendar_events", event)
        said = draft.words()
        begins = draft.instant()
        draft.load.add(
            "crm.calendar_events",
            agency_id=draft.id,
            id=event,
            title=said.text(draft.rng, 1)[:120],
            description=said.text(draft.rng, 2) if draft.chance(50) else None,
            location=draft.rng.choice(said.cities) if draft.chance(60) else None,
            starts_at=begins,
            ends_at=begins + timedelta(minutes=draft.rng.choice([15, 30, 60, 480])),
            timezone=said.place.timezone,
            external_uid=f"{draft.new_number()}@calendar.example" if draft.chance(60) else None,
            company_id=draft.skewed(draft.companies) if draft.chance(30) else None,
            deal_id=draft.skewed(draft.deals) if draft.chance(30) else None,
            visibility=visibility,
            **draft.whose(),
            **deletion,
        )
    for event, about in events:
        _take_part(draft, about, event=event)


def add_consents(draft: Draft, count: int) -> None:
    """Consent given, and sometimes taken back."""
    for number in range(count):
        at = draft.instant()
        withdrawn = number % 6 == 5
        draft.load.add(
            "crm.consents",
            agency_id=draft.id,
            id=draft.new_id(),
            contact_id=draft.rng.choice(draft.clients if number < 2 else draft.contacts),
            purpose=draft.rng.choice(["newsletter", "profiling", "phone_calls"]),
            lawful_basis="legitimate_interest" if draft.chance(20) else "consent",
            status="withdrawn" if withdrawn else "granted",
            source="portal" if withdrawn else draft.rng.choice(["form", "phone", "import"]),
            evidence={"form_version": draft.rng.randint(1, 9)},
            occurred_at=at,
        )


def add_messages(draft: Draft, count: int) -> list[str]:
    """So many messages; a few conversations have most of them. Answers the ids of the last ones.

    The newest of a conversation comes first, as from a mailbox, so that the conversation is told
    once when something was last said in it.
    """
    places = len(draft.conversations)
    lengths = [1] * min(count, places) + [0] * max(0, places - count)
    for _ in range(count - sum(lengths)):
        lengths[int(places * draft.rng.random() ** 3)] += 1
    made = ""
    kept: list[str] = []
    for (conversation, about), length in zip(draft.conversations, lengths, strict=True):
        at = draft.instant()
        for place in range(length):
            said = draft.words()
            at -= timedelta(minutes=draft.rng.randint(1, 3000))
            direction = draft.rng.choice(["inbound", "inbound", "outbound", "outbound", "internal"])
            status = {"inbound": "received", "internal": "sent"}.get(
                direction, draft.rng.choice(["sent", "delivered", "delivered", "failed", "draft"])
            )
            made = draft.new_id()
            if len(kept) < 500:
                kept.append(made)
            draft.load.add(
                "crm.messages",
                agency_id=draft.id,
                id=made,
                conversation_id=conversation,
                direction=direction,
                status=status,
                sender_membership_id=None if direction == "inbound" else draft.member().id,
                sender_contact_id=about if direction == "inbound" else None,
                sender_label=draft.rng.choice(said.first) if direction == "inbound" else None,
                body_text=said.text(draft.rng, draft.rng.randint(1, 8)),
                sent_at=at,
                external_id=f"<{place}@mail.example>" if status != "draft" else None,
                error="550 mailbox unavailable" if status == "failed" else None,
                **draft.deletion(1),
            )
    return kept
