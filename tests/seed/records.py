"""Companies, people and deals: the same person twice, phones as typed, deals on their way."""

from datetime import datetime, timedelta
from typing import Any

from tests.seed.draft import Draft
from tests.seed.office import client_count
from tests.seed.words import mistyped, mistyped_email, phone, plain

# Shares of a hundred.
DUPLICATES = 5
SWITCHBOARDS = 6
# kind, value as typed, international form, is it the first of its kind, is it a switchboard
Point = tuple[str, str, str | None, bool, bool]


def write(draft: Draft, contacts: int) -> None:
    """So many people, and what belongs to that many."""
    add_companies(draft, max(8, contacts * 2 // 5))
    points = add_contacts(draft, max(12, contacts))
    add_points(draft, points)
    add_jobs(draft, max(8, contacts * 4 // 5))
    add_deals(draft, max(8, contacts // 2))
    add_tags(draft, max(6, contacts * 3 // 5))


def add_companies(draft: Draft, count: int) -> None:
    """Companies, each tenth of a second country; one of them was merged into another."""
    merged = []
    for number in range(count):
        said = draft.words()
        place = said.place
        name = draft.rng.choice(said.companies)
        company = draft.new_id()
        is_merged = number > 3 and (number == 5 or draft.chance(1))
        deletion = draft.deletion(100 if is_merged else 4)
        into = draft.rng.choice(draft.companies) if is_merged else None
        if deletion["deleted_at"] is None or not draft.companies:
            draft.companies.append(company)
        if into:
            merged.append((into, company, name))
        revenue = draft.rng.lognormvariate(13, 2) if draft.chance(60) else None
        draft.load.add(
            "crm.companies",
            agency_id=draft.id,
            id=company,
            name=name,
            domain=f"{plain(name)[:40] or 'firma'}-{draft.new_number()}.example"
            if draft.chance(80)
            else None,
            industry_id=draft.rng.choice(draft.lookups["industry"]),
            employees=int(draft.rng.lognormvariate(3, 1.5)) if draft.chance(70) else None,
            annual_revenue=f"{revenue:.2f}" if revenue else None,
            currency=place.currency if revenue else None,
            street=draft.rng.choice(said.streets),
            city=draft.rng.choice(said.cities),
            postal_code=draft.rng.choice(said.postcodes),
            country=place.country,
            merged_into_id=into,
            custom={"vat_id": f"{place.country}{draft.new_number():09d}", "size": "M"}
            if draft.chance(40)
            else {},
            **draft.whose(),
            **deletion,
        )
    for winner, loser, name in merged:
        _add_merge(draft, "company", winner, loser, {"name": name})


def add_contacts(draft: Draft, count: int) -> list[tuple[str, datetime | None, list[Point]]]:
    """People; answers id, instant of deletion and addresses of each."""
    written: list[tuple[str, datetime | None, list[Point]]] = []
    seen: list[tuple[str, str, str, str, str]] = []
    merged = []
    clients = client_count(draft.rows)
    switchboard = phone(draft.rng, draft.places[0], draft.new_number())
    for number in range(count):
        said = draft.words()
        first, last = said.name(draft.rng)
        full_name = said.full_name(first, last)
        contact = draft.new_id()
        into = None
        email = f"{plain(first)}.{plain(last)}{draft.new_number()}@mail.example".lstrip(".")
        deletion: dict[str, Any] = draft.deletion(0 if number < clients + 4 else 4)
        if number > clients + 4 and (
            draft.chance(DUPLICATES) or number in (clients + 5, count - 2)
        ):
            winner, first, last, other_name, other_email = draft.rng.choice(seen)
            full_name = mistyped(draft.rng, other_name, first, last)
            if draft.chance(50) or number == clients + 5:
                into = winner
                deletion = draft.deletion(100)
                merged.append((into, contact, full_name))
                # a deleted address is free again: the live contact has it too
                email = other_email
        elif deletion["deleted_at"] is None:
            seen.append((contact, first, last, full_name, email))
        if number < clients:
            draft.clients.append(contact)
        if deletion["deleted_at"] is None:
            draft.contacts.append(contact)
        draft.load.add(
            "crm.contacts",
            agency_id=draft.id,
            id=contact,
            full_name=full_name,
            first_name=first if draft.chance(80) else None,
            last_name=last if draft.chance(80) else None,
            job_title=draft.rng.choice(said.jobs) if draft.chance(60) else None,
            lifecycle_id=draft.rng.choice(draft.lookups["lifecycle_stage"]),
            source_id=draft.rng.choice(draft.lookups["source"]) if draft.chance(70) else None,
            locale=said.place.locale,
            timezone=said.place.timezone,
            do_not_contact=draft.chance(3),
            merged_into_id=into,
            anonymised_at=None,
            custom=_custom(draft),
            **draft.whose(),
            **deletion,
        )
        points: list[Point] = [("email", mistyped_email(draft.rng, email), None, True, False)]
        if draft.chance(75):
            typed, e164 = phone(draft.rng, said.place, draft.new_number())
            points.append(("phone", typed, e164, True, False))
        if draft.chance(SWITCHBOARDS):
            points.append(("phone", *switchboard, False, True))
        if draft.chance(20):
            points.append(("url", f"HTTPS://People.example/{number}", None, False, False))
        written.append((contact, deletion["deleted_at"], points))
    for winner, loser, name in merged:
        _add_merge(draft, "contact", winner, loser, {"full_name": name})
    return written


def _custom(draft: Draft) -> dict[str, Any]:
    if not draft.chance(30):
        return {}
    return {
        "birthday": f"{draft.rng.randint(1945, 2005)}-{draft.rng.randint(1, 12):02d}-15",
        "newsletter": draft.chance(50),
        "languages": draft.some(["de", "fr", "ar", "he"], 3),
    }


def _add_merge(draft: Draft, entity: str, winner: str, loser: str, was: dict[str, str]) -> None:
    draft.load.add(
        "crm.merge_records",
        agency_id=draft.id,
        id=draft.new_id(),
        entity=entity,
        winner_contact_id=winner if entity == "contact" else None,
        loser_contact_id=loser if entity == "contact" else None,
        winner_company_id=winner if entity == "company" else None,
        loser_company_id=loser if entity == "company" else None,
        snapshot={"loser": was, "winner": {"id": winner}},
        moved={},
        merged_by_id=draft.member("owner", "admin", "manager").id,
    )


def add_points(draft: Draft, contacts: list[tuple[str, datetime | None, list[Point]]]) -> None:
    """Their addresses, deleted together with them."""
    for contact, deleted_at, points in contacts:
        for kind, value, e164, is_primary, is_shared in points:
            draft.load.add(
                "crm.contact_points",
                agency_id=draft.id,
                id=draft.new_id(),
                contact_id=contact,
                kind=kind,
                label=draft.rng.choice(["work", "privat", "בית", None]),
                value=value,
                e164=e164,
                is_primary=is_primary,
                is_shared=is_shared,
                verified_at=draft.instant() if draft.chance(30) else None,
                bounced_at=draft.instant() if kind == "email" and draft.chance(4) else None,
                deleted_at=deleted_at,
            )


def add_jobs(draft: Draft, count: int) -> None:
    """Who works where, and who did."""
    current: set[str] = set()
    for _ in range(count):
        contact = draft.rng.choice(draft.contacts)
        started = draft.instant().date()
        ended = contact in current
        current.add(contact)
        draft.load.add(
            "crm.contact_companies",
            agency_id=draft.id,
            id=draft.new_id(),
            contact_id=contact,
            company_id=draft.skewed(draft.companies),
            role_title=draft.rng.choice(draft.words().jobs),
            is_primary=not ended,
            started_on=started,
            ended_on=started + timedelta(days=draft.rng.randint(30, 900)) if ended else None,
        )


def add_tags(draft: Draft, count: int) -> None:
    """Tags on people, companies and deals."""
    taken = set()
    targets = (
        ("contact_id", draft.contacts),
        ("company_id", draft.companies),
        ("deal_id", draft.deals),
    )
    for number in range(count):
        column, population = targets[number % 3]
        tag, target = draft.skewed(draft.tags), draft.rng.choice(population)
        if (tag, target) in taken:
            continue
        taken.add((tag, target))
        draft.load.add(
            "crm.record_tags",
            agency_id=draft.id,
            id=draft.new_id(),
            tag_id=tag,
            **{
                name: target if name == column else None
                for name in ("contact_id", "company_id", "deal_id")
            },
        )


def add_deals(draft: Draft, count: int) -> None:
    """Deals in their first stage, then the moves that brought them where they are."""
    moves: list[list[tuple[str, str, str | None]]] = [[], [], []]
    for _ in range(count):
        deal = draft.new_id()
        pipeline, stages = draft.pipelines[draft.chance(25)]
        draft.deals.append(deal)
        said = draft.words()
        draft.load.add(
            "crm.deals",
            agency_id=draft.id,
            id=deal,
            title=f"{draft.rng.choice(said.companies)} – {draft.rng.choice(said.cities)}"[:200],
            pipeline_id=pipeline,
            stage_id=stages[0][0],
            company_id=draft.skewed(draft.companies) if draft.chance(85) else None,
            primary_contact_id=draft.rng.choice(draft.contacts) if draft.chance(80) else None,
            amount=f"{draft.rng.lognormvariate(8, 1.3):.2f}" if draft.chance(80) else None,
            currency=draft.currency,
            expected_close_on=draft.after(draft.instant(), 120).date(),
            source_id=draft.rng.choice(draft.lookups["source"]) if draft.chance(60) else None,
            custom={"square_metres": draft.rng.randint(5, 5000)} if draft.chance(30) else {},
            **draft.whose(),
            **draft.deletion(4),
        )
        path = stages[1 : 1 + draft.rng.choice([0, 1, 1, 2])]
        if draft.chance(50):
            path = [*path, stages[3] if draft.chance(60) else stages[4]]
        for turn, (stage, outcome) in zip(moves, path, strict=False):
            reason = draft.rng.choice(draft.lookups["lost_reason"]) if outcome == "lost" else None
            turn.append((deal, stage, reason))
    draft.load.flush()
    # Each deal and each move is a stay in a stage, which the trigger writes.
    draft.load.counts["crm.deal_stage_history"] += count
    for turn in moves:
        move(draft, turn)
    _add_parts(draft, count)


def move(draft: Draft, turn: list[tuple[str, str, str | None]]) -> None:
    """Move deals to another stage of their pipeline."""
    for start in range(0, len(turn), 5000):
        chunk = turn[start : start + 5000]
        draft.load.execute(
            "update crm.deals as d set stage_id = t.stage_id, lost_reason_id = t.reason_id"
            " from unnest(%s::uuid[], %s::uuid[], %s::uuid[]) as t (id, stage_id, reason_id)"
            " where d.agency_id = %s and d.id = t.id",
            [*(list(column) for column in zip(*chunk, strict=True)), draft.id],
        )
    draft.load.counts["crm.deal_stage_history"] += len(turn)


def _add_parts(draft: Draft, count: int) -> None:
    for deal in draft.deals:
        for contact in draft.some(draft.contacts, 2) if draft.chance(80) else []:
            draft.load.add(
                "crm.deal_contacts",
                agency_id=draft.id,
                id=draft.new_id(),
                deal_id=deal,
                contact_id=contact,
                role_title=draft.rng.choice(["Decision maker", "Einkauf", "acheteur", "קניין"]),
            )
    for deal in draft.deals:
        lines = draft.rng.randint(1, 4) if draft.chance(45) or deal == draft.deals[0] else 0
        for position in range(lines):
            draft.load.add(
                "crm.deal_line_items",
                agency_id=draft.id,
                id=draft.new_id(),
                deal_id=deal,
                product_id=draft.rng.choice(draft.products) if draft.chance(80) else None,
                position=position,
                description=draft.words().text(draft.rng, 1)[:120],
                quantity=draft.rng.choice(["1", "2", "2.5", "10", "0.75"]),
                unit_price=f"{draft.rng.lognormvariate(5, 1.5):.2f}",
                discount_pct=draft.rng.choice(["0", "0", "5", "12.5"]),
                tax_rate=draft.rng.choice(["0", "7", "19"]),
            )
    assert count == len(draft.deals)
