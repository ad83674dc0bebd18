"""Is a live database still what its revision made it? `python -m migrations.drift`

Reads the catalogue of DATABASE_URL (or of the local server) in a read-only session, without locks
beyond those of reading catalogues, and compares it with the snapshot kept for its revision. For
each difference it prints what it is and, where there is one, the statement that repairs it.

| exit code | meaning |
|---|---|
| 0 | no difference |
| 1 | there are differences; they are on stdout |
| 10 to 16 | no answer, as for an upgrade (migrations.runner.errors) |
"""

import sys
from typing import Any

import psycopg
from alembic.config import Config
from alembic.script import ScriptDirectory

from migrations.desired_state.compare import Change
from migrations.desired_state.declared import COMES_AND_GOES, DECLARED
from migrations.desired_state.kept import read_kept
from migrations.desired_state.render import render
from migrations.desired_state.repair import repair_structure
from migrations.desired_state.snapshot import Snapshot, difference, snapshot
from migrations.desired_state.sources import ROOT
from migrations.runner import connect
from migrations.runner.connect import Address
from migrations.runner.errors import RunError, WrongFiles
from migrations.runner.settings import LEDGER, VERSION_TABLE


def find_drift(live: Snapshot, kept: Snapshot) -> list[tuple[str, str | None]]:
    """Every difference and its repair; None where only a person can tell what to do.

    Args:
        live: the catalogue as it is.
        kept: the catalogue as the revision left it.
    """
    found = []
    views_that_differ = live.get("view", {}).keys() ^ kept.get("view", {}).keys()
    for kind in sorted(live.keys() | kept.keys()):
        here, there = live.get(kind, {}), kept.get(kind, {})
        for name in sorted(here.keys() | there.keys()):
            now, then = here.get(name), there.get(name)
            if now == then or (kind == "column" and name.rpartition(".")[0] in views_that_differ):
                continue
            lines = difference(
                {kind: {name: then}} if then is not None else {},
                {kind: {name: now}} if now is not None else {},
            )
            found.append(("; ".join(lines), _repair(kind, name, now, then)))
    return found


def _repair(
    kind: str, name: str, now: dict[str, Any] | None, then: dict[str, Any] | None
) -> str | None:
    properties = DECLARED.get(kind, frozenset())
    if now is None or then is None:
        if kind not in COMES_AND_GOES:
            return repair_structure(kind, name, now, then)
        return render(Change(kind, name, "missing" if now is None else "stray", now, then))
    changed = {key for key in now.keys() | then.keys() if now.get(key) != then.get(key)}
    if properties is not None and not changed <= properties:
        return repair_structure(kind, name, now, then)
    return render(Change(kind, name, "changed", now, then)) or None


def look(address: Address) -> list[tuple[str, str | None]]:
    """Compare a live database with what is kept for its revision.

    Raises:
        RunError: it cannot be reached or was never upgraded, or these files do not know its
            revision.
    """
    with address.connect("gardenos drift") as first:
        connect.check_server(address, first, writes=False)
    with connect.reading_session(address, "gardenos drift") as session:
        revisions = _revisions_of(address, session)
        return find_drift(snapshot(session), read_kept(revisions))


def _revisions_of(address: Address, session: psycopg.Connection[Any]) -> list[str]:
    """The revisions of the database, first to last."""
    script = ScriptDirectory.from_config(Config(ROOT / "alembic.ini"))
    try:
        query = f"select version_num from {LEDGER}.{VERSION_TABLE}"  # noqa: S608
        row = session.execute(query.encode()).fetchone()
    except psycopg.errors.UndefinedTable:
        row = None
    if row is None:
        raise WrongFiles(f"{address} was never upgraded, so there is nothing to compare it with.")
    known = [one.revision for one in reversed(list(script.walk_revisions()))]
    if row[0] not in known:
        raise WrongFiles(
            f"{address} is at revision {row[0]}, which is not among these files: use the checkout "
            "that it was deployed from."
        )
    return known[: known.index(row[0]) + 1]


def main() -> int:
    """Print the drift of the database; see the module for the exit codes."""
    try:
        found = look(Address.find())
    except RunError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    for what, repair in found:
        print(f"-- {what}".replace("\n", "\n--   "))
        print(f"{repair}\n" if repair else "-- look at it: no statement repairs this\n")
    print(f"{len(found)} differences" if found else "no drift", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
