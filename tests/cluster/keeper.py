"""The process that owns all others: when it goes, they go.

It runs in namespaces of its own where the machine allows that: as their first process, so that the
kernel ends everything else in the moment the keeper ends, whatever ended it. Elsewhere it adopts
orphans (PR_SET_CHILD_SUBREAPER) and kills its descendants before it leaves. It ends when its lease
does (the pipe on its standard input closes: the test process has died), or when it is told to.

Requests come through a unix socket: one JSON object and one answer for each connection. The keeper
knows nothing of PostgreSQL: it starts, runs, signals, reads and connects.

    spawn    name, argv, environment, log      a process that stays
    run      argv, environment, seconds        a process that ends: code, output
    signal   name or pid, signal, tree         to one process, or to it and all its descendants;
             signal                            to all
    alive    name                              whether it runs
    read     path                              a file as the keeper sees it: its mounts are its own
    connect  host, port                        a TCP connection, handed over as a file descriptor
    quit
"""

import argparse
import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PR_SET_CHILD_SUBREAPER = 36
SOCKET = "control.sock"
SCRATCH = "data"

Request = dict[str, Any]


class Keeper:
    """Starts processes by name and ends them all."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        # commands that somebody waits for: only he may reap them, or their exit code is lost
        self._awaited: set[int] = set()
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Request:
        """Do one request; what goes wrong is in `error`."""
        try:
            match request["do"]:
                case "spawn":
                    return {"pid": self._spawn(request)}
                case "run":
                    return self._run(request)
                case "signal":
                    return {"signalled": self._signal(request)}
                case "alive":
                    return {"alive": self._is_alive(request["name"])}
                case "read":
                    return {"text": Path(request["path"]).read_text(errors="replace")}
                case unknown:
                    return {"error": f"the keeper cannot {unknown}"}
        except (OSError, subprocess.SubprocessError) as error:
            return {"error": str(error)}

    def reap(self) -> None:
        """Take leave of every child that has ended: orphans end up here too."""
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            with self._lock:
                known = {process.pid: process for process in self._processes.values()}
                if ended.si_pid in self._awaited:
                    return
                if ended.si_pid in known:
                    known[ended.si_pid].poll()
                    continue
                with contextlib.suppress(ChildProcessError):
                    os.waitid(os.P_PID, ended.si_pid, os.WEXITED | os.WNOHANG)

    def end_all(self) -> None:
        """Kill every descendant, frozen ones too."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            left = list(descendants(os.getpid()))
            if not left:
                return
            for pid in left:
                send(pid, signal.SIGKILL)
            time.sleep(0.02)
            self.reap()

    def _spawn(self, request: Request) -> int:
        with Path(request["log"]).open("ab") as log, self._lock:
            process = subprocess.Popen(
                request["argv"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **request.get("environment", {})},
                cwd=request.get("cwd"),
                start_new_session=True,
            )
            self._processes[request["name"]] = process
        return process.pid

    def _run(self, request: Request) -> Request:
        with self._lock:
            process = subprocess.Popen(
                request["argv"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**os.environ, **request.get("environment", {})},
            )
            self._awaited.add(process.pid)
        with process:
            try:
                out, err = process.communicate(timeout=request.get("seconds", 30))
            except subprocess.TimeoutExpired:
                for pid in (process.pid, *descendants(process.pid)):
                    send(pid, signal.SIGKILL)
                out, err = process.communicate()
        with self._lock:
            self._awaited.discard(process.pid)
        return {
            "code": process.returncode,
            "out": out.decode(errors="replace"),
            "err": err.decode(errors="replace"),
        }

    def _signal(self, request: Request) -> int:
        ours = list(descendants(os.getpid()))
        if "pid" in request:
            pid = int(request["pid"])
            if pid not in ours:
                return 0
        elif "name" not in request:
            return sum(send(each, int(request["signal"])) for each in ours)
        else:
            with self._lock:
                process = self._processes.get(request["name"])
            if process is None or process.poll() is not None:
                return 0
            pid = process.pid
        pids = [pid, *descendants(pid)] if request.get("tree") else [pid]
        return sum(send(each, int(request["signal"])) for each in pids)

    def _is_alive(self, name: str) -> bool:
        with self._lock:
            process = self._processes.get(name)
        return process is not None and process.poll() is None


def send(pid: int, number: int) -> bool:
    """Send a signal; False when the process is gone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def descendants(ancestor: int) -> Iterator[int]:
    """All processes below one, as /proc has them at this moment."""
    parents: dict[int, int] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                text = Path(entry.path, "stat").read_text()
            except OSError:
                continue
            # the name of the program is in brackets and may hold anything
            state, parent = text.rpartition(")")[2].split()[:2]
            if state != "Z":
                parents[int(entry.name)] = int(parent)
    generation = {ancestor}
    while generation:
        generation = {pid for pid, parent in parents.items() if parent in generation}
        yield from generation


def serve(keeper: Keeper, directory: Path, over: threading.Event) -> None:
    """Answer requests, each connection in a thread of its own: one may wait for a long command."""
    path = directory / SOCKET
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    path.chmod(0o600)
    listener.listen(64)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=converse, args=(keeper, connection, over), daemon=True).start()


def converse(keeper: Keeper, connection: socket.socket, over: threading.Event) -> None:
    """One request, one answer."""
    with connection, connection.makefile("rwb") as stream:
        line = stream.readline()
        if not line:
            return
        request = json.loads(line)
        if request["do"] == "connect":
            hand_over(connection, request)
            return
        answer = {"bye": True} if request["do"] == "quit" else keeper.answer(request)
        try:
            stream.write(json.dumps(answer).encode() + b"\n")
            stream.flush()
        except BrokenPipeError:
            pass
        if request["do"] == "quit":
            over.set()


def hand_over(connection: socket.socket, request: Request) -> None:
    """Connect where the asker cannot, and give the connection away."""
    seconds = float(request.get("seconds", 1))
    try:
        with socket.create_connection((request["host"], request["port"]), seconds) as made:
            socket.send_fds(connection, [b"{}\n"], [made.fileno()])
    except OSError as error:
        connection.sendall(json.dumps({"error": str(error)}).encode() + b"\n")


def sweep(directory: Path) -> None:
    """Remove what serves nobody when the processes are gone: sockets and data. Logs stay."""
    shutil.rmtree(directory / SCRATCH, ignore_errors=True)
    for path in (*directory.glob("*"), *directory.glob("*/.*"), *directory.glob("*/*")):
        if path.is_socket():
            path.unlink(missing_ok=True)


def hold_lease(over: threading.Event) -> None:
    """Wait until nobody holds the other end of standard input."""
    while os.read(0, 4096):
        pass
    over.set()


def main() -> int:
    """Run until the lease ends."""
    parser = argparse.ArgumentParser(prog="keeper.py", description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--lease", action="store_true", help="end when standard input does")
    arguments = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    keeper = Keeper()
    if arguments.lease:
        threading.Thread(target=hold_lease, args=(over,), daemon=True).start()
    threading.Thread(target=serve, args=(keeper, arguments.directory, over), daemon=True).start()
    while not over.wait(0.02):
        keeper.reap()
    keeper.end_all()
    sweep(arguments.directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
