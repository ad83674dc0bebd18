"""Webhooks: made by those who may, signed, in order for each record, tried again, given up.

The reference worker delivers to a receiver in this process, which stands for everybody's servers.
"""

import base64
import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

import pytest
from psycopg.rows import dict_row

from tests.audit.trail import Office
from tests.clients.outbox_worker import Answer, Refused, Worker, public_address, through
from tests.cluster.waiting import until
from tests.crm.desk import Desk
from tests.database import ROOT, program_environment
from tests.policies.access import Row, acting, attempt

URL = "https://hooks.example.com/garden"


@dataclass
class Receiver:
    """A server that notes what it gets; `answer` says the status of each, and may take its time."""

    server: ThreadingHTTPServer
    got: list[tuple[dict[str, str], str]] = field(default_factory=list)
    answer: Callable[[dict[str, Any]], int] = lambda body: 204

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def bodies(self) -> list[dict[str, Any]]:
        """What came, in its order."""
        return [json.loads(body) for _, body in self.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            found.got.append(({name.lower(): text for name, text in self.headers.items()}, body))
            self.send_response(found.answer(json.loads(body)))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    found = Receiver(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
    thread = threading.Thread(target=found.server.serve_forever, daemon=True)
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join(5)


@pytest.fixture(autouse=True)
def nothing_left_over(office: Office) -> Iterator[None]:
    """Each test's agency is alone with its work."""
    yield
    office.superuser.execute(
        "update integration.outbox_events set published_at = now() where published_at is null"
    )
    office.superuser.execute("update integration.webhook_deliveries set status = 'dead'")


def webhook(desk: Desk, *types: str, url: str = URL) -> tuple[UUID, str]:
    """A new webhook: its id and its secret."""
    with acting(desk.office.client, desk.owner.claims(), keep=True):
        (row,) = desk.office.client.execute(
            "select * from app.create_webhook('Hook', %s, %s)", [url, list(types)]
        ).fetchall()
    return row["endpoint_id"], row["secret"]


@contextmanager
def at_work(office: Office, receiver: Receiver) -> Iterator[Worker]:
    with office.database.connect(
        "gardenos_worker", autocommit=True, row_factory=dict_row
    ) as connection:
        yield Worker(connection, through(receiver.address), log=lambda what, facts: None)


def work(office: Office, receiver: Receiver, rounds: int = 20) -> None:
    """Let one worker do what there is to do now."""
    with at_work(office, receiver) as worker:
        for _ in range(rounds):
            if not worker.round():
                return


def deliveries(desk: Desk) -> list[Row]:
    """The deliveries of the agency in the order of their events."""
    return desk.office.superuser.execute(
        "select d.*, e.aggregate_id, e.payload from integration.webhook_deliveries as d"
        " join integration.outbox_events as e on e.id = d.event_id"
        " where d.agency_id = %s order by e.seq",
        [desk.owner.agency_id],
    ).fetchall()


def due_now(desk: Desk) -> None:
    """As if every pause and lease were over."""
    desk.office.superuser.execute(
        "update integration.webhook_deliveries set next_attempt_at = now() where agency_id = %s",
        [desk.owner.agency_id],
    )


def signature(secret: str, headers: dict[str, str], body: str) -> str:
    """The signature that a receiver expects, made with Python's own HMAC."""
    text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body}"
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, text.encode(), hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


# --- making them --------------------------------------------------------------------------------


def test_owners_make_webhooks_and_nobody_else_may(desk: Desk, office: Office) -> None:
    endpoint, secret = webhook(desk)
    assert secret.startswith("whsec_")
    member, agent = desk.colleague(), office.hire(desk.owner)
    for who in (member, agent):
        for call in (
            "app.create_webhook('Mine', 'https://other.example.com/')",
            f"app.rotate_webhook_secret('{endpoint}')",
        ):
            assert desk.refused(f"select {call}", who=who) == "42501", call
    on_behalf = desk.owner.claims(act={"user_id": str(agent.user_id)})
    with acting(office.client, on_behalf):
        outcome = attempt(
            office.client, "select app.create_webhook('Mine', 'https://other.example.com/')"
        )
    assert outcome.sqlstate == "42501"


def test_a_webhook_of_another_agency_gets_no_new_secret(desk: Desk, office: Office) -> None:
    endpoint, _ = webhook(desk)
    stranger = office.found(Desk.new_slug())
    assert desk.refused("select app.rotate_webhook_secret(%s)", endpoint, who=stranger) == "P0002"


@pytest.mark.parametrize(
    ("url", "types", "sqlstate"),
    [
        ("http://hooks.example.com/", [], "22023"),
        ("https://me:secret@hooks.example.com/", [], "22023"),
        (URL, ["crm.deals"], "22023"),
        (URL, ["crm.deals.*"], "22023"),
    ],
)
def test_what_makes_no_webhook(desk: Desk, url: str, types: list[str], sqlstate: str) -> None:
    assert desk.refused("select app.create_webhook('Hook', %s, %s)", url, types) == sqlstate


def test_the_secret_is_stored_nowhere(desk: Desk, office: Office) -> None:
    endpoint, secret = webhook(desk)
    (row,) = office.superuser.execute(
        "select to_jsonb(s)::text || to_jsonb(w)::text as all from integration.webhook_secrets as s"
        " join integration.webhook_endpoints as w on w.id = s.endpoint_id where w.id = %s",
        [endpoint],
    ).fetchall()
    assert secret not in row["all"]
    assert secret.removeprefix("whsec_") not in row["all"]


# --- delivering ---------------------------------------------------------------------------------


def test_an_event_arrives_signed_and_without_a_value(
    desk: Desk, office: Office, receiver: Receiver
) -> None:
    _, secret = webhook(desk, "crm.contacts.created")
    contact = desk.contact(full_name="Zoë Geheim")
    desk.do("update crm.contacts set full_name = 'Not asked for' where id = %s", contact)
    work(office, receiver)
    ((headers, body),) = receiver.got
    assert headers["webhook-signature"] == signature(secret, headers, body)
    assert headers["x-forwarded-url"] == URL
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    told = json.loads(body)
    assert told.pop("occurred_at")
    assert told == {
        "id": headers["webhook-id"],
        "type": "crm.contacts.created",
        "agency_id": str(desk.owner.agency_id),
        "record_id": str(contact),
        "row_version": 1,
    }
    (row,) = deliveries(desk)
    assert (row["status"], row["attempts"], row["response_code"]) == ("delivered", 1, 204)
    assert str(row["event_id"]) == headers["webhook-id"]


def test_both_secrets_sign_until_the_overlap_is_over(
    desk: Desk, office: Office, receiver: Receiver
) -> None:
    endpoint, old = webhook(desk)
    new = desk.do("select app.rotate_webhook_secret(%s)", endpoint)
    assert new != old
    desk.contact()
    work(office, receiver)
    office.superuser.execute("update integration.webhook_secrets set previous_until = now()")
    desk.contact()
    work(office, receiver)
    for (headers, body), secrets in zip(receiver.got, ([new, old], [new]), strict=True):
        assert headers["webhook-signature"].split() == [
            signature(secret, headers, body) for secret in secrets
        ]


def test_a_failure_is_tried_again_with_the_same_key_and_holds_up_its_record_only(
    desk: Desk, office: Office, receiver: Receiver
) -> None:
    webhook(desk)
    ill, well = desk.contact(), desk.contact()
    desk.do("update crm.contacts set full_name = 'Second' where id = %s", ill)
    receiver.answer = lambda body: 503 if body["record_id"] == str(ill) else 200
    work(office, receiver)
    assert [body["record_id"] for body in receiver.bodies()] == [str(ill), str(well)]
    first, second, third = deliveries(desk)
    assert (first["status"], first["attempts"], first["response_code"]) == ("failed", 1, 503)
    assert (second["status"], third["status"]) == ("delivered", "pending")
    (pause,) = office.superuser.execute(
        "select extract(epoch from %s::timestamptz - now()) as s", [first["next_attempt_at"]]
    ).fetchall()
    assert 10 < pause["s"] < 40, "some 30 seconds"
    receiver.answer = lambda body: 200
    due_now(desk)
    work(office, receiver)
    assert [body["record_id"] for body in receiver.bodies()[2:]] == [str(ill)] * 2
    assert receiver.bodies()[2] == receiver.bodies()[0]
    assert [body["row_version"] for body in receiver.bodies()[2:]] == [1, 2]


def test_pauses_grow_and_a_delivery_dies_in_the_end(
    desk: Desk, office: Office, receiver: Receiver
) -> None:
    endpoint, _ = webhook(desk)
    contact = desk.contact()
    receiver.answer = lambda body: 500
    pauses = []
    for _ in range(14):
        work(office, receiver, rounds=1)
        (row,) = office.superuser.execute(
            "select extract(epoch from next_attempt_at - now())::float as pause"
            " from integration.webhook_deliveries where agency_id = %s",
            [desk.owner.agency_id],
        ).fetchall()
        pauses.append(row["pause"])
        due_now(desk)
    for number, pause in enumerate(pauses):
        wanted = min(30 * 2**number, 6 * 3600)
        assert 0.75 * wanted - 5 < pause < 1.25 * wanted, (number, pause)
    work(office, receiver, rounds=1)
    (dead,) = deliveries(desk)
    assert (dead["status"], dead["attempts"]) == ("dead", 15)
    assert desk.row("integration.webhook_endpoints", endpoint)["is_active"] is False
    desk.do("update crm.contacts set full_name = 'Later' where id = %s", contact)
    work(office, receiver)
    assert len(deliveries(desk)) == 1, "switched off, so nothing is queued"


def test_what_is_gone_is_not_asked_again(desk: Desk, office: Office, receiver: Receiver) -> None:
    endpoint, _ = webhook(desk)
    desk.contact()
    receiver.answer = lambda body: 410
    work(office, receiver)
    assert [row["status"] for row in deliveries(desk)] == ["dead"]
    found = desk.row("integration.webhook_endpoints", endpoint)
    assert (found["is_active"], found["disabled_at"] is None) == (False, False)


def test_nothing_is_sent_for_an_agency_that_is_suspended(
    desk: Desk, office: Office, receiver: Receiver
) -> None:
    webhook(desk)
    desk.contact()
    with at_work(office, receiver) as worker:
        worker.publish(desk.owner.agency_id)
    office.serve(
        "update tenancy.agencies set status = 'suspended' where id = %s", desk.owner.agency_id
    )
    work(office, receiver, rounds=2)
    assert receiver.got == []


# --- workers that die, and several of them ------------------------------------------------------


def program(office: Office, receiver: Receiver) -> subprocess.Popen[str]:
    """The worker as a process."""
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "tests.clients.outbox_worker", "--through", receiver.address),
            *("--pause", "0.1"),
        ],
        cwd=ROOT,
        env=program_environment(office.database.url("gardenos_worker"), {"PYTHONPATH": str(ROOT)}),
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_worker_that_was_killed_is_followed_with_the_same_key(
    desk: Desk, office: Office, receiver: Receiver
) -> None:
    webhook(desk)
    desk.contact()
    hold = threading.Event()

    def slowly(body: dict[str, Any]) -> int:
        hold.wait(60)
        return 200

    receiver.answer = slowly
    process = program(office, receiver)
    try:
        until(lambda: receiver.got, 60, "the delivery is under way")
        process.kill()
    finally:
        process.kill()
        process.communicate(timeout=20)
        hold.set()
    receiver.answer = lambda body: 200
    work(office, receiver, rounds=2)
    assert len(receiver.got) == 1, "leased until the dead worker can have been heard of"
    due_now(desk)
    work(office, receiver)
    keys = [headers["webhook-id"] for headers, _ in receiver.got]
    assert len(keys) == 2
    assert len(set(keys)) == 1
    assert [(row["status"], row["attempts"]) for row in deliveries(desk)] == [("delivered", 2)]


def test_a_worker_that_outlived_its_lease_changes_nothing(
    desk: Desk, office: Office, receiver: Receiver
) -> None:
    webhook(desk)
    desk.contact()
    with at_work(office, receiver) as second:

        def send_late(delivery: Row) -> Answer:
            due_now(desk)
            second.round()
            return Answer(500, 1)

        with at_work(office, receiver) as first:
            late = Worker(first.connection, send_late, log=lambda what, facts: None)
            late.round()
    assert [(row["status"], row["attempts"]) for row in deliveries(desk)] == [("delivered", 2)]


def test_a_worker_stops_when_it_is_told_and_says_what_it_did(
    desk: Desk, office: Office, receiver: Receiver
) -> None:
    webhook(desk)
    desk.contact()
    process = program(office, receiver)
    try:
        until(lambda: [row["status"] for row in deliveries(desk)] == ["delivered"], 60, "delivered")
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == os.EX_OK
    said = [json.loads(line)["what"] for line in log.splitlines()]
    assert (said[0], said[-1]) == ("started", "stopped")
    assert {"published", "delivered"} <= set(said)


def test_two_workers_keep_the_order_of_each_record(
    desk: Desk, office: Office, receiver: Receiver
) -> None:
    webhook(desk)
    contacts = [desk.contact() for _ in range(3)]
    finished = threading.Event()

    def run() -> None:
        with at_work(office, receiver) as worker:
            while not finished.is_set():
                worker.round()

    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(run) for _ in range(2)]
        try:
            for number in range(8):
                for each in contacts:
                    desk.do("update crm.contacts set full_name = %s where id = %s", number, each)
            until(lambda: len(receiver.got) >= 27, 60, "all are delivered")
        finally:
            finished.set()
        for each_worker in running:
            each_worker.result(60)
    for contact in contacts:
        versions = [
            body["row_version"] for body in receiver.bodies() if body["record_id"] == str(contact)
        ]
        assert versions == list(range(1, 10))


@pytest.mark.parametrize("host", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "localhost"])
def test_nothing_is_sent_into_our_own_network(host: str) -> None:
    with pytest.raises(Refused):
        public_address(host, 443)
