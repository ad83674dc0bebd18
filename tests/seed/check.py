"""`python -m tests.seed.check`: does any member of any agency reach a row of another one?

Works on DATABASE_URL (a superuser's), or on the local server of this checkout while that is unset;
nothing is changed. Exit codes: 0 nobody does, 1 somebody does, 2 no answer.
"""

import argparse
import sys
import time

import psycopg

from migrations.runner.errors import RunError
from tests.seed import database
from tests.seed.errors import SeedError
from tests.seed.isolation import Member, Report, check

SHOWN = 20


def tell(member: Member, report: Report) -> None:
    """A line on a terminal: who has been asked."""
    if sys.stderr.isatty():
        done = report.statements.total()
        sys.stderr.write(f"\r{done:,} statements, {len(report.leaks)} leaks  {member}\x1b[K")
        sys.stderr.flush()


def main() -> int:
    """Check, and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.seed.check", description=__doc__)
    parser.add_argument("--url", help="a superuser's; by default DATABASE_URL")
    arguments = parser.parse_args()
    begun = time.monotonic()
    try:
        address = database.find(arguments.url)
        with (
            database.open_session(address, "gardenos check") as superuser,
            address.acting_as("authenticator").connect("gardenos check") as client,
        ):
            report = check(superuser, client, told=tell)
    except (SeedError, RunError) as error:
        print(error, file=sys.stderr)
        return 2
    except psycopg.Error as error:
        print(str(error).splitlines()[0], file=sys.stderr)
        return 2
    if sys.stderr.isatty():
        sys.stderr.write("\n")
    print(f"{report}\n{time.monotonic() - begun:.1f} s")
    for line in [*report.leaks[:SHOWN], *(f"{name} saw nothing." for name in report.blind[:SHOWN])]:
        print(line)
    if report.leaks or report.blind:
        print(f"{len(report.leaks)} LEAKS, {len(report.blind)} active members saw nothing at all.")
        return 1
    print("Nobody sees, changes, deletes or adds a row of another agency: 0 foreign rows.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
