"""Leadership that is handed over as planned (F6)."""

import json
import time

import psycopg

from tests.failover.scene import Scene, fault


@fault(
    "F6", "a switchover: five seconds, an open transaction errors, no claims survive", quick=True
)
def planned(scene: Scene) -> None:
    cluster = scene.cluster
    leader = cluster.leader()
    agency = scene.stage.agencies[0]
    with scene.login("authenticator") as connection:
        connection.execute(
            "select set_config('role', 'authenticated', true),"
            " set_config('request.jwt.claims', %s, true)",
            [json.dumps(agency.claims(agency.owner))],
        )
        connection.execute("select count(*) from tenancy.teams")
        since = scene.fault(f"{leader} hands over")
        cluster.switchover()
        scene.wait_for_leader(leader, since, 10)
        scene.wait_for_write(time.monotonic(), since + 5 - time.monotonic())
        try:
            connection.execute("select count(*) from tenancy.teams")
        except psycopg.OperationalError:
            pass
        else:
            raise AssertionError("a transaction survived the end of its node")
    with scene.login("authenticator") as connection:
        row = connection.execute(
            "select current_user::text, nullif(current_setting('request.jwt.claims', true), '')"
        ).fetchone()
    assert row == ("authenticator", None), f"a new session begins as {row}"
