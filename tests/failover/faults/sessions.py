"""What outlives a failover in a client's session, and what must not (F19, F20, F22)."""

import json
import time
from signal import SIGKILL

import psycopg
from psycopg import sql

from tests.failover.scene import Scene, fault


@fault("F19", "readers on the standby that is promoted: alive, read-only still, the same policies")
def readers_are_promoted(scene: Scene) -> None:
    cluster = scene.cluster
    leader, heir = cluster.leader(), cluster.sync_standby()
    agency = scene.stage.agencies[0]
    claims = json.dumps(agency.claims(agency.owner))
    with cluster.connect("authenticator_ro", through=heir, autocommit=True) as reader:
        before = _sees(reader, claims)
        since = scene.fault(f"{leader} hands over to {heir}")
        cluster.switchover(heir)
        scene.wait_for_leader(leader, since, 10)
        scene.wait_for_write(time.monotonic(), 10)
        row = reader.execute("select pg_is_in_recovery()").fetchone()
        assert row == (False,), "the reader's node was not promoted, or its session was replaced"
        assert _sees(reader, claims) >= before > 0
        assert _sees(reader, None) == 0
        try:
            with reader.transaction():
                _become(reader, claims)
                reader.execute(
                    "insert into tenancy.teams (agency_id, name) values (%s, 'from a reader')",
                    [agency.id],
                )
        except psycopg.errors.ReadOnlySqlTransaction:
            pass
        else:
            raise AssertionError("a reader wrote on the promoted node")


@fault("F20", "a pooled session with claims of its own is lost: the next one has none")
def pooled_session_is_lost(scene: Scene) -> None:
    cluster = scene.cluster
    leader = cluster.leader()
    agency = scene.stage.agencies[0]
    claims = json.dumps(agency.claims(agency.owner))
    with scene.login("authenticator", autocommit=True) as careless:
        careless.execute("select set_config('request.jwt.claims', %s, false)", [claims])
        careless.execute("set role authenticated")
        row = careless.execute("select count(*) from tenancy.teams").fetchone()
        assert row is not None
        assert row[0] > 0
        scene.fault(f"postgres of {leader} is killed")
        cluster.signal_postgres(leader, SIGKILL)
        # its backends answer for a moment longer
        time.sleep(0.5)
        scene.wait_for_write(time.monotonic(), 15)
        try:
            careless.execute("select 1")
        except psycopg.OperationalError:
            pass
        else:
            raise AssertionError("a session survived the end of its node")
    with scene.login("authenticator", autocommit=True) as fresh:
        assert _sees(fresh, None) == 0
        assert _sees(fresh, "") == 0
        assert _sees(fresh, claims) > 0
        # what SET LOCAL leaves behind is '', not NULL, and denies too
        row = fresh.execute("select current_setting('request.jwt.claims', true)").fetchone()
        assert row == ("",)
        with fresh.transaction():
            fresh.execute("set local role authenticated")
            row = fresh.execute("select count(*) from tenancy.teams").fetchone()
        assert row == (0,)


@fault("F22", "ALTER SYSTEM stays on its node, ALTER ROLE travels")
def settings_travel_or_not(scene: Scene) -> None:
    cluster = scene.cluster
    leader = cluster.leader()
    with scene.superuser() as connection:
        connection.execute("alter system set deadlock_timeout = '3333ms'")
        connection.execute("alter role gardenos_monitor set deadlock_timeout = '4444ms'")
        connection.execute("select pg_reload_conf()")
    try:
        since = scene.fault(f"{leader} hands over")
        cluster.switchover()
        new = scene.wait_for_leader(leader, since, 10)
        scene.wait_for_write(time.monotonic(), 10)
        with scene.superuser(through=new) as connection:
            row = connection.execute("show deadlock_timeout").fetchone()
            assert row != ("3333ms",), "ALTER SYSTEM reached another node"
        found = _role_setting(scene, "gardenos_monitor")
        assert "deadlock_timeout=4444ms" in found, f"ALTER ROLE did not travel: {found}"
    finally:
        with scene.superuser() as connection:
            connection.execute("alter role gardenos_monitor reset deadlock_timeout")
        cluster.heal()
        with scene.superuser(through=leader) as connection:
            connection.execute("alter system reset deadlock_timeout")
            connection.execute("select pg_reload_conf()")
    time.sleep(0.5)


def _role_setting(scene: Scene, role: str) -> list[str]:
    with scene.superuser() as connection:
        row = connection.execute(
            "select coalesce(array_agg(setting), '{}') from pg_db_role_setting,"
            " unnest(setconfig) as setting where setrole = %s::regrole",
            [role],
        ).fetchone()
    assert row is not None
    return list(row[0])


def _sees(connection: psycopg.Connection[tuple[object, ...]], claims: str | None) -> int:
    with connection.transaction():
        _become(connection, claims)
        row = connection.execute("select count(*) from tenancy.teams").fetchone()
    assert row is not None
    assert isinstance(row[0], int)
    return row[0]


def _become(connection: psycopg.Connection[tuple[object, ...]], claims: str | None) -> None:
    connection.execute(sql.SQL("set local role authenticated"))
    if claims is not None:
        connection.execute("select set_config('request.jwt.claims', %s, true)", [claims])
