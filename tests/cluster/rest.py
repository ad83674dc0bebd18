"""HTTP to Patroni and etcd from the operator's place, which no fault cuts off."""

import base64
import http.client
import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.cluster.configuration import NAMESPACE, REST_USER, SCOPE
from tests.cluster.errors import ClusterError, Unanswered
from tests.cluster.network import MEMBERS, NODES, Network
from tests.cluster.processes import Processes
from tests.cluster.waiting import until

NOBODY = 0
# a member that was cut off asks for an election when it is back
ELECTION_SECONDS = 6


class Rest:
    """Patroni's REST API of each node, and the keys in etcd."""

    def __init__(self, processes: Processes, network: Network, password: str) -> None:
        """Speak with these.

        Args:
            processes: whose keeper connects.
            network: who listens where.
            password: of the REST API's writing half.
        """
        self._processes = processes
        self._network = network
        self._authorization = (
            "Basic " + base64.b64encode(f"{REST_USER}:{password}".encode()).decode()
        )

    def status(self, node: str, path: str, seconds: float = 0.8) -> int:
        """The HTTP status of a GET, 0 when nobody answers in time."""
        try:
            return self._patroni(node, "GET", path, None, seconds)[0]
        except (OSError, http.client.HTTPException):
            return NOBODY

    def primaries(self) -> set[str]:
        """The nodes that answer 200 to /primary at this moment."""
        with ThreadPoolExecutor(len(NODES)) as pool:
            codes = pool.map(lambda node: self.status(node, "/primary"), NODES)
            return {node for node, code in zip(NODES, codes, strict=True) if code == 200}

    def role(self, node: str) -> str:
        """What a node takes itself for: `uninitialized` when it cannot read its data.

        Raises:
            ClusterError: it does not answer.
        """
        return str(json.loads(self.ask(node, "GET", "/patroni", seconds=2))["role"])

    def ask(
        self, node: str, method: str, path: str, body: object = None, seconds: float = 60
    ) -> str:
        """A request that must succeed, with the password.

        Raises:
            ClusterError: it did not.
        """
        try:
            code, text = self._patroni(node, method, path, body, seconds)
        except (OSError, http.client.HTTPException) as error:
            raise ClusterError(f"{node} does not answer to {method} {path}: {error}") from error
        if code >= 300:
            raise ClusterError(f"{node} answers {code} to {method} {path}: {text.strip()}")
        return text

    def key(self, name: str) -> str | None:
        """The value of one of the cluster's keys in etcd; None when it is not there."""
        found = self._etcd("/v3/kv/range", {"key": _encoded(name)}).get("kvs")
        return base64.b64decode(found[0].get("value", "")).decode() if found else None

    def sync_standbys(self) -> list[str]:
        """The nodes that etcd names as synchronous; none while any walsender may acknowledge."""
        names = json.loads(self.key("sync") or "{}").get("sync_standby") or ""
        return [name for name in names.split(",") if name in NODES]

    def delete_key(self, name: str) -> None:
        """Delete one of the cluster's keys: `leader` makes the replicas race at once.

        Raises:
            ClusterError: etcd has no majority for a while.
        """
        until(lambda: self._delete(name), 15, f"etcd did not delete the key {name}")

    def _delete(self, name: str) -> bool:
        return bool(self._etcd("/v3/kv/deleterange", {"key": _encoded(name)}))

    def members(self) -> set[str]:
        """The members of etcd that answer at this moment."""

        def answers(member: str) -> bool:
            try:
                return bool(self._ask_member(member, "/v3/maintenance/status", {}))
            except (OSError, http.client.HTTPException):
                return False

        with ThreadPoolExecutor(len(MEMBERS)) as pool:
            answered = pool.map(answers, MEMBERS)
            return {member for member, yes in zip(MEMBERS, answered, strict=True) if yes}

    def etcd_leader(self) -> str | None:
        """The member that leads etcd; None while there is none."""
        for member in MEMBERS:
            try:
                status = self._ask_member(member, "/v3/maintenance/status", {})
            except (OSError, http.client.HTTPException):
                continue
            if status.get("leader", "0") != "0":
                ids = self._ask_member(member, "/v3/cluster/member/list", {})["members"]
                return next((each["name"] for each in ids if each["ID"] == status["leader"]), None)
        return None

    def _patroni(
        self, node: str, method: str, path: str, body: object, seconds: float
    ) -> tuple[int, str]:
        host, port = self._network.host(node), self._network.ports.rest[node]
        return self._http(host, port, method, path, body, seconds, self._authorization)

    def _etcd(self, path: str, body: object) -> dict[str, Any]:
        """Ask any member; between two leaders of etcd none of them has an answer."""
        deadline = time.monotonic() + ELECTION_SECONDS
        while True:
            for member in MEMBERS:
                try:
                    return self._ask_member(member, path, body)
                except (OSError, http.client.HTTPException):
                    continue
            if time.monotonic() > deadline:
                raise Unanswered("No member of etcd answers.")
            time.sleep(0.1)

    def _ask_member(self, member: str, path: str, body: object) -> dict[str, Any]:
        host, port = self._network.host(member), self._network.ports.client[member]
        code, text = self._http(host, port, "POST", path, body, 2)
        if code != 200:
            raise ConnectionError(text)
        answer: dict[str, Any] = json.loads(text)
        return answer

    def _http(
        self,
        host: str,
        port: int,
        method: str,
        path: str,
        body: object,
        seconds: float,
        authorization: str | None = None,
    ) -> tuple[int, str]:
        connection = http.client.HTTPConnection(host, port)
        connection.sock = self._processes.connect(host, port, seconds)
        try:
            connection.request(
                method,
                path,
                json.dumps(body) if body is not None else None,
                {"Authorization": authorization} if authorization else {},
            )
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        finally:
            connection.close()


def _encoded(name: str) -> str:
    return base64.b64encode(f"{NAMESPACE}{SCOPE}/{name}".encode()).decode()
