"""Three Patroni nodes, three etcd members and HAProxy: made, looked at, broken, healed, ended."""

import contextlib
import json
import os
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql

from migrations.embedded.server import find_bindir
from tests.cluster import configuration, healing, health, place, programs
from tests.cluster.configuration import DATABASE, Times
from tests.cluster.errors import ClusterError
from tests.cluster.keeper import SCRATCH
from tests.cluster.network import MEMBERS, NODES, PROXY, Network, fixed_ports, free_ports
from tests.cluster.place import PASSWORD_FILE, State
from tests.cluster.processes import Processes, end_leftovers, environment, why_no_namespaces
from tests.cluster.rest import Rest
from tests.cluster.waiting import until

UP_SECONDS = 90
HEAL_SECONDS = 60
# after an outage of etcd the watch of a Patroni may be deaf for some ten seconds
INFORMED_SECONDS = 45

# postgres refuses to run as uid 0, and root of a user namespace is that; a second one is not
NOT_ROOT = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--")


class Cluster:
    """One cluster in one directory."""

    nodes = NODES
    members = MEMBERS

    def __init__(self, directory: Path, state: State, password: str) -> None:
        """Describe a cluster; `Cluster.up` makes one and `Cluster.attach` finds one that runs."""
        self.directory = directory
        self.bindir = state.bindir
        self.profile = state.profile
        self.times = state.times
        self.processes = Processes(directory)
        self.network = Network(self.processes, state.ports, namespaces=state.namespaces)
        self.rest = Rest(self.processes, self.network, password)
        self._password = password

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
        haproxy = programs.find("haproxy")
        programs.find("etcd")
        bindir = programs.check_bindir(bindir or find_bindir())
        if namespaces is None:
            namespaces = why_no_namespaces() is None
        directory = place.short(directory or Path(tempfile.mkdtemp(prefix="gardenos-", dir="/tmp")))
        state = State(
            namespaces=namespaces,
            bindir=bindir,
            profile=profile,
            times=times or Times(),
            ports=fixed_ports() if namespaces else free_ports(),
        )
        cluster = cls(directory, state, secrets.token_urlsafe(12))
        with place.locked(directory):
            if cluster.processes.is_kept:
                raise ClusterError(f"A cluster runs in {directory} already: take it down first.")
            end_leftovers(directory)
            try:
                cluster._make(state, haproxy, lease=lease)
            except BaseException:
                cluster.down(keep_logs=True)
                raise
        return cluster

    @classmethod
    def attach(cls, directory: Path) -> "Cluster":
        """The cluster that runs in a directory.

        Raises:
            ClusterError: none does.
        """
        directory = place.short(directory)
        if not Processes(directory).is_kept:
            raise ClusterError(
                f"No cluster runs in {directory}: `python -m tests.cluster up` starts one."
            )
        return cls(directory, place.read_state(directory), place.read_password(directory))

    def down(self, *, keep_logs: bool = False) -> None:
        """End every process, and remove the directory or all but its logs."""
        self.processes.quit()
        end_leftovers(self.directory)
        place.clear(self.directory, keep_logs=keep_logs)

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
        return until(self.rest.sync_standbys, 30, "no synchronous standby is named in etcd")

    def sync_standby(self) -> str:
        """One node that may be promoted; see `sync_standbys`."""
        return self.sync_standbys()[0]

    def replicas(self) -> list[str]:
        """The nodes that do not lead."""
        leader = self.leader()
        return [node for node in NODES if node != leader]

    def idle_replica(self) -> str:
        """A node that neither leads nor acknowledges the leader's commits, or else a replica."""
        replicas = self.replicas()
        if self.profile != "sync":
            return replicas[-1]
        sync = self.sync_standby()
        return next(node for node in replicas if node != sync)

    def timeline(self, node: str) -> int:
        """The timeline that a node writes or receives.

        Raises:
            ClusterError: it does neither.
        """
        seen = health.look(self, node).timeline
        if seen is None:
            raise ClusterError(f"{node} receives no timeline at this moment.")
        return seen

    def why_not_whole(self) -> str | None:
        """What is missing for a healthy cluster, read off every node; None when nothing is."""
        return health.why_not_whole(self)

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
                *self._not_root(),
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
        text = self.processes.read(self.directory / SCRATCH / node / "postmaster.pid")
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
        self.processes.signal(node, signal.SIGKILL, tree=True)
        self.signal_postgres(node, signal.SIGKILL, everything=True)

    def freeze_node(self, node: str) -> None:
        """The machine stops without dying: Patroni and all of PostgreSQL."""
        self.processes.signal(node, signal.SIGSTOP, tree=True)
        self.signal_postgres(node, signal.SIGSTOP, everything=True)

    def thaw_node(self, node: str) -> None:
        """PostgreSQL and Patroni go on where they stopped."""
        self.signal_postgres(node, signal.SIGCONT, everything=True)
        self.processes.signal(node, signal.SIGCONT, tree=True)

    def freeze_senders(self, node: str) -> None:
        """What a leader writes from now on leaves it no more, and its commits wait.

        For a few seconds: then its standbys give up (`wal_receiver_timeout`) and connect anew.
        """
        with self.connect(through=node, dbname="postgres", autocommit=True) as connection:
            senders = connection.execute(
                "select pid from pg_stat_replication where application_name = any (%s)",
                [list(NODES)],
            ).fetchall()
        for (pid,) in senders:
            self.processes.signal(pid, signal.SIGSTOP)

    def freeze_receiver(self, node: str) -> None:
        """A standby takes nothing from its leader any more: it waits in the buffers of the kernel.

        For a few seconds: then the leader gives up (`wal_sender_timeout`).
        """
        with self.connect(through=node, dbname="postgres", autocommit=True) as connection:
            receivers = connection.execute("select pid from pg_stat_wal_receiver").fetchall()
        for (pid,) in receivers:
            self.processes.signal(pid, signal.SIGSTOP)

    def narrow_wal(self, node: str) -> None:
        """PostgreSQL of a leader dies and comes back on a disk with room for one more WAL segment.

        Only `widen_wal` undoes this.
        """
        with self.connect(through=node, dbname="postgres", autocommit=True) as connection:
            # what is left of the last segment is room as well
            connection.execute("select pg_switch_wal()")
            connection.execute("checkpoint")
            row = connection.execute(
                "select redo_wal_file, pg_walfile_name(pg_current_wal_insert_lsn())"
                " from pg_control_checkpoint()"
            ).fetchone()
        assert row is not None
        first, last = row
        self.signal_patroni(node, signal.SIGSTOP)
        self.signal_postgres(node, signal.SIGKILL, everything=True)
        wal, wide = self._wal(node)
        self.processes.run(
            "sh",
            "-c",
            f"""
            set -e
            mv {wal} {wide}
            # segments that are kept for others, and those that were made ahead
            for file in $(ls {wide} | grep -E '^[0-9A-F]{{24}}$'); do
                if [ "$file" \\< {first} ] || [ "$file" \\> {last} ]; then rm {wide}/$file; fi
            done
            mkdir -m 700 {wal}
            size=$(($(du -sk {wide} | cut -f1) + 16 * 1024 + 64))
            mount -t tmpfs -o mode=700,size=${{size}}k none {wal}
            cp -a {wide}/. {wal}/
            """,
        )
        self.signal_patroni(node, signal.SIGCONT)

    def widen_wal(self, node: str) -> None:
        """The node dies, and comes back with its WAL on a disk with room."""
        wal, wide = self._wal(node)
        self.kill_node(node)
        self.processes.run(
            "sh",
            "-c",
            f"""
            set -e
            mountpoint -q {wal} || exit 0
            rm -rf {wide}
            cp -a {wal} {wide}
            umount -l {wal}
            rmdir {wal}
            mv {wide} {wal}
            """,
        )
        self.start_patroni(node)

    def start_alone(self, node: str) -> None:
        """Start PostgreSQL of a dead leader as the leader it was, waiting for no standby.

        Nobody told it that another one leads. HAProxy does not lead there: its Patroni is dead.
        """
        self._pg_ctl(node, "start", "-o", "-c synchronous_standby_names=''")

    def stop_alone(self, node: str) -> None:
        """Stop it as if for a reboot."""
        self._pg_ctl(node, "stop", "-m", "fast")

    def spoil_data(self, node: str) -> None:
        """The machine dies, and PostgreSQL cannot start again: its control file is gone."""
        self.kill_node(node)
        control = self.directory / SCRATCH / node / "global" / "pg_control"
        self.processes.run("rm", "-f", str(control))
        self.start_patroni(node)

    def freeze_replay(self, node: str) -> None:
        """A standby receives and flushes, and replays nothing until it is healed.

        `pg_wal_replay_pause()` would last a second: Patroni resumes (`handle_parameter_change`).
        """
        with self.connect(through=node, dbname="postgres", autocommit=True) as connection:
            row = connection.execute(
                "select pid from pg_stat_activity where backend_type = 'startup'"
            ).fetchone()
        if row is None:
            raise ClusterError(f"{node} is no standby: it replays nothing.")
        self.processes.signal(row[0], signal.SIGSTOP)

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
        self.processes.disturbed.touch()
        for member in members:
            self.processes.signal(member, number)

    def start_proxy(self) -> None:
        """Start HAProxy."""
        self.processes.spawn(
            PROXY, [*self.network.inside(PROXY), *self._proxy()], self.directory / "proxy.log"
        )

    def reload_proxy(self) -> None:
        """Start a new HAProxy that takes over the doors; the old one ends its sessions in 10 s."""
        old = (self.processes.read(self.directory / PROXY / "pid") or "").split()
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
        """Change Patroni's dynamic configuration, as `PATCH /config` merges it.

        Raises:
            ClusterError: a node did not take it over within INFORMED_SECONDS.
        """
        self.rest.ask(self.leader(), "PATCH", "/config", change)
        self.wait_configured()

    def wait_configured(self) -> None:
        """Wait until every Patroni works with the configuration that etcd has.

        Raises:
            ClusterError: one did not within INFORMED_SECONDS.
        """
        for node in NODES:
            until(
                partial(self._is_configured, node), INFORMED_SECONDS, f"{node} does not hear etcd"
            )

    def _is_configured(self, node: str) -> bool:
        wanted = self.rest.key("config")
        with contextlib.suppress(ClusterError):
            found = self.rest.ask(node, "GET", "/config")
            return wanted is not None and json.loads(found) == json.loads(wanted)
        return False

    def use_profile(self, profile: str) -> None:
        """Change what the cluster promises, and wait until it does."""
        if profile == self.profile:
            return
        self.profile = profile
        self._remember()
        self.configure(configuration.PROFILES[profile])
        self.wait_whole()

    # -- healed

    def heal(self, seconds: float = HEAL_SECONDS) -> None:
        """Undo every fault: open the network, thaw, start what is dead, make new what is stuck.

        Raises:
            ClusterError: the cluster is not whole within that many seconds.
        """
        healing.heal(self, seconds)

    # -- how

    def _make(self, state: State, haproxy: str, *, lease: bool) -> None:
        place.write_files(
            self.directory,
            state=state,
            network=self.network,
            password=self._password,
            haproxy=haproxy,
        )
        self.processes.start(namespaces=state.namespaces, lease=lease)
        self.network.make()
        if state.namespaces:
            self.processes.run("mount", "-t", "tmpfs", "none", str(self.directory / SCRATCH))
        self._remember()
        for member in MEMBERS:
            self.start_member(member)
        for node in NODES:
            self.start_patroni(node)
        self.start_proxy()
        self._wait_made()

    def _remember(self) -> None:
        place.write_state(
            self.directory,
            State(
                namespaces=self.network.namespaces,
                bindir=self.bindir,
                profile=self.profile,
                times=self.times,
                ports=self.network.ports,
            ),
        )

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
        complaint = f"the cluster was not bootstrapped; see the logs in {self.directory}"
        until(bootstrapped, UP_SECONDS, complaint)
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

    def _wal(self, node: str) -> tuple[Path, Path]:
        data = self.directory / SCRATCH / node
        return data / "pg_wal", data.with_name(f"{node}.wal")

    def _pg_ctl(self, node: str, *arguments: str) -> None:
        self.processes.run(
            *self.network.inside(node),
            *self._not_root(),
            str(self.bindir / "pg_ctl"),
            *("-D", str(self.directory / SCRATCH / node), "-w", "-s"),
            *("-l", str(self.directory / f"{node}.log")),
            *arguments,
        )

    def _not_root(self) -> tuple[str, ...]:
        return NOT_ROOT if self.network.namespaces or os.geteuid() == 0 else ()

    def _proxy(self) -> list[str]:
        own = self.directory / PROXY
        return [programs.find("haproxy"), "-f", f"{own}/haproxy.cfg", "-p", f"{own}/pid", "-db"]
