"""Files, imports, webhooks, events, runs of agents, erasure and retention."""

from datetime import timedelta
from hashlib import sha256
from typing import Any

from tests.seed import ids
from tests.seed.draft import Draft
from tests.seed.engagement import VISIBILITIES, WEIGHTS

PROVIDERS = ("supabase", "minio", "wasabi", "bunny")
KINDS = (("pdf", "application/pdf"), ("jpg", "image/jpeg"), ("csv", "text/csv"))


def write(draft: Draft, contacts: int) -> None:
    """All but the files of messages."""
    imports = add_files(draft, max(12, contacts * 3 // 10))
    add_imports(draft, imports, max(8, contacts * 3 // 10))
    add_events(draft, max(6, contacts * 3 // 10))
    add_runs(draft, max(6, contacts // 10))
    add_governance(draft)
    add_threads(draft, max(4, contacts // 50))


def add_file(draft: Draft, number: int, purpose: str, **target: str) -> str:
    """A file on a record, or on none when the purpose is another than attachment."""
    file = draft.new_id()
    suffix, mime = draft.rng.choice(KINDS)
    name = draft.words().text(draft.rng, 1)[:60].rstrip(".。")
    clean = draft.chance(90)
    columns = (
        "contact_id",
        "company_id",
        "deal_id",
        "activity_id",
        "calendar_event_id",
        "message_id",
    )
    draft.load.add(
        "crm.files",
        agency_id=draft.id,
        id=file,
        purpose=purpose,
        provider=draft.rng.choice(PROVIDERS),
        bucket="files",
        object_path=f"{draft.id}/{purpose}/{file}.{suffix}",
        file_name=f"{name}.{suffix}",
        mime=mime,
        byte_size=int(draft.rng.lognormvariate(11, 2)),
        sha256=sha256(draft.rng.randbytes(8)).digest() if clean else None,
        scan_status="clean" if clean else "pending",
        owner_id=draft.member().id if draft.chance(85) else None,
        visibility=VISIBILITIES[number]
        if number < 4
        else draft.rng.choices(VISIBILITIES, WEIGHTS)[0],
        **{column: target.get(column) for column in columns},
        **draft.deletion(3),
    )
    return file


def add_files(draft: Draft, count: int) -> list[str]:
    """Files on every kind of record but messages; answers the imported ones."""
    targets = (
        ("contact_id", draft.clients + draft.contacts),
        ("company_id", draft.companies),
        ("deal_id", draft.deals),
        ("activity_id", draft.samples["crm.activities"]),
        ("calendar_event_id", draft.samples["crm.calendar_events"]),
    )
    for number in range(count):
        column, population = targets[number % len(targets)]
        add_file(draft, number, "attachment", **{column: draft.skewed(population)})
    for number, purpose in enumerate(("export", "avatar")):
        add_file(draft, number + 4, purpose)
    return [add_file(draft, 4, "import") for _ in range(3)]


def add_imports(draft: Draft, files: list[str], count: int) -> None:
    """Jobs of several people, and the lines of those that ran."""
    jobs = []
    statuses = ("done", "failed", "running", "draft", "done")
    for number, status in enumerate(statuses):
        owner = draft.member("owner", "admin", "manager", "member")
        jobs.append(draft.new_id())
        at = draft.instant()
        draft.load.add(
            "integration.import_jobs",
            agency_id=draft.id,
            id=jobs[-1],
            entity="contact",
            file_id=files[number] if number < len(files) else None,
            mapping={"Nom": "full_name", "E-Mail": "email", "טלפון": "phone"},
            dedupe=("skip", "update", "create")[number % 3],
            status=status,
            owner_id=owner.id,
            team_id=owner.team,
            total_rows=count if number == 0 else 0,
            started_at=None if status == "draft" else at,
            finished_at=at + timedelta(minutes=9) if status in ("done", "failed") else None,
            revert_until=at + timedelta(days=30) if status == "done" else None,
        )
    for number in range(count):
        failed = draft.chance(10)
        said = draft.words()
        first, last = said.name(draft.rng)
        draft.load.add(
            "integration.import_rows",
            agency_id=draft.id,
            id=draft.new_id(),
            job_id=jobs[number % 3],
            row_no=number // 3 + 1,
            raw={"Nom": said.full_name(first, last), "טלפון": f" 0{draft.new_number()} "},
            status="failed" if failed else "created",
            error_code="23514" if failed else None,
            error_field="phone" if failed else None,
            error_message="phone: not a number" if failed else None,
            contact_id=None if failed else draft.rng.choice(draft.contacts),
            record_version=None if failed else 1,
        )


def add_events(draft: Draft, count: int) -> None:
    """Events of the outbox, the endpoints that hear of them, and what was delivered."""
    endpoints = []
    for number, (name, deleted) in enumerate((("ERP", False), ("Zapier", False), ("Old", True))):
        endpoints.append(draft.new_id())
        draft.load.add(
            "integration.webhook_endpoints",
            agency_id=draft.id,
            id=endpoints[-1],
            name=name,
            url=f"https://hooks-{number}.{draft.slug}.example/in",
            event_types=["crm.deals.updated", "crm.contacts.created"],
            is_active=not deleted,
            deleted_at=draft.instant() if deleted else None,
        )
    for endpoint in endpoints:
        draft.load.add(
            "integration.webhook_secrets",
            agency_id=draft.id,
            id=draft.new_id(),
            endpoint_id=endpoint,
            secret_ref=f"webhooks/{draft.slug}/{endpoint}",
        )
    events = []
    for number in range(count):
        table, population = draft.rng.choice(
            [("crm.deals", draft.deals), ("crm.contacts", draft.contacts)]
        )
        event = ids.uuid_v7(draft.month + timedelta(milliseconds=number), draft.rng)
        kind = f"{table}.{draft.rng.choice(['created', 'updated'])}"
        events.append((event, kind))
        draft.load.add(
            "integration.outbox_events",
            agency_id=draft.id,
            id=event,
            aggregate=table,
            aggregate_id=draft.skewed(population),
            type=kind,
            payload={"row_version": 2, "changed": ["owner_id"]},
            headers={"request_id": f"req-{number}"},
            epoch=1,
            timeline=1,
            published_at=draft.instant() if draft.chance(90) else None,
        )
    for number, (event, kind) in enumerate(events[: max(4, count * 2 // 3)]):
        status = draft.rng.choice(["delivered", "delivered", "delivered", "pending", "failed"])
        draft.load.add(
            "integration.webhook_deliveries",
            agency_id=draft.id,
            id=draft.new_id(),
            endpoint_id=endpoints[number % 2],
            event_id=event,
            event_type=kind,
            status=status,
            attempts=1 if status == "delivered" else 3,
            response_code={"delivered": 200, "failed": 503}.get(status),
            response_ms=draft.rng.randint(20, 4000),
            last_error="503 Service Unavailable" if status == "failed" else None,
            next_attempt_at=draft.instant(),
            delivered_at=draft.instant() if status == "delivered" else None,
        )


def add_runs(draft: Draft, count: int) -> None:
    """What agents did, for people and as themselves, in threads and in none; some wait."""
    agents = [one for one in draft.members if one.role == "ai_agent"]
    statuses = ("suspended", "running", "succeeded", "succeeded", "failed", "queued")
    threads = draft.rng.sample(draft.conversations, min(count, len(draft.conversations)))
    runs = []
    for number in range(count):
        status = statuses[number % len(statuses)]
        for_whom = draft.member("owner", "admin", "manager", "member")
        person = for_whom.id if number % 3 else None
        at = draft.instant()
        over = status in ("succeeded", "failed")
        runs.append((draft.new_id(), status))
        draft.load.add(
            "ai.agent_runs",
            agency_id=draft.id,
            id=runs[-1][0],
            agent_key=("assistant", "enrich", "follow-up")[number % 3],
            agent_membership_id=agents[number % len(agents)].id,
            triggered_by_id=person,
            on_behalf_of_id=person,
            conversation_id=threads[number][0] if number < len(threads) and number % 4 else None,
            status=status,
            model="large-1",
            input={"text": draft.words().text(draft.rng, 1)},
            outcome={"text": draft.words().text(draft.rng, 2)} if status == "succeeded" else None,
            cost=draft.rng.randint(0, 90000) / 1_000_000,
            started_at=None if status == "queued" else at,
            finished_at=draft.after(at, 0.01) if over else None,
            error="The model did not answer." if status == "failed" else None,
        )
    for run, status in runs:
        if status == "queued":
            continue
        for seq, kind in enumerate(("llm", "tool"), start=1):
            waits = kind == "tool" and status == "suspended"
            draft.load.add(
                "ai.agent_steps",
                agency_id=draft.id,
                id=draft.new_id(),
                run_id=run,
                seq=seq,
                node="agent" if kind == "llm" else "tools",
                kind=kind,
                tool_name="send_mail" if kind == "tool" else None,
                args={"text": draft.words().text(draft.rng, 1)},
                result=None if waits else {"ok": True},
                approval="required" if waits else "not_needed",
                latency_ms=None if waits else draft.rng.randint(20, 9000),
                tokens_in=draft.rng.randint(50, 9000) if kind == "llm" else None,
                tokens_out=draft.rng.randint(5, 900) if kind == "llm" else None,
            )


def add_governance(draft: Draft) -> None:
    """Requests to be forgotten, one of them done, and how long things are kept."""
    erased = []
    requests: tuple[tuple[str, bool], ...] = (("done", False), ("requested", False))
    requests = (*requests, ("refused", True), ("approved", False))
    subjects = draft.rng.sample(draft.contacts, len(requests))
    for (status, hold), subject in zip(requests, subjects, strict=True):
        at = draft.instant()
        request = draft.new_id()
        approved = status in ("done", "approved")
        if status == "done":
            erased.append(request)
        draft.load.add(
            "governance.erasure_requests",
            agency_id=draft.id,
            id=request,
            subject_kind="contact",
            subject_id=subject,
            label_masked=f"{draft.words().name(draft.rng)[0][:1]}… …",
            reason="Art. 17 GDPR",
            status=status,
            legal_hold=hold,
            requested_at=at,
            due_at=at + timedelta(days=30),
            requested_by_id=draft.member("admin").id,
            approved_by_id=draft.members[0].id if approved else None,
            executed_at=draft.after(at, 20) if status == "done" else None,
            report={"crm.contact_points": 2} if status == "done" else {},
        )
    for request in erased:
        for address in ("gone@mail.example", f"erased.{draft.number}@mail.example"):
            text = f"{draft.id}|email|{address}"
            draft.load.add(
                "governance.suppressions",
                agency_id=draft.id,
                id=draft.new_id(),
                erasure_id=request,
                kind="email",
                value_hash=sha256(text.encode()).digest(),
            )
    policies: tuple[tuple[str, str, str], ...] = (
        ("crm.contacts", "730 days", "anonymise"),
        ("crm.messages", "1095 days", "delete"),
        ("integration.webhook_deliveries", "30 days", "delete"),
    )
    for entity, keep, action in policies:
        row: dict[str, Any] = {"entity": entity, "keep": keep, "action": action}
        draft.load.add(
            "governance.retention_policies",
            agency_id=draft.id,
            id=draft.new_id(),
            legal_hold=entity == "crm.messages",
            **row,
        )


def add_threads(draft: Draft, count: int) -> None:
    """Agents' threads in some conversations, and what they remember of the agency and contacts."""
    threads = [conversation for conversation, _ in draft.conversations[:count]]
    for thread in threads:
        for step in range(2):
            draft.load.add(
                "langgraph.checkpoints",
                agency_id=draft.id,
                thread_id=thread,
                checkpoint_id=f"{step:08}",
                parent_checkpoint_id=f"{step - 1:08}" if step else None,
                checkpoint={"v": 4, "channel_versions": {"messages": f"{step:032}.0"}},
                metadata={"step": step, "source": "loop"},
            )
    for thread in threads:
        for step in range(2):
            draft.load.add(
                "langgraph.checkpoint_blobs",
                agency_id=draft.id,
                thread_id=thread,
                channel="messages",
                version=f"{step:032}.0",
                type="bytes",
                blob=draft.rng.randbytes(64),
            )
    for thread in threads:
        draft.load.add(
            "langgraph.checkpoint_writes",
            agency_id=draft.id,
            thread_id=thread,
            checkpoint_id=f"{1:08}",
            task_id="answer",
            idx=0,
            channel="messages",
            type="bytes",
            blob=draft.rng.randbytes(64),
        )
    subjects = [("agency", "tone")]
    subjects += [("contact", contact) for contact in draft.some(draft.contacts, count)]
    items = [(f"{draft.id}.{kind}.{subject}", "notes") for kind, subject in subjects]
    for prefix, key in items:
        said = draft.words()
        draft.load.add(
            "langgraph.store", prefix=prefix, key=key, value={"text": said.text(draft.rng, 1)}
        )
    for prefix, key in items:
        vector = [round(draft.rng.uniform(-1, 1), 3) for _ in range(1536)]
        draft.load.add(
            "langgraph.store_vectors",
            prefix=prefix,
            key=key,
            field_name="text",
            embedding=f"[{','.join(map(str, vector))}]",
        )
