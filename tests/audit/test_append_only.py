"""Nobody who works with data changes the trail, whichever way they try."""

import json
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from tests.audit.trail import Office, Person, refused

ROLES = (
    "anon",
    "authenticated",
    "service_role",
    "gardenos_worker",
    "gardenos_auditor",
    "gardenos_monitor",
    "gardenos_owner",
    "gardenos_tenancy_writer",
    "gardenos_audit_writer",
    "gardenos_audit_sealer",
)
MONTH = f"audit.log_{datetime.now(UTC):%Y_%m}"
ROW = (
    "(agency_id, schema_name, table_name, record_id, op, actor_kind, actor_user_id, db_role, xid,"
    " epoch, timeline) values ('{agency}', 'tenancy', 'teams', '{record}', 'insert', 'user',"
    " '{user}', 'authenticated', pg_current_xact_id(), 1, 1)"
)
WAYS = {
    "update": "update audit.log set table_name = 'x'",
    "empty the values": "update audit.log set old_values = null, new_values = null, salt = null",
    "delete": "delete from audit.log",
    "truncate": "truncate audit.log",
    "merge": "merge into audit.log as l using (select 1) as s on true when matched then delete",
    "forge a row": "insert into audit.log " + ROW,
    "forge a row in a month": f"insert into {MONTH} " + ROW,
    "read a month": f"select 1 from {MONTH}",
    "update a month": f"update {MONTH} set table_name = 'x'",
    "delete from a month": f"delete from {MONTH}",
    "truncate a month": f"truncate {MONTH}",
    "detach a month": f"alter table audit.log detach partition {MONTH}",
    "drop a month": f"drop table {MONTH}",
    "change a seal": "update audit.seals set row_count = 0",
    "delete seals": "delete from audit.seals",
    "forge a seal": "insert into audit.seals (agency_id, seq) values (gen_random_uuid(), 1)",
    "change what is retired": "delete from audit.retired",
    "replay": "set local session_replication_role = replica",
    "switch a trigger off": "alter table tenancy.teams disable trigger audit_update",
    "drop a trigger": "drop trigger audit_update on tenancy.teams",
    "switch the guard off": "alter table audit.log disable trigger forbid_change",
    "switch protection off": "alter table audit.log disable row level security",
    "replace the recorder": "create or replace function audit.record_tenancy_teams()"
    " returns trigger language plpgsql as 'begin return null; end'",
    "call the recorder": "select audit.record_tenancy_teams()",
    "add a rule": "create rule hide as on insert to audit.log do instead nothing",
    "make a seal": "select audit.seal()",
    "redact": "select audit.redact('{agency}', 'tenancy.teams', '{record}')",
    "add an epoch": "insert into migration.epochs (epoch, reason) values (9, 'x')",
    "set the sequence": "select setval('audit.log_seq_seq', 1)",
}
# What a role is there for; the rest of its ways are tried like those of the others.
MEANT = {
    ("gardenos_audit_writer", "forge a row"),
    ("gardenos_audit_writer", "replace the recorder"),
    ("gardenos_audit_writer", "call the recorder"),
    ("gardenos_audit_sealer", "forge a seal"),
    ("gardenos_audit_sealer", "make a seal"),
    ("gardenos_worker", "make a seal"),
    ("service_role", "redact"),
}
# The owner holds DDL: it can, and audit.verify says so (test_seals.py).
BY_DDL = {
    "truncate",
    "truncate a month",
    "detach a month",
    "drop a month",
    "switch a trigger off",
    "drop a trigger",
    "switch the guard off",
    "switch protection off",
    "call the recorder",
    "add a rule",
    "add an epoch",
    "set the sequence",
}


@pytest.mark.parametrize("role", ROLES)
def test_no_role_changes_the_trail(office: Office, owner: Person, role: str) -> None:
    team = office.team(owner)
    office.seal()
    before = office.superuser.execute("select * from audit.log order by seq").fetchall()
    for way, statement in WAYS.items():
        if (role, way) in MEANT or (role == "gardenos_owner" and way in BY_DDL):
            continue
        text = statement.format(agency=owner.agency_id, record=team, user=uuid4())
        with office.superuser.transaction(force_rollback=True):
            office.superuser.execute(
                "select set_config('request.jwt.claims', %s, true)", [json.dumps(owner.claims())]
            )
            office.superuser.execute(f"set local role {role}")
            state = refused(office.superuser, text)
            harmless = role == "gardenos_owner" and state is None
            if harmless:
                # FORCE RLS and no policy: the owner's statement finds no row
                assert office.superuser.execute(text).rowcount in (0, -1), (way, role)
            else:
                assert state in ("42501", "2F005", "0A000"), (way, role, state)
    assert office.superuser.execute("select * from audit.log order by seq").fetchall() == before


@pytest.mark.parametrize("login", ["authenticator", "gardenos_app", "gardenos_worker"])
def test_no_login_switches_triggers_off_for_itself(office: Office, login: str) -> None:
    with office.database.connect(login, autocommit=True) as connection:
        assert refused(connection, "set session_replication_role = replica") == "42501"


def test_even_a_superuser_is_refused_by_the_guard(office: Office, owner: Person) -> None:
    office.team(owner)
    office.seal()
    for statement in (
        "update audit.log set table_name = 'x'",
        "update audit.log set old_values = '{}'",
        "update audit.log set old_values = null, new_values = null, salt = null",
        "update audit.log set old_values = null, new_values = null, salt = null,"
        " values_hash = sha256('x')",
        "update audit.log set old_values = null, new_values = null, salt = null, table_name = 'x',"
        " values_hash = audit.values_hash(salt, old_values, new_values)",
        "delete from audit.log",
        f"delete from {MONTH}",
        f"update {MONTH} set table_name = 'x'",
        "truncate audit.log",
        "update audit.seals set row_count = row_count",
        "delete from audit.seals",
        "truncate audit.seals",
    ):
        assert refused(office.superuser, statement) == "42501", statement


def test_an_actor_cannot_be_forged(office: Office, owner: Person) -> None:
    """Neither by columns that a client sends nor by settings that are not the claims."""
    stranger = uuid4()
    with office.client.transaction():
        office.client.execute("select set_config('role', 'authenticated', true)")
        office.client.execute(
            "select set_config('request.jwt.claims', %s, true),"
            " set_config('request.jwt.claim.sub', %s, true),"
            " set_config('request.jwt.claim.role', 'service_role', true)",
            [json.dumps(owner.claims(sub=str(stranger), user_metadata={"id": "x"})), str(stranger)],
        )
        office.client.execute(
            "insert into tenancy.teams (name, created_by) values ('F', %s)", [stranger]
        )
    (row,) = office.rows()
    assert (row["actor_user_id"], row["db_role"]) == (owner.user_id, "authenticated")
    assert row["new_values"]["created_by"] == str(owner.membership_id)


def test_the_agency_is_that_of_the_row(office: Office, owner: Person) -> None:
    """Written by a service with the claims of another agency: the row's own agency counts."""
    other = office.found("other")
    office.serve("insert into tenancy.teams (agency_id, name) values (%s, 'X')", other.agency_id)
    (row,) = office.rows()
    assert row["agency_id"] == other.agency_id
    seen = office.do(owner, "select count(*) from audit.log where table_name = 'teams'")
    assert seen == 0
    assert office.do(other, "select count(*) from audit.log where table_name = 'teams'") == 1
