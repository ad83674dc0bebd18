"""The harness keeps its word: what is up is whole, what is cut is cut, and nothing stays behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from migrations.embedded.server import find_bindir
from tests.cluster import Cluster, ClusterError, configuration, faults, health
from tests.cluster.__main__ import main
from tests.cluster.network import HOSTS, MEMBERS, NODES, PROXY
from tests.cluster.processes import ROOT, Processes, end_leftovers, why_no_namespaces
from tests.cluster.waiting import until

CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 0.5)"
HEAR = (
    "import socket, sys; s = socket.socket(type=socket.SOCK_DGRAM); s.settimeout(1);"
    " s.bind((sys.argv[1], 9)); s.recv(9)"
)
SEND = (
    "import socket, sys, time; s = socket.socket(type=socket.SOCK_DGRAM)\n"
    "for _ in range(10): s.sendto(b'x', (sys.argv[1], 9)); time.sleep(0.1)"
)
HOLD = (
    "import pathlib, signal, sys; from tests.cluster import Cluster;"
    " Cluster.up(pathlib.Path(sys.argv[1])); print('up', flush=True); signal.pause()"
)


@pytest.fixture(scope="module")
def shared() -> Iterator[Cluster]:
    """One cluster for all tests that leave it whole."""
    made = Cluster.up()
    yield made
    made.down()


@pytest.fixture
def cluster(shared: Cluster) -> Iterator[Cluster]:
    """The shared cluster, healed afterwards."""
    yield shared
    shared.heal()


@pytest.fixture
def networked(cluster: Cluster) -> Cluster:
    """The shared cluster, where nodes can be cut off."""
    if not cluster.network.namespaces:
        pytest.skip(f"no network namespaces: {why_no_namespaces()}")
    return cluster


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory with a short path; what is left in it is ended."""
    path = Path(tempfile.mkdtemp(prefix="gardenos-", dir="/tmp"))
    yield path
    end_leftovers(path)
    shutil.rmtree(path, ignore_errors=True)


def command(*arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    """`python -m tests.cluster …`, as a person calls it."""
    return subprocess.run(
        [sys.executable, "-m", "tests.cluster", *arguments],
        cwd=ROOT,
        env={**os.environ, **({"PATH": path} if path is not None else {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def traces(directory: Path) -> list[str]:
    """Processes that know of a directory, mounts in it and sockets in it."""
    found = []
    word = os.fsencode(directory)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with suppress(OSError):
                known = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
                known += os.fsencode((entry / "cwd").readlink())
                known += (entry / "mountinfo").read_bytes()
                if word in known:
                    found.append(f"process {entry.name}")
    sockets = [path for path in directory.rglob("*") if path.is_socket()]
    return found + [f"socket {path}" for path in sockets]


def wait_for_no_trace(directory: Path, seconds: float = 5) -> list[str]:
    """What is still there after a while: the kernel needs a moment to end a namespace."""
    deadline = time.monotonic() + seconds
    while (left := traces(directory)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


# -- whole


def test_a_new_cluster_is_whole_and_status_says_so(cluster: Cluster) -> None:
    assert cluster.why_not_whole() is None
    assert cluster.primaries() == {cluster.leader()}
    done = command("status", "--directory", str(cluster.directory))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[1:4]] == list(NODES)
    assert lines[-1] == "whole"


def test_a_second_cluster_in_the_same_directory_is_refused(cluster: Cluster) -> None:
    done = command("up", "--directory", str(cluster.directory))
    assert done.returncode == 1
    assert done.stderr == (f"A cluster runs in {cluster.directory} already: take it down first.\n")
    assert cluster.why_not_whole() is None


def test_status_tells_which_replica_is_missing(cluster: Cluster) -> None:
    node = cluster.replicas()[0]
    cluster.kill_node(node)
    done = command("status", "--directory", str(cluster.directory))
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith(f"missing  {node} lets nobody in")


# -- cut


def test_each_part_lives_in_a_network_of_its_own(networked: Cluster) -> None:
    where = {
        name: networked.processes.run(
            *networked.network.inside(name), "readlink", "/proc/self/ns/net"
        )
        for name in HOSTS
    }
    operator = networked.processes.run("readlink", "/proc/self/ns/net")
    assert len({*where.values(), operator}) == len(HOSTS) + 1


def reaches(cluster: Cluster, sender: str, receiver: str) -> bool:
    """Whether a TCP connection can be made from one node to another."""
    host, port = cluster.network.host(receiver), cluster.network.ports.rest[receiver]
    inside = cluster.network.inside(sender)
    try:
        cluster.processes.run(*inside, sys.executable, "-c", CONNECT, host, str(port))
    except ClusterError:
        return False
    return True


def hears(cluster: Cluster, receiver: str, sender: str) -> bool:
    """Whether datagrams of one node arrive at another."""
    host = cluster.network.host(receiver)
    cluster.processes.spawn(
        "sender",
        [*cluster.network.inside(sender), sys.executable, "-c", SEND, host],
        cluster.directory / "keeper.log",
    )
    try:
        cluster.processes.run(*cluster.network.inside(receiver), sys.executable, "-c", HEAR, host)
    except ClusterError:
        return False
    return True


def test_a_cut_is_felt_on_both_sides_and_by_nobody_else(networked: Cluster) -> None:
    assert reaches(networked, "n1", "n2")
    networked.network.cut("n1", ["n2"])
    assert not reaches(networked, "n1", "n2")
    assert not hears(networked, "n1", "n2")
    assert not hears(networked, "n2", "n1")
    assert reaches(networked, "n1", "n3")
    networked.network.restore()
    assert reaches(networked, "n1", "n2")


def test_a_cut_in_one_direction_leaves_the_other_open(networked: Cluster) -> None:
    networked.network.cut_one_way("n1", "n2")
    assert not hears(networked, "n2", "n1")
    assert hears(networked, "n1", "n2")


# -- healed


def kill_leader(cluster: Cluster) -> None:
    cluster.kill_node(cluster.leader())


def freeze_leader(cluster: Cluster) -> None:
    cluster.freeze_node(cluster.leader())


def spoil_replica(cluster: Cluster) -> None:
    cluster.spoil_data(cluster.idle_replica())


def hurt_everything_else(cluster: Cluster) -> None:
    cluster.configure({"ttl": 25, "postgresql": {"parameters": {"work_mem": "1MB"}}})
    cluster.freeze_replay(cluster.sync_standby())
    cluster.signal_patroni(cluster.idle_replica(), signal.SIGKILL)
    cluster.signal_members(signal.SIGKILL, [MEMBERS[0]])
    cluster.signal_members(signal.SIGSTOP, [MEMBERS[1]])
    cluster.kill_proxy()


def replays(cluster: Cluster) -> bool:
    """Whether every node shows what the leader has written."""
    with cluster.connect(dbname="postgres", autocommit=True) as connection:
        connection.execute("select pg_logical_emit_message(true, 'harness', 'x')")
    return len({health.look(cluster, node).position for node in NODES}) == 1


@pytest.mark.parametrize("hurt", [kill_leader, freeze_leader, spoil_replica, hurt_everything_else])
def test_healing_brings_everything_back(cluster: Cluster, hurt: Callable[[Cluster], None]) -> None:
    hurt(cluster)
    assert cluster.why_not_whole() is not None
    cluster.heal()
    assert cluster.why_not_whole() is None
    until(lambda: replays(cluster), 5, "a replica does not replay")
    assert all(cluster.processes.is_alive(name) for name in (*NODES, *MEMBERS, PROXY))
    wanted = configuration.dynamic(cluster.profile, cluster.times)
    assert json.loads(cluster.rest.key("config") or "") == wanted


@pytest.mark.parametrize(
    ("hurt", "missing"),
    [
        (lambda it: it.signal_patroni("n1", signal.SIGKILL), "Patroni does not answer: n1"),
        (lambda it: it.signal_members(signal.SIGKILL, ["e2"]), "etcd does not answer: e2"),
        (lambda it: it.kill_proxy(), "the port rw lets nobody in"),
    ],
    ids=["killed Patroni", "killed member", "killed HAProxy"],
)
def test_what_is_missing_is_named(
    cluster: Cluster, hurt: Callable[[Cluster], None], missing: str
) -> None:
    hurt(cluster)
    told = until(cluster.why_not_whole, 3, "nothing is missing")
    assert missing in told


# -- nothing stays behind


def test_two_clusters_live_side_by_side_and_one_dies_with_its_process(
    shared: Cluster, directory: Path
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(directory)], cwd=ROOT, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"up\n"
        assert Cluster.attach(directory).why_not_whole() is None
        assert shared.why_not_whole() is None
        assert len(traces(directory)) > 20
        holder.kill()
    assert wait_for_no_trace(directory) == []
    assert not list(directory.glob("data/*"))
    assert shared.why_not_whole() is None


def test_a_killed_keeper_takes_its_namespaces_with_it(directory: Path) -> None:
    if why_no_namespaces() is not None:
        pytest.skip(f"no network namespaces: {why_no_namespaces()}")
    processes = Processes(directory)
    processes.start(namespaces=True, lease=False)
    processes.run("mount", "-t", "tmpfs", "none", str(directory))
    processes.spawn("sleeper", ["sleep", "1000"], Path("/dev/null"))
    kill_keeper(directory)
    processes.kill()
    (directory / "control.sock").unlink()
    assert wait_for_no_trace(directory) == []


def test_loopback_is_whole_refuses_cuts_and_survives_its_keeper_only_until_down(
    directory: Path,
) -> None:
    where = ("--directory", str(directory))
    done = command("up", "--no-namespaces", *where)
    assert done.returncode == 0, done.stderr
    assert command("status", *where).returncode == 0
    refused = command("fault", "cut-leader", *where)
    assert refused.returncode == 1
    assert refused.stderr == "This cluster lives on loopback: nobody can be cut off.\n"
    kill_keeper(directory)
    assert len(traces(directory)) > 20
    done = command("down", *where)
    assert done.stdout.startswith("ended ")
    assert traces(directory) == []
    assert not directory.exists()


def kill_keeper(directory: Path) -> None:
    """SIGKILL to every process of the keeper's program, in or outside of its namespaces."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if os.fsencode(directory) in words and b"unshare" not in words:
                    os.kill(int(entry.name), signal.SIGKILL)


# -- refused


def test_what_cannot_come_up_names_its_logs_and_leaves_nothing(directory: Path) -> None:
    left = Processes(directory / "cluster")
    left.directory.mkdir()
    (left.directory / "cluster.lock").touch()
    left.start(namespaces=False, lease=False)
    sleeper = left.spawn("sleeper", ["sleep", "1000"], Path("/dev/null"))
    kill_keeper(left.directory)
    left.kill()
    assert traces(left.directory)
    bindir = directory / "bin"
    bindir.mkdir()
    for program in find_bindir().iterdir():
        (bindir / program.name).symlink_to(program)
    (bindir / "initdb").unlink()
    # A number alone proves nothing: it may be a zombie's or, by now, another process's.
    lives = f"grep -qsa sleep /proc/{sleeper}/cmdline && echo leftover lives"
    script = f"{lives}; echo broken on purpose; exit 1"
    (bindir / "initdb").write_text(f"#!/bin/sh\nexec >&2; {script}\n")
    (bindir / "initdb").chmod(0o755)
    where = ("--directory", str(left.directory))
    done = command("up", "--no-namespaces", "--bindir", str(bindir), *where)
    assert done.returncode == 1
    log = Path(done.stderr.strip().rpartition(" ")[2])
    assert "broken on purpose" in log.read_text()
    assert "leftover lives" not in log.read_text()
    assert traces(left.directory) == []
    assert {path.suffix for path in left.directory.iterdir()} == {".log", ".lock"}


def test_a_missing_program_is_named_with_its_package(directory: Path) -> None:
    done = command("up", "--directory", str(directory), path="/nowhere")
    assert done.returncode == 1
    assert done.stderr == "etcd is not installed; on Debian: apt-get install etcd-server\n"


def test_a_directory_with_something_else_in_it_is_left_alone(directory: Path) -> None:
    (directory / "data").mkdir()
    (directory / "data" / "thesis").touch()
    done = command("up", "--directory", str(directory))
    assert done.returncode == 1
    assert done.stderr == f"{directory} holds something else: choose an empty directory.\n"
    command("down", "--directory", str(directory))
    assert (directory / "data" / "thesis").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["fault", "nonsense"], "There is no fault nonsense; `fault` without a name lists all."),
        (["fault", "kill-node", "n9"], "kill-node takes one of n1, n2, n3, not n9."),
        (["fault", "kill-proxy", "n1"], "kill-proxy takes no target, not n1."),
        (["run"], "A command after -- goes with run: run [options] -- COMMAND…"),
        (["run", "--", "nonsense"], "There is no command nonsense."),
    ],
)
def test_nonsense_is_refused_in_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err == sentence + "\n"


def test_every_fault_is_listed_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fault"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == [fault.name for fault in faults.FAULTS]
    assert len(set(listed)) == len(listed)


# -- around a command


def test_run_gives_a_cluster_at_head_and_takes_it_down_when_told_to_end(directory: Path) -> None:
    told = directory / "told"
    script = (
        "import json, os, pathlib, psycopg, sys, time\n"
        "names = ['CLUSTER_URL', 'CLUSTER_RO_URL', *['CLUSTER_NODE_URLS'] * 3]\n"
        "urls = [os.environ[n].split() for n in names]\n"
        "urls = [*urls[0], *urls[1], *urls[2]]\n"
        "ask = lambda url: psycopg.connect(url, dbname='gardenos').execute(\n"
        "    'select pg_is_in_recovery(), version_num is not null'\n"
        "    ' from migration.alembic_version').fetchone()\n"
        "answers = [ask(url) for url in urls]\n"
        "text = json.dumps([os.getpid(), os.environ['CLUSTER_DIRECTORY'], answers])\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "path.with_suffix('.new').write_text(text)\n"
        "path.with_suffix('.new').rename(path)\n"
        "time.sleep(1000)\n"
    )
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "tests.cluster", "run", "--"),
            *("sh", "-c", '"$0" "$@"; true', sys.executable, "-c", script, str(told)),
        ],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        until(lambda: told.exists() or run.poll(), 60, "the command did not get that far")
        pid, where, answers = json.loads(told.read_text())
        run.terminate()
        _, said = run.communicate(timeout=30)
    assert answers[:2] == [[False, True], [True, True]]
    assert sorted(answers[2:]) == [[False, True], [True, True], [True, True]]
    assert run.returncode == 128 + signal.SIGTERM
    assert not Path(f"/proc/{pid}").exists()
    assert said == f"logs of the cluster: {where}\n"
    assert traces(Path(where)) == []
    shutil.rmtree(where)


# -- by anybody


def somebody(directory: Path) -> list[str]:
    """What a command begins with to run as nobody, with a Python that nobody may read.

    Skips when there is none, and says why.
    """
    if os.geteuid() != 0:
        pytest.skip("not root: every other test runs as a plain user already")
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv is not installed (Debian: util-linux)")
    # setpriv itself may still read everything: it is env that must find the program
    drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--", "env"]
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    asked = ["-c", "import patroni, psycopg, tests.cluster"]
    own = directory / "venv"
    for base in (sys.executable, f"/usr/bin/{python}", f"/usr/local/bin/{python}"):
        if not os.access(base, os.X_OK):
            continue
        if base != sys.executable:
            subprocess.run([base, "-m", "venv", "--without-pip", str(own)], check=True)
            place = own / "lib" / python / "site-packages" / "packages.pth"
            place.write_text(packages + "\n")
            base = str(own / "bin" / "python")
        done = subprocess.run([*drop, base, *asked], cwd=ROOT, capture_output=True, check=False)
        if done.returncode == 0:
            return [*drop, base]
    pytest.skip("no Python with our packages that nobody may read")


def test_a_plain_user_gets_a_whole_cluster_with_networks(directory: Path) -> None:
    directory.chmod(0o777)
    python = somebody(directory)

    def ask(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*python, "-m", "tests.cluster", *arguments, "--directory", str(directory / "c")],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    done = ask("up")
    assert done.returncode == 0, done.stderr
    assert ask("status").stdout.endswith("whole\n")
    if why_no_namespaces() is None:
        cut = ask("fault", "cut-replica")
        assert cut.returncode == 0, cut.stderr
    assert ask("down").returncode == 0
    assert traces(directory / "c") == []
