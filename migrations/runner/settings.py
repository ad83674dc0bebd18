"""What every run shares: names, the key of the deploy lock, session settings, options."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from migrations.runner.errors import BadSettings

OWNER = "gardenos_owner"
MIGRATOR = "gardenos_migrator"
LEDGER = "migration"
VERSION_TABLE = "alembic_version"

SCHEMAS = (
    "app",
    "tenancy",
    "crm",
    "ai",
    "langgraph",
    "integration",
    "governance",
    "audit",
    LEDGER,
)

# The first eight bytes of sha256('gardenos migrate lock'), as a bigint.
LOCK_KEY = 0x2BE443774F7672AB

SESSION = {
    # A change of type from timestamp to timestamptz rewrites the table in any other zone.
    "TimeZone": "UTC",
    # A commit that was answered survives a failover (never off, never local).
    "synchronous_commit": "on",
    # A killed deploy ends its statement, and so its locks, within a second.
    "client_connection_check_interval": "1s",
    # Behind a waiting lock every later query of the table waits too.
    "lock_timeout": "2s",
    "statement_timeout": "0",
    # Of a session that hangs between two statements of a revision.
    "idle_in_transaction_session_timeout": "60s",
    # Revisions name the schema of everything; a temporary table shadows nothing.
    "search_path": "pg_catalog, pg_temp",
    "standard_conforming_strings": "on",
    "check_function_bodies": "on",
    "default_transaction_isolation": "read committed",
}


def session_statements() -> list[str]:
    """The statements that begin every session of a migration, online and offline."""
    rendered = [f"set {name} = {_literal(name, value)}" for name, value in SESSION.items()]
    return [*rendered, f"set role {OWNER}"]


def _literal(name: str, value: str) -> str:
    return value if name == "search_path" else f"'{value}'"


@dataclass(frozen=True)
class Options:
    """What the person who starts a run can choose.

    Attributes:
        lock_deadline: seconds to wait for another deploy; `-x lock_deadline=…` or
            GARDENOS_LOCK_DEADLINE.
    """

    lock_deadline: float = 600.0

    @classmethod
    def read(cls, arguments: Mapping[str, str]) -> "Options":
        """Read the options from `alembic -x` arguments, else from the environment.

        Raises:
            BadSettings: a value is not a number.
        """
        text = arguments.get("lock_deadline") or os.environ.get("GARDENOS_LOCK_DEADLINE")
        if not text:
            return cls()
        try:
            seconds = float(text)
        except ValueError:
            raise BadSettings(
                f"The lock deadline must be a number of seconds, not {text!r} "
                "(GARDENOS_LOCK_DEADLINE, or -x lock_deadline=…)."
            ) from None
        return cls(lock_deadline=seconds)
