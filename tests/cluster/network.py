"""Where everybody lives, and how to come between them.

With namespaces: a bridge, and a network namespace with an address of 198.18.0.0/15 (set aside for
tests of network devices, RFC 2544) for each node, each etcd member and the proxy. The keeper's own
namespace is the operator's: it holds the bridge and is never cut off. Faults are packet filters of
the kernel. Without namespaces all have 127.0.0.1 and free ports, and nobody can be cut off.
"""

import socket
from collections.abc import Iterable
from dataclasses import dataclass

from tests.cluster.errors import ClusterError
from tests.cluster.processes import Processes

NODES = ("n1", "n2", "n3")
MEMBERS = ("e1", "e2", "e3")
PROXY = "proxy"

BRIDGE = "gardenos"
OPERATOR = "198.18.0.1"
SUBNET = "198.18.0.0/15"
HOSTS = {
    **{name: f"198.18.0.{11 + index}" for index, name in enumerate(NODES)},
    **{name: f"198.18.0.{21 + index}" for index, name in enumerate(MEMBERS)},
    PROXY: "198.18.0.31",
}
CHAIN = "FAULT"


@dataclass(frozen=True)
class Ports:
    """The ports of a cluster; the nodes have different ones, so that a session tells its node."""

    postgresql: dict[str, int]
    rest: dict[str, int]
    client: dict[str, int]
    peer: dict[str, int]


def fixed_ports() -> Ports:
    """The ports inside namespaces, where nobody else is."""
    return Ports(
        postgresql={name: 5541 + index for index, name in enumerate(NODES)},
        rest={name: 8541 + index for index, name in enumerate(NODES)},
        client=dict.fromkeys(MEMBERS, 2379),
        peer=dict.fromkeys(MEMBERS, 2380),
    )


def free_ports() -> Ports:
    """Ports of 127.0.0.1 that nobody listens on at this moment."""
    listeners = []
    try:
        for _ in range(12):
            listener = socket.create_server(("127.0.0.1", 0))
            listeners.append(listener)
        numbers = iter([listener.getsockname()[1] for listener in listeners])
    finally:
        for listener in listeners:
            listener.close()
    return Ports(
        postgresql={name: next(numbers) for name in NODES},
        rest={name: next(numbers) for name in NODES},
        client={name: next(numbers) for name in MEMBERS},
        peer={name: next(numbers) for name in MEMBERS},
    )


class Network:
    """Addresses of a cluster, and faults between them."""

    def __init__(self, processes: Processes, ports: Ports, *, namespaces: bool) -> None:
        """Describe it.

        Args:
            processes: whose keeper makes and changes the namespaces.
            ports: who listens where.
            namespaces: whether each has its own, or all live on loopback.
        """
        self._processes = processes
        self.ports = ports
        self.namespaces = namespaces

    def host(self, name: str) -> str:
        """The address of a node, an etcd member or the proxy."""
        return HOSTS[name] if self.namespaces else "127.0.0.1"

    @property
    def clients(self) -> str:
        """Where PostgreSQL takes connections from, for pg_hba.conf."""
        return SUBNET if self.namespaces else "127.0.0.1/32"

    def inside(self, name: str) -> tuple[str, ...]:
        """What a command begins with to run where `name` lives."""
        return ("nsenter", f"--net=/run/netns/{name}", "--") if self.namespaces else ()

    def make(self) -> None:
        """Make bridge and namespaces; they go with the keeper."""
        if not self.namespaces:
            return
        lines = [
            "set -e",
            "mount -t tmpfs none /run",
            "ip link set lo up",
            f"ip link add name {BRIDGE} type bridge",
            f"ip addr add {OPERATOR}/15 dev {BRIDGE}",
            f"ip link set {BRIDGE} up",
        ]
        for name, address in HOSTS.items():
            lines += [
                f"ip netns add {name}",
                f"ip link add name {name} type veth peer name eth0 netns {name}",
                f"ip link set {name} master {BRIDGE} up",
                f"ip -n {name} addr add {address}/15 dev eth0",
                f"ip -n {name} link set eth0 up",
                f"ip -n {name} link set lo up",
                f"nsenter --net=/run/netns/{name} iptables -w -N {CHAIN}",
                f"nsenter --net=/run/netns/{name} iptables -w -A INPUT -j {CHAIN}",
            ]
        self._processes.run("sh", "-c", "\n".join(lines))

    def cut(self, name: str, others: Iterable[str]) -> None:
        """No packet passes between `name` and the others, in either direction."""
        for other in others:
            self.cut_one_way(name, other)
            self.cut_one_way(other, name)

    def cut_one_way(self, sender: str, receiver: str) -> None:
        """Nothing that `sender` sends arrives at `receiver`; the other way stays open."""
        self._filter(receiver, "-s", HOSTS[sender], "-j", "DROP")

    def cut_port(self, name: str, port: int) -> None:
        """No packet to or from a TCP port of `name` gets in or out."""
        self._filter(name, "-p", "tcp", "--dport", str(port), "-j", "DROP")

    def lose(self, name: str, share: float) -> None:
        """A share (0 to 1) of the packets that arrive at `name` is lost, at random."""
        self._filter(
            *(name, "-m", "statistic", "--mode", "random"),
            *("--probability", f"{share:.3f}", "-j", "DROP"),
        )

    def restore(self) -> None:
        """Everybody reaches everybody."""
        if not self.namespaces:
            return
        flush = [f"nsenter --net=/run/netns/{name} iptables -w -F {CHAIN}" for name in HOSTS]
        self._processes.run("sh", "-c", " && ".join(flush))

    def _filter(self, name: str, *rule: str) -> None:
        if not self.namespaces:
            raise ClusterError("This cluster lives on loopback: nobody can be cut off.")
        self._processes.disturbed.touch()
        self._processes.run(*self.inside(name), "iptables", "-w", "-A", CHAIN, *rule)
