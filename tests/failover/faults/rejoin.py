"""A node that led, and comes back with what only it has (F15)."""

from uuid import UUID, uuid4

from tests.cluster import Cluster
from tests.failover.scene import Scene, fault
from tests.failover.stand import become
from tests.failover.writers import write_row

REWOUND = "running pg_rewind from"


@fault(
    "F15",
    "the old leader starts alone, takes a write and loses its triggers, and rejoins:"
    " pg_rewind removes the one and restores the other",
    quick=True,
)
def old_leader_writes_alone(scene: Scene) -> None:
    cluster = scene.cluster
    leader = cluster.leader()
    timeline = cluster.timeline(leader)
    agency = scene.stage.agencies[0]
    key = uuid4()
    since = scene.fault(f"{leader} dies")
    cluster.kill_node(leader)
    scene.hasten()
    scene.wait_for_leader(leader, since, 10)
    scene.wait_for_write(since, 15)
    rewound = _times_rewound(cluster, leader)
    started = scene.note(f"postgres of {leader} starts alone")
    cluster.start_alone(leader)
    with scene.login("authenticator", through=leader) as connection:
        become(connection, "authenticated", agency.claims(agency.owner))
        written = write_row(connection, agency.id, key)
    assert written["timeline"] == timeline, f"{leader} writes on timeline {written['timeline']}"
    with scene.superuser(through=leader) as connection:
        connection.execute("alter table tenancy.users disable trigger user")
    assert _places(scene, key) == {leader}, "the row is not on the old leader alone"
    cluster.stop_alone(leader)
    routed = [each for each in scene.acked_since(started) if each.node == leader]
    assert not routed, f"the proxy led {len(routed)} writers to {leader}"
    scene.heal()
    places = _places(scene, key)
    assert not places, f"the row of the old leader is on {', '.join(places)}"
    assert _times_rewound(cluster, leader) > rewound, f"{leader} came back without pg_rewind"


def _places(scene: Scene, key: UUID) -> set[str]:
    """The nodes that have the row."""
    found = set()
    for node in scene.cluster.nodes:
        with scene.superuser(through=node) as connection:
            row = connection.execute(
                "select count(*) from chaos.ledger as l, tenancy.teams as t"
                " where l.key = %(key)s and t.id = %(key)s",
                {"key": key},
            ).fetchone()
        assert row is not None
        if row[0]:
            found.add(node)
    return found


def _times_rewound(cluster: Cluster, node: str) -> int:
    log = cluster.directory / f"{node}.log"
    return log.read_text(errors="replace").count(REWOUND)
