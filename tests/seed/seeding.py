"""Writes agency after agency, each in one transaction."""

from datetime import UTC, datetime
from typing import Any

import psycopg

from tests.seed import database, engagement, knowledge, machinery, office, records, vocabulary
from tests.seed.draft import Draft
from tests.seed.errors import SeedError
from tests.seed.load import Loader
from tests.seed.plan import Plan
from tests.seed.progress import Progress

# What an agency of so many contacts has of everything else, messages included: rows per contact.
ROWS_PER_CONTACT = 16
# Rows that come after the contacts and do not grow with them.
FIXED = 140


def seed(
    connection: psycopg.Connection[Any],
    plan: Plan,
    progress: Progress | None = None,
    month: datetime | None = None,
) -> list[str]:
    """Write every agency of a plan.

    Args:
        connection: an autocommit session of a superuser.
        plan: how many agencies and rows.
        progress: told how far it is.
        month: where the ids of events begin, by default the current month.

    Returns:
        The ids of the agencies, the biggest first.

    Raises:
        SeedError: an agency of this plan is there already, or a table stayed empty.
    """
    month = month or datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    written = progress.written if progress else None
    drafts = [
        Draft(number, rows, plan.random, month, Loader(connection, written))
        for number, rows in enumerate(plan.rows)
    ]
    _refuse_repetition(connection, drafts)
    for draft in drafts:
        with connection.transaction():
            write(connection, draft)
        run_jobs(connection, draft)
        if progress is not None:
            progress.finished(draft.slug, draft.load.total)
    return [draft.id for draft in drafts]


def _refuse_repetition(connection: psycopg.Connection[Any], drafts: list[Draft]) -> None:
    found = connection.execute(
        "select slug from tenancy.agencies where slug = any(%s) order by slug",
        [[draft.slug for draft in drafts]],
    ).fetchall()
    if found:
        raise SeedError(
            f"{', '.join(row[0] for row in found)}: there already; take another SEED or a new "
            "database (nothing was written)."
        )


def write(connection: psycopg.Connection[Any], draft: Draft) -> None:
    """Write one agency.

    Raises:
        SeedError: it has no row in some table.
    """
    connection.execute(
        "insert into tenancy.issuers (issuer, kind, may_assert_user_id)"
        " values (%s, 'gotrue', true) on conflict do nothing",
        [office.ISSUER],
    )
    office.found(draft)
    vocabulary.write(draft)
    contacts = (draft.rows - draft.load.total - FIXED) // ROWS_PER_CONTACT
    records.write(draft, contacts)
    office.let_clients_in(draft)
    office.invite(draft)
    engagement.write(draft, contacts)
    machinery.write(draft, contacts)
    knowledge.write(draft, contacts)
    fill(draft)
    draft.load.flush()
    connection.execute("set local role none")
    gaps = set(database.empty_tables(connection, draft.id)) - set(database.BY_JOBS)
    if gaps:
        raise SeedError(
            f"{draft.slug} has no row in {', '.join(sorted(gaps))}: "
            "tests/seed does not know the table yet (this agency was not written)."
        )


def fill(draft: Draft) -> None:
    """Messages and their files make the number of rows what it was meant to be."""
    left = draft.rows - draft.load.total
    files = min(200, max(2, left // 50))
    messages = engagement.add_messages(draft, left - files)
    for number in range(files):
        machinery.add_file(draft, number, "attachment", message_id=draft.rng.choice(messages))


def run_jobs(connection: psycopg.Connection[Any], draft: Draft) -> None:
    """Seal what was recorded and verify it, as the worker does each minute and each night.

    Raises:
        SeedError: the trail is not sealed, or does not verify.
    """
    for job in ("select audit.seal(%s)", "select audit.note_verification(%s)"):
        with connection.transaction():
            connection.execute("set local role gardenos_worker")
            row = connection.execute(job.encode(), [draft.id]).fetchone()
    assert row is not None
    if row[0]:
        raise SeedError(f"The trail of {draft.slug} does not verify: {row[0]} problems.")
    if database.empty_tables(connection, draft.id):
        raise SeedError(
            f"{draft.slug} is written but not sealed, because an older transaction is open "
            "in this cluster: end it, then call audit.seal() and audit.note_verification()."
        )
