"""The catalogue of our schemas as a dictionary, and the difference between two of them."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from migrations.desired_state.leaves import fold_leaves
from migrations.desired_state.months import fold_months

# A name that became a keyword with a later major is quoted from then on: json_object, with 16.
QUERY = f"""
select
    kind,
    replace(name, 'app."json_object"', 'app.json_object'),
    replace(detail::text, 'app.\\"json_object\\"', 'app.json_object')
from ({Path(__file__).with_name("snapshot.sql").read_text().rstrip().rstrip(";")}) as found
"""  # noqa: S608

Snapshot = dict[str, dict[str, dict[str, Any]]]

# What changes the text of a definition without changing the definition.
SETTINGS = {
    "search_path": "pg_catalog",
    "TimeZone": "UTC",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "quote_all_identifiers": "off",
}


def snapshot(connection: psycopg.Connection[Any], kinds: Collection[str] | None = None) -> Snapshot:
    """Read the catalogue of our schemas.

    Args:
        connection: any session whose role may connect; catalogues are readable by all. It takes no
            locks beyond those of reading catalogues, and leaves the session as it was.
        kinds: read these alone, which takes less time; None reads all.

    Returns:
        kind to name to properties, ordered and free of oids, ready for `json.dumps`. Rows in tables
        are not part of it; monthly partitions are folded into one, and those of large agencies
        left out.
    """
    with connection.transaction(), connection.cursor(row_factory=psycopg.rows.tuple_row) as cursor:
        before = {}
        for name, value in SETTINGS.items():
            row = cursor.execute("select current_setting(%s)", [name]).fetchone()
            assert row is not None
            before[name] = row[0]
            cursor.execute("select set_config(%s, %s, true)", [name, value])
        query = QUERY
        if kinds is not None:
            # As constants: PostgreSQL then leaves out the branches of the other kinds.
            listed = ", ".join(sql.Literal(kind).as_string(connection) for kind in kinds)
            query += f"where kind in ({listed})"
        rows = cursor.execute(query.encode()).fetchall()
        for name, value in before.items():
            cursor.execute("select set_config(%s, %s, true)", [name, value])
    found: Snapshot = {}
    entries = fold_leaves((kind, name, json.loads(text)) for kind, name, text in rows)
    for kind, name, detail in fold_months(entries):
        objects = found.setdefault(kind, {})
        assert name not in objects, f"{kind} {name} is there twice"
        objects[name] = detail
    return found


def difference(old: Snapshot, new: Snapshot) -> list[str]:
    """What changed from one snapshot to another, a line for each property."""
    lines = []
    for kind in sorted(old.keys() | new.keys()):
        before, after = old.get(kind, {}), new.get(kind, {})
        for name in sorted(before.keys() | after.keys()):
            if name not in after:
                lines.append(f"{kind} {name}: gone")
            elif name not in before:
                lines.append(f"{kind} {name}: new")
            else:
                lines += _changes(f"{kind} {name}", before[name], after[name])
    return lines


def _changes(what: str, before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [
        f"{what}: {key} was {before.get(key)!r}, is {after.get(key)!r}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]
