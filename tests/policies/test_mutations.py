"""Does the suite see it? Databases broken on purpose, and the check or cell that must go red.

Each change is made in a transaction that is rolled back, and looked at from inside.
"""

from datetime import UTC, datetime

import pytest

from tests.conftest import Mutant
from tests.policies import catalogue
from tests.policies.access import Connection
from tests.policies.broken import Broken, assert_noticed
from tests.policies.matrix import Command, Role
from tests.policies.world import World

MONTH = f"log_{datetime.now(UTC):%Y_%m}"
NEW_POLICY = "create policy extra on tenancy.teams for select to authenticated using"
EQUALITY = "agency_id = (select app.agency_id())"

# check -> changes that it must report
CHANGES: dict[str, list[str]] = {
    "tenant_key": [
        "alter table tenancy.api_key_secrets drop constraint api_key_secrets_pkey",
        "alter table tenancy.api_key_secrets drop constraint api_key_secrets_pkey;"
        " alter table tenancy.api_key_secrets add primary key (id)",
        "alter table tenancy.api_key_secrets drop constraint api_key_secrets_pkey;"
        " alter table tenancy.api_key_secrets alter agency_id drop not null",
        "create table tenancy.bare (id uuid primary key)",
        "alter table tenancy.users add agency_id uuid",
    ],
    "unique_starts_with_agency": [
        "create unique index on tenancy.invitations (id)",
        "create unique index on tenancy.teams (lower(id::text))",
        "alter table tenancy.team_members add unique (team_id, membership_id)",
        "drop index tenancy.users_email_key",
    ],
    "composite_foreign_keys": [
        "alter table tenancy.teams add unique (id);"
        " alter table tenancy.invitations add foreign key (team_id) references tenancy.teams (id)",
        "alter table tenancy.users add foreign key (active_agency_id, id)"
        " references tenancy.teams (agency_id, id) not valid",
        "alter table tenancy.teams drop constraint teams_parent_team_id_fkey;"
        " alter table tenancy.teams add foreign key (agency_id, parent_team_id)"
        " references tenancy.teams (agency_id, id) on update cascade",
    ],
    "personal_marks": [
        "comment on column crm.tags.name is 'The word.'",
        "alter table crm.tags add note text",
        "alter table tenancy.teams add notes app.line[]",
        "alter table crm.deals add origin inet",
    ],
    "agency_reference": [
        "alter table tenancy.teams drop constraint teams_agency_id_fkey",
        "create table tenancy.bare (agency_id uuid not null, id uuid not null)",
    ],
    "optional_foreign_keys": [
        "alter table tenancy.teams drop constraint teams_parent_team_id_fkey;"
        " alter table tenancy.teams add foreign key (agency_id, parent_team_id)"
        " references tenancy.teams (agency_id, id)",
        "alter table tenancy.teams drop constraint teams_parent_team_id_fkey;"
        " alter table tenancy.teams add foreign key (agency_id, parent_team_id)"
        " references tenancy.teams (agency_id, id) on delete set null",
    ],
    "references_are_foreign_keys": [
        "alter table tenancy.memberships drop constraint memberships_contact_id_fkey",
        "alter table crm.deals add column somebody_id uuid",
        "alter table tenancy.invitations drop constraint invitations_contact_id_fkey;"
        " alter table tenancy.invitations add foreign key (agency_id, contact_id)"
        " references crm.contacts (agency_id, id) on delete cascade not valid",
        "alter table integration.webhook_deliveries drop column event_id cascade",
    ],
    "worker": [
        "grant delete on crm.messages to gardenos_worker",
        "grant select on tenancy.memberships to gardenos_worker",
        "grant select on tenancy.api_key_secrets to gardenos_worker",
        "grant update (owner_id) on crm.deals to gardenos_worker",
        "grant insert (id) on crm.conversations to gardenos_worker",
        "revoke update (status) on crm.messages from gardenos_worker",
        "revoke select on integration.webhook_secrets from gardenos_worker",
        'drop policy "the worker reads deals" on crm.deals',
        'alter policy "the worker reads deals" on crm.deals using (true)',
        'alter policy "the worker reads deals" on crm.deals'
        " using (agency_id = (select app.agency_id()))",
        "create policy more on crm.tags for select to gardenos_worker"
        " using (agency_id = (select app.agency_id()))",
        'alter policy "the worker notes how messages went" on crm.messages with check (true)',
    ],
    "foreign_keys_are_indexed": [
        "drop index tenancy.teams_parent_team_id_idx",
        "drop index tenancy.teams_parent_team_id_idx;"
        " create index on tenancy.teams (parent_team_id)",
        "drop index tenancy.teams_parent_team_id_idx;"
        " create index on tenancy.teams (agency_id, parent_team_id) where name = 'x'",
    ],
    "no_reference_to_auth": [
        "create table auth.users (id uuid primary key);"
        " alter table tenancy.users add foreign key (id) references auth.users (id) not valid",
    ],
    "text_is_limited": [
        "alter table tenancy.teams add note text",
        "alter table tenancy.teams add notes text[]",
        "alter table tenancy.teams add seen timestamp",
        "alter table tenancy.teams add price money",
        "alter table tenancy.teams add extra jsonb",
        "create domain app.anything as text",
    ],
    "comments": [
        "comment on table tenancy.teams is null",
        "comment on column tenancy.teams.name is null",
        "comment on function app.agency_id() is null",
        "comment on domain app.label is null",
    ],
    "rls_is_forced": [
        "alter table tenancy.teams no force row level security",
        "alter table tenancy.teams disable row level security",
        "alter table migration.seal_keys no force row level security",
        "create table tenancy.bare (agency_id uuid not null, id uuid not null)",
    ],
    "floor": [
        'drop policy "tenant floor" on tenancy.teams',
        'alter policy "tenant floor" on tenancy.teams to anon, authenticated, service_role',
        f'alter policy "tenant floor" on tenancy.teams using ({EQUALITY} or agency_id is null)',
        'alter policy "tenant floor" on tenancy.teams with check (true)',
        'alter policy "tenant floor" on tenancy.teams using (agency_id = app.agency_id())',
        "create policy second on tenancy.teams as restrictive to authenticated using (true)",
        'drop policy "tenant floor" on tenancy.teams; create policy "tenant floor"'
        " on tenancy.teams as restrictive for select"
        f" to anon, authenticated, service_role, gardenos_worker using ({EQUALITY})",
        'alter policy "everybody stays with their own user" on tenancy.users using (true)',
        'drop policy "no client reaches the issuers" on tenancy.issuers',
        "create table tenancy.bare (agency_id uuid not null, id uuid not null)",
    ],
    "partitions": [
        f"grant select on audit.{MONTH} to gardenos_auditor",
        f"create policy extra on audit.{MONTH} to gardenos_auditor using (true)",
        "create table audit.log_rest partition of audit.log default;"
        " alter table audit.log_rest enable row level security, force row level security",
    ],
    "audit": [
        "create table tenancy.bare (agency_id uuid not null, id uuid not null)",
        "alter table tenancy.teams disable trigger audit_update",
        "drop trigger audit_truncate on tenancy.teams",
        "drop trigger audit_insert on tenancy.teams; create trigger audit_insert"
        " after insert on tenancy.teams referencing new table as new_rows"
        " for each statement execute function audit.record_tenancy_users()",
        "create or replace trigger audit_delete after delete on tenancy.teams"
        " referencing old table as old_rows for each statement when (false)"
        " execute function audit.record_tenancy_teams()",
        "drop trigger forbid_change on audit.seals",
        "alter table audit.log disable trigger forbid_change",
        "create trigger audit_insert after insert on audit.seals referencing new table as new_rows"
        " for each statement execute function audit.record_audit_retired()",
    ],
    "one_permissive_policy": [
        f"{NEW_POLICY} ({EQUALITY})",
        f"create policy extra on tenancy.teams using ({EQUALITY})",
        "create policy extra on tenancy.teams for select to public using (true)",
        "create policy extra on tenancy.teams for all to gardenos_auditor using (true)",
    ],
    "policies_state_the_tenant": [
        f"{NEW_POLICY} (true)",
        f"{NEW_POLICY} ({EQUALITY} or name = 'x')",
        f"{NEW_POLICY} (name = 'x' and {EQUALITY})",
        "create policy extra on tenancy.teams for insert to authenticated with check (true)",
        f"create policy extra on tenancy.teams for update to authenticated using ({EQUALITY})",
        "create policy extra on tenancy.teams to authenticated, gardenos_auditor"
        f" using ({EQUALITY})",
        "create policy extra on tenancy.teams for select to gardenos_monitor using (true)",
        "create policy extra on tenancy.teams for select to public using (true)",
    ],
    "policies_call_once": [
        f"{NEW_POLICY} ({EQUALITY} and app.may('tenancy.teams:select', 'owner'))",
        f"{NEW_POLICY} ({EQUALITY} and (select app.may(name::text, 'owner')))",
        f"{NEW_POLICY} ({EQUALITY} and id = any (app.teams_i_lead()))",
    ],
    "table_privileges": [
        "grant truncate on tenancy.teams to authenticated",
        "grant truncate on tenancy.teams to service_role",
        "grant references on tenancy.teams to gardenos_worker",
        "grant trigger on tenancy.teams to gardenos_tenancy_writer",
        "grant select on tenancy.teams to anon",
        "grant select on tenancy.teams to public",
        "grant select on tenancy.teams to authenticated with grant option",
        "grant select on migration.seal_keys to anon",
    ],
    "column_privileges": [
        "grant select (name) on tenancy.teams to authenticated",
        "grant references (name) on tenancy.teams to authenticated",
        "grant update (name) on tenancy.teams to anon",
    ],
    "default_privileges": [
        "alter default privileges for role gardenos_owner grant select on tables to authenticated",
        "alter default privileges for role gardenos_owner in schema tenancy"
        " grant select on tables to anon",
        "alter default privileges for role gardenos_owner grant execute on functions to public",
    ],
    "schema_privileges": [
        "grant usage on schema tenancy to anon",
        "grant usage on schema app to public",
        "grant create on schema app to authenticated",
        "grant create on schema tenancy to gardenos_tenancy_writer",
        "grant usage on schema migration to authenticated",
    ],
    "no_public_execute": [
        "grant execute on function app.token_hash(text) to public",
    ],
    "execute": [
        "grant execute on function app.create_agency(text, text, uuid, text) to authenticated",
        "grant execute on function app.custom_access_token(jsonb) to authenticated",
        "revoke execute on function app.my_agencies() from authenticated",
        "create function app.fresh() returns int language sql as 'select 1'",
        "drop function app.api_key_claims(text)",
    ],
    "search_path": [
        "alter function app.invite(text, app.agency_role, app.record_scope, uuid, uuid)"
        " reset search_path",
        "alter function app.agency_id() set search_path = 'public'",
    ],
    "definers": [
        "alter function app.agency_id() security definer",
        "alter function app.proof() security invoker",
        "alter function app.my_agencies() owner to gardenos_tenancy_writer",
    ],
    "owners": [
        "alter table tenancy.teams owner to postgres",
        "alter function app.agency_id() owner to gardenos_tenancy_writer",
        "alter function app.my_agencies() owner to gardenos_owner",
        "alter domain app.label owner to postgres",
        "alter schema app owner to postgres",
    ],
    "views_and_sequences": [
        "create view tenancy.v as select 1 as one",
        "create view tenancy.v with (security_invoker = false) as select 1 as one",
        "create materialized view tenancy.v as select 1 as one",
        "create sequence tenancy.s; grant usage on sequence tenancy.s to authenticated",
    ],
    "triggers_are_enabled": [
        "alter table tenancy.memberships disable trigger guard",
        "alter table tenancy.memberships disable trigger all",
        "alter table tenancy.memberships enable replica trigger guard",
    ],
    "frozen_columns": [
        "drop trigger forbid_agency_change on tenancy.teams",
        "create or replace trigger forbid_agency_change before update on tenancy.teams"
        " for each row when (old.agency_id is distinct from new.agency_id)"
        " execute function app.forbid_agency_change()",
        "create or replace trigger forbid_agency_change before update of name on tenancy.teams"
        " for each row execute function app.forbid_agency_change()",
        "create or replace trigger forbid_agency_change before update on tenancy.api_key_secrets"
        " for each row when (old.agency_id is distinct from new.agency_id"
        " and old.id is distinct from new.id) execute function app.forbid_agency_change()",
    ],
    "stamps": [
        "drop trigger stamp on tenancy.teams",
        "drop trigger stamp_deletion on tenancy.teams",
        "alter table tenancy.team_members add row_version integer",
        "alter table tenancy.teams add last_used_at timestamptz",
        "alter table tenancy.api_keys add note app.line",
        "create or replace trigger stamp before insert on tenancy.teams"
        " for each row execute function app.stamp_row()",
        "create or replace trigger stamp before insert or update of name on tenancy.teams"
        " for each row execute function app.stamp_row()",
    ],
    "privileged_roles": [
        "alter role authenticated bypassrls",
        "alter role gardenos_migrator superuser",
        "alter role service_role nobypassrls",
    ],
    "unbound_roles": [
        "grant select on tenancy.teams to gardenos_monitor",
        "grant update (name) on tenancy.teams to gardenos_sealer",
        "grant gardenos_owner to gardenos_monitor with inherit true",
    ],
    "closed_roles": [
        "grant gardenos_tenancy_writer to gardenos_app",
        "grant gardenos_owner to authenticator",
    ],
    "predefined_roles": [
        "grant pg_read_all_data to gardenos_auditor",
        "grant pg_read_server_files to authenticated",
        "revoke pg_monitor from gardenos_monitor",
    ],
    "leakproof": ["alter function app.token_hash(text) leakproof"],
    "forbidden_texts": [
        f"{NEW_POLICY} ({EQUALITY} and"
        " (select current_setting('request.jwt.claims')::jsonb -> 'user_metadata') is null)",
        "create function app.fresh() returns text language sql"
        " as $$ select current_setting('request.jwt.claim.sub', true) $$",
    ],
    "settings_are_not_set": [
        "create function app.fresh(t text) returns text language sql"
        " as $$ select set_config('request.jwt.claims', t, true) $$",
        "create function app.fresh(t text) returns void language plpgsql"
        " as $$ begin execute t; end $$",
        "create function app.fresh() returns void language plpgsql"
        " as $$ begin set local role postgres; end $$",
    ],
}


@pytest.mark.parametrize(
    ("check", "change"),
    [
        pytest.param(check, change, id=f"{check}-{number}")
        for check, changes in CHANGES.items()
        for number, change in enumerate(changes)
    ],
)
def test_catalogue_notices(superuser: Connection, check: str, change: str, mutant: Mutant) -> None:
    mutant("catalogue", f"check_{check}", change)
    if " with inherit " in change and superuser.info.server_version < 160000:
        change = change.partition(" with inherit ")[0]
    run = catalogue.all_checks()[check]
    with superuser.transaction(force_rollback=True):
        superuser.execute(change)
        assert run(superuser) != []
    assert run(superuser) == []


def test_maintain_is_noticed(superuser: Connection) -> None:
    """A privilege that PostgreSQL has since 17."""
    if superuser.info.server_version < 170000:
        return
    with superuser.transaction(force_rollback=True):
        superuser.execute("grant maintain on tenancy.teams to service_role")
        assert catalogue.check_table_privileges(superuser) != []


def test_every_check_has_been_seen_red() -> None:
    assert CHANGES.keys() == catalogue.all_checks().keys()


READ_TEAMS = '"staff read the teams of their agency" on tenancy.teams'
CHANGE_TEAMS = '"owners and admins change teams and managers those they lead" on tenancy.teams'
MAY = "create or replace function app.may(action text, variadic roles app.agency_role [])"
MAY_TAIL = " returns boolean language sql stable as $$ select"
BROKEN = [
    # a policy is gone: what is allowed no longer works
    Broken(f"drop policy {READ_TEAMS}", ("tenancy.teams", Role.VIEWER, Command.SELECT)),
    Broken(
        "revoke update (job_title) on tenancy.memberships from authenticated",
        ("tenancy.memberships", Role.ADMIN, Command.UPDATE),
    ),
    Broken(
        "revoke insert on tenancy.team_members from authenticated",
        ("tenancy.team_members", Role.MANAGER, Command.INSERT),
    ),
    # a policy admits a role too many
    Broken(
        f"alter policy {READ_TEAMS} using ({EQUALITY})",
        ("tenancy.teams", Role.CLIENT, Command.SELECT),
    ),
    # own has become agency
    Broken(
        f"alter policy {CHANGE_TEAMS} using ({EQUALITY}) with check ({EQUALITY})",
        ("tenancy.teams", Role.MANAGER, Command.UPDATE),
    ),
    Broken(
        'alter policy "owners and admins read invitations and managers their own"'
        f" on tenancy.invitations using ({EQUALITY})",
        ("tenancy.invitations", Role.MANAGER, Command.SELECT),
    ),
    Broken(
        'alter policy "owners, admins and leads remove team members" on tenancy.team_members'
        f" using ({EQUALITY} and (select app.may('tenancy.team_members:delete', 'owner',"
        " 'admin', 'manager')))",
        ("tenancy.team_members", Role.MANAGER, Command.DELETE),
    ),
    # deleted rows are shown to all
    Broken(
        f"alter policy {READ_TEAMS} using ({EQUALITY}"
        " and (select app.may('tenancy.teams:select', 'member')))",
        ("tenancy.teams", Role.MEMBER, Command.SELECT),
    ),
    # update has become soft delete
    Broken(
        f"alter policy {CHANGE_TEAMS} with check ({EQUALITY})",
        ("tenancy.teams", Role.MANAGER, Command.SOFT_DELETE),
    ),
    # a grant where all roles have none
    Broken(
        "grant delete on tenancy.memberships to authenticated",
        ("tenancy.memberships", Role.OWNER, Command.DELETE),
    ),
    Broken(
        "grant select on tenancy.api_key_secrets to authenticated",
        ("tenancy.api_key_secrets", Role.OWNER, Command.SELECT),
    ),
    # nothing but a permissive policy is left
    Broken(
        'drop policy "tenant floor" on tenancy.teams;'
        f" alter policy {READ_TEAMS} using (deleted_at is null)",
        ("tenancy.teams", Role.MEMBER, Command.SELECT),
    ),
    # the guard is gone: an admin touches an owner
    Broken(
        "alter table tenancy.memberships disable trigger guard",
        ("tenancy.memberships", Role.ADMIN, Command.UPDATE),
    ),
    Broken(
        "alter table tenancy.api_keys disable trigger guard",
        ("tenancy.api_keys", Role.ADMIN, Command.UPDATE),
    ),
    # the agent's cell is forgotten
    Broken(
        f"{MAY} {MAY_TAIL} coalesce(app.agency_role() = any (roles), false) $$",
        ("tenancy.teams", Role.OWNER, Command.UPDATE),
        agent=True,
    ),
    # the scopes of a key are forgotten
    Broken(
        f"{MAY} {MAY_TAIL} coalesce(app.agency_role() = any (roles), false) $$",
        ("tenancy.teams", Role.OWNER, Command.INSERT),
        scopes=("tenancy.teams:select",),
    ),
]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: "-".join(broken.cell))
def test_matrix_notices(
    superuser: Connection, world: World, broken: Broken, mutant: Mutant
) -> None:
    mutant("policy", f"matrix {' '.join(broken.cell)}", broken.change)
    assert_noticed(superuser, world, broken)
