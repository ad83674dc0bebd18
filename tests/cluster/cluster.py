"""Three Patroni nodes, three etcd members and HAProxy: made, looked at, broken, healed, ended."""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import psycopg
from psycopg import sql

from migrations.embedded.server import LONGEST_SOCKET_PATH, find_bindir
from tests.cluster import configuration, programs
from tests.cluster.configuration import DATABASE, Times
from tests.cluster.errors import ClusterError, Unanswered
from tests.cluster.network import MEMBERS, NODES, PROXY, Network, fixed_ports, free_ports
from tests.cluster.processes import Processes, environment, why_no_namespaces
from tests.cluster.rest import Rest

ROOT = Path(__file__).resolve().parents[2]
T = TypeVar("T")

STATE = "cluster.json"
PASSWORD_FILE = "pgpass"
UP_SECONDS = 90
HEAL_SECONDS = 60
PATIENCE_SECONDS = 15

# postgres refuses to run as uid 0, and root of a user namespace is that; a second one is not
NOT_ROOT = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--")


class Cluster:
    """One cluster in one directory."""

    nodes = NODES
    members = MEMBERS

    def __init__(self, directory: Path, bindir: Path, network: Network, password: str) -> None:
        """Speak to a cluster that runs; `Cluster.up` makes one and `Cluster.attach` finds one."""
        self.directory = directory
        self.bindir = bindir
        self.network = network
        self.processes = network._processes
        self.rest = Rest(self.processes, network, password)
        self._password = password
        self.profile = "sync"
        self.times = Times()

    # -- made and taken down

    @classmethod
    def up(
        cls,
        directory: Path | None = None,
        *,
        bindir: Path | None = None,
        profile: str = "sync",
        times: Times | None = None,
        namespaces: bool | None = None,
        lease: bool = True,
    ) -> "Cluster":
        """Make a cluster and wait until it is whole.

        Args:
            directory: sockets, logs and state; by default a new one below the temporary directory.
            bindir: the programs of PostgreSQL; see `find_bindir` for the default.
            profile: `sync`, `quorum` or `async`.
            times: how soon it notices.
            namespaces: whether each part has a network of its own; None where the machine lets it.
            lease: it goes when this process does; otherwise it stays until `down`.

        Raises:
            ClusterError: a program is missing, or it did not get whole; the message says where the
                logs are.
        """
        etcd, haproxy = programs.find("etcd"), programs.find("haproxy")
        if namespaces is None:
            namespaces = why_no_namespaces() is None
        directory = directory or Path(tempfile.mkdtemp(prefix="gardenos-", dir="/tmp"))
        directory = short(directory.absolute())
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if Processes(directory).is_kept:
            raise ClusterError(f"A cluster runs in {directory} already: take it down first.")
        processes = Processes(directory)
        ports = fixed_ports() if namespaces else free_ports()
        network = Network(processes, ports, namespaces=namespaces)
        cluster = cls(directory, bindir or find_bindir(), network, secrets.token_urlsafe(12))
        cluster.profile = profile
        cluster.times = times or Times()
        cluster._write_files(haproxy)
        processes.start(namespaces=namespaces, lease=lease)
        try:
            network.make()
            if namespaces:
                processes.run("mount", "-t", "tmpfs", "none", str(directory / "data"))
            cluster._write_state(etcd, haproxy)
            for member in MEMBERS:
                cluster.start_member(member)
            for node in NODES:
                cluster.start_patroni(node)
            cluster.start_proxy()
            cluster._wait_made()
        except BaseException:
            processes.quit()
            raise
        return cluster

    @classmethod
    def attach(cls, directory: Path) -> "Cluster":
        """The cluster that runs in a directory.

        Raises:
            ClusterError: none does.
        """
        directory = short(directory.absolute())
        processes = Processes(directory)
        if not processes.is_kept:
            raise ClusterError(
                f"No cluster runs in {directory}: `python -m tests.cluster up` starts one."
            )
        state = json.loads((directory / STATE).read_text())
        ports = fixed_ports() if state["namespaces"] else free_ports()
        for kind in vars(ports):
            getattr(ports, kind).update(state["ports"][kind])
        network = Network(processes, ports, namespaces=state["namespaces"])
        password = (directory / PASSWORD_FILE).read_text().strip().rpartition(":")[2]
        cluster = cls(directory, Path(state["bindir"]), network, password)
        cluster.profile = state["profile"]
        cluster.times = Times(**state["times"])
        return cluster

    def down(self, *, keep_logs: bool = False) -> None:
        """End every process, and remove the directory or all but its logs."""
        self.processes.quit()
        if not keep_logs:
            shutil.rmtree(self.directory, ignore_errors=True)
            return
        for path in self.directory.iterdir():
            if path.suffix != ".log":
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()

    # -- looked at

    def url(self, role: str, dbname: str = DATABASE, *, through: str = "rw") -> str:
        """A libpq URL.

        Args:
            role: the login; all have the same password, which libpq reads from a file.
            dbname: the database.
            through: `rw` or `ro` (HAProxy), or a node's name: directly, through its unix socket,
                which no fault of the network cuts.
        """
        port = self.network.ports.postgresql.get(through, 5432)
        socket = quote(str(self.directory / through), safe="")
        passwords = quote(str(self.directory / PASSWORD_FILE), safe="")
        return (
            f"postgresql://{quote(role, safe='')}@/{quote(dbname, safe='')}"
            f"?host={socket}&port={port}&passfile={passwords}"
        )

    def connect(
        self, role: str = "postgres", dbname: str = DATABASE, *, through: str = "rw", **options: Any
    ) -> psycopg.Connection[Any]:
        """Log in; options go to `psycopg.connect`. The caller closes it: use `with`."""
        return psycopg.connect(
            self.url(role, dbname, through=through), **{"connect_timeout": 3, **options}
        )

    def primaries(self) -> set[str]:
        """The nodes that answer 200 to /primary at this moment."""
        return self.rest.primaries()

    def leader(self) -> str:
        """The node that holds the leader key in etcd.

        Raises:
            ClusterError: none does within a while.
        """
        return until(lambda: self.rest.key("leader"), 30, "no node holds the leader key")

    def sync_standbys(self) -> list[str]:
        """The nodes that Patroni counts as synchronous: only these may be promoted.

        Raises:
            ClusterError: none is named within a while.
        """

        def named() -> list[str]:
            names = (json.loads(self.rest.key("sync") or "{}").get("sync_standby") or "").split(",")
            return [name for name in names if name in NODES]

        return until(named, 30, "no synchronous standby is named in etcd")

    def sync_standby(self) -> str:
        """One node that may be promoted; see `sync_standbys`."""
        return self.sync_standbys()[0]

    def replicas(self) -> list[str]:
        """The nodes that do not lead."""
        leader = self.leader()
        return [node for node in NODES if node != leader]

    def timeline(self, node: str) -> int:
        """The timeline that a node writes or receives."""
        return int(self._one(node, "timeline"))

    def why_not_whole(self) -> str | None:
        """What is missing for a healthy cluster, read off every node; None when nothing is.

        One node not in recovery, two that stream from it on its timeline, routed by the proxy, and
        what the profile promises in force (failover.md, trap 7 and section 7).
        """
        try:
            looks = {node: self._look(node) for node in NODES}
            primaries = [node for node, look in looks.items() if not look["in_recovery"]]
            if len(primaries) != 1:
                return f"not in recovery: {', '.join(primaries) or 'no node'}"
            if len({look["timeline"] for look in looks.values()}) != 1:
                return f"timelines differ: { {n: look['timeline'] for n, look in looks.items()} }"
            idle = [n for n, look in looks.items() if look["in_recovery"] and not look["streaming"]]
            if idle:
                return f"not streaming: {', '.join(idle)}"
            if self.rest.key("leader") != primaries[0]:
                return f"{primaries[0]} is primary and does not hold the leader key"
            return self._why_not_safe(primaries[0]) or self._why_not_routed()
        except (psycopg.Error, ClusterError, OSError) as error:
            return " ".join(str(error).split())

    def wait_whole(self, seconds: float = HEAL_SECONDS) -> None:
        """Wait until nothing is missing.

        Raises:
            ClusterError: something still is; the message says what.
        """
        missing: str | None = None
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            missing = self.why_not_whole()
            if missing is None:
                return
            time.sleep(0.1)
        raise ClusterError(
            f"The cluster is not whole after {seconds:.0f} s: {missing}; logs: {self.directory}"
        )

    # -- broken: parts

    def start_patroni(self, node: str) -> None:
        """Start a node's Patroni; it starts PostgreSQL, or adopts the one that runs."""
        self.processes.spawn(
            node,
            [
                *self.network.inside(node),
                *(NOT_ROOT if self.network.namespaces or os.geteuid() == 0 else ()),
                *(sys.executable, "-m", "patroni", str(self.directory / node / "patroni.yml")),
            ],
            self.directory / f"{node}.log",
            {
                "GARDENOS_DBNAME": DATABASE,
                "PSQL": str(self.bindir / "psql"),
                "PATH": f"{self.bindir}:{environment()['PATH']}",
            },
        )

    def postmaster(self, node: str) -> int | None:
        """The pid of a node's postmaster as the keeper sees it; None when there is no pid file."""
        text = self.processes.read(self.directory / "data" / node / "postmaster.pid")
        return int(text.split("\n", 1)[0]) if text else None

    def signal_postgres(
        self, node: str, number: signal.Signals, *, everything: bool = False
    ) -> None:
        """Signal a node's postmaster, or it and all its processes."""
        pid = self.postmaster(node)
        if pid is not None:
            self.processes.signal(pid, number, tree=everything)

    def signal_patroni(self, node: str, number: signal.Signals) -> None:
        """Signal a node's Patroni alone."""
        self.processes.signal(node, number)

    def kill_node(self, node: str) -> None:
        """The machine dies: Patroni and all of PostgreSQL at once."""
        pid = self.postmaster(node)
        self.processes.signal(node, signal.SIGKILL, tree=True)
        if pid is not None:
            self.processes.signal(pid, signal.SIGKILL, tree=True)

    def freeze_node(self, node: str) -> None:
        """The machine stops without dying: Patroni and all of PostgreSQL."""
        pid = self.postmaster(node)
        self.processes.signal(node, signal.SIGSTOP, tree=True)
        if pid is not None:
            self.processes.signal(pid, signal.SIGSTOP, tree=True)

    def thaw_node(self, node: str) -> None:
        """PostgreSQL and Patroni go on where they stopped."""
        pid = self.postmaster(node)
        if pid is not None:
            self.processes.signal(pid, signal.SIGCONT, tree=True)
        self.processes.signal(node, signal.SIGCONT, tree=True)

    def start_member(self, member: str) -> None:
        """Start a member of etcd."""
        self.processes.spawn(
            member,
            [
                *self.network.inside(member),
                *configuration.etcd(
                    programs.find("etcd"), member, directory=self.directory, network=self.network
                ),
            ],
            self.directory / f"{member}.log",
        )

    def signal_members(self, number: signal.Signals, members: Iterable[str] = MEMBERS) -> None:
        """Signal members of etcd."""
        for member in members:
            self.processes.signal(member, number)

    def start_proxy(self) -> None:
        """Start HAProxy."""
        self.processes.spawn(
            PROXY, [*self.network.inside(PROXY), *self._proxy()], self.directory / "proxy.log"
        )

    def reload_proxy(self) -> None:
        """Start a new HAProxy that takes over the doors; the old one ends its sessions in 10 s."""
        old = self.processes.run("cat", str(self.directory / "proxy" / "pid")).split()
        self.processes.spawn(
            PROXY,
            [*self.network.inside(PROXY), *self._proxy(), "-sf", *old],
            self.directory / "proxy.log",
        )

    def kill_proxy(self) -> None:
        """HAProxy dies."""
        self.processes.signal(PROXY, signal.SIGKILL, tree=True)

    def switchover(self, target: str | None = None) -> None:
        """Hand leadership over, by default to whom Patroni picks; returns when it is handed over.

        Naming a target makes the nodes that are not meant sleep 2 s before they follow the new
        leader (Patroni 4.1.5, `process_unhealthy_cluster`), and its commits wait for them.
        """
        leader = self.leader()
        wish = {"candidate": target} if target else {}
        self.rest.ask(leader, "POST", "/switchover", {"leader": leader, **wish})

    def configure(self, change: dict[str, Any]) -> None:
        """Change Patroni's dynamic configuration, as `PATCH /config` merges it."""
        self.rest.ask(self.leader(), "PATCH", "/config", change)

    def use_profile(self, profile: str) -> None:
        """Change what the cluster promises, and wait until it does."""
        if profile == self.profile:
            return
        self.profile = profile
        self.configure(configuration.PROFILES[profile])
        self.wait_whole()

    # -- healed

    def heal(self, seconds: float = HEAL_SECONDS) -> None:
        """Undo every fault: open the network, thaw, start what is dead, make new what is stuck.

        Raises:
            ClusterError: the cluster is not whole within that many seconds.
        """
        deadline = time.monotonic() + seconds
        self.network.restore()
        for name in (*MEMBERS, PROXY):
            self.processes.signal(name, signal.SIGCONT, tree=True)
        for node in NODES:
            self.thaw_node(node)
        for member in MEMBERS:
            if not self.processes.is_alive(member):
                self.start_member(member)
        if not self.processes.is_alive(PROXY):
            self.start_proxy()
        for node in NODES:
            if not self.processes.is_alive(node):
                self.start_patroni(node)
        self._restore_configuration(deadline)
        while True:
            try:
                self.wait_whole(min(PATIENCE_SECONDS, max(1, deadline - time.monotonic())))
            except ClusterError:
                if time.monotonic() > deadline:
                    raise
                self._reinitialise_stuck()
            else:
                return

    def _restore_configuration(self, deadline: float) -> None:
        """Wait for a leader, and take back what a fault configured or paused."""
        wanted = configuration.dynamic(self.profile, self.times)
        left = max(1, deadline - time.monotonic())
        until(lambda: self.primaries(), left, "no node leads")
        for node in NODES:
            try:
                with self.connect(through=node, dbname="postgres", autocommit=True) as connection:
                    connection.execute(
                        "select pg_wal_replay_resume() where pg_is_in_recovery()"
                        " and pg_is_wal_replay_paused()"
                    )
            except psycopg.Error:
                continue
        text = self.rest.key("config")
        if text is None or json.loads(text) != wanted:
            self.rest.ask(self.leader(), "PUT", "/config", wanted)

    def _reinitialise_stuck(self) -> None:
        """Make the nodes new that do not stream: a rewind may have failed for good (section 4)."""
        try:
            leader = self.leader()
            for node in NODES:
                if node != leader and not self._streams(node):
                    self.rest.ask(node, "POST", "/reinitialize", {"force": True}, 10)
        except ClusterError:
            return

    def _streams(self, node: str) -> bool:
        try:
            return bool(self._look(node)["streaming"])
        except psycopg.Error:
            return False

    # -- how

    def _look(self, node: str) -> dict[str, Any]:
        with self.connect(through=node, dbname="postgres", autocommit=True) as connection:
            row = connection.execute(
                "select pg_is_in_recovery(),"
                " coalesce((select status = 'streaming' from pg_stat_wal_receiver), false),"
                " case when pg_is_in_recovery()"
                " then (select received_tli from pg_stat_wal_receiver)"
                " else ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int"
                " end"
            ).fetchone()
        assert row is not None
        return dict(zip(("in_recovery", "streaming", "timeline"), row, strict=True))

    def _one(self, node: str, what: str) -> Any:
        return self._look(node)[what]

    def _why_not_safe(self, primary: str) -> str | None:
        if self.profile != "async":
            with self.connect(through=primary, dbname="postgres", autocommit=True) as connection:
                row = connection.execute(
                    "select count(*) filter (where sync_state in ('sync', 'quorum')),"
                    " count(*) filter (where state = 'streaming')"
                    " from pg_stat_replication where application_name = any (%s)",
                    [list(NODES)],
                ).fetchone()
            assert row is not None
            if row[0] < (2 if self.profile == "quorum" else 1) or row[1] < 2:
                return f"{row[0]} synchronous and {row[1]} streaming standbys at {primary}"
            names = json.loads(self.rest.key("sync") or "{}").get("sync_standby") or ""
            if not names.strip("*, "):
                return "no synchronous standby is named in etcd"
        if len(json.loads(self.rest.key("failsafe") or "{}")) < len(NODES):
            return "the failsafe members are not all known"
        return None

    def _why_not_routed(self) -> str | None:
        for door, standby in (("rw", False), ("ro", True)):
            with self.connect(through=door, dbname="postgres") as connection:
                row = connection.execute("select pg_is_in_recovery()").fetchone()
            if row != (standby,):
                return f"the port {door} leads to a {'primary' if standby else 'standby'}"
        return None

    def _wait_made(self) -> None:
        """Wait for leader, database and replicas, and give every login the password."""

        def bootstrapped() -> bool:
            for node in NODES:
                if not self.processes.is_alive(node):
                    raise ClusterError(
                        f"Patroni of {node} ended; see {self.directory / f'{node}.log'}"
                    )
            return self.rest.key("initialize") not in (None, "") and bool(self.primaries())

        deadline = time.monotonic() + UP_SECONDS
        place = f"the cluster was not bootstrapped; see the logs in {self.directory}"
        until(bootstrapped, UP_SECONDS, place)
        leader = self.leader()
        with self.connect(through=leader, autocommit=True, connect_timeout=20) as connection:
            # the first commits wait for a standby, and there is none yet
            connection.execute("set synchronous_commit = local")
            logins = connection.execute(
                "select rolname from pg_roles where rolcanlogin and rolname not in"
                " ('postgres', 'replicator', 'rewind_user')"
            ).fetchall()
            for (login,) in logins:
                connection.execute(
                    sql.SQL("alter role {} password {}").format(
                        sql.Identifier(login), sql.Literal(self._password)
                    )
                )
        self.wait_whole(deadline - time.monotonic())

    def _write_files(self, haproxy: str) -> None:
        for name in (*NODES, "rw", "ro", "data", PROXY):
            path = self.directory / name
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir(mode=0o700)
        with private(self.directory / PASSWORD_FILE) as file:
            file.write(f"*:*:*:*:{self._password}\n")
        for node in NODES:
            with private(self.directory / node / "patroni.yml") as file:
                file.write(
                    configuration.patroni(
                        node,
                        directory=self.directory,
                        bindir=self.bindir,
                        network=self.network,
                        password=self._password,
                        bootstrap=configuration.dynamic(self.profile, self.times),
                    )
                )
        path = self.directory / PROXY / "haproxy.cfg"
        path.write_text(
            configuration.haproxy(directory=self.directory, network=self.network, times=self.times)
        )
        checked = subprocess.run(
            [haproxy, "-c", "-q", "-f", str(path)], capture_output=True, text=True, check=False
        )
        if checked.returncode:
            raise ClusterError(f"HAProxy refuses {path}: {checked.stderr.strip()}")

    def _write_state(self, etcd: str, haproxy: str) -> None:
        state = {
            "namespaces": self.network.namespaces,
            "bindir": str(self.bindir),
            "profile": self.profile,
            "times": vars(self.times),
            "ports": vars(self.network.ports),
            "etcd": etcd,
            "haproxy": haproxy,
        }
        (self.directory / STATE).write_text(json.dumps(state, indent=2))

    def _proxy(self) -> list[str]:
        place = self.directory / PROXY
        return [programs.find("haproxy"), "-f", f"{place}/haproxy.cfg", "-p", f"{place}/pid", "-db"]


@contextmanager
def private(path: Path) -> Any:
    """A new text file that nobody else may read."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        yield file


def short(directory: Path) -> Path:
    """The directory itself, or one below /tmp when its sockets would have too long a path."""
    if len(os.fsencode(directory / "n1" / ".s.PGSQL.65535")) <= LONGEST_SOCKET_PATH:
        return directory
    name = directory.as_posix().replace("/", "-")[-40:].strip("-")
    return Path("/tmp") / f"gardenos-{os.geteuid()}-{name}"  # noqa: S108


def until(look: Callable[[], T | None], seconds: float, complaint: str) -> T:
    """The first true answer.

    Raises:
        ClusterError: there was none in that many seconds.
    """
    deadline = time.monotonic() + seconds
    last = ""
    while time.monotonic() < deadline:
        try:
            if answer := look():
                return answer
        except (psycopg.OperationalError, OSError, Unanswered) as error:
            last = f" ({error})"
        time.sleep(0.05)
    raise ClusterError(f"After {seconds:.0f} s: {complaint}{last}.")
