"""The catalogue as each revision left it, kept beside the revisions.

`versions/snapshots/NNNN.jsonl` holds what that revision changed in the catalogue, a line for each
object; an object that it dropped has no detail. Folded from the first to any revision they give the
whole catalogue at that revision, on every supported major.
"""

import json
from pathlib import Path

from migrations.desired_state.snapshot import Snapshot
from migrations.runner.checksum import VERSIONS

FOLDER = "snapshots"


def kept_path(revision: str, versions: Path = VERSIONS) -> Path:
    """Where the changes of a revision are kept."""
    return versions / FOLDER / f"{revision}.jsonl"


def render_step(before: Snapshot, after: Snapshot) -> str:
    """What changed from one snapshot to the next, as the text of a file."""
    lines = []
    for kind in sorted(before.keys() | after.keys()):
        old, new = before.get(kind, {}), after.get(kind, {})
        for name in sorted(old.keys() | new.keys()):
            if old.get(name) != new.get(name):
                entry = {"kind": kind, "name": name, "detail": new.get(name)}
                lines.append(json.dumps(entry, ensure_ascii=False))
    return "".join(f"{line}\n" for line in lines)


def read_kept(revisions: list[str], versions: Path = VERSIONS) -> Snapshot:
    """The catalogue after these revisions, first to last.

    Raises:
        FileNotFoundError: a revision has no file.
    """
    found: Snapshot = {}
    for revision in revisions:
        for line in kept_path(revision, versions).read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            objects = found.setdefault(entry["kind"], {})
            if entry["detail"] is None:
                del objects[entry["name"]]
            else:
                objects[entry["name"]] = entry["detail"]
    return {kind: objects for kind, objects in found.items() if objects}
