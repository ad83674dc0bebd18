"""What Patroni, etcd and HAProxy are told: the recommended configuration, with times for tests.

Sources: Patroni 4.1 (Dynamic Configuration Settings, Replication modes), HAProxy 2.6 configuration
manual, sections 4.2 and 5.2. What production sets differently is in README.md.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.keeper import SCRATCH
from tests.cluster.network import MEMBERS, NODES, PROXY, Network

SCOPE = "gardenos"
NAMESPACE = "/gardenos/"
DATABASE = "gardenos"
REST_USER = "patroni"

ROOT = Path(__file__).resolve().parents[2]
POST_BOOTSTRAP = ROOT / "sql" / "bootstrap" / "post_bootstrap.sh"

Settings = dict[str, Any]

# What a commit that was acknowledged has behind it; failover.md, section 1.
PROFILES: Mapping[str, Settings] = {
    "sync": {"synchronous_mode": "on", "synchronous_mode_strict": True},
    "quorum": {"synchronous_mode": "quorum", "synchronous_mode_strict": True},
    "async": {"synchronous_mode": "off", "synchronous_mode_strict": False},
}


@dataclass(frozen=True)
class Times:
    """How soon each part notices: seconds; the checks of HAProxy are milliseconds."""

    ttl: int = 20
    loop_wait: int = 1
    retry_timeout: int = 3
    primary_start_timeout: int = 0
    check: int = 500
    check_changing: int = 250
    fall: int = 2
    rise: int = 1
    wal_retrieve_retry: str = "500ms"


def dynamic(profile: str, times: Times) -> Settings:
    """The part of Patroni's configuration that lives in etcd."""
    return {
        "ttl": times.ttl,
        "loop_wait": times.loop_wait,
        "retry_timeout": times.retry_timeout,
        "primary_start_timeout": times.primary_start_timeout,
        "primary_stop_timeout": 10,
        "maximum_lag_on_failover": 1048576,
        "check_timeline": True,
        "failsafe_mode": True,
        "synchronous_node_count": 1,
        **PROFILES[profile],
        "postgresql": {
            "use_pg_rewind": True,
            "use_slots": True,
            "parameters": {
                "wal_level": "logical",
                "wal_log_hints": "on",
                "track_commit_timestamp": "on",
                "hot_standby_feedback": "on",
                "synchronous_commit": "on",
                "password_encryption": "scram-sha-256",
                "max_connections": 100,
                "shared_preload_libraries": "pg_stat_statements",
                "idle_in_transaction_session_timeout": "60s",
                "wal_retrieve_retry_interval": times.wal_retrieve_retry,
                "client_connection_check_interval": "1s",
                "wal_sender_timeout": "5s",
                "wal_receiver_timeout": "5s",
                "tcp_keepalives_idle": 5,
                "tcp_keepalives_interval": 2,
                "tcp_keepalives_count": 3,
                "tcp_user_timeout": 5000,
                "wal_keep_size": "128MB",
                "max_wal_size": "512MB",
                "max_slot_wal_keep_size": "1GB",
                "shared_buffers": "32MB",
            },
        },
    }


def patroni(
    name: str,
    *,
    directory: Path,
    bindir: Path,
    network: Network,
    password: str,
    bootstrap: Settings,
) -> str:
    """The configuration file of one node, as JSON, which is YAML.

    Args:
        name: of the node.
        directory: of the cluster: the node's socket is in `directory/name`, its data in
            `directory/data/name`.
        bindir: the programs of PostgreSQL.
        network: its addresses.
        password: of every login of this cluster.
        bootstrap: what etcd gets when the cluster is made.
    """
    host = network.host(name)
    rest = f"{host}:{network.ports.rest[name]}"
    postgresql = f"{host}:{network.ports.postgresql[name]}"
    return json.dumps(
        {
            "scope": SCOPE,
            "namespace": NAMESPACE,
            "name": name,
            "log": {"level": "INFO"},
            "restapi": {
                "listen": rest,
                "connect_address": rest,
                "authentication": {"username": REST_USER, "password": password},
            },
            "etcd3": {
                "hosts": [
                    f"{network.host(member)}:{network.ports.client[member]}" for member in MEMBERS
                ]
            },
            "bootstrap": {
                "dcs": bootstrap,
                "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}, "data-checksums"],
                "post_bootstrap": str(POST_BOOTSTRAP),
            },
            "postgresql": {
                "listen": postgresql,
                "connect_address": postgresql,
                "bin_dir": str(bindir),
                "data_dir": str(directory / SCRATCH / name),
                "pgpass": str(directory / name / "pgpass"),
                "use_unix_socket": True,
                "parameters": {"unix_socket_directories": str(directory / name)},
                "remove_data_directory_on_rewind_failure": True,
                "basebackup": [{"checkpoint": "fast"}],
                "authentication": {
                    "superuser": {"username": "postgres", "password": password},
                    "replication": {"username": "replicator", "password": password},
                    "rewind": {"username": "rewind_user", "password": password},
                },
                "pg_hba": [
                    "local all all scram-sha-256",
                    f"host replication replicator {network.clients} scram-sha-256",
                    f"host all all {network.clients} scram-sha-256",
                    "host all all all reject",
                ],
            },
            "watchdog": {"mode": "off"},
        },
        indent=2,
    )


def etcd(program: str, member: str, *, directory: Path, network: Network) -> list[str]:
    """The command of one member of etcd."""

    def url(name: str, ports: Mapping[str, int]) -> str:
        return f"http://{network.host(name)}:{ports[name]}"

    ports = network.ports
    everybody = ",".join(f"{name}={url(name, ports.peer)}" for name in MEMBERS)
    return [
        program,
        f"--name={member}",
        f"--data-dir={directory / SCRATCH / member}",
        f"--listen-client-urls={url(member, ports.client)}",
        f"--advertise-client-urls={url(member, ports.client)}",
        f"--listen-peer-urls={url(member, ports.peer)}",
        f"--initial-advertise-peer-urls={url(member, ports.peer)}",
        f"--initial-cluster={everybody}",
        "--initial-cluster-state=new",
        "--logger=zap",
        "--log-level=warn",
        "--log-outputs=stderr",
    ]


def haproxy(*, directory: Path, network: Network, times: Times) -> str:
    """HAProxy's configuration: `rw` leads to the leader, `ro` to the replicas.

    The front doors are unix sockets, named as libpq looks for them: a client outside of the
    namespaces comes in without a network of its own.
    """
    servers = "\n".join(
        f"    server {name} {network.host(name)}:{network.ports.postgresql[name]}"
        f" port {network.ports.rest[name]}"
        for name in NODES
    )
    door = network.host(PROXY)
    tcp = {
        name: f"    bind {door}:{port}\n" if network.namespaces else ""
        for name, port in (("rw", 5000), ("ro", 5001))
    }
    return f"""\
global
    maxconn 1000
    stats socket {directory}/proxy/admin.sock mode 600 level admin
    hard-stop-after 10s

defaults
    mode tcp
    retries 0
    timeout connect 2s
    timeout client 30m
    timeout server 30m
    timeout check 1s
    option clitcpka
    option srvtcpka
    default-server check inter {times.check}ms fastinter {times.check_changing}ms
    default-server fall {times.fall} rise {times.rise} on-marked-down shutdown-sessions

listen rw
    bind unix@{directory}/rw/.s.PGSQL.5432 mode 600
{tcp["rw"]}    option httpchk OPTIONS /primary
    http-check expect status 200
{servers}

listen ro
    bind unix@{directory}/ro/.s.PGSQL.5432 mode 600
{tcp["ro"]}    balance leastconn
    option httpchk OPTIONS /replica?lag=16MB
    http-check expect status 200
{servers}
"""
