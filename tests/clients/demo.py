"""Two agencies, and what each person sees of the same tables: `make demo`.

It needs the local server of `make upgrade` and works in a database of its own there, made by the
bootstrap and the revisions of this checkout and dropped at the end: the database `gardenos` is not
touched. Exit code 0: everybody saw what they should; 1: somebody did not; 2: no server.
"""

import contextlib
import io
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import jwt
import psycopg
from alembic import command
from alembic.config import Config
from psycopg import Connection, sql

from migrations import bootstrap
from migrations.embedded import EmbeddedError, Server, local_server
from migrations.embedded.server import ROOT
from tests.clients.cast import Cast
from tests.clients.sessions import bind, bound_session
from tests.clients.tokens import Issuer

# heading -> table
TABLES = {
    "agencies": "agencies",
    "members": "memberships",
    "teams": "teams",
    "invites": "invitations",
    "keys": "api_keys",
    "users": "users",
}
MEMBERS = "select count(*) from tenancy.memberships"


class NotReadyError(RuntimeError):
    """The demo cannot run; the message is one sentence for the person at the keyboard."""


@dataclass
class Report:
    """Prints one line for each thing that was tried, and remembers whether all went well."""

    colour: bool = field(default_factory=sys.stdout.isatty)
    wrong: int = 0
    lines: int = 0

    def heading(self, text: str) -> None:
        """A line above a group of lines."""
        print(f"\n{self._painted(text, '1')}")

    def line(self, label: str, expected: str, seen: str) -> None:
        """One attempt."""
        self.lines += 1
        self.wrong += seen != expected
        verdict = self._painted("ok", "32") if seen == expected else self._painted("WRONG", "31;1")
        print(f"  {label:<48}{expected:<27}{seen:<27}{verdict}")

    def attempts(self, text: str) -> None:
        """The heading of a group of `line`s."""
        self.heading(text)
        print(f"  {'':<48}{'expected':<27}seen")

    def columns(self, label: str, expected: tuple[int, ...], seen: tuple[int, ...]) -> None:
        """One person: how many rows of each table, seen and, where it differs, expected."""
        self.lines += 1
        self.wrong += seen != expected
        cells = "".join(
            f"{f'{is_}' if is_ == should else f'{is_}, not {should}':>10}"
            for should, is_ in zip(expected, seen, strict=True)
        )
        verdict = self._painted("ok", "32") if seen == expected else self._painted("WRONG", "31;1")
        print(f"  {label:<30}{cells}   {verdict}")

    def _painted(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text


def outcome(attempt: Callable[[], str]) -> str:
    """What came of an attempt: its answer, or the error in a word."""
    try:
        return attempt()
    except psycopg.Error as error:
        return f"refused, {error.sqlstate}"
    except jwt.InvalidTokenError as error:
        return f"refused, {type(error).__name__.removesuffix('Error')}"
    except PermissionError as error:
        return str(error)


def rows(session: Connection[Any], query: str = MEMBERS) -> str:
    """A count as words."""
    row = session.execute(query.encode()).fetchone()
    assert row is not None
    return f"{row[0]} rows"


def counts(session: Connection[Any]) -> tuple[int, ...]:
    """How many rows of each table this session sees."""
    query = sql.SQL("select ") + sql.SQL(", ").join(
        sql.SQL("(select count(*) from tenancy.{})").format(sql.Identifier(table))
        for table in TABLES.values()
    )
    row = session.execute(query).fetchone()
    assert row is not None
    return tuple(row)


def show_people(cast: Cast, report: Report) -> None:
    """The same six tables through the eyes of everybody."""
    report.heading("The same tables, by PostgREST's login: how many rows does each person see?")
    print(f"  {'':<30}" + "".join(f"{table:>10}" for table in TABLES))
    robot = {"iss": cast.gotrue.name, "sub": "gotrue-Robo"}
    for_mia = cast.gotrue.sign(decoded(cast, cast.sign_in("Mia", "Northwind")) | {"act": robot})
    key = cast.tell("Ada", "select app.create_api_key('reports', array['tenancy.teams:select'])")
    with cast.app.transaction():
        answer = cast.app.execute("select app.api_key_claims(%s)", (key,)).fetchone()
    assert answer is not None
    by_key = cast.gotrue.sign(answer[0])
    people: list[tuple[str, str, tuple[int, ...]]] = [
        ("Ada, owner of Northwind", cast.sign_in("Ada"), (1, 7, 2, 7, 1, 1)),
        ("Adam, admin", cast.sign_in("Adam"), (1, 7, 2, 7, 1, 1)),
        ("Max, manager", cast.sign_in("Max"), (1, 7, 2, 1, 0, 1)),
        ("Mia, member", cast.sign_in("Mia", "Northwind"), (1, 7, 2, 0, 0, 1)),
        ("Vic, viewer", cast.sign_in("Vic"), (1, 7, 2, 0, 0, 1)),
        ("Clio, client", cast.sign_in("Clio"), (0, 1, 0, 0, 0, 1)),
        ("Robo, an agent", cast.sign_in("Robo"), (1, 7, 2, 0, 0, 0)),
        ("Robo, on behalf of Mia", for_mia, (1, 7, 2, 0, 0, 0)),
        ("Ada's API key, teams only", by_key, (0, 0, 2, 0, 0, 0)),
        ("Bo, owner of Southside", cast.sign_in("Bo"), (1, 2, 1, 1, 0, 1)),
        ("Mia, member there too", cast.sign_in("Mia", "Southside"), (1, 2, 1, 0, 0, 1)),
        ("Nora, in no agency", cast.sign_in("Nora"), (0, 0, 0, 0, 0, 1)),
    ]
    for label, token, expected in people:
        with cast.session(token) as session:
            report.columns(label, expected, counts(session))


def decoded(cast: Cast, token: str) -> dict[str, Any]:
    """The verified claims of a token."""
    claims: dict[str, Any] = json.loads(cast.verifier.verify(token))
    return claims


def show_bad_tokens(cast: Cast, report: Report) -> None:
    """Tokens that are missing, broken, forged or out of place."""
    report.attempts("Bad tokens")
    ada = decoded(cast, cast.sign_in("Ada"))
    elsewhere = {"agency_id": str(cast.agencies["Southside"])}
    stranger = Issuer.fresh("https://evil.example")
    wrong_key = Issuer.fresh(cast.gotrue.name)

    def members(token: str | None) -> Callable[[], str]:
        def attempt() -> str:
            with cast.session(token) as session:
                return rows(session)

        return attempt

    report.line("no token", "refused, 42501", outcome(members(None)))
    report.line("a broken token", "refused, Decode", outcome(members("not.a.token")))
    report.line(
        "signed with another key",
        "refused, InvalidSignature",
        outcome(members(wrong_key.sign(ada))),
    )
    report.line(
        "not signed at all",
        "refused, InvalidAlgorithm",
        outcome(members(jwt.encode(ada, "", algorithm="none"))),
    )
    report.line(
        "an issuer nobody knows",
        "refused, InvalidIssuer",
        outcome(members(stranger.sign(ada | {"iss": stranger.name}))),
    )
    report.line(
        "expired",
        "refused, ExpiredSignature",
        outcome(members(cast.gotrue.sign(ada | {"exp": 1}))),
    )
    report.line(
        "Ada's, but for the agency of Bo",
        "0 rows",
        outcome(members(cast.gotrue.sign(ada | elsewhere))),
    )
    report.line(
        "an issuer that may not say who Ada is",
        "0 rows",
        outcome(members(cast.kratos.sign(ada | {"iss": cast.kratos.name}))),
    )
    report.line(
        "Ada's, by an agent that nobody knows",
        "0 rows",
        outcome(members(cast.gotrue.sign(ada | {"act": {"sub": "nobody"}}))),
    )
    report.line(
        "a database role that is not theirs",
        "refused, 42501",
        outcome(members(cast.gotrue.sign(ada | {"role": "postgres"}))),
    )
    report.line("claims that are no JSON", "0 rows", outcome(lambda: broken_claims(cast)))
    report.line(
        "a team for the agency of Bo, written by Ada",
        "refused, 42501",
        outcome(
            lambda: cast.tell(
                "Ada",
                "insert into tenancy.teams (agency_id, name) values (%s, 'Spies') returning name",
                cast.agencies["Southside"],
            )
        ),
    )


def broken_claims(cast: Cast) -> str:
    """A client that writes nonsense into the setting: no rows, and above all no error."""
    with cast.authenticator.transaction():
        cast.authenticator.execute("set local role authenticated")
        cast.authenticator.execute("select set_config('request.jwt.claims', '{\"iss', true)")
        return rows(cast.authenticator)


def show_injection(cast: Cast, report: Report) -> None:
    """SQL injected into the service that runs SQL."""
    report.attempts("SQL injected into a service of ours (login gardenos_app, signed claims)")
    signer = cast.new_signer()
    ada = cast.verifier.verify(cast.sign_in("Ada"))
    bo = cast.verifier.verify(cast.sign_in("Bo"))
    app = cast.app

    def injected(statement: str, *arguments: Any) -> Callable[[], str]:
        def attempt() -> str:
            with bound_session(app, signer.sign(ada)):
                app.execute(statement.encode(), arguments)
                return rows(app)

        return attempt

    report.line("nothing injected", "7 rows", outcome(injected("select 1")))
    report.line(
        "set_config('request.jwt.claims', claims of Bo)",
        "0 rows",
        outcome(injected("select set_config('request.jwt.claims', %s, true)", bo)),
    )
    report.line(
        "set_config('role', 'service_role')",
        "refused, 42501",
        outcome(injected("select set_config('role', 'service_role', true)")),
    )
    report.line("reset role", "refused, 42501", outcome(injected("reset role")))

    def unsigned() -> str:
        with app.transaction():
            app.execute("select set_config('request.jwt.claims', %s, true)", (ada,))
            app.execute("set local role authenticated")
            return rows(app)

    def replayed() -> str:
        with bound_session(app, signer.sign(ada)):
            stolen = app.execute("select current_setting('gardenos.seal')").fetchone()
        assert stolen is not None
        with app.transaction():
            app.execute("select set_config('gardenos.seal', %s, true)", stolen)
            app.execute("select set_config('request.jwt.claims', %s, true)", (ada,))
            app.execute("set local role authenticated")
            return rows(app)

    def forged() -> str:
        signed = signer.sign(ada)
        with app.transaction():
            bind(app, type(signed)(bo, signed.expires_at, signed.signature))
            return rows(app)

    report.line("claims without a signature", "0 rows", outcome(unsigned))
    report.line("a seal of an earlier transaction", "0 rows", outcome(replayed))
    report.line("Ada's signature under claims of Bo", "refused, 42501", outcome(forged))


def show_live(cast: Cast, report: Report) -> None:
    """Rights that end while a transaction is open, with a token that is still good."""
    report.attempts("Taken away between two statements of one transaction, token still good")

    def before_and_after(token: str, statement: str, *arguments: Any) -> Callable[[], str]:
        def attempt() -> str:
            with cast.connect("authenticator") as office, cast.session(token) as session:
                before = rows(session)
                with office.transaction(force_rollback=False):
                    office.execute("set local role service_role")
                    office.execute(statement.encode(), arguments)
                return f"{before}, then {rows(session)}"

        return attempt

    attempts: list[tuple[str, str, str, tuple[Any, ...]]] = [
        (
            "the membership of Vic is suspended",
            cast.sign_in("Vic"),
            "update tenancy.memberships set status = 'suspended' where user_id = %s",
            (cast.users["Vic"],),
        ),
        (
            "the membership of Max is removed",
            cast.sign_in("Max"),
            "update tenancy.memberships set status = 'removed' where user_id = %s",
            (cast.users["Max"],),
        ),
        (
            "the user Adam is disabled",
            cast.sign_in("Adam"),
            "update tenancy.users set status = 'disabled' where id = %s",
            (cast.users["Adam"],),
        ),
        (
            "the agency Northwind is suspended",
            cast.sign_in("Ada"),
            "update tenancy.agencies set status = 'suspended' where id = %s",
            (cast.agencies["Northwind"],),
        ),
    ]
    for label, token, statement, arguments in attempts:
        found = outcome(before_and_after(token, statement, *arguments))
        report.line(label, "7 rows, then 0 rows", found)
    report.line(
        "Adam signs in again", "This account is disabled.", outcome(lambda: cast.sign_in("Adam"))
    )
    with cast.session(cast.sign_in("Bo")) as session:
        report.line("and Bo in Southside", "2 rows", rows(session))


def require_upgraded(server: Server) -> None:
    """Refuse kindly when `make upgrade` has not run.

    Raises:
        NotReadyError: no server, no database, or no schema.
    """
    if not server.data.exists() or not server.is_running():
        raise NotReadyError("The local PostgreSQL does not run: run `make upgrade` first.")
    try:
        with psycopg.connect(server.url()) as connection:
            row = connection.execute("select to_regprocedure('app.proof()') is null").fetchone()
    except psycopg.OperationalError:
        row = (True,)
    if row == (True,):
        raise NotReadyError("The local database is not migrated: run `make upgrade` first.")


@contextlib.contextmanager
def stage(server: Server) -> Iterator[str]:
    """A migrated database for the demo alone; its name. Dropped afterwards, whatever happens."""
    name = f"gardenos_demo_{os.getpid()}"
    admin_url = server.url("postgres", "postgres")
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(sql.SQL("create database {} template template0").format(sql.Identifier(name)))
        try:
            with contextlib.redirect_stdout(io.StringIO()), quiet():
                bootstrap.apply(server.url("postgres", name))
                config = Config(str(ROOT / "alembic.ini"))
                config.attributes["url"] = server.url("gardenos_migrator", name)
                command.upgrade(config, "head")
            yield name
        finally:
            admin.execute(
                sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name))
            )


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Log nothing below a warning."""
    before = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(before)


def play(server: Server) -> Report:
    """The whole demo."""
    report = Report()
    with stage(server) as name:
        cast = Cast(lambda login: psycopg.connect(server.url(login, name), autocommit=True))
        try:
            cast.gather()
            for scene in (show_people, show_bad_tokens, show_injection, show_live):
                scene(cast, report)
        finally:
            cast.close()
    return report


def main() -> int:
    """Run the demo; the exit code says whether everybody saw what they should."""
    server = local_server()
    try:
        require_upgraded(server)
        report = play(server)
    except (NotReadyError, EmbeddedError, bootstrap.BootstrapError) as error:
        print(error, file=sys.stderr)
        return 2
    if report.wrong:
        print(f"\n{report.wrong} of {report.lines} are WRONG.")
        return 1
    print(f"\nAll {report.lines} as they should be.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
