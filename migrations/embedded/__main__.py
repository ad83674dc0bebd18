"""The local server from the command line: python -m migrations.embedded up, stop, url, psql."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import psycopg
from psycopg import sql

from migrations.embedded.server import LOCAL_DATA, SUPERUSER, EmbeddedError, Server

DATABASE = "gardenos"


def main() -> int:
    """Run one command.

    Returns:
        0, or 1 after one sentence on stderr; for `status` 1 means that the server does not run, and
        for `psql` the code is that of psql.
    """
    arguments = _parser().parse_args()
    server = Server(arguments.data, bindir=arguments.bindir)
    try:
        match arguments.command:
            case "up":
                return _up(server)
            case "stop":
                return _stop(server)
            case "status":
                return _status(server)
            case "url":
                return _url(server, arguments.role, arguments.dbname)
            case _:
                return _psql(server, arguments.role, arguments.dbname, arguments.arguments)
    except EmbeddedError as error:
        print(error, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m migrations.embedded", description=__doc__)
    parser.add_argument("--data", type=Path, default=LOCAL_DATA, help="data directory")
    parser.add_argument("--bindir", type=Path, help="PostgreSQL programs; default: the wheel's")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="start the server and make its database")
    commands.add_parser("stop", help="stop the server")
    commands.add_parser("status", help="say whether it runs")
    url = commands.add_parser("url", help="print a URL for psql and psycopg")
    url.add_argument("role", nargs="?", default="authenticator")
    psql = commands.add_parser("psql", help="open psql; what follows the role goes to psql")
    psql.add_argument("role", nargs="?", default=SUPERUSER)
    psql.add_argument("arguments", nargs=argparse.REMAINDER)
    for command in (url, psql):
        command.add_argument("--dbname", default=DATABASE)
    return parser


def _up(server: Server) -> int:
    already = server.is_running()
    server.start()
    made = _make_database(server)
    print(f"PostgreSQL {'is running' if already else 'started'}: {server.data}")
    if made:
        print(f"made database: {DATABASE}")
    print(f"connect: psql '{server.url(SUPERUSER, DATABASE)}'   (or: make psql, make url ROLE=…)")
    print("stop:    make stop")
    return 0


def _make_database(server: Server) -> bool:
    """Make the database unless it is there; another `up` may do so at the same moment."""
    with psycopg.connect(server.url(SUPERUSER, "postgres"), autocommit=True) as connection:
        query = "select from pg_catalog.pg_database where datname = %s"
        if connection.execute(query, [DATABASE]).rowcount:
            return False
        try:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(DATABASE)))
        except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            return False
        return True


def _stop(server: Server) -> int:
    running = server.is_running()
    server.stop()
    print(f"PostgreSQL {'stopped' if running else 'was not running'}: {server.data}")
    return 0


def _status(server: Server) -> int:
    running = server.is_running()
    print(f"PostgreSQL {'is running' if running else 'is not running'}: {server.data}")
    return 0 if running else 1


def _require_running(server: Server) -> None:
    if not server.is_running():
        raise EmbeddedError("The local PostgreSQL is not running: `make upgrade` starts it.")


def _url(server: Server, role: str, dbname: str) -> int:
    _require_running(server)
    print(server.url(role, dbname))
    return 0


def _psql(server: Server, role: str, dbname: str, arguments: list[str]) -> int:
    _require_running(server)
    environment = dict(os.environ)
    environment.pop("DATABASE_URL", None)
    return subprocess.run(
        [str(server.psql), server.url(role, dbname), *arguments], env=environment, check=False
    ).returncode


if __name__ == "__main__":
    raise SystemExit(main())
