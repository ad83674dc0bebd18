"""The programs that Debian has and PyPI has not: etcd, HAProxy, and what makes networks.

`python -m tests.cluster programs` installs what is missing when it may, and says what to run when
it may not.
"""

import os
import shutil
import subprocess
from pathlib import Path

from tests.cluster.errors import ClusterError
from tests.cluster.processes import environment

# program -> Debian package
NEEDED = {"etcd": "etcd-server", "haproxy": "haproxy"}
FOR_NAMESPACES = {"ip": "iproute2", "iptables": "iptables", "nsenter": "util-linux"}


def find(program: str) -> str:
    """The path of a program.

    Raises:
        ClusterError: it is not installed; the message says how to change that.
    """
    path = shutil.which(program, path=environment()["PATH"])
    if path is None:
        package = {**NEEDED, **FOR_NAMESPACES}.get(program, program)
        raise ClusterError(f"{program} is not installed; on Debian: apt-get install {package}")
    return path


def check_bindir(bindir: Path) -> Path:
    """The directory itself, when PostgreSQL is in it.

    Raises:
        ClusterError: it is not.
    """
    for program in ("initdb", "pg_ctl", "postgres", "pg_basebackup", "pg_rewind", "psql"):
        if not (bindir / program).exists():
            raise ClusterError(
                f"There is no {program} in {bindir}: point --bindir or GARDENOS_BINDIR at the bin"
                " directory of a PostgreSQL from 15 on."
            )
    return bindir


def missing() -> list[str]:
    """The Debian packages of the programs that are not there."""
    path = environment()["PATH"]
    wanted = {**NEEDED, **FOR_NAMESPACES}
    return sorted(
        {package for name, package in wanted.items() if not shutil.which(name, path=path)}
    )


def install(packages: list[str]) -> None:
    """Install Debian packages.

    Raises:
        ClusterError: this user may not, or apt failed; the message says which command to run.
    """
    advice = f"run: apt-get update && apt-get install --yes {' '.join(packages)}"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise ClusterError(f"The cluster needs {', '.join(packages)}; as root, on Debian, {advice}")
    quiet = {**environment(), "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-qq", "--yes", "--no-install-recommends", *packages],
    ):
        done = subprocess.run(
            command,
            env=quiet,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()[-1:]
            raise ClusterError(f"{' '.join(command)} failed ({' '.join(said)}); {advice}")


def ensure() -> None:
    """Install what is missing, and say so.

    Raises:
        ClusterError: it cannot be installed; the message says which command to run.
    """
    absent = missing()
    if absent:
        print(f"installing {', '.join(absent)}")
        install(absent)
