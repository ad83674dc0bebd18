"""A Patroni cluster on this machine: up, looked at, broken, healed, down, or around one command."""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from migrations.embedded.server import EmbeddedError
from tests.cluster import deploy, faults, place, programs, report
from tests.cluster.cluster import HEAL_SECONDS, Cluster
from tests.cluster.configuration import DATABASE, PROFILES
from tests.cluster.errors import ClusterError
from tests.cluster.keeper import descendants, send
from tests.cluster.network import NODES
from tests.cluster.processes import Processes, end_leftovers, why_no_namespaces

ROOT = Path(__file__).resolve().parents[2]
LOCAL_CLUSTER = ROOT / ".local" / "cluster"
DOORS = ("rw", "ro", *NODES)

USAGE = 2
FAILED = 1
LEAVE_SECONDS = 10


class UsageError(Exception):
    """The command line asks for what there is not; the message is one sentence."""


class Parser(argparse.ArgumentParser):
    """One sentence instead of a page."""

    def error(self, message: str) -> NoReturn:
        """Say it, and where help is."""
        raise UsageError(f"{self.prog}: {message}; --help tells more.")


def main(argv: Sequence[str]) -> int:
    """Run one command.

    Returns:
        0; 1 after one sentence on stderr, and for `status` when something is missing; 2 when the
        command line makes no sense; for `run` what the command returned.
    """
    own, command = split(argv)
    try:
        arguments = _parser().parse_args(own)
        if bool(command) != (arguments.command == "run"):
            raise UsageError("A command after -- goes with run: run [options] -- COMMAND…")
        directory = getattr(arguments, "directory", LOCAL_CLUSTER)
        match arguments.command:
            case "programs":
                programs.ensure()
                return 0
            case "up":
                return _up(arguments)
            case "status":
                return _status(Cluster.attach(directory))
            case "fault":
                return _fault(directory, arguments.name, arguments.target)
            case "heal":
                return _heal(Cluster.attach(directory), arguments.seconds)
            case "down":
                return _down(directory, keep_logs=arguments.keep_logs)
            case "url":
                cluster = Cluster.attach(directory)
                print(cluster.url(arguments.role, arguments.dbname, through=arguments.through))
                return 0
            case _:
                return _run(arguments, command)
    except UsageError as error:
        print(error, file=sys.stderr)
        return USAGE
    except (ClusterError, EmbeddedError) as error:
        print(error, file=sys.stderr)
        return FAILED
    except Signalled as signalled:
        return 128 + signalled.number


def split(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """What is ours, and the command after the first `--`."""
    words = list(argv)
    if "--" not in words:
        return words, []
    at = words.index("--")
    return words[:at], words[at + 1 :]


def _parser() -> argparse.ArgumentParser:
    where = Parser(add_help=False)
    where.add_argument(
        "--directory", type=Path, default=LOCAL_CLUSTER, help="default: .local/cluster"
    )
    made = Parser(add_help=False)
    made.add_argument("--profile", choices=tuple(PROFILES), default="sync")
    made.add_argument("--bindir", type=Path, help="PostgreSQL programs; default: the wheel's")
    made.add_argument(
        "--no-namespaces", action="store_true", help="all on loopback: no faults of the network"
    )
    parser = Parser(prog="python -m tests.cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("programs", help="install etcd and HAProxy, or say how")
    commands.add_parser("up", parents=[where, made], help="make a cluster that stays")
    commands.add_parser("status", parents=[where], help="who is what; 1 when something is missing")
    fault = commands.add_parser("fault", parents=[where], help="break it; without a name: list")
    fault.add_argument("name", nargs="?")
    fault.add_argument("target", nargs="?")
    heal = commands.add_parser("heal", parents=[where], help="undo every fault")
    heal.add_argument("--seconds", type=float, default=HEAL_SECONDS, help="patience")
    down = commands.add_parser("down", parents=[where], help="end it and remove its data")
    down.add_argument("--keep-logs", action="store_true")
    url = commands.add_parser("url", parents=[where], help="print a URL for psql and psycopg")
    url.add_argument("role", nargs="?", default="authenticator")
    url.add_argument("--through", choices=DOORS, default="rw")
    url.add_argument("--dbname", default=DATABASE)
    run = commands.add_parser(
        "run", parents=[made], help="run a command (after --) with a new cluster at head around it"
    )
    run.set_defaults(directory=None)
    return parser


def _up(arguments: argparse.Namespace) -> int:
    started = time.monotonic()
    with_signals()
    cluster = _make(arguments, lease=False)
    print(f"up after {time.monotonic() - started:.0f} s: {cluster.directory}")
    _tell_networks(cluster, arguments.no_namespaces)
    elsewhere = arguments.directory != LOCAL_CLUSTER
    where = f" --directory {arguments.directory}" if elsewhere else ""
    call = "python -m tests.cluster"
    print(f'schema:  DATABASE_URL="$({call} url gardenos_migrator{where})" alembic upgrade head')
    print(f'connect: psql "$({call} url postgres{where})"   (or --through ro, n1, n2, n3)')
    print(f"then:    {call} status, fault, heal, down{where}")
    return 0


def _make(arguments: argparse.Namespace, *, lease: bool) -> Cluster:
    return Cluster.up(
        arguments.directory,
        bindir=arguments.bindir,
        profile=arguments.profile,
        namespaces=False if arguments.no_namespaces else None,
        lease=lease,
    )


def _tell_networks(cluster: Cluster, wanted: bool) -> None:
    if not cluster.network.namespaces and not wanted:
        print(f"no faults of the network here: {why_no_namespaces()}")


def _status(cluster: Cluster) -> int:
    print("\n".join(report.lines(cluster)))
    missing = cluster.why_not_whole()
    print(f"missing  {missing}" if missing else "whole")
    return FAILED if missing else 0


def _fault(directory: Path, name: str | None, target: str | None) -> int:
    if name is None:
        width = max(len(each.name) for each in faults.FAULTS)
        for each in faults.FAULTS:
            print(f"{each.name.ljust(width)}  {each.sentence}")
        return 0
    fault = faults.named(name)
    if fault is None:
        raise UsageError(f"There is no fault {name}; `fault` without a name lists all.")
    if target is not None and target not in fault.targets:
        choice = f"takes one of {', '.join(fault.targets)}" if fault.targets else "takes no target"
        raise UsageError(f"{name} {choice}, not {target}.")
    hit = fault.inject(Cluster.attach(directory), target)
    print(f"{name}: {', '.join(hit)}")
    return 0


def _heal(cluster: Cluster, seconds: float) -> int:
    started = time.monotonic()
    cluster.heal(seconds)
    print(f"whole after {time.monotonic() - started:.1f} s")
    return 0


def _down(directory: Path, *, keep_logs: bool) -> int:
    directory = place.short(directory)
    running = Processes(directory).is_kept
    if running:
        Cluster.attach(directory).down(keep_logs=keep_logs)
        print(f"down: {directory}")
        return 0
    left = end_leftovers(directory)
    place.clear(directory, keep_logs=keep_logs)
    print(f"ended {left} processes without a keeper" if left else f"nothing ran in {directory}")
    return 0


def _run(arguments: argparse.Namespace, command: list[str]) -> int:
    if shutil.which(command[0]) is None:
        raise UsageError(f"There is no command {command[0]}.")
    with_signals()
    cluster = _make(arguments, lease=True)
    code = FAILED
    try:
        deploy.upgrade(cluster)
        code = _call(command, cluster)
    finally:
        without_signals()
        cluster.down(keep_logs=code != 0)
        if code != 0:
            print(f"logs of the cluster: {cluster.directory}", file=sys.stderr)
    return code


def variables(cluster: Cluster) -> dict[str, str]:
    """What a command is told about the cluster: URLs of the superuser, passwords, a psql."""
    doors = {door: cluster.url("postgres", "postgres", through=door) for door in DOORS}
    return {
        "CLUSTER_URL": doors["rw"],
        "CLUSTER_RO_URL": doors["ro"],
        "CLUSTER_NODE_URLS": " ".join(doors[node] for node in NODES),
        "CLUSTER_DIRECTORY": str(cluster.directory),
        "PATH": f"{os.environ.get('PATH', os.defpath)}:{cluster.bindir}",
        "PGPASSFILE": str(cluster.directory / place.PASSWORD_FILE),
    }


def _call(command: list[str], cluster: Cluster) -> int:
    """Run a command to its end, or end it when we are told to end.

    Raises:
        ClusterError: there is no such command.
    """
    try:
        process = subprocess.Popen(command, env={**os.environ, **variables(cluster)})
    except OSError as error:
        raise ClusterError(f"{command[0]} cannot be run: {error.strerror}.") from error
    try:
        code = process.wait()
    except Signalled as signalled:
        without_signals()
        _end(process, signalled.number)
        raise
    return code if code >= 0 else 128 - code


def _end(process: subprocess.Popen[bytes], number: int) -> None:
    """End a command and all below it: a shell does not pass signals on."""
    tree = {process.pid, *descendants(process.pid)}
    if number != signal.SIGINT:  # the terminal sends that one to all of them itself
        for pid in tree:
            send(pid, number)
    deadline = time.monotonic() + LEAVE_SECONDS
    while any(send(pid, 0) for pid in tree) and time.monotonic() < deadline:
        process.poll()
        time.sleep(0.05)
    for pid in tree:
        send(pid, signal.SIGKILL)
    process.wait()


class Signalled(Exception):
    """A signal told us to end."""

    def __init__(self, number: int) -> None:
        """Remember which.

        Args:
            number: of the signal.
        """
        super().__init__(number)
        self.number = number


def with_signals() -> None:
    """SIGINT, SIGTERM and SIGHUP become exceptions: what was begun is taken down."""

    def tell(number: int, _: FrameType | None) -> None:
        without_signals()
        raise Signalled(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, tell)


def without_signals() -> None:
    """Nothing disturbs the taking down."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
