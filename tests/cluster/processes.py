"""The other side of the keeper: start it, and ask it."""

import contextlib
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from tests.cluster.errors import ClusterError
from tests.cluster.keeper import SCRATCH, SOCKET, send

DISTURBED = "disturbed"

ROOT = Path(__file__).resolve().parents[2]
KEEPER = Path(__file__).with_name("keeper.py")
START_SECONDS = 20
MARK = "GARDENOS_CLUSTER"

UNSHARE = (
    *("unshare", "--user", "--map-root-user", "--net", "--mount"),
    *("--pid", "--fork", "--kill-child", "--mount-proc"),
)
# What the cluster does inside: interfaces, named network namespaces, packet filters, mounts.
REHEARSAL = (
    "mount -t tmpfs none /run && ip netns add rehearsal"
    " && ip link add name rehearsal type veth peer name rehearsed netns rehearsal"
    " && nsenter --net=/run/netns/rehearsal iptables -w -A INPUT -s 198.18.0.1 -j DROP"
    " && nsenter --net=/run/netns/rehearsal unshare --user --map-user=1000 --map-group=1000 true"
)


def end_leftovers(directory: Path) -> int:
    """Kill what a keeper left that could not end it, and say how many processes that were.

    Without namespaces a keeper that gets SIGKILL leaves everything behind.
    """
    killed: set[int] = set()
    deadline = time.monotonic() + START_SECONDS
    while found := leftovers(directory):
        if time.monotonic() > deadline:
            raise ClusterError(f"Processes of {directory} cannot be ended: {sorted(found)}.")
        for pid in found:
            send(pid, signal.SIGKILL)
        killed |= found
        time.sleep(0.02)
    return len(killed)


def leftovers(directory: Path) -> set[int]:
    """The processes of the cluster in a directory, whoever is their parent now.

    Each inherits a mark in its environment. PostgreSQL writes the titles of its processes over
    theirs, but they work in their data directory and descend from a postmaster that has the mark.
    """
    mark = f"{MARK}={directory}".encode()
    found = set()
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                marked = mark in Path(entry.path, "environ").read_bytes().split(b"\0")
                place = Path(os.readlink(f"{entry.path}/cwd"))
            except OSError:
                continue
            if marked or place.is_relative_to(directory / SCRATCH):
                found.add(int(entry.name))
    return found


@functools.cache
def why_no_namespaces() -> str | None:
    """Why this machine does not let us make network namespaces; None when it does."""
    if sys.platform != "linux":
        return "network namespaces need Linux"
    try:
        done = subprocess.run(
            [*UNSHARE, "sh", "-c", REHEARSAL],
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=START_SECONDS,
        )
    except FileNotFoundError as error:
        return f"{error.filename} is missing (Debian: util-linux)"
    said = " ".join(done.stderr.split())
    return None if done.returncode == 0 else f"unshare, ip or iptables refused: {said}"


def environment() -> dict[str, str]:
    """Ours, without what leads libpq elsewhere, and with the places of system programs."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PG", "PATRONI_")) and name != "DATABASE_URL"
    }
    return {**kept, "PATH": f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"}


class Processes:
    """The processes of one cluster, through its keeper."""

    def __init__(self, directory: Path) -> None:
        """Describe them; nothing is started before `start`.

        Args:
            directory: where the keeper has its socket and its log.
        """
        self.directory = directory
        # etcd or a cable was disturbed since the last healing, by whichever process
        self.disturbed = directory / DISTURBED
        self._keeper: subprocess.Popen[bytes] | None = None

    @property
    def is_kept(self) -> bool:
        """Whether a keeper answers."""
        try:
            self._ask({"do": "alive", "name": ""}, seconds=5)
        except (OSError, ClusterError):
            return False
        return True

    def start(self, *, namespaces: bool, lease: bool) -> None:
        """Start the keeper.

        Args:
            namespaces: in user, mount, process and network namespaces of its own.
            lease: it ends when this process does; otherwise it stays until `quit`.

        Raises:
            ClusterError: it does not answer.
        """
        command = [sys.executable, str(KEEPER), str(self.directory)]
        log = self.directory / "keeper.log"
        with log.open("ab") as output:
            self._keeper = subprocess.Popen(
                [
                    *(UNSHARE if namespaces else ()),
                    *command,
                    *(["--lease"] if lease else []),
                ],
                cwd=ROOT,
                env={**environment(), MARK: str(self.directory)},
                stdin=subprocess.PIPE if lease else subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.is_kept:
            if self._keeper.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise ClusterError(f"The keeper of the cluster did not start; see {log}.")
            time.sleep(0.02)

    def quit(self) -> None:
        """End every process and the keeper."""
        with contextlib.suppress(OSError, ClusterError):
            self._ask({"do": "quit"}, seconds=5)
        deadline = time.monotonic() + START_SECONDS
        while self.is_kept and time.monotonic() < deadline:
            time.sleep(0.02)
        self.kill()

    def kill(self) -> None:
        """End the keeper that this object started, whatever state it is in."""
        if self._keeper is None:
            return
        if self._keeper.stdin is not None:
            self._keeper.stdin.close()
        try:
            self._keeper.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._keeper.pid, signal.SIGKILL)
            self._keeper.wait()
        self._keeper = None

    def spawn(
        self, name: str, argv: Sequence[str], log: Path, environment: Mapping[str, str] = {}
    ) -> int:
        """Start a process that stays, and give its pid as the keeper sees it."""
        return int(
            self._require(
                {
                    "do": "spawn",
                    "name": name,
                    "argv": list(argv),
                    "log": str(log),
                    "environment": dict(environment),
                }
            )["pid"]
        )

    def run(self, *argv: str, seconds: float = 30) -> str:
        """Run a command to its end and give its output.

        Raises:
            ClusterError: it failed.
        """
        done = self._require({"do": "run", "argv": list(argv), "seconds": seconds}, seconds + 5)
        if done["code"]:
            raise ClusterError(f"{' '.join(argv)}: {(done['err'] or done['out']).strip()}")
        return str(done["out"])

    def signal_all(self, number: signal.Signals) -> None:
        """Signal every process but the keeper, orphans too."""
        self._require({"do": "signal", "signal": int(number)})

    def signal(self, target: str | int, number: signal.Signals, *, tree: bool = False) -> bool:
        """Signal a process by name or pid, and its descendants; False when there is none."""
        which = {"pid": target} if isinstance(target, int) else {"name": target}
        request = {"do": "signal", "signal": int(number), "tree": tree, **which}
        return bool(self._require(request)["signalled"])

    def is_alive(self, name: str) -> bool:
        """Whether the process of that name runs (a frozen one does)."""
        return bool(self._require({"do": "alive", "name": name})["alive"])

    def read(self, path: Path) -> str | None:
        """A file as the keeper sees it; None when there is none."""
        return self._ask({"do": "read", "path": str(path)}).get("text")

    def connect(self, host: str, port: int, seconds: float) -> socket.socket:
        """A TCP connection made inside.

        Raises:
            ConnectionError: refused, or not answered in time.
        """
        request = {"do": "connect", "host": host, "port": port, "seconds": seconds}
        with self._dial(seconds + 5) as control:
            control.sendall(json.dumps(request).encode() + b"\n")
            answer, descriptors, _, _ = socket.recv_fds(control, 4096, 1)
        if not descriptors:
            raise ConnectionError(answer.decode(errors="replace"))
        made = socket.socket(fileno=descriptors[0])
        made.settimeout(seconds)
        return made

    def _require(self, request: dict[str, Any], seconds: float = 30) -> dict[str, Any]:
        answer = self._ask(request, seconds)
        if "error" in answer:
            raise ClusterError(f"{request['do']}: {answer['error']}")
        return answer

    def _ask(self, request: dict[str, Any], seconds: float = 30) -> dict[str, Any]:
        with self._dial(seconds) as control:
            control.sendall(json.dumps(request).encode() + b"\n")
            stream: IO[bytes]
            with control.makefile("rb") as stream:
                line = stream.readline()
        if not line:
            raise ClusterError("The keeper of the cluster has gone.")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _dial(self, seconds: float) -> socket.socket:
        control = socket.socket(socket.AF_UNIX)
        control.settimeout(seconds)
        try:
            control.connect(str(self.directory / SOCKET))
        except OSError:
            control.close()
            raise
        return control
