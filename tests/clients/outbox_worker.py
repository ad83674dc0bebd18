"""Publishes what happened and delivers it to webhooks: how a worker of the outbox is written.

One round: ask which agencies have work, and for each of them publish in one transaction and lease
deliveries in another, both bound to that agency. Nothing is sent while a transaction is open. What
this process had leased when it was killed comes back when the lease ends, with the same webhook-id;
receivers keep the ids they have seen. SIGTERM ends it after the delivery in hand.

    DATABASE_URL=postgresql://gardenos_worker@primary:5000/gardenos \\
        python -m tests.clients.outbox_worker
"""

import argparse
import http.client
import ipaddress
import json
import os
import signal
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

Row = dict[str, Any]
Connection = psycopg.Connection[Row]
Log = Callable[[str, Mapping[str, object]], None]

SECONDS_FOR_AN_ANSWER = 10.0


class Refused(Exception):
    """An address that nothing is sent to."""


@dataclass(frozen=True)
class Answer:
    """What came of an attempt."""

    code: int | None
    milliseconds: int
    error: str | None = None


Send = Callable[[Row], Answer]


def log_line(what: str, facts: Mapping[str, object]) -> None:
    """One line of JSON on stderr: what happened, when, and its facts. No address, no body."""
    line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "what": what, **facts}
    print(json.dumps(line, default=str), file=sys.stderr, flush=True)


def public_address(host: str, port: int) -> str:
    """An address of a host that is reached over the public internet.

    Raises:
        Refused: one of its addresses is private: a webhook must not reach into our own network.
        OSError: the name is not known.
    """
    found = [str(place[4][0]) for place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    for address in found:
        if not ipaddress.ip_address(address).is_global:
            raise Refused(f"{host} has the address {address}, which is not public")
    return found[0]


def headers_of(delivery: Row) -> dict[str, str]:
    """The headers of Standard Webhooks."""
    return {
        "content-type": "application/json",
        "webhook-id": str(delivery["webhook_id"]),
        "webhook-timestamp": str(delivery["webhook_timestamp"]),
        "webhook-signature": delivery["webhook_signature"],
    }


def send(delivery: Row) -> Answer:
    """Post a delivery over HTTPS to a public address; redirects are not followed."""
    target = urlsplit(delivery["url"])
    host, port = target.hostname or "", target.port or 443

    def connect() -> http.client.HTTPConnection:
        # the address that was looked at is the one that is used: a name may change its mind
        plain = socket.create_connection(
            (public_address(host, port), port), timeout=SECONDS_FOR_AN_ANSWER
        )
        connection = http.client.HTTPConnection(host, port, timeout=SECONDS_FOR_AN_ANSWER)
        connection.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=host)
        return connection

    path = (target.path or "/") + (f"?{target.query}" if target.query else "")
    return post(connect, path, delivery, {})


def through(relay: str) -> Send:
    """How to send everything through a relay of ours, which posts to `x-forwarded-url`.

    Args:
        relay: its address, http://host:port.
    """
    place = urlsplit(relay)

    def connect() -> http.client.HTTPConnection:
        return http.client.HTTPConnection(
            place.hostname or "", place.port, timeout=SECONDS_FOR_AN_ANSWER
        )

    return lambda delivery: post(connect, "/", delivery, {"x-forwarded-url": delivery["url"]})


def post(
    connect: Callable[[], http.client.HTTPConnection],
    path: str,
    delivery: Row,
    more: Mapping[str, str],
) -> Answer:
    """One POST; whatever goes wrong is an answer without a code."""
    began = time.monotonic()
    try:
        connection = connect()
        try:
            connection.request(
                "POST", path, delivery["body"].encode(), {**headers_of(delivery), **more}
            )
            code: int | None = connection.getresponse().status
            error = None
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, Refused) as problem:
        code, error = None, f"{type(problem).__name__}: {problem}"
    return Answer(code, int((time.monotonic() - began) * 1000), error)


@dataclass(frozen=True)
class Worker:
    """One worker with one connection.

    `handle` is called with each event before it is published, in its order, for what is not a
    webhook: to remove the object of a file, to export a ledger. It may be called twice for one
    event, and the transaction is open meanwhile: it must be quick.
    """

    connection: Connection
    send: Send
    log: Log = log_line
    handle: Callable[[Row], None] | None = None
    stopping: threading.Event = field(default_factory=threading.Event)
    lease: timedelta = timedelta(minutes=1)

    def round(self) -> int:
        """Do what there is to do once; how many events were published and deliveries tried."""
        agencies = [
            row["id"]
            for row in self.connection.execute(
                "select id from app.agencies_with_work() as a (id)"
            ).fetchall()
        ]
        done = 0
        for agency in agencies:
            if self.stopping.is_set():
                break
            done += self.publish(agency)
            done += self.deliver(agency)
        return done

    def publish(self, agency: UUID) -> int:
        """Publish the next events of an agency, when they are safe and nobody else does."""
        with self.connection.transaction():
            self.connection.execute("select app.bind_worker(%s)", [agency])
            events = self.connection.execute("select * from app.claim_outbox_stream()").fetchall()
            if not events:
                return 0
            if self.handle is not None:
                for event in events:
                    self.handle(event)
            self.connection.execute(
                "select app.publish_events(%s)", [[event["id"] for event in events]]
            )
        self.log(
            "published", {"agency": agency, "events": len(events), "last_seq": events[-1]["seq"]}
        )
        return len(events)

    def deliver(self, agency: UUID) -> int:
        """Lease what is due in an agency, send it, and note what came of it."""
        with self.connection.transaction():
            self.connection.execute("select app.bind_worker(%s)", [agency])
            leased = self.connection.execute(
                "select * from app.claim_deliveries(lease => %s)", [self.lease]
            ).fetchall()
        for done, delivery in enumerate(leased):
            if self.stopping.is_set():
                self.log("left", {"agency": agency, "deliveries": len(leased) - done})
                return done
            answer = self.send(delivery)
            with self.connection.transaction():
                self.connection.execute("select app.bind_worker(%s)", [agency])
                (noted,) = self.connection.execute(
                    "select app.note_delivery(%s, %s, %s, %s, %s) as status",
                    [
                        delivery["delivery_id"],
                        delivery["attempt"],
                        answer.code,
                        answer.milliseconds,
                        answer.error,
                    ],
                ).fetchall()
            self.log(
                str(noted["status"] or "outlived its lease"),
                {
                    "agency": agency,
                    "webhook_id": delivery["webhook_id"],
                    "attempt": delivery["attempt"],
                    "code": answer.code,
                    "ms": answer.milliseconds,
                },
            )
        return len(leased)


def work(url: str, post_with: Send, pause: float, lease: timedelta) -> None:
    """Work until SIGTERM or SIGINT; a lost connection is made again.

    Args:
        url: a libpq URL of gardenos_worker.
        post_with: how a delivery is sent.
        pause: seconds between two rounds that found nothing.
        lease: how long a delivery is kept from others.
    """
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    log_line("started", {"pid": os.getpid()})
    while not stopping.is_set():
        try:
            with psycopg.connect(url, autocommit=True, row_factory=dict_row) as connection:
                worker = Worker(connection, post_with, stopping=stopping, lease=lease)
                while not stopping.is_set():
                    if not worker.round():
                        stopping.wait(pause)
        except psycopg.OperationalError as problem:
            log_line("connection lost", {"error": str(problem)})
            stopping.wait(pause)
    log_line("stopped", {})


def main() -> int:
    """Read the arguments and work."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--through", help="http://host:port of a relay that sends")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between empty rounds")
    parser.add_argument("--lease", type=float, default=60.0, help="seconds of a lease")
    given = parser.parse_args()
    url = os.environ.get("DATABASE_URL")
    if not url:
        parser.error("DATABASE_URL is unset: give the address of the primary, as gardenos_worker")
    work(
        url,
        through(given.through) if given.through else send,
        given.pause,
        timedelta(seconds=given.lease),
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
