"""HAProxy: sessions end, pools come back, and the write port never writes elsewhere (F10)."""

import time

from tests.failover.scene import Scene, fault


@fault(
    "F10a",
    "the proxy dies and starts: pools reconnect, no write succeeds on a replica",
)
def proxy_dies(scene: Scene) -> None:
    cluster = scene.cluster
    leader = cluster.leader()
    since = scene.fault("the proxy dies")
    cluster.kill_proxy()
    time.sleep(1)
    scene.note("the proxy starts")
    cluster.start_proxy()
    scene.wait_for_write(time.monotonic(), 10)
    time.sleep(2)
    assert {each.node for each in scene.acked_since(since)} == {leader}


@fault("F10b", "the proxy is reloaded: no write succeeds on a replica")
def proxy_reloads(scene: Scene) -> None:
    cluster = scene.cluster
    leader = cluster.leader()
    since = scene.fault("the proxy reloads")
    cluster.reload_proxy()
    # hard-stop-after: the sessions of the old process end with it
    time.sleep(12)
    scene.wait_for_write(time.monotonic(), 10)
    assert {each.node for each in scene.acked_since(since)} == {leader}
