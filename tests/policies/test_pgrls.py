"""The second opinion: `pgrls lint` and `pgrls verify` over the migrated database.

What lint finds and is meant stands in pgrls_exceptions.csv with its reason. It is checked both
ways: a finding that is not listed fails, and so does an entry that nothing matches any more.
"""

import csv
import json
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from tests.database import ROOT, Database, program_environment

EXCEPTIONS = Path(__file__).with_name("pgrls_exceptions.csv")


def pgrls(database: Database, *arguments: str) -> tuple[int, Any]:
    """Run pgrls as the superuser; its exit code and what it printed as JSON."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pgrls",
            *arguments,
            "--config",
            str(ROOT / ".pgrls.toml"),
            "--database-url",
            database.url(),
            "--format",
            "json",
        ],
        env=program_environment(None),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip(), done.stderr
    return done.returncode, json.loads(done.stdout)


def test_lint_finds_nothing_that_is_not_listed_with_a_reason(database: Database) -> None:
    with EXCEPTIONS.open(newline="") as file:
        listed = [(row["rule"], row["object"], row["reason"]) for row in csv.DictReader(file)]
    assert all(reason for _, _, reason in listed)
    _, report = pgrls(database, "lint")
    findings = [(found["rule_id"], found["location"]) for found in report["violations"]]
    assert findings, "pgrls looked at nothing"

    unlisted = [
        f"{rule} {place}"
        for rule, place in findings
        if not any(rule == r and fnmatchcase(place, pattern) for r, pattern, _ in listed)
    ]
    stale = [
        f"{rule} {pattern}"
        for rule, pattern, _ in listed
        if not any(rule == r and fnmatchcase(place, pattern) for r, place in findings)
    ]
    assert unlisted == []
    assert stale == []


@pytest.mark.parametrize("mode", ["anon", "cross-tenant", "write"])
def test_verify_finds_no_leak(database: Database, mode: str) -> None:
    code, report = pgrls(database, "verify", "--mode", mode, "--auth-function", "app.agency_id")
    verdicts = {str(one["table"]): str(one["verdict"]).upper() for one in report["tables"]}
    assert len(verdicts) >= 11
    # UNVERIFIED is what it says of sub-selects; test_catalogue finds the floor on each of these.
    assert {table for table, verdict in verdicts.items() if "LEAK" in verdict} == set()
    assert code == 0


def test_both_notice_a_weakened_policy(database: Database) -> None:
    with database.connect() as connection:
        connection.execute("set local role gardenos_owner")
        connection.execute('drop policy "tenant floor" on tenancy.teams')
        connection.execute('drop policy "staff read the teams of their agency" on tenancy.teams')
        connection.execute(
            "create policy open on tenancy.teams for select to authenticated using (true)"
        )
    _, report = pgrls(database, "lint")
    found = {one["rule_id"] for one in report["violations"] if "teams.open" in one["location"]}
    assert {"SEC008", "SEC038"} <= found
    with database.connect() as connection:
        # True for every client, and no floor: the prover must see a leak.
        connection.execute("set local role gardenos_owner")
        connection.execute('drop policy "no client reaches the issuers" on tenancy.issuers')
        connection.execute("create policy open on tenancy.issuers for select to anon using (true)")
    code, report = pgrls(database, "verify", "--mode", "anon", "--auth-function", "app.agency_id")
    leaks = [one["table"] for one in report["tables"] if "leak" in one["verdict"]]
    assert "tenancy.issuers" in leaks
    assert code != 0
