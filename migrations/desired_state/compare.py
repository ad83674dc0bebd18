"""What has to change so that head becomes what the files say."""

from dataclasses import dataclass
from typing import Any, Literal

from migrations.desired_state.declared import COMES_AND_GOES, DECLARED
from migrations.desired_state.replay import Replayed
from migrations.desired_state.snapshot import Snapshot

How = Literal["missing", "changed", "stray"]
Detail = dict[str, Any]


@dataclass(frozen=True)
class Change:
    """One object that differs."""

    kind: str
    name: str
    how: How
    head: Detail | None
    files: Detail | None

    @property
    def properties(self) -> list[str]:
        """Which of its properties differ; all of them when it is missing or stray."""
        head, files = self.head or {}, self.files or {}
        return sorted(key for key in head.keys() | files.keys() if head.get(key) != files.get(key))

    def __str__(self) -> str:
        """As it is shown to people: kind, name, and what is wrong."""
        if self.how == "missing":
            return f"{self.kind} {self.name}: in a file, not at head"
        if self.how == "stray":
            return f"{self.kind} {self.name}: at head, in no file"
        told = ", ".join(key.replace("_", " ") for key in self.properties)
        return f"{self.kind} {self.name}: {told} differs"

    @property
    def reverse(self) -> "Change":
        """The way back."""
        how: dict[How, How] = {"missing": "stray", "changed": "changed", "stray": "missing"}
        return Change(self.kind, self.name, how[self.how], self.files, self.head)


def compare(replayed: Replayed) -> list[Change]:
    """Every difference, in the order in which it can be repaired."""
    changes = []
    for kind, properties in DECLARED.items():
        head = _declared(replayed.head, kind, properties)
        files = _declared(replayed.files, kind, properties)
        for name in sorted(head.keys() | files.keys()):
            if (kind, name) in replayed.undeclared:
                changes.append(Change(kind, name, "stray", head.get(name), None))
            elif kind in COMES_AND_GOES and name not in files:
                changes.append(Change(kind, name, "stray", head[name], None))
            elif kind in COMES_AND_GOES and name not in head:
                changes.append(Change(kind, name, "missing", None, files[name]))
            elif name in head and name in files and head[name] != files[name]:
                changes.append(Change(kind, name, "changed", head[name], files[name]))
    return changes


def _declared(found: Snapshot, kind: str, properties: frozenset[str] | None) -> dict[str, Detail]:
    views = found.get("view", {})
    return {
        name: {
            key: value
            for key, value in detail.items()
            if properties is None or key in properties or _of_a_view(kind, name, views)
        }
        | _owned(kind, name, views)
        for name, detail in found.get(kind, {}).items()
        # a partition's copy of a trigger comes and goes with that of its table
        if not (kind == "trigger" and detail["inherited"])
    }


def _of_a_view(kind: str, name: str, views: dict[str, Detail]) -> bool:
    """A view's columns come with the view."""
    return kind == "column" and name.rpartition(".")[0] in views


def _owned(kind: str, name: str, views: dict[str, Detail]) -> Detail:
    """Only its owner may comment on a view's columns, so they carry it."""
    if not _of_a_view(kind, name, views):
        return {}
    return {"owner": views[name.rpartition(".")[0]]["owner"]}
