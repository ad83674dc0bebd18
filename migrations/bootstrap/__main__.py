"""`python -m migrations.bootstrap`: prepare a database as superuser, or say what is missing.

Works on DATABASE_URL, or on the local server of this checkout while that is unset. Exit codes: 0
done or complete, 1 refused, failed or (with --check) incomplete.
"""

import argparse
import os
import sys

from migrations.bootstrap import BootstrapError, apply, apply_post_service, missing
from migrations.bootstrap.apply import connect
from migrations.embedded import EmbeddedError, local_server


def main() -> int:
    """Run one command.

    Returns:
        0, or 1 after one sentence on stderr; `--check` prints one missing thing a line
        on stdout.
    """
    arguments = _parser().parse_args()
    try:
        url = _url()
        if arguments.check:
            return _check(url)
        if arguments.post_service:
            apply_post_service(url)
        else:
            apply(url)
    except (BootstrapError, EmbeddedError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m migrations.bootstrap", description=__doc__)
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument(
        "--check", action="store_true", help="only list what is missing; any login will do"
    )
    mode.add_argument(
        "--post-service",
        action="store_true",
        help="our policies on the tables of storage-api and realtime; after each upgrade of them",
    )
    return parser


def _url() -> str:
    url = os.environ.get("DATABASE_URL")
    if url:
        return url
    server = local_server()
    if not server.is_running():
        raise EmbeddedError(
            "The local PostgreSQL is not running: start it with `make upgrade`, or set "
            "DATABASE_URL."
        )
    return server.url()


def _check(url: str) -> int:
    with connect(url) as connection:
        left = missing(connection)
    for phrase in left:
        print(phrase)
    return 1 if left else 0


if __name__ == "__main__":
    raise SystemExit(main())
