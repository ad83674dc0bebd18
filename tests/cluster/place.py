"""The directory of a cluster: configuration, the password, sockets, logs, and what it is.

Data of etcd and PostgreSQL is below `data`; the keeper removes that and the sockets when it ends.
"""

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from migrations.embedded.server import LONGEST_SOCKET_PATH
from tests.cluster import configuration
from tests.cluster.configuration import Times
from tests.cluster.errors import ClusterError
from tests.cluster.keeper import SCRATCH, SOCKET
from tests.cluster.network import MEMBERS, NODES, PROXY, Network, Ports
from tests.cluster.processes import DISTURBED

STATE = "cluster.json"
PASSWORD_FILE = "pgpass"
LOCK = "cluster.lock"
DIRECTORIES = (*NODES, "rw", "ro", SCRATCH, PROXY)
LOGS = tuple(f"{name}.log" for name in (*NODES, *MEMBERS, PROXY, "keeper"))


@dataclass(frozen=True)
class State:
    """What another process has to know to speak to a cluster that runs."""

    namespaces: bool
    bindir: Path
    profile: str
    times: Times
    ports: Ports


def short(directory: Path) -> Path:
    """The directory itself, or one below /tmp when its sockets would have too long a path."""
    directory = directory.absolute()
    if len(os.fsencode(directory / "n1" / ".s.PGSQL.65535")) <= LONGEST_SOCKET_PATH:
        return directory
    name = directory.as_posix().replace("/", "-")[-40:].strip("-")
    return Path("/tmp") / f"gardenos-{os.geteuid()}-{name}"  # noqa: S108


def write_state(directory: Path, state: State) -> None:
    """Say what runs here."""
    text = json.dumps({**asdict(state), "bindir": str(state.bindir)}, indent=2)
    (directory / STATE).write_text(text)


def read_state(directory: Path) -> State:
    """What runs here."""
    state = json.loads((directory / STATE).read_text())
    return State(
        namespaces=state["namespaces"],
        bindir=Path(state["bindir"]),
        profile=state["profile"],
        times=Times(**state["times"]),
        ports=Ports(**state["ports"]),
    )


def read_password(directory: Path) -> str:
    """The password of every login."""
    return (directory / PASSWORD_FILE).read_text().strip().rpartition(":")[2]


def write_files(
    directory: Path, *, state: State, network: Network, password: str, haproxy: str
) -> None:
    """Empty directories, and what each program reads in its own.

    Raises:
        ClusterError: HAProxy refuses its file.
    """
    for name in DIRECTORIES:
        path = directory / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(mode=0o700)
    with private(directory / PASSWORD_FILE) as file:
        file.write(f"*:*:*:*:{password}\n")
    for node in NODES:
        with private(directory / node / "patroni.yml") as file:
            file.write(
                configuration.patroni(
                    node,
                    directory=directory,
                    bindir=state.bindir,
                    network=network,
                    password=password,
                    bootstrap=configuration.dynamic(state.profile, state.times),
                )
            )
    path = directory / PROXY / "haproxy.cfg"
    path.write_text(configuration.haproxy(directory=directory, network=network, times=state.times))
    checked = subprocess.run(
        [haproxy, "-c", "-q", "-f", str(path)], capture_output=True, text=True, check=False
    )
    if checked.returncode:
        raise ClusterError(f"HAProxy refuses {path}: {checked.stderr.strip()}")


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Make the directory; only one process at a time makes a cluster in it.

    Raises:
        ClusterError: another does, or the directory holds something else.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not (directory / LOCK).exists() and any(directory.iterdir()):
        raise ClusterError(f"{directory} holds something else: choose an empty directory.")
    with (directory / LOCK).open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ClusterError(f"A cluster is being made in {directory} already.") from None
        yield


def clear(directory: Path, *, keep_logs: bool) -> None:
    """Remove what a cluster made here, or all but the logs; an empty directory goes too."""
    if not (directory / LOCK).exists():
        return
    for name in DIRECTORIES:
        shutil.rmtree(directory / name, ignore_errors=True)
    logs = [] if keep_logs else [LOCK, *LOGS]
    for name in (STATE, PASSWORD_FILE, SOCKET, DISTURBED, *logs):
        (directory / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        directory.rmdir()


@contextmanager
def private(path: Path) -> Iterator[TextIO]:
    """A new text file that nobody else may read."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        yield file
