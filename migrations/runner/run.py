"""The loop: one command of alembic, carried through whatever the cluster does meanwhile."""

import logging
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import psycopg
from alembic import context
from alembic.runtime.migration import MigrationContext, MigrationStep, RevisionStep
from alembic.util import CommandError
from sqlalchemy import Connection, MetaData, NullPool, create_engine
from sqlalchemy.exc import DBAPIError, PendingRollbackError

from migrations.runner import connect, lock, offline, proof
from migrations.runner.connect import Address
from migrations.runner.errors import (
    GaveUp,
    LockLost,
    NotSupported,
    RevisionFailed,
    RunError,
    Unreachable,
    VersionLost,
)
from migrations.runner.ledger import record
from migrations.runner.plan import Command, Heads, Plan, make_plan, only_version
from migrations.runner.retry import Action, Patience, classify, sqlstate
from migrations.runner.settings import LEDGER, MIGRATOR, VERSION_TABLE, Options

log = logging.getLogger("gardenos.migrate")

DIALECT = "postgresql"


def run() -> None:
    """Do what the command asks; called by env.py, once per command.

    From the command line a refusal is one line on stderr and an exit code of `errors`; called
    through the API it is the exception.
    """
    from_command_line = context.config.cmd_opts is not None
    if from_command_line:
        _log_to_stderr()
    try:
        _dispatch()
    except RunError as error:
        if not from_command_line or getattr(context.config.cmd_opts, "raiseerr", False):
            raise
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)


def _log_to_stderr() -> None:
    """Progress on stderr, since stdout may be SQL; alembic's own lines would say it twice."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    log.handlers = [handler]
    log.setLevel(logging.INFO)
    log.propagate = False


def _dispatch() -> None:
    context.configure(dialect_name=DIALECT)
    asked = context.get_context().opts
    command = cast(Command, asked["fn"])
    # Only upgrade, downgrade and stamp are given a revision to go to.
    moves = "destination_rev" in asked
    if not moves and getattr(command, "__name__", "") == "do_ensure_version":
        raise NotSupported("The version table is made by the first upgrade, never alone.")
    if context.is_offline_mode():
        _print_sql(command)
        return
    options = Options.read(context.get_x_argument(as_dictionary=True))
    if _autogenerates(asked):
        _compare(options, check_only=command.__qualname__.startswith("check."))
        return
    address = context.config.attributes.get("address") or Address.find(
        context.config.attributes.get("url")
    )
    if moves:
        _Run(address, options, command).carry_through()
    else:
        _read(address)


def _configure(plugins: Sequence[str] = (), **options: Any) -> None:
    """Configure alembic; may be called again in one command, for another connection."""
    context.configure(
        target_metadata=MetaData(),
        # Stock comparators would offer to drop every table, for want of models.
        autogenerate_plugins=list(plugins),
        version_table=VERSION_TABLE,
        version_table_schema=LEDGER,
        transaction_per_migration=True,
        **options,
    )


def _print_sql(command: Command) -> None:
    _configure(
        dialect_name=DIALECT,
        # Otherwise % is printed as %%.
        dialect_opts={"paramstyle": "named"},
        literal_binds=True,
        on_version_apply=record,
    )
    migration = context.get_context()
    plan = make_plan(context.script, command, migration.get_current_heads(), migration)
    migration._migrations_fn = lambda _heads, _context: plan.steps
    for statement in offline.prologue(plan):
        context.static_output(f"{statement};\n")
    with context.begin_transaction():
        context.run_migrations()
    for statement in offline.epilogue(plan):
        context.static_output(f"{statement};\n")


def _autogenerates(asked: Mapping[str, Any]) -> bool:
    """Whether the command is `check` or `revision --autogenerate`."""
    revision = asked.get("revision_context")
    return revision is not None and bool(revision.command_args["autogenerate"])


def _compare(options: Options, *, check_only: bool) -> None:
    """Compare head with the files, on a scratch database that is migrated to head for it."""
    # Not needed by a deploy, and slow to import for the sake of its SQL parser.
    from migrations.desired_state import plugin
    from migrations.desired_state.scratch import scratch_database

    with scratch_database() as superuser:
        address = Address.parse(superuser)
        script = context.script

        def to_head(heads: Heads, _migration: MigrationContext) -> Any:
            return script._upgrade_revs("heads", cast(Any, heads))

        level = log.level
        log.setLevel(logging.WARNING)
        _Run(address.acting_as(MIGRATOR), options, to_head).carry_through()
        log.setLevel(level)
        session = address.connect("gardenos compare")
        with _alembic_connection(session) as connection:
            _configure(
                [plugin.register()],
                connection=connection,
                process_revision_directives=None if check_only else plugin.one_revision_per_table,
            )
            with context.begin_transaction():
                context.run_migrations()


def _read(address: Address) -> None:
    """Run a command that only looks: without the lock, unable to write, on a standby too."""
    with address.connect("gardenos migrate") as first:
        connect.check_server(address, first, writes=False)
    session = connect.reading_session(address, "gardenos migrate")
    with _alembic_connection(session) as connection:
        _configure(connection=connection, dont_mutate=True)
        with context.begin_transaction():
            context.run_migrations()


def _alembic_connection(session: psycopg.Connection) -> Connection:
    """Hand a psycopg session to SQLAlchemy, which closes it."""
    session.autocommit = False
    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: session,
        poolclass=NullPool,
        use_native_hstore=False,
    )
    connection = engine.connect()
    # A connection inside a transaction would be taken for the caller's, and never be committed.
    assert not connection.in_transaction()
    return connection


class _Run:
    """One upgrade or downgrade, over as many sessions as it takes."""

    def __init__(self, address: Address, options: Options, command: Command) -> None:
        self._address = address
        self._command = command
        self._lock = lock.DeployLock(address, options.lock_deadline)
        self._patience = Patience()
        self._plan: Plan | None = None
        self._version: str | None = None
        self._started = False

    def carry_through(self) -> None:
        """Try until the target is reached and proved, or until there is no hope."""
        try:
            while True:
                try:
                    self._attempt()
                except (DBAPIError, psycopg.Error, CommandError, LockLost, VersionLost) as error:
                    self._consider(error)
                except PendingRollbackError as error:
                    self._consider(_beneath(error))
                else:
                    return
        finally:
            self._lock.release()

    def _attempt(self) -> None:
        if not self._lock.held:
            self._take_lock()
        session = connect.migration_session(self._address, "gardenos migrate")
        with _alembic_connection(session) as connection:
            _configure(connection=connection, on_version_apply=record)
            context.get_context()._migrations_fn = cast(Any, self._steps)
            with context.begin_transaction():
                context.run_migrations()
        assert self._plan is not None
        with connect.migration_session(self._address, "gardenos migrate proof") as session:
            proof.prove(self._address, session, context.script, self._plan)
        log.info("at %s", self._plan.target or "base")

    def _take_lock(self) -> None:
        connection = self._address.connect(lock.APPLICATION_NAME)
        try:
            if self._started:
                connect.check_writable(self._address, connection)
            else:
                connect.check_server(self._address, connection, writes=True)
                self._started = True
        except BaseException:
            connection.close()
            raise
        self._lock.acquire(connection)

    def _steps(self, heads: Heads, migration: MigrationContext) -> Iterator[MigrationStep]:
        """What alembic iterates over: it runs and commits one step before it asks for the next."""
        if self._plan is None:
            self._plan = make_plan(context.script, self._command, heads, migration)
        for step in self._plan.remaining(only_version(heads)):
            self._lock.check()
            self._version = only_version(step.from_revisions_no_deps)
            since = time.monotonic()
            yield step
            log.info("%s (%.1f s)", _describe(step), time.monotonic() - since)
            self._patience.reset()

    def _consider(self, error: Exception) -> None:
        """Return when there is to be another try, else raise what ends the run."""
        action = classify(error)
        if not self._started and action is Action.RECONNECT and not isinstance(error, RunError):
            raise Unreachable(
                f"{self._address} went away while it was looked at ({_brief(error)}): try again "
                "when it is back (nothing was changed)."
            ) from error
        if not self._started:
            raise _final(error) from None
        if action is Action.STOP and (isinstance(error, RunError) or not self._overtaken()):
            raise _final(error) from error
        if action is not Action.RETRY:
            self._lock.release()
        delay = self._patience.next_delay()
        if delay is None:
            raise GaveUp(
                f"Gave up after {self._patience.failures} tries; the last one: {_brief(error)}. "
                "Revisions committed before stay; start again when the database is quiet."
            ) from error
        log.warning("%s; next try in %.1f s", _brief(error), delay)
        time.sleep(delay)

    def _overtaken(self) -> bool:
        """Whether another deploy was at work: then its doing, not the revision, may be what failed.

        Either we lost the lock, or one that lost it to us had not ended and committed our revision.
        """
        try:
            self._lock.check()
            with connect.migration_session(self._address, "gardenos migrate") as session:
                return self._plan is not None and self._version != proof.current_version(session)
        except (LockLost, psycopg.Error, RunError):
            return True


def _beneath(error: PendingRollbackError) -> Exception:
    """What broke the connection: alembic's autocommit_block commits all the same, and fails."""
    context = error.__context__
    while context is not None and not isinstance(context, DBAPIError):
        context = context.__context__
    return context or error


def _describe(step: RevisionStep) -> str:
    verb = "applied" if step.is_upgrade else "took back"
    return f"{verb} {step.revision.revision} {step.revision.doc.splitlines()[0]}"


def _brief(error: BaseException) -> str:
    """An error in one line."""
    if isinstance(error, LockLost):
        return "the deploy lock was lost"
    if isinstance(error, VersionLost):
        return f"the database moved back: {error}"
    original = error.orig if isinstance(error, DBAPIError) else error
    line = (str(original).strip() or type(original).__name__).splitlines()[0]
    state = sqlstate(error)
    return f"{line} [{state}]" if state else line


def _final(error: Exception) -> CommandError:
    if isinstance(error, CommandError):
        return error
    original = error.orig if isinstance(error, DBAPIError) else error
    state = sqlstate(error)
    text = str(original).strip()
    if isinstance(original, psycopg.Error):
        diagnosis = original.diag
        notes = [
            f"{label}: {note}"
            for label, note in (
                ("DETAIL", diagnosis.message_detail),
                ("HINT", diagnosis.message_hint),
                ("CONTEXT", diagnosis.context),
            )
            if note and note not in text
        ]
        text = "\n".join([text, *notes])
    return RevisionFailed(f"A revision failed{f' with {state}' if state else ''}: {text}")
