"""Acts as SQL, and rows with everything that a table asks for."""

from typing import Any

from psycopg import sql

from tests.people.facts import Record
from tests.people.verdicts import Act, Kind

# when the rows were deleted that are in the trash from the beginning: at one instant
LONG_AGO = "2026-01-01 09:00Z"
# what a table needs besides the columns that decide something; {} makes it unique
NEEDED: dict[str, dict[str, Any]] = {
    "tenancy.teams": {"name": "{}"},
    "crm.companies": {"name": "Company"},
    "crm.contacts": {"full_name": "Contact"},
    "crm.contact_points": {"kind": "email", "value": "{}@people.test"},
    "crm.tags": {"name": "{}"},
    "crm.products": {"sku": "{}", "name": "Product", "unit_price": 1, "currency": "EUR"},
    "crm.pipelines": {"name": "{}"},
    "crm.pipeline_stages": {"name": "Stage"},
    "crm.deals": {"title": "Deal", "currency": "EUR"},
    "crm.deal_line_items": {"description": "Line", "unit_price": 1},
    "crm.saved_views": {"entity": "crm.deals", "name": "{}"},
    "crm.activities": {"kind": "note", "subject": "Note"},
    "crm.conversations": {"channel": "email", "external_thread_id": "{}"},
    "crm.messages": {"body_text": "Hello"},
    "crm.calendar_events": {
        "title": "Event",
        "starts_at": "2026-03-02 09:00Z",
        "ends_at": "2026-03-02 10:00Z",
    },
    "crm.files": {
        "provider": "minio",
        "bucket": "files",
        "object_path": "{agency}/{}",
        "file_name": "file.pdf",
        "mime": "application/pdf",
        "byte_size": 1,
    },
    "crm.consents": {
        "purpose": "newsletter",
        "lawful_basis": "consent",
        "status": "withdrawn",
        "source": "portal",
    },
}
# a change that decides nothing
HARMLESS: dict[str, dict[str, Any]] = {
    "tenancy.memberships": {"job_title": "Changed"},
    "tenancy.teams": {"description": "Changed"},
    "crm.companies": {"city": "Changed"},
    "crm.contacts": {"job_title": "Changed"},
    "crm.contact_points": {"label": "Changed"},
    "crm.contact_companies": {"role_title": "Changed"},
    "crm.tags": {"color": "#123456"},
    "crm.products": {"description": "Changed"},
    "crm.pipelines": {"position": 7},
    "crm.pipeline_stages": {"probability": 7},
    "crm.deals": {"expected_close_on": "2030-01-01"},
    "crm.deal_contacts": {"role_title": "Changed"},
    "crm.deal_line_items": {"discount_pct": 7},
    "crm.saved_views": {"columns": "[]"},
    "crm.activities": {"due_at": "2030-01-01Z"},
    "crm.conversations": {"subject": "Changed"},
    "crm.participants": {"role": "cc"},
    "crm.messages": {"body_text": "Changed"},
    "crm.calendar_events": {"location": "Changed"},
    "crm.files": {"file_name": "changed.pdf"},
}


def columns_of(record: Record) -> dict[str, Any]:
    """All columns of a new row."""
    needed = {
        name: value.format(record.id, agency=record.agency) if isinstance(value, str) else value
        for name, value in NEEDED.get(record.table, {}).items()
    }
    decisive = {
        name: LONG_AGO if name == "deleted_at" else value
        for name, value in record.values.items()
        if value is not None
    }
    return {"agency_id": record.agency, "id": record.id, **needed, **decisive}


def statement(act: Act) -> tuple[sql.Composed, list[Any]]:
    """The statement of an act, and its parameters."""
    table = sql.SQL(act.record.table)
    back = sql.SQL(" returning id" if act.asks_back else "")
    key = [act.record.agency, act.record.id]
    where = sql.SQL(" where agency_id = %s and id = %s")
    match act.kind:
        case Kind.INSERT:
            row = columns_of(act.record)
            if act.record.table == "crm.conversations":
                # the database gives these ids itself (schema 2.2)
                del row["id"]
            return (
                sql.SQL("insert into {} ({}) values ({})").format(
                    table, names(row), sql.SQL(", ").join([sql.Placeholder()] * len(row))
                )
                + back,
                list(row.values()),
            )
        case Kind.UPDATE:
            changes = dict(act.changes) or HARMLESS[act.record.table]
            assignments = [
                sql.SQL("{} = now()").format(sql.Identifier(name))
                if name == "deleted_at" and value is not None
                else sql.SQL("{} = %s").format(sql.Identifier(name))
                for name, value in changes.items()
            ]
            values = [
                value for name, value in changes.items() if name != "deleted_at" or value is None
            ]
            return (
                sql.SQL("update {} set {}").format(table, sql.SQL(", ").join(assignments))
                + where
                + back,
                [*values, *key],
            )
        case Kind.DELETE:
            return sql.SQL("delete from {}").format(table) + where + back, list(key)


def names(row: dict[str, Any]) -> sql.Composed:
    """The columns of a row, as a list."""
    return sql.SQL(", ").join(map(sql.Identifier, row))
