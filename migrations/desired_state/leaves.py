"""Partitions of large agencies in a catalogue snapshot: they are made as agencies grow (tiers.py).

One that is as it must be stands in no snapshot: no revision knows it. One that is not is an object
of kind `partition`, named with what is wrong, and so it is drift for a person to look at.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

from migrations.desired_state.months import OWNER, Entry

LEAF = re.compile(r"(?P<table>ai\.embeddings_[a-z0-9]+_[0-9]+_large)_(?P<agency>[0-9a-f]{32})")

# What a partition has from its table, by kind, and the properties that must be the same there.
SHARED = {
    "column": ("position", "type", "not_null", "default", "generated", "collation", "storage"),
    "constraint": ("type", "definition", "validated", "deferrable", "deferred"),
    "trigger": ("enabled",),
}


def fold_leaves(entries: Iterable[Entry]) -> list[Entry]:
    """The entries (kind, name, properties) of a snapshot without partitions that are in order."""
    found: list[Entry] = []
    leaves: dict[str, list[Entry]] = {}
    tables: dict[str, list[Entry]] = {}
    for entry in entries:
        place = _place(entry)
        if LEAF.fullmatch(place):
            leaves.setdefault(place, []).append(entry)
        else:
            tables.setdefault(place, []).append(entry)
            found.append(entry)
    for leaf, parts in leaves.items():
        faults = list(_faults(leaf, parts, tables))
        if faults:
            found.append(("partition", f"{leaf} ({'; '.join(sorted(faults))})", {}))
    return found


def _place(entry: Entry) -> str:
    """The table that an entry is or belongs to."""
    kind, name, detail = entry
    if kind == "index":
        return str(detail["table"])
    if kind == "table":
        return name
    if kind == "publication":
        return name.rpartition(" ")[2]
    return name.rpartition(".")[0]


def _faults(leaf: str, parts: list[Entry], tables: dict[str, list[Entry]]) -> Iterator[str]:
    """What is wrong with a partition, in words."""
    match = LEAF.fullmatch(leaf)
    assert match is not None
    table = match["table"]
    agency = UUID(match["agency"])
    by_kind: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for kind, name, detail in parts:
        by_kind.setdefault(kind, []).append((name, detail))
    if not {"table", "index"} <= by_kind.keys():
        # a snapshot of other kinds: nothing to judge by
        return
    for _, detail in by_kind.pop("table", []):
        wanted = {
            "relkind": "r",
            "owner": "gardenos_owner",
            "persistence": "p",
            "row_security": True,
            "force_row_security": True,
            "parents": [table],
            "partition_bound": f"FOR VALUES IN ('{agency}')",
        }
        yield from (
            f"{key} is {detail[key]}" for key, value in wanted.items() if detail[key] != value
        )
        yield from (f"granted to {entry}" for entry in detail["acl"] if not entry.startswith(OWNER))
    yield from _index_faults(by_kind.pop("index", []), tables[table])
    for kind, keys in SHARED.items():
        here = [_shape(kind, name, detail, keys) for name, detail in by_kind.pop(kind, [])]
        there = [
            _shape(kind, name, detail, keys)
            for of_kind, name, detail in tables[table]
            if of_kind == kind
        ]
        if sorted(here) != sorted(there):
            yield f"other {kind}s than its table"
    yield from (f"a {kind} of its own" for kind in by_kind)


def _shape(kind: str, name: str, detail: dict[str, Any], keys: tuple[str, ...]) -> str:
    # a constraint of a partition may have another name
    own = "" if kind == "constraint" else name.rpartition(".")[2]
    return repr((own, [detail[key] for key in keys]))


def _index_faults(indexes: list[tuple[str, dict[str, Any]]], parent: list[Entry]) -> Iterator[str]:
    for name, detail in indexes:
        if not (detail["valid"] and detail["ready"] and detail["live"]):
            yield f"{name} is not valid"
    inherited = [one for _, detail in indexes for one in detail["parents"] or []]
    if sorted(inherited) != sorted(name for kind, name, _ in parent if kind == "index"):
        yield "other indexes than its table"
    own = [detail["definition"] for _, detail in indexes if not detail["parents"]]
    if not any(" USING hnsw (embedding " in definition for definition in own):
        yield "no HNSW index"
    if len(own) > 1:
        yield "an index of its own besides that"
