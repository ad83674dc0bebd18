"""How long the comparison of head and files takes, as a ratio to a plain replay by psql.

`python -m tests.bench.comparison [TABLES]`: that many tables (60 unless told), each with the
policies, grants and triggers of tenancy.teams and four functions. Both sides run the same files on
the same database in turn; psql drops the policies, runs the files, rolls back, and knows nothing.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg

from migrations.desired_state.compare import compare
from migrations.desired_state.replay import replay
from migrations.desired_state.snapshot import snapshot
from migrations.desired_state.sources import OWNER, read_bootstrap, read_sources
from tests.database import ROOT, Cluster, Database, private_server, program_environment

RUNS = 9
FUNCTIONS = ("app.role_rank", "app.outranks_me", "app.is_agent", "app.may_as_myself")


def write_files(root: Path, tables: int) -> None:
    """The present tense of a schema with that many tables more."""
    for folder in ("sql/functions", "sql/triggers", "policies", "sql/bootstrap"):
        (root / folder).mkdir(parents=True)
        for path in (ROOT / folder).glob("*.sql"):
            (root / folder / path.name).write_text(path.read_text())
    for number in range(tables):
        for folder in ("sql/triggers", "policies"):
            text = (ROOT / folder / "tenancy.teams.sql").read_text()
            text = text.replace("tenancy.teams", f"crm.copy_{number}")
            (root / folder / f"crm.copy_{number}.sql").write_text(text)
        for function in FUNCTIONS:
            text = (ROOT / "sql/functions" / f"{function}.sql").read_text()
            name = f"{function}_{number}"
            (root / "sql/functions" / f"{name}.sql").write_text(text.replace(function, name))


def make_head(database: Database, root: Path, tables: int) -> None:
    """Bring the database to what the files say."""
    with database.connect() as connection:
        for number in range(tables):
            connection.execute(f"set local role {OWNER}".encode())
            connection.execute(
                f"create table crm.copy_{number} (like tenancy.teams including all)".encode()
            )
        for source in read_sources(root):
            if "copy_" in source.name or source.name.startswith("sql/functions/"):
                connection.execute(f"set local role {OWNER}".encode())
                connection.execute(source.text.encode())


def psql_script(database: Database, root: Path) -> str:
    """What a person would run to see whether the files run at all."""
    with database.connect() as connection:
        rows = connection.execute(
            "select format('drop policy %I on %s;', polname, polrelid::regclass) from pg_policy"
        ).fetchall()
    files = [f"set local role {OWNER};\n{source.text}" for source in read_sources(root)]
    return "\n".join(["begin;", *(row[0] for row in rows), *files, "rollback;"])


def main() -> int:
    """Print one line of result."""
    tables = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    with (
        tempfile.TemporaryDirectory() as directory,
        private_server() as server,
        Cluster(server).migrated() as database,
    ):
        root = Path(directory)
        write_files(root, tables)
        make_head(database, root, tables)
        script = root / "replay.sql"
        script.write_text(psql_script(database, root))
        command = [str(server.psql), "-X", "-q", "-o", "/dev/null", "-v", "ON_ERROR_STOP=1"]
        ratios, ours = [], []
        with psycopg.connect(database.url(), autocommit=True) as connection:
            objects = sum(
                len(found)
                for kind, found in snapshot(connection).items()
                if kind in ("function", "policy", "trigger", "table")
            )
            for _ in range(RUNS):
                start = time.perf_counter()
                changes = compare(replay(connection, read_bootstrap(root), read_sources(root)))
                middle = time.perf_counter()
                assert changes == [], changes[0]
                subprocess.run(
                    [*command, "-d", database.url(), "-f", str(script)],
                    env=program_environment(None),
                    check=True,
                    stderr=subprocess.DEVNULL,
                )
                end = time.perf_counter()
                ours.append(middle - start)
                ratios.append((middle - start) / (end - middle))
    print(
        f"{objects} objects, {tables} tables: comparison / psql replay = "
        f"{statistics.median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f}, "
        f"{RUNS} pairs); a comparison took {statistics.median(ours) * 1000:.0f} ms here"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
