"""`python -m tests.seed --agencies 3 --rows 30000`: fill a database with made-up agencies.

Works on DATABASE_URL (a superuser's), or on the local server of this checkout while that is unset.
Exit codes: 0 written, 2 refused or failed: the agencies named before are whole, nothing else is.
"""

import argparse
import sys
from collections.abc import Sequence

import psycopg

from tests.seed import database, seeding
from tests.seed.errors import SeedError
from tests.seed.plan import Plan
from tests.seed.progress import Progress


def main(given: Sequence[str] | None = None) -> int:
    """Write what the command line, or `given`, asks for; answer the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.seed", description=__doc__)
    parser.add_argument("--agencies", default="3", help="how many")
    parser.add_argument("--rows", default="30000", help="of all agencies together")
    parser.add_argument("--random", default="7", help="another number makes other data")
    parser.add_argument("--url", help="a superuser's; by default DATABASE_URL")
    arguments = parser.parse_args(given)
    try:
        plan = Plan.read(arguments.agencies, arguments.rows, arguments.random)
        address = database.find(arguments.url)
        progress = Progress(sum(plan.rows))
        with database.open_session(address, "gardenos seed") as connection:
            try:
                seeding.seed(connection, plan, progress)
            finally:
                progress.end()
    except SeedError as error:
        print(error, file=sys.stderr)
        return 2
    except psycopg.Error as error:
        print(f"{str(error).splitlines()[0]} (this agency was not written).", file=sys.stderr)
        return 2
    rows = sum(plan.rows)
    print(
        f"{len(plan.rows)} agencies, {rows:,} rows in {progress.seconds:.1f} s "
        f"({rows / progress.seconds:,.0f} rows/s): {address}"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
