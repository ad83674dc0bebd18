"""Reaching somebody else's cluster as its superuser, and what cannot be done there."""

import re
from typing import Any

import psycopg

from tests.database import GivenServer

URL = "CLUSTER_URL"
PREFIX = "gardenos_policies_"

CONNECT_SECONDS = 10

Connection = psycopg.Connection[Any]


class Refused(RuntimeError):
    """The suite cannot run on this cluster; the message is one sentence that says what to do."""


def log_in(server: GivenServer, name: str = "gardenos policies") -> Connection:
    """An autocommit session of the superuser in the given database.

    Args:
        server: the cluster; a password that it came with is used, whatever became of the file.
        name: what pg_stat_activity shows.

    Raises:
        Refused: there is none.
    """
    try:
        return psycopg.connect(
            server.url(),
            password=server.password,
            autocommit=True,
            connect_timeout=CONNECT_SECONDS,
            application_name=name,
        )
    except psycopg.OperationalError as error:
        raise Refused(
            f"{URL} leads nowhere as {server.superuser}: {reason_of(error)}; check host, port, "
            "user, password and database, and that the server runs."
        ) from None


def reason_of(error: psycopg.Error) -> str:
    """What the server or libpq said, without the address that it prints before."""
    text = " ".join((error.diag.message_primary or str(error)).split())
    said = re.search(r"(?:FATAL: |fe_sendauth: )(.*)", text) or re.search(r"failed: (.*)", text)
    return (said.group(1) if said else text).rstrip(".")
