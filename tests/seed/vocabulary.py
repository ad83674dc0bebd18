"""The words an agency works with: lists, fields, tags, pipelines, products, views."""

from psycopg.types.json import Json

from tests.seed.draft import Draft

LOOKUPS = {
    "source": ("Website", "Empfehlung", "Salon de l’immobilier", "פנייה קרה", "Old fair"),
    "lost_reason": ("Price", "Zu spät", "Concurrent", "لا ميزانية", "Never asked"),
    "activity_type": ("Site visit", "Vorgespräch", "Relance", "بازدید", "Fax"),
    "industry": ("Construction", "Gastgewerbe", "Santé", "نرم‌افزار", "Mining"),
    "lifecycle_stage": ("Lead", "Interessent", "Client", "לקוח לשעבר", "Subscriber"),
}
# entity, key, type, options, open to agents
FIELDS: tuple[tuple[str, str, str, list[str], bool], ...] = (
    ("contact", "birthday", "date", [], False),
    ("contact", "newsletter", "boolean", [], True),
    ("contact", "languages", "multi_select", ["de", "fr", "ar", "he"], True),
    ("company", "vat_id", "text", [], False),
    ("company", "size", "select", ["S", "M", "L"], True),
    ("deal", "probability_note", "text", [], True),
    ("deal", "square_metres", "number", [], False),
)
TAGS = (
    ("VIP", False),
    ("Newsletter", False),
    ("à rappeler", False),
    ("Größe L", False),
    ("חם", False),
    ("مهم", False),
    ("schwierig", False),
    ("çok iyi", False),
    ("2019", True),
    ("obsolete", True),
)
# name, outcome, probability; None: archived
STAGES = (
    ("New", "open", 10),
    ("Qualified", "open", 30),
    ("Offer sent", "open", 60),
    ("Won", "won", 100),
    ("Lost", "lost", 0),
    ("Paper form", "open", None),
)
PIPELINES = (("Sales", True, False), ("Bestandskunden", False, False), ("Old", False, True))


def write(draft: Draft) -> None:
    """Lists, fields and tags first: records point to them."""
    for kind, labels in LOOKUPS.items():
        draft.lookups[kind] = []
        for position, label in enumerate(labels):
            draft.lookups[kind].append(draft.new_id())
            draft.load.add(
                "crm.lookup_values",
                agency_id=draft.id,
                id=draft.lookups[kind][-1],
                kind=kind,
                label=label,
                position=position,
                archived_at=draft.instant() if position == len(labels) - 1 else None,
            )
    for position, (entity, key, kind, options, open_to_agents) in enumerate(FIELDS):
        draft.load.add(
            "crm.custom_field_defs",
            agency_id=draft.id,
            id=draft.new_id(),
            entity=entity,
            key=key,
            label=key.replace("_", " ").capitalize(),
            data_type=kind,
            options=Json(options),
            position=position,
            agent_writable=open_to_agents,
            personal_data=entity == "contact",
        )
    for name, deleted in TAGS:
        tag = draft.new_id()
        if not deleted:
            draft.tags.append(tag)
        draft.load.add(
            "crm.tags",
            agency_id=draft.id,
            id=tag,
            name=name,
            color=f"#{draft.rng.getrandbits(24):06x}",
            deleted_at=draft.instant() if deleted else None,
        )
    _add_pipelines(draft)
    _add_products(draft)
    _add_views(draft)


def _add_pipelines(draft: Draft) -> None:
    made = [(draft.new_id(), *each) for each in PIPELINES]
    for position, (pipeline, name, is_default, deleted) in enumerate(made):
        draft.load.add(
            "crm.pipelines",
            agency_id=draft.id,
            id=pipeline,
            name=name,
            is_default=is_default,
            position=position,
            deleted_at=draft.instant() if deleted else None,
        )
    for pipeline, _, _, deleted in made:
        stages = []
        for position, (name, outcome, probability) in enumerate(STAGES):
            stage = draft.new_id()
            archived = probability is None
            if not archived:
                stages.append((stage, outcome))
            draft.load.add(
                "crm.pipeline_stages",
                agency_id=draft.id,
                id=stage,
                pipeline_id=pipeline,
                name=name,
                position=None if archived else position,
                probability=probability or 0,
                outcome=outcome,
                rotten_after="14 days" if name == "Qualified" else None,
                archived_at=draft.instant() if archived else None,
            )
        if not deleted:
            draft.pipelines.append((pipeline, stages))


def _add_products(draft: Draft) -> None:
    for number in range(12):
        said = draft.words()
        product = draft.new_id()
        deleted = draft.deletion(0 if number else 100)
        if deleted["deleted_at"] is None:
            draft.products.append(product)
        draft.load.add(
            "crm.products",
            agency_id=draft.id,
            id=product,
            sku=f"SKU-{number:04d}",
            name=said.text(draft.rng, 1)[:60],
            description=said.text(draft.rng, 2)[:1000],
            unit_price=f"{draft.rng.lognormvariate(5, 1.5):.2f}",
            currency=draft.currency,
            tax_rate=draft.rng.choice(["0", "7", "19", "20"]),
            is_active=number != 5,
            **deleted,
        )


def _add_views(draft: Draft) -> None:
    staff = [one for one in draft.members if one.role not in ("client", "ai_agent")]
    for number in range(14):
        owner = staff[number % len(staff)]
        visibility = ("private", "team", "agency")[number % 3]
        draft.load.add(
            "crm.saved_views",
            agency_id=draft.id,
            id=draft.new_id(),
            owner_id=owner.id,
            team_id=owner.team or draft.teams[0] if visibility == "team" else None,
            visibility=visibility,
            entity=draft.rng.choice(["crm.contacts", "crm.deals", "crm.companies"]),
            name=f"{draft.rng.choice(['Meine', 'My', 'Mes', 'שלי'])} {number}",
            filter={"status": "open", "older_than_days": number},
            columns=Json(["name", "owner_id"]),
            **draft.deletion(10),
        )
