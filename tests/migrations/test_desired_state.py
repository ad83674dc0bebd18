"""The comparison of head with the files: each kind of drift is named, and its repair repairs."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from migrations.desired_state.compare import Change, compare
from migrations.desired_state.render import Sources, render
from migrations.desired_state.replay import replay
from migrations.desired_state.snapshot import difference, snapshot
from migrations.desired_state.sources import SourceError, read_bootstrap, read_sources
from tests.conftest import Mutant
from tests.database import ROOT, Cluster, Database, program_environment

VIEW = """
set local role gardenos_owner;
create view app.tried with (security_invoker = true) as select 1 as one;
reset role;
"""

# What somebody does to a database, and what is to be said of it: kind, name, how.
DRIFT = [
    (
        'alter policy "owners and admins read API keys" on tenancy.api_keys using (true)',
        'policy tenancy.api_keys."owners and admins read API keys" changed',
    ),
    (
        'alter policy "owners and admins read API keys" on tenancy.api_keys to public',
        'policy tenancy.api_keys."owners and admins read API keys" changed',
    ),
    ('drop policy "tenant floor" on tenancy.teams', 'policy tenancy.teams."tenant floor" missing'),
    ("create policy planted on tenancy.teams using (true)", "policy tenancy.teams.planted stray"),
    ("alter table tenancy.teams disable row level security", "table tenancy.teams changed"),
    ("alter table tenancy.teams no force row level security", "table tenancy.teams changed"),
    (
        "create or replace function app.role_rank(role app.agency_role) returns integer"
        " language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp"
        " as $$ begin return 6; end $$",
        "function app.role_rank(role app.agency_role) changed",
    ),
    ("alter function app.proof() security invoker", "function app.proof(*) changed"),
    ("alter function app.proof() set search_path = public", "function app.proof(*) changed"),
    ("alter function app.proof() volatile", "function app.proof(*) changed"),
    ("alter function app.proof() parallel safe", "function app.proof(*) changed"),
    (
        "alter function app.claimed_uuid(jsonb, text) leakproof",
        "function app.claimed_uuid(*) changed",
    ),
    (
        "alter function app.api_key_claims(text) owner to gardenos_owner",
        "function app.api_key_claims(key text) changed",
    ),
    (
        "create function app.agency_id(planted text) returns uuid language sql"
        " as $$ select null::uuid $$",
        "function app.agency_id(planted text) stray",
    ),
    ("drop function app.api_key_claims(text)", "function app.api_key_claims(key text) missing"),
    ("drop trigger stamp on tenancy.teams", "trigger tenancy.teams.stamp missing"),
    (
        "create or replace trigger stamp before insert on tenancy.teams for each row"
        " execute function app.stamp_row()",
        "trigger tenancy.teams.stamp changed",
    ),
    ("alter table tenancy.teams disable trigger stamp", "trigger tenancy.teams.stamp changed"),
    (
        "alter table tenancy.memberships disable trigger check_last_owner",
        "trigger tenancy.memberships.check_last_owner changed",
    ),
    (
        "create trigger planted before insert on tenancy.teams for each row"
        " execute function app.stamp_row()",
        "trigger tenancy.teams.planted stray",
    ),
    (VIEW, "view app.tried stray"),  # a changed view: test_a_view_is_compared_too
    ("comment on function app.proof() is 'planted'", "function app.proof(*) changed"),
    ("comment on function app.proof() is null", "function app.proof(*) changed"),
    ("comment on trigger stamp on tenancy.teams is 'x'", "trigger tenancy.teams.stamp changed"),
    ("grant truncate on tenancy.teams to authenticated", "table tenancy.teams changed"),
    ("grant select on tenancy.issuers to public", "table tenancy.issuers changed"),
    (
        "grant select on tenancy.teams to service_role with grant option",
        "table tenancy.teams changed",
    ),
    ("revoke select on tenancy.teams from authenticated", "table tenancy.teams changed"),
    ("grant update (plan) on tenancy.agencies to authenticated", "column tenancy.agencies.plan *"),
    (
        "revoke update (name) on tenancy.agencies from authenticated",
        "column tenancy.agencies.name *",
    ),
    (
        "grant execute on function app.create_agency(text, text, uuid, text) to public",
        "function app.create_agency(*) changed",
    ),
    (
        "revoke execute on function app.agency_id() from authenticated",
        "function app.agency_id() changed",
    ),
    ("grant create on schema tenancy to authenticated", "schema tenancy changed"),
    ("revoke usage on schema app from gardenos_app", "schema app changed"),
    (
        "alter default privileges for role gardenos_owner in schema crm"
        " grant select on tables to authenticated",
        "default_privileges gardenos_owner crm r stray",
    ),
    (
        "alter default privileges for role gardenos_owner grant execute on functions to public",
        "default_privileges gardenos_owner everywhere f missing",
    ),
]


def changes_of(connection: psycopg.Connection[Any]) -> list[Change]:
    return compare(replay(connection, read_bootstrap(), read_sources()))


def matches(change: Change, told: str) -> bool:
    kind, _, rest = told.partition(" ")
    name, _, how = rest.rpartition(" ")
    start, star, end = name.partition("*")
    named = change.name.startswith(start) and change.name.endswith(end) if star else False
    return change.kind == kind and (named or change.name == name) and how in ("*", change.how)


@pytest.fixture(scope="module")
def at_head(cluster: Cluster) -> Iterator[Database]:
    with cluster.migrated() as database:
        yield database


def test_head_and_files_are_equal(at_head: Database) -> None:
    with at_head.connect() as connection:
        assert [str(change) for change in changes_of(connection)] == []


def test_a_comparison_leaves_nothing_behind(at_head: Database) -> None:
    with at_head.connect(autocommit=True) as connection:
        before = snapshot(connection)
        changes_of(connection)
        assert difference(before, snapshot(connection)) == []


@pytest.mark.parametrize(("drift", "told"), DRIFT, ids=[drift[:60] for drift, _ in DRIFT])
def test_drift_is_named_and_repaired(
    at_head: Database, drift: str, told: str, mutant: Mutant
) -> None:
    mutant(told.partition(" ")[0], "alembic check", drift)
    with at_head.connect() as connection:
        before = snapshot(connection)
        connection.execute(drift.encode())
        damaged = snapshot(connection)
        found = changes_of(connection)
        assert [str(change) for change in found if not matches(change, told)] == []
        assert len(found) == 1

        repair = render(found[0], Sources(read_sources()))
        back = render(found[0].reverse)
        as_a_revision(connection, repair)
        assert changes_of(connection) == []
        assert difference(before, snapshot(connection)) == []
        as_a_revision(connection, back)
        assert difference(damaged, snapshot(connection)) == []
        connection.rollback()


def as_a_revision(connection: psycopg.Connection[Any], statements: str) -> None:
    """Run them as the migrator would, where that is possible: some drift only a superuser makes."""
    connection.execute("set local role gardenos_owner")
    try:
        with connection.transaction():
            connection.execute(statements.encode())
    except psycopg.errors.InsufficientPrivilege:
        connection.execute("reset role")
        connection.execute(statements.encode())
    connection.execute("reset role")


def test_a_file_that_fails_is_named(at_head: Database, tmp_path: Path) -> None:
    checkout(tmp_path)
    broken = tmp_path / "policies" / "tenancy.teams.sql"
    broken.write_text(broken.read_text().replace("agency_id = (select", "agency = (select", 1))
    with (
        at_head.connect() as connection,
        pytest.raises(SourceError, match=r"policies/tenancy\.teams\.sql.* \[42703\]"),
    ):
        replay(connection, read_bootstrap(tmp_path), read_sources(tmp_path))


def checkout(place: Path) -> None:
    """A copy of the files that a command reads."""
    for name in ("sql", "policies", "migrations"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "alembic.ini", place)


def alembic(place: Path, scratch: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "alembic", *arguments],
        cwd=place,
        env=program_environment(None, {"SCRATCH_URL": scratch}),
        capture_output=True,
        text=True,
        check=False,
    )


def scratch_databases(server: str) -> list[str]:
    with psycopg.connect(server) as connection:
        rows = connection.execute(
            "select datname from pg_database where starts_with(datname, 'gardenos_scratch_')"
        )
        return [row[0] for row in rows]


def test_edit_check_generate_upgrade_check(
    at_head: Database, bootstrapped: Database, tmp_path: Path
) -> None:
    """The way a policy change is made, from the file to a database that went up, down and up."""
    checkout(tmp_path)
    scratch = at_head.server.url("postgres", "postgres")
    assert alembic(tmp_path, scratch, "check").returncode == 0

    policy = tmp_path / "policies" / "tenancy.teams.sql"
    policy.write_text(policy.read_text().replace("'viewer', 'ai_agent'", "'viewer'", 1))
    function = tmp_path / "sql" / "functions" / "app.role_rank.sql"
    function.write_text(function.read_text().replace("then 6", "then 7"))
    done = alembic(tmp_path, scratch, "check")
    assert done.returncode != 0
    assert "staff read the teams of their agency" in done.stderr
    assert "function app.role_rank(role app.agency_role): definition differs" in done.stderr

    done = alembic(tmp_path, scratch, "revision", "--autogenerate", "-m", "lower viewers")
    assert done.returncode == 0, done.stderr
    made = sorted(
        path.name for path in (tmp_path / "migrations" / "versions").glob("*lower_viewers*.py")
    )
    assert len(made) == 2
    assert made[1].endswith("lower_viewers_of_tenancy_teams.py")
    wrote = subprocess.run(
        [sys.executable, "-m", "migrations.runner.checksum", "--write"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert wrote.returncode == 0
    assert alembic(tmp_path, scratch, "check").returncode == 0

    url = bootstrapped.url("gardenos_migrator")
    states = []
    for command in (("upgrade", "head"), ("downgrade", "-2"), ("upgrade", "head")):
        done = subprocess.run(
            [sys.executable, "-m", "alembic", *command],
            cwd=tmp_path,
            env=program_environment(url),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        with bootstrapped.connect() as connection:
            states.append(snapshot(connection))
    assert difference(states[0], states[2]) == []
    with at_head.connect() as connection:
        assert difference(snapshot(connection), states[1]) == []
    assert scratch_databases(scratch) == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_no_scratch_database_is_left_when_interrupted(at_head: Database, how: int) -> None:
    scratch = at_head.server.url("postgres", "postgres")
    process = subprocess.Popen(
        [sys.executable, "-m", "alembic", "check"],
        cwd=ROOT,
        env=program_environment(None, {"SCRATCH_URL": scratch}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # a test run in the background of a shell ignores it, and hands that on
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 30
    while not scratch_databases(scratch) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, how)
    process.wait(30)
    assert process.returncode != 0
    assert scratch_databases(scratch) == []


def test_a_scratch_server_that_is_no_superusers_is_refused(at_head: Database) -> None:
    done = alembic(ROOT, at_head.url("gardenos_migrator"), "check")
    assert done.returncode == 10
    assert done.stderr.strip().splitlines()[-1].startswith("SCRATCH_URL must be the address of a")


@pytest.mark.parametrize("owner", ["gardenos_owner", "gardenos_search"])
def test_a_view_is_compared_too(at_head: Database, tmp_path: Path, owner: str) -> None:
    """A view of the owner of everything, and one of a narrow role; each in a file of its own."""
    checkout(tmp_path)
    file = tmp_path / "sql" / "views" / "app.tried.sql"
    file.parent.mkdir(exist_ok=True)
    file.write_text(
        f"set local role {owner};\n\n"
        "create or replace view app.tried\nwith (security_invoker = true)\nas\nselect 1 as one;\n\n"
        "grant select on table app.tried to authenticated;\n\n"
        "comment on column app.tried.one is 'Always 1.';\n"
    )
    sources = read_sources(tmp_path)
    with at_head.connect() as connection:
        missing = compare(replay(connection, read_bootstrap(), sources))
        assert [str(change) for change in missing if change.kind != "column"] == [
            "view app.tried: in a file, not at head"
        ]
        for change in missing:
            as_a_revision(connection, render(change, Sources(sources)))
        assert compare(replay(connection, read_bootstrap(), sources)) == []
        for damage in (
            "alter view app.tried set (security_invoker = false)",
            "grant insert on app.tried to authenticated",
            "comment on view app.tried is 'planted'",
            "create or replace view app.tried with (security_invoker = true) as select 2 as one",
        ):
            with connection.transaction(force_rollback=True):
                connection.execute(damage.encode())
                (change,) = compare(replay(connection, read_bootstrap(), sources))
                assert (change.kind, change.name, change.how) == ("view", "app.tried", "changed")
                as_a_revision(connection, render(change, Sources(sources)))
                assert compare(replay(connection, read_bootstrap(), sources)) == []
        connection.rollback()


def flip(text: str, folder: str) -> tuple[str, str]:
    """Change one character of a file that means something; the text, and a name to be told."""
    if folder == "sql/functions":
        name = re.search(r"create or replace function ([\w.]+)\(", text)
        flipped = text.replace("\nas $function$\n", "\nas $function$\n\n", 1)
    elif "create " not in text:
        name = re.search(r"\ngrant select[a-z, ]* on table migration\.(\w+)", text)
        flipped = text.replace("\ngrant select", "\ngrant delete, select", 1)
    else:
        name = re.search(r'create (?:or replace trigger|policy) "?(\w+)', text)
        assert name is not None
        flipped = text[: name.end()] + "x" + text[name.end() :]
    assert name is not None
    assert flipped != text
    return flipped, name.group(1)


FILES = [
    path.relative_to(ROOT).as_posix()
    for folder in ("sql/functions", "sql/triggers", "policies")
    for path in sorted((ROOT / folder).glob("*.sql"))
]


def test_one_character_of_any_file_is_noticed_and_carried_over(
    at_head: Database, tmp_path: Path
) -> None:
    """All files at once, as one comparison takes seconds; each must be told by its own name."""
    told = {}
    for folder in ("sql", "policies"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    for name in FILES:
        path = tmp_path / name
        flipped, told[name] = flip(path.read_text(), Path(name).parent.as_posix())
        path.write_text(flipped)
    sources = read_sources(tmp_path)
    with at_head.connect() as connection:
        before = snapshot(connection)
        found = compare(replay(connection, read_bootstrap(), sources))
        names = [change.name for change in found]
        assert [
            file for file, word in told.items() if not any(word in name for name in names)
        ] == []

        for change in found:
            as_a_revision(connection, render(change, Sources(sources)))
        up = snapshot(connection)
        assert compare(replay(connection, read_bootstrap(), sources)) == []
        for change in reversed(found):
            as_a_revision(connection, render(change.reverse))
        assert difference(before, snapshot(connection)) == []
        for change in found:
            as_a_revision(connection, render(change, Sources(sources)))
        assert difference(up, snapshot(connection)) == []
        connection.rollback()
