"""Monthly partitions in a catalogue snapshot: jobs make and retire them, so none may stand in it.

All months that are alike are one, `log_yyyy_mm`; one that differs keeps its name, and is drift. A
month that was detached and waits to be dropped is left out, as long as nobody reaches it.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

Entry = tuple[str, str, dict[str, Any]]

MONTH = re.compile(r"(?<![a-z0-9_])(log|outbox_events)_[0-9]{4}_[0-9]{2}(?![0-9])")
ANY_MONTH = r"\1_yyyy_mm"
OWNER = "gardenos_owner: "


def fold_months(entries: Iterable[Entry]) -> list[Entry]:
    """The entries (kind, name, properties) of a snapshot, with all months that are alike as one."""
    found: list[Entry] = []
    months: dict[tuple[str, str], list[Entry]] = {}
    every = list(entries)
    waiting = {name for kind, name, detail in every if kind == "table" and _waits(name, detail)}
    for kind, name, detail in every:
        if {name, name.rpartition(".")[0], detail.get("table")} & waiting:
            continue
        folded = MONTH.sub(ANY_MONTH, name)
        if folded == name:
            found.append((kind, name, detail))
        else:
            months.setdefault((kind, folded), []).append((kind, name, detail))
    for (kind, folded), alike in months.items():
        texts = [_any_month(detail) for _, _, detail in alike]
        ((usual, _),) = Counter(texts).most_common(1)
        found.append((kind, folded, json.loads(usual)))
        found += [entry for entry, text in zip(alike, texts, strict=True) if text != usual]
    return found


def _any_month(detail: dict[str, Any]) -> str:
    """The properties as text, without the month that they name.

    Nor with what depends on the server: from 17 on a partition has the identity of its parent.
    """
    dateless = {**detail}
    if detail.get("partition_bound"):
        dateless["partition_bound"] = "a month"
    dateless.pop("identity", None)
    return MONTH.sub(ANY_MONTH, json.dumps(dateless, sort_keys=True))


def _waits(name: str, detail: dict[str, Any]) -> bool:
    """Whether this is a month that was detached, with row-level security and nobody's privilege."""
    return (
        MONTH.search(name) is not None
        and not detail["parents"]
        and detail["row_security"]
        and detail["force_row_security"]
        and all(entry.startswith(OWNER) for entry in detail["acl"])
    )
