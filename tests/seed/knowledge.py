"""What agents know: documents and their chunks, memories, vectors, and texts that wait for one."""

from hashlib import sha256

from tests.seed.draft import Draft

# One for each table of vectors; all agencies share them.
MODELS = (
    ("vector", 1536, "01900000-0000-7000-8000-00000000e001"),
    ("halfvec", 3072, "01900000-0000-7000-8000-00000000e002"),
)


def write(draft: Draft, contacts: int) -> None:
    """Some of everything, more for more contacts."""
    # made with the agency
    draft.load.counts["ai.agency_tiers"] += 2
    _add_models(draft)
    chunks = add_documents(draft, max(6, contacts // 20))
    memories = add_memories(draft, max(8, contacts // 20))
    for kind, dims, _ in MODELS:
        add_vectors(draft, f"{kind}_{dims}", dims, chunks[:40], memories[:40])
    draft.load.execute(
        "insert into ai.embedding_jobs (agency_id, memory_id, model_id, content_sha256)"
        " select m.agency_id, m.id, e.id, m.content_sha256"
        " from ai.memories as m, ai.embedding_models as e"
        " where m.agency_id = %s and m.deleted_at is null and e.key = 'seed/vector@1536'"
        " order by m.id desc limit 2 on conflict do nothing",
        [draft.id],
    )
    draft.load.counts["ai.embedding_jobs"] += 2


def _add_models(draft: Draft) -> None:
    for kind, dims, model in MODELS:
        draft.load.execute(
            "insert into ai.embedding_models (id, key, provider, model, vector_type, dims, status)"
            " values (%s, %s, 'seed', 'seed', %s, %s, 'active') on conflict (key) do nothing",
            [model, f"seed/{kind}@{dims}", kind, dims],
        )


def add_documents(draft: Draft, count: int) -> list[str]:
    """Documents made of activities, contacts and nothing; answers their chunks."""
    documents = []
    activities = iter(draft.samples["crm.activities"])
    for number in range(count):
        document = draft.new_id()
        activity = next(activities, None) if number % 3 == 0 else None
        contact = draft.skewed(draft.contacts) if number % 3 == 1 else None
        documents.append(document)
        draft.load.add(
            "ai.documents",
            agency_id=draft.id,
            id=document,
            source_kind="activity" if activity else "contact" if contact else "note",
            activity_id=activity,
            contact_id=contact,
            title=draft.words().text(draft.rng, 1)[:200],
            content_sha256=sha256(draft.rng.randbytes(8)).digest(),
            status="ready",
            visibility="agency",
        )
    chunks = []
    for document in documents:
        for place in range(2):
            content = draft.words().text(draft.rng, 3)
            chunks.append(draft.new_id())
            draft.load.add(
                "ai.chunks",
                agency_id=draft.id,
                id=chunks[-1],
                document_id=document,
                seq=place,
                content=content,
                token_count=max(1, len(content) // 4),
            )
    return chunks


def add_memories(draft: Draft, count: int) -> list[str]:
    """Memories about contacts, deals, members and the agency; answers their ids."""
    memories = []
    for number in range(count):
        subject = ("contact", "deal", "agency", "member")[number % 4]
        member = draft.member("owner", "admin", "manager", "member").id
        private = subject == "member"
        memories.append(draft.new_id())
        draft.load.add(
            "ai.memories",
            agency_id=draft.id,
            id=memories[-1],
            subject=subject,
            contact_id=draft.skewed(draft.contacts) if subject == "contact" else None,
            deal_id=draft.skewed(draft.deals) if subject == "deal" else None,
            membership_id=member if private else None,
            owner_id=member,
            visibility="private" if private else draft.rng.choice(("team", "agency")),
            kind=draft.rng.choice(("semantic", "episodic", "procedural")),
            content=draft.words().text(draft.rng, 1)[:1000],
        )
    return memories


def add_vectors(
    draft: Draft, storage: str, dims: int, chunks: list[str], memories: list[str]
) -> None:
    """A vector for each of these texts."""
    draft.load.flush()
    for column, table, texts in (
        ("chunk_id", "ai.chunks", chunks),
        ("memory_id", "ai.memories", memories),
    ):
        for text in texts:
            numbers = [f"{draft.rng.uniform(-1, 1):.3f}" for _ in range(8)] * (dims // 8)
            draft.load.execute(
                f"insert into ai.embeddings_{storage}"
                f" (agency_id, id, {column}, model_id, tier, content_sha256, embedding)"
                " select t.agency_id, %s, t.id, m.id, 'small', t.content_sha256, %s"
                f" from {table} as t join ai.embedding_models as m on m.key like 'seed/%%'"
                " and m.storage = %s where t.agency_id = %s and t.id = %s",
                [draft.new_id(), f"[{','.join(numbers)}]", storage, draft.id, text],
            )
            draft.load.counts[f"ai.embeddings_{storage}"] += 1
