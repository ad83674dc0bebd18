"""The ledger of erasures: write it out of the database, and do it again after a restore.

A restore to an earlier time brings back who was erased since, and may lose the request as well. So
the ledger is kept outside, and done again before traffic is let in:

    DATABASE_URL=postgresql://gardenos_auditor@… python -m migrations.erasures export > ledger.jsonl
    DATABASE_URL=postgresql://gardenos_worker@…  python -m migrations.erasures replay ledger.jsonl

A line is one erasure: ids and hashes, nothing of the person. Doing it again changes nothing that is
done already, so it can be killed and repeated; each agency is a transaction of its own.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | an agency failed, which is said; the others are done |
| 2 | the arguments or the file cannot be read |
| 10 to 16 | no answer, as for an upgrade (migrations.runner.errors) |
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from migrations.runner.connect import Address
from migrations.runner.errors import RunError

APPLICATION = "gardenos erasures"


def export(address: Address) -> list[str]:
    """The erasures of all agencies, oldest first, one JSON text each.

    Args:
        address: a database, with the auditor as login; a replica will do.

    Raises:
        RunError: it cannot be reached.
        psycopg.Error: the login may not read the ledger.
    """
    with address.connect(APPLICATION) as connection:
        rows = connection.execute("select e::text from app.erasure_ledger() as e").fetchall()
    return [str(line) for (line,) in rows]


def replay(address: Address, entries: Iterable[dict[str, Any]]) -> tuple[int, list[str]]:
    """Do erasures again; answer how many people it found, and a sentence for each failed agency.

    An agency that the database does not have was founded after the time of the restore: there is
    nobody to erase.

    Args:
        address: a database, with the worker as login.
        entries: lines of the ledger.

    Raises:
        RunError: it cannot be reached.
    """
    by_agency: dict[UUID, list[dict[str, Any]]] = {}
    for entry in entries:
        by_agency.setdefault(UUID(entry["agency_id"]), []).append(entry)
    done, failures = 0, []
    with address.connect(APPLICATION) as connection:
        for agency, ledger in by_agency.items():
            try:
                with connection.transaction():
                    connection.execute("select app.bind_worker(%s)", [agency])
                    row = connection.execute(
                        "select app.replay_erasures(%s)", [json.dumps(ledger)]
                    ).fetchone()
                assert row is not None
                done += row[0]
            except psycopg.Error as error:
                message = error.diag.message_primary or str(error)
                if message.endswith(f"there is no agency {agency}."):
                    continue
                failures.append(f"agency {agency}: {message}")
    return done, failures


def _entry(line: str) -> dict[str, Any]:
    """A line of the ledger.

    Raises:
        ValueError: it is none.
    """
    entry = json.loads(line)
    if not isinstance(entry, dict) or not isinstance(entry.get("agency_id"), str):
        raise ValueError(f"a line is no erasure: {line}")
    UUID(entry["agency_id"])
    return entry


def main(arguments: list[str]) -> int:
    """Run one of the two commands; see the module for the exit codes."""
    match arguments:
        case ["export"]:
            ledger = None
        case ["replay", file]:
            try:
                lines = Path(file).read_text(encoding="utf-8").splitlines()
                ledger = [_entry(line) for line in lines if line.strip()]
            except (OSError, ValueError) as error:
                print(f"{file} is no ledger: {error}", file=sys.stderr)
                return 2
        case _:
            print("usage: python -m migrations.erasures export | replay FILE", file=sys.stderr)
            return 2
    try:
        address = Address.find()
        if ledger is None:
            for line in export(address):
                print(line)
            return 0
        done, failures = replay(address, ledger)
    except RunError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except psycopg.Error as error:
        print(error.diag.message_primary or error, file=sys.stderr)
        return 1
    for failure in failures:
        print(failure, file=sys.stderr)
    print(f"{done} erasures done again, {len(failures)} agencies failed", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
