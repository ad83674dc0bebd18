"""Record every change of a tenant row

Reason:    each change of an audited table leaves its row in the trail, in the same transaction,
           and the trail itself refuses to be changed.
Locks:     ShareRowExclusive on each audited table, one after the other: writers wait.
Duration:  milliseconds for each table.
Way back:  drops the triggers and their functions; what was recorded stays, nothing new is.
"""

from migrations.runner.execute import execute

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        -- Who changes a row, for the trail: the proof, told as a person, an agent or a key. After a change that
        -- ends the actor's own rights (leaving an agency, revoking the key in use) nothing is proved any more; the
        -- statement passed while it was, so the claims are then taken as they stand. An agent that cannot be
        -- resolved stays unnamed.
        --
        -- SECURITY DEFINER, as the membership reader: the trail's writer reads no membership.
        set local role gardenos_membership_reader;

        create or replace function app.actor(
            out kind app.actor_kind,
            out user_id uuid,
            out membership_id uuid,
            out on_behalf_of_id uuid,
            out api_key_id uuid,
            out agency_role text
        )
        language plpgsql
        stable
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            claims jsonb;
            proof record := app.proof();
        begin
            kind := 'user';
            if proof.user_id is null then
                claims := app.claims();
                if claims ? 'act' then
                    kind := 'agent';
                    return;
                end if;
                user_id := app.claimed_user(claims);
                if claims ? 'api_key_id' then
                    kind := 'api_key';
                    api_key_id := app.claimed_uuid(claims, 'api_key_id');
                end if;
                select m.id, m.role
                  into membership_id, agency_role
                  from tenancy.memberships as m
                 where m.agency_id = app.claimed_uuid(claims, 'agency_id')
                   and m.user_id = actor.user_id;
                return;
            end if;
            user_id := proof.user_id;
            membership_id := proof.membership_id;
            api_key_id := proof.api_key_id;
            agency_role := proof.agency_role;
            if proof.agent_id is not null then
                kind := 'agent';
                on_behalf_of_id := proof.user_id;
                membership_id := proof.agent_id;
                select m.user_id, m.role
                  into user_id, agency_role
                  from tenancy.memberships as m
                 where m.agency_id = proof.agency_id
                   and m.id = proof.agent_id;
            elsif proof.api_key_id is not null then
                kind := 'api_key';
            elsif not proof.is_person then
                kind := 'agent';
            end if;
        end;
        $function$;

        revoke all on function app.actor() from public;
        grant execute on function app.actor() to
            gardenos_audit_writer,
            gardenos_audit_redactor;

        comment on function app.actor() is
        'Who changes a row: a person, an agent (and for whom) or a key, with their membership.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- The id and the address that the gateway gave a request, from the headers that PostgREST (and a service of
        -- ours, in the same setting) hands over. They are hints: a client can send headers too. Whatever cannot be
        -- read is left out, because a broken header must not stop a write. The last address of x-forwarded-for is
        -- the one that our own proxy saw.
        create or replace function audit.request(out request_id text, out ip inet)
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            unread text := nullif(current_setting('request.headers', true), '');
            headers jsonb;
        begin
            ip := inet_client_addr();
            if unread is null or octet_length(unread) > 65536 then
                return;
            end if;
            begin
                headers := unread::jsonb;
                request_id := left(regexp_replace(headers ->> 'x-request-id', '[^\x21-\x7e]', '', 'g'), 200);
                ip := coalesce(
                    nullif(btrim(headers ->> 'x-real-ip'), ''),
                    nullif(btrim(split_part(headers ->> 'x-forwarded-for', ',', -1)), ''),
                    host(ip)
                )::inet;
            exception
                when others then
                    return;
            end;
        end;
        $function$;

        revoke all on function audit.request() from public;
        grant execute on function audit.request() to
            gardenos_audit_writer,
            gardenos_audit_redactor;

        comment on function audit.request() is
        'The request id and the address of the client, as far as headers tell. Never raises.';
        """
    )
    execute(
        r"""
        -- What all rows of one statement share: who, as which role, in which request, transaction, epoch and
        -- timeline. Called once per statement by each audit trigger.
        --
        -- The role comes from the setting, not from current_user: inside a definer, and on 18 inside a cascade,
        -- current_user is another one. Services and the owner are `system` whatever the claims say. For the other
        -- roles claims decide, when there are any.
        create or replace function audit.context(
            out actor_kind app.actor_kind,
            out actor_user_id uuid,
            out actor_membership_id uuid,
            out on_behalf_of_id uuid,
            out api_key_id uuid,
            out agency_role text,
            out db_role text,
            out request_id text,
            out ip inet,
            out xid xid8,
            out epoch integer,
            out timeline integer
        )
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            db_role := current_setting('role');
            if db_role = 'none' then
                db_role := session_user;
            end if;
            if db_role in ('service_role', 'gardenos_worker', 'gardenos_migrator', 'gardenos_owner')
                or coalesce(current_setting('request.jwt.claims', true), '') = '' then
                actor_kind := 'system';
            else
                select a.kind, a.user_id, a.membership_id, a.on_behalf_of_id, a.api_key_id, a.agency_role
                  into actor_kind, actor_user_id, actor_membership_id, on_behalf_of_id, api_key_id, agency_role
                  from app.actor() as a;
                if actor_kind = 'user' and actor_user_id is null and db_role not in ('anon', 'authenticated') then
                    actor_kind := 'system';
                end if;
            end if;
            if coalesce(current_setting('request.headers', true), '') = '' then
                ip := inet_client_addr();
            else
                select r.request_id, r.ip
                  into request_id, ip
                  from audit.request() as r;
            end if;
            xid := pg_current_xact_id();
            epoch := (select max(e.epoch) from migration.epochs as e);
            timeline := ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::integer;
        end;
        $function$;

        revoke all on function audit.context() from public;
        grant execute on function audit.context() to
            gardenos_audit_writer,
            gardenos_audit_redactor;

        comment on function audit.context() is
        'What the trail notes of every row of one statement: who, in which role, request and transaction.';
        """
    )
    execute(
        r"""
        -- What the chain knows of the values of a row, while they are there and after they were erased: a salted
        -- hash. It is not written with the row: sealing computes it, and redaction leaves it in their place. Null
        -- where there is no salt, because no values are kept.
        create or replace function audit.values_hash(salt bytea, old_values jsonb, new_values jsonb)
        returns bytea
        language sql
        immutable
        parallel safe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
            select sha256(salt || convert_to(concat(old_values::text, E'\n', new_values::text), 'UTF8'));
        $function$;

        revoke all on function audit.values_hash(bytea, jsonb, jsonb) from public;
        grant execute on function audit.values_hash(bytea, jsonb, jsonb) to
            authenticated,
            service_role,
            gardenos_auditor,
            gardenos_audit_sealer,
            gardenos_audit_redactor;

        comment on function audit.values_hash(bytea, jsonb, jsonb) is
        'The salted hash of what a row of the trail holds; null for a row that holds none.';
        """
    )
    execute(
        r"""
        -- The trail is append-only for whoever passes its grants, superusers included: no row is deleted, and an
        -- update may only put the hash of the values in their place, as redaction does. Who holds DDL can switch
        -- this off; audit.verify finds it.
        create or replace function audit.forbid_change()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            if tg_op = 'UPDATE' and tg_argv [0] = 'redactable' then
                if new.old_values is null
                    and new.new_values is null
                    and new.salt is null
                    and new.values_hash is not distinct from coalesce(
                        old.values_hash,
                        audit.values_hash(old.salt, old.old_values, old.new_values)
                    )
                    and to_jsonb(new) - '{old_values,new_values,salt,values_hash}'::text[]
                    = to_jsonb(old) - '{old_values,new_values,salt,values_hash}'::text[] then
                    return new;
                end if;
            end if;
            raise exception 'audit.% is append-only: % is refused.', split_part(tg_table_name, '_', 1), tg_op
                using errcode = '42501',
                hint = 'Personal data is erased by audit.redact().';
        end;
        $function$;

        revoke all on function audit.forbid_change() from public;

        comment on function audit.forbid_change() is
        'Refuses to change or delete what was recorded, but for emptying values.';
        """
    )
    execute(
        r"""
        -- TRUNCATE fires no row trigger and would leave no trail, so nobody may, superusers included.
        create or replace function audit.forbid_truncate()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            raise exception '%.% is audited: TRUNCATE would leave no trail.', tg_table_schema, tg_table_name
                using errcode = '42501',
                hint = 'Delete the rows instead.';
        end;
        $function$;

        revoke all on function audit.forbid_truncate() from public;

        comment on function audit.forbid_truncate() is
        'Refuses to truncate an audited table.';
        """
    )
    execute(
        r"""
        -- Appends the changes of tenancy.agencies to the trail, with their values.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_tenancy_agencies()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        set enable_nestloop = off
        set plan_cache_mode = force_generic_plan
        as $function$
        declare
            context record;
            secret bytea;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            secret := uuid_send(gen_random_uuid());
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    new_values,
                    salt,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    n.id,
                    'tenancy',
                    'agencies',
                    n.id,
                    'insert',
                    to_jsonb(n),
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from new_rows as n;
            elsif tg_op = 'UPDATE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    changed,
                    old_values,
                    new_values,
                    salt,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    n.id,
                    'tenancy',
                    'agencies',
                    n.id,
                    'update',
                    array_remove(array[
                        case when (o.slug is distinct from n.slug) then 'slug' end,
                        case when (o.name is distinct from n.name) then 'name' end,
                        case when (o.status is distinct from n.status) then 'status' end,
                        case when (o.plan is distinct from n.plan) then 'plan' end,
                        case when (o.data_region is distinct from n.data_region) then 'data_region' end,
                        case when (o.default_currency is distinct from n.default_currency) then 'default_currency' end,
                        case when (o.timezone is distinct from n.timezone) then 'timezone' end,
                        case when (o.locale is distinct from n.locale) then 'locale' end,
                        case when (o.logo_path is distinct from n.logo_path) then 'logo_path' end,
                        case when (o.settings is distinct from n.settings) then 'settings' end,
                        case when (o.embedding_model_id is distinct from n.embedding_model_id) then 'embedding_model_id' end,
                        case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                        case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                        case when (o.row_version is distinct from n.row_version) then 'row_version' end,
                        case when (o.deleted_at is distinct from n.deleted_at) then 'deleted_at' end,
                        case when (o.deleted_by is distinct from n.deleted_by) then 'deleted_by' end
                    ], null),
                    case when (o.slug is distinct from n.slug) then jsonb_build_object('slug', o.slug) else '{}' end
                    || case when (o.name is distinct from n.name) then jsonb_build_object('name', o.name) else '{}' end
                    || case when (o.status is distinct from n.status) then jsonb_build_object('status', o.status) else '{}' end
                    || case when (o.plan is distinct from n.plan) then jsonb_build_object('plan', o.plan) else '{}' end
                    || case when (o.data_region is distinct from n.data_region) then jsonb_build_object('data_region', o.data_region) else '{}' end
                    || case when (o.default_currency is distinct from n.default_currency) then jsonb_build_object('default_currency', o.default_currency) else '{}' end
                    || case when (o.timezone is distinct from n.timezone) then jsonb_build_object('timezone', o.timezone) else '{}' end
                    || case when (o.locale is distinct from n.locale) then jsonb_build_object('locale', o.locale) else '{}' end
                    || case when (o.logo_path is distinct from n.logo_path) then jsonb_build_object('logo_path', o.logo_path) else '{}' end
                    || case when (o.settings is distinct from n.settings) then jsonb_build_object('settings', o.settings) else '{}' end
                    || case when (o.embedding_model_id is distinct from n.embedding_model_id) then jsonb_build_object('embedding_model_id', o.embedding_model_id) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end
                    || case when (o.deleted_at is distinct from n.deleted_at) then jsonb_build_object('deleted_at', o.deleted_at) else '{}' end
                    || case when (o.deleted_by is distinct from n.deleted_by) then jsonb_build_object('deleted_by', o.deleted_by) else '{}' end,
                    case when (o.slug is distinct from n.slug) then jsonb_build_object('slug', n.slug) else '{}' end
                    || case when (o.name is distinct from n.name) then jsonb_build_object('name', n.name) else '{}' end
                    || case when (o.status is distinct from n.status) then jsonb_build_object('status', n.status) else '{}' end
                    || case when (o.plan is distinct from n.plan) then jsonb_build_object('plan', n.plan) else '{}' end
                    || case when (o.data_region is distinct from n.data_region) then jsonb_build_object('data_region', n.data_region) else '{}' end
                    || case when (o.default_currency is distinct from n.default_currency) then jsonb_build_object('default_currency', n.default_currency) else '{}' end
                    || case when (o.timezone is distinct from n.timezone) then jsonb_build_object('timezone', n.timezone) else '{}' end
                    || case when (o.locale is distinct from n.locale) then jsonb_build_object('locale', n.locale) else '{}' end
                    || case when (o.logo_path is distinct from n.logo_path) then jsonb_build_object('logo_path', n.logo_path) else '{}' end
                    || case when (o.settings is distinct from n.settings) then jsonb_build_object('settings', n.settings) else '{}' end
                    || case when (o.embedding_model_id is distinct from n.embedding_model_id) then jsonb_build_object('embedding_model_id', n.embedding_model_id) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', n.updated_at) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', n.row_version) else '{}' end
                    || case when (o.deleted_at is distinct from n.deleted_at) then jsonb_build_object('deleted_at', n.deleted_at) else '{}' end
                    || case when (o.deleted_by is distinct from n.deleted_by) then jsonb_build_object('deleted_by', n.deleted_by) else '{}' end,
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from old_rows as o
                  join new_rows as n
                    on n.id = o.id;
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    old_values,
                    salt,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    o.id,
                    'tenancy',
                    'agencies',
                    o.id,
                    'delete',
                    to_jsonb(o),
                    substring(sha256(secret || uuid_send(o.id)) from 1 for 16),
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from old_rows as o;
            end if;
            return null;
        end;
        $function$;

        revoke all on function audit.record_tenancy_agencies() from public;
        grant execute on function audit.record_tenancy_agencies() to gardenos_owner;

        comment on function audit.record_tenancy_agencies() is
        'Appends the changes of tenancy.agencies to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of tenancy.issuers to the trail, with their values.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_tenancy_issuers()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        set enable_nestloop = off
        set plan_cache_mode = force_generic_plan
        as $function$
        declare
            context record;
            secret bytea;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            secret := uuid_send(gen_random_uuid());
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    new_values,
                    salt,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    '00000000-0000-0000-0000-000000000000',
                    'tenancy',
                    'issuers',
                    encode(substring(sha256(convert_to(n.issuer, 'UTF8')) from 1 for 16), 'hex')::uuid,
                    'insert',
                    to_jsonb(n),
                    substring(sha256(secret || uuid_send(encode(substring(sha256(convert_to(n.issuer, 'UTF8')) from 1 for 16), 'hex')::uuid)) from 1 for 16),
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from new_rows as n;
            elsif tg_op = 'UPDATE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    changed,
                    old_values,
                    new_values,
                    salt,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    '00000000-0000-0000-0000-000000000000',
                    'tenancy',
                    'issuers',
                    encode(substring(sha256(convert_to(coalesce(n.issuer, o.issuer), 'UTF8')) from 1 for 16), 'hex')::uuid,
                    case
                        when o.issuer is null then 'insert'
                        when n.issuer is null then 'delete'
                        else 'update'
                    end::app.audit_op,
                    array_remove(array[
                        case when (o.issuer is distinct from n.issuer) then 'issuer' end,
                        case when (o.kind is distinct from n.kind) then 'kind' end,
                        case when (o.may_assert_user_id is distinct from n.may_assert_user_id) then 'may_assert_user_id' end,
                        case when (o.active is distinct from n.active) then 'active' end
                    ], null),
                    case when (o.issuer is distinct from n.issuer) then jsonb_build_object('issuer', o.issuer) else '{}' end
                    || case when (o.kind is distinct from n.kind) then jsonb_build_object('kind', o.kind) else '{}' end
                    || case when (o.may_assert_user_id is distinct from n.may_assert_user_id) then jsonb_build_object('may_assert_user_id', o.may_assert_user_id) else '{}' end
                    || case when (o.active is distinct from n.active) then jsonb_build_object('active', o.active) else '{}' end,
                    case when (o.issuer is distinct from n.issuer) then jsonb_build_object('issuer', n.issuer) else '{}' end
                    || case when (o.kind is distinct from n.kind) then jsonb_build_object('kind', n.kind) else '{}' end
                    || case when (o.may_assert_user_id is distinct from n.may_assert_user_id) then jsonb_build_object('may_assert_user_id', n.may_assert_user_id) else '{}' end
                    || case when (o.active is distinct from n.active) then jsonb_build_object('active', n.active) else '{}' end,
                    substring(sha256(secret || uuid_send(encode(substring(sha256(convert_to(coalesce(n.issuer, o.issuer), 'UTF8')) from 1 for 16), 'hex')::uuid)) from 1 for 16),
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from old_rows as o
                  full join new_rows as n
                    on n.issuer = o.issuer;
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    old_values,
                    salt,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    '00000000-0000-0000-0000-000000000000',
                    'tenancy',
                    'issuers',
                    encode(substring(sha256(convert_to(o.issuer, 'UTF8')) from 1 for 16), 'hex')::uuid,
                    'delete',
                    to_jsonb(o),
                    substring(sha256(secret || uuid_send(encode(substring(sha256(convert_to(o.issuer, 'UTF8')) from 1 for 16), 'hex')::uuid)) from 1 for 16),
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from old_rows as o;
            end if;
            return null;
        end;
        $function$;

        revoke all on function audit.record_tenancy_issuers() from public;
        grant execute on function audit.record_tenancy_issuers() to gardenos_owner;

        comment on function audit.record_tenancy_issuers() is
        'Appends the changes of tenancy.issuers to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of tenancy.users to the trail, with their values.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_tenancy_users()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        set enable_nestloop = off
        set plan_cache_mode = force_generic_plan
        as $function$
        declare
            context record;
            secret bytea;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            secret := uuid_send(gen_random_uuid());
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    new_values,
                    salt,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    '00000000-0000-0000-0000-000000000000',
                    'tenancy',
                    'users',
                    n.id,
                    'insert',
                    to_jsonb(n),
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from new_rows as n;
            elsif tg_op = 'UPDATE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    changed,
                    old_values,
                    new_values,
                    salt,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    '00000000-0000-0000-0000-000000000000',
                    'tenancy',
                    'users',
                    n.id,
                    'update',
                    array_remove(array[
                        case when (o.kind is distinct from n.kind) then 'kind' end,
                        case when (o.email is distinct from n.email) then 'email' end,
                        case when (o.full_name is distinct from n.full_name) then 'full_name' end,
                        case when (o.avatar_path is distinct from n.avatar_path) then 'avatar_path' end,
                        case when (o.locale is distinct from n.locale) then 'locale' end,
                        case when (o.timezone is distinct from n.timezone) then 'timezone' end,
                        case when (o.status is distinct from n.status) then 'status' end,
                        case when (o.active_agency_id is distinct from n.active_agency_id) then 'active_agency_id' end,
                        case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                        case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                        case when (o.row_version is distinct from n.row_version) then 'row_version' end
                    ], null),
                    case when (o.kind is distinct from n.kind) then jsonb_build_object('kind', o.kind) else '{}' end
                    || case when (o.email is distinct from n.email) then jsonb_build_object('email', o.email) else '{}' end
                    || case when (o.full_name is distinct from n.full_name) then jsonb_build_object('full_name', o.full_name) else '{}' end
                    || case when (o.avatar_path is distinct from n.avatar_path) then jsonb_build_object('avatar_path', o.avatar_path) else '{}' end
                    || case when (o.locale is distinct from n.locale) then jsonb_build_object('locale', o.locale) else '{}' end
                    || case when (o.timezone is distinct from n.timezone) then jsonb_build_object('timezone', o.timezone) else '{}' end
                    || case when (o.status is distinct from n.status) then jsonb_build_object('status', o.status) else '{}' end
                    || case when (o.active_agency_id is distinct from n.active_agency_id) then jsonb_build_object('active_agency_id', o.active_agency_id) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end,
                    case when (o.kind is distinct from n.kind) then jsonb_build_object('kind', n.kind) else '{}' end
                    || case when (o.email is distinct from n.email) then jsonb_build_object('email', n.email) else '{}' end
                    || case when (o.full_name is distinct from n.full_name) then jsonb_build_object('full_name', n.full_name) else '{}' end
                    || case when (o.avatar_path is distinct from n.avatar_path) then jsonb_build_object('avatar_path', n.avatar_path) else '{}' end
                    || case when (o.locale is distinct from n.locale) then jsonb_build_object('locale', n.locale) else '{}' end
                    || case when (o.timezone is distinct from n.timezone) then jsonb_build_object('timezone', n.timezone) else '{}' end
                    || case when (o.status is distinct from n.status) then jsonb_build_object('status', n.status) else '{}' end
                    || case when (o.active_agency_id is distinct from n.active_agency_id) then jsonb_build_object('active_agency_id', n.active_agency_id) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', n.updated_at) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', n.row_version) else '{}' end,
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from old_rows as o
                  join new_rows as n
                    on n.id = o.id;
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    old_values,
                    salt,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    '00000000-0000-0000-0000-000000000000',
                    'tenancy',
                    'users',
                    o.id,
                    'delete',
                    to_jsonb(o),
                    substring(sha256(secret || uuid_send(o.id)) from 1 for 16),
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from old_rows as o;
            end if;
            return null;
        end;
        $function$;

        revoke all on function audit.record_tenancy_users() from public;
        grant execute on function audit.record_tenancy_users() to gardenos_owner;

        comment on function audit.record_tenancy_users() is
        'Appends the changes of tenancy.users to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of tenancy.user_identities to the trail, with their values.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_tenancy_user_identities()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        set enable_nestloop = off
        set plan_cache_mode = force_generic_plan
        as $function$
        declare
            context record;
            secret bytea;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            secret := uuid_send(gen_random_uuid());
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    new_values,
                    salt,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    '00000000-0000-0000-0000-000000000000',
                    'tenancy',
                    'user_identities',
                    n.id,
                    'insert',
                    to_jsonb(n),
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from new_rows as n;
            elsif tg_op = 'UPDATE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    changed,
                    old_values,
                    new_values,
                    salt,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    '00000000-0000-0000-0000-000000000000',
                    'tenancy',
                    'user_identities',
                    n.id,
                    'update',
                    array_remove(array[
                        case when (o.user_id is distinct from n.user_id) then 'user_id' end,
                        case when (o.issuer is distinct from n.issuer) then 'issuer' end,
                        case when (o.subject is distinct from n.subject) then 'subject' end,
                        case when (o.provider is distinct from n.provider) then 'provider' end,
                        case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                        case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                        case when (o.row_version is distinct from n.row_version) then 'row_version' end
                    ], null),
                    case when (o.user_id is distinct from n.user_id) then jsonb_build_object('user_id', o.user_id) else '{}' end
                    || case when (o.issuer is distinct from n.issuer) then jsonb_build_object('issuer', o.issuer) else '{}' end
                    || case when (o.subject is distinct from n.subject) then jsonb_build_object('subject', o.subject) else '{}' end
                    || case when (o.provider is distinct from n.provider) then jsonb_build_object('provider', o.provider) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end,
                    case when (o.user_id is distinct from n.user_id) then jsonb_build_object('user_id', n.user_id) else '{}' end
                    || case when (o.issuer is distinct from n.issuer) then jsonb_build_object('issuer', n.issuer) else '{}' end
                    || case when (o.subject is distinct from n.subject) then jsonb_build_object('subject', n.subject) else '{}' end
                    || case when (o.provider is distinct from n.provider) then jsonb_build_object('provider', n.provider) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', n.updated_at) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', n.row_version) else '{}' end,
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from old_rows as o
                  join new_rows as n
                    on n.id = o.id
                 where (
                    not (o.last_used_at is distinct from n.last_used_at)
                )
                or (o.id is distinct from n.id)
                or (o.user_id is distinct from n.user_id)
                or (o.issuer is distinct from n.issuer)
                or (o.subject is distinct from n.subject)
                or (o.provider is distinct from n.provider)
                or (o.created_at is distinct from n.created_at)
                or (o.updated_at is distinct from n.updated_at)
                or (o.row_version is distinct from n.row_version);
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    old_values,
                    salt,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    '00000000-0000-0000-0000-000000000000',
                    'tenancy',
                    'user_identities',
                    o.id,
                    'delete',
                    to_jsonb(o),
                    substring(sha256(secret || uuid_send(o.id)) from 1 for 16),
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from old_rows as o;
            end if;
            return null;
        end;
        $function$;

        revoke all on function audit.record_tenancy_user_identities() from public;
        grant execute on function audit.record_tenancy_user_identities() to gardenos_owner;

        comment on function audit.record_tenancy_user_identities() is
        'Appends the changes of tenancy.user_identities to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of tenancy.memberships to the trail, with their values.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_tenancy_memberships()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        set enable_nestloop = off
        set plan_cache_mode = force_generic_plan
        as $function$
        declare
            context record;
            secret bytea;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            secret := uuid_send(gen_random_uuid());
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    new_values,
                    salt,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    n.agency_id,
                    'tenancy',
                    'memberships',
                    n.id,
                    'insert',
                    to_jsonb(n),
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from new_rows as n;
            elsif tg_op = 'UPDATE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    changed,
                    old_values,
                    new_values,
                    salt,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    n.agency_id,
                    'tenancy',
                    'memberships',
                    n.id,
                    'update',
                    array_remove(array[
                        case when (o.user_id is distinct from n.user_id) then 'user_id' end,
                        case when (o.role is distinct from n.role) then 'role' end,
                        case when (o.record_scope is distinct from n.record_scope) then 'record_scope' end,
                        case when (o.capabilities is distinct from n.capabilities) then 'capabilities' end,
                        case when (o.status is distinct from n.status) then 'status' end,
                        case when (o.display_name is distinct from n.display_name) then 'display_name' end,
                        case when (o.job_title is distinct from n.job_title) then 'job_title' end,
                        case when (o.work_email is distinct from n.work_email) then 'work_email' end,
                        case when (o.avatar_path is distinct from n.avatar_path) then 'avatar_path' end,
                        case when (o.default_team_id is distinct from n.default_team_id) then 'default_team_id' end,
                        case when (o.contact_id is distinct from n.contact_id) then 'contact_id' end,
                        case when (o.suspended_at is distinct from n.suspended_at) then 'suspended_at' end,
                        case when (o.removed_at is distinct from n.removed_at) then 'removed_at' end,
                        case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                        case when (o.created_by is distinct from n.created_by) then 'created_by' end,
                        case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                        case when (o.updated_by is distinct from n.updated_by) then 'updated_by' end,
                        case when (o.row_version is distinct from n.row_version) then 'row_version' end
                    ], null),
                    case when (o.user_id is distinct from n.user_id) then jsonb_build_object('user_id', o.user_id) else '{}' end
                    || case when (o.role is distinct from n.role) then jsonb_build_object('role', o.role) else '{}' end
                    || case when (o.record_scope is distinct from n.record_scope) then jsonb_build_object('record_scope', o.record_scope) else '{}' end
                    || case when (o.capabilities is distinct from n.capabilities) then jsonb_build_object('capabilities', o.capabilities) else '{}' end
                    || case when (o.status is distinct from n.status) then jsonb_build_object('status', o.status) else '{}' end
                    || case when (o.display_name is distinct from n.display_name) then jsonb_build_object('display_name', o.display_name) else '{}' end
                    || case when (o.job_title is distinct from n.job_title) then jsonb_build_object('job_title', o.job_title) else '{}' end
                    || case when (o.work_email is distinct from n.work_email) then jsonb_build_object('work_email', o.work_email) else '{}' end
                    || case when (o.avatar_path is distinct from n.avatar_path) then jsonb_build_object('avatar_path', o.avatar_path) else '{}' end
                    || case when (o.default_team_id is distinct from n.default_team_id) then jsonb_build_object('default_team_id', o.default_team_id) else '{}' end
                    || case when (o.contact_id is distinct from n.contact_id) then jsonb_build_object('contact_id', o.contact_id) else '{}' end
                    || case when (o.suspended_at is distinct from n.suspended_at) then jsonb_build_object('suspended_at', o.suspended_at) else '{}' end
                    || case when (o.removed_at is distinct from n.removed_at) then jsonb_build_object('removed_at', o.removed_at) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', o.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end,
                    case when (o.user_id is distinct from n.user_id) then jsonb_build_object('user_id', n.user_id) else '{}' end
                    || case when (o.role is distinct from n.role) then jsonb_build_object('role', n.role) else '{}' end
                    || case when (o.record_scope is distinct from n.record_scope) then jsonb_build_object('record_scope', n.record_scope) else '{}' end
                    || case when (o.capabilities is distinct from n.capabilities) then jsonb_build_object('capabilities', n.capabilities) else '{}' end
                    || case when (o.status is distinct from n.status) then jsonb_build_object('status', n.status) else '{}' end
                    || case when (o.display_name is distinct from n.display_name) then jsonb_build_object('display_name', n.display_name) else '{}' end
                    || case when (o.job_title is distinct from n.job_title) then jsonb_build_object('job_title', n.job_title) else '{}' end
                    || case when (o.work_email is distinct from n.work_email) then jsonb_build_object('work_email', n.work_email) else '{}' end
                    || case when (o.avatar_path is distinct from n.avatar_path) then jsonb_build_object('avatar_path', n.avatar_path) else '{}' end
                    || case when (o.default_team_id is distinct from n.default_team_id) then jsonb_build_object('default_team_id', n.default_team_id) else '{}' end
                    || case when (o.contact_id is distinct from n.contact_id) then jsonb_build_object('contact_id', n.contact_id) else '{}' end
                    || case when (o.suspended_at is distinct from n.suspended_at) then jsonb_build_object('suspended_at', n.suspended_at) else '{}' end
                    || case when (o.removed_at is distinct from n.removed_at) then jsonb_build_object('removed_at', n.removed_at) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', n.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', n.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', n.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', n.row_version) else '{}' end,
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from old_rows as o
                  join new_rows as n
                    on n.agency_id = o.agency_id
                   and n.id = o.id;
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    old_values,
                    salt,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    o.agency_id,
                    'tenancy',
                    'memberships',
                    o.id,
                    'delete',
                    to_jsonb(o),
                    substring(sha256(secret || uuid_send(o.id)) from 1 for 16),
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from old_rows as o;
            end if;
            return null;
        end;
        $function$;

        revoke all on function audit.record_tenancy_memberships() from public;
        grant execute on function audit.record_tenancy_memberships() to gardenos_owner;

        comment on function audit.record_tenancy_memberships() is
        'Appends the changes of tenancy.memberships to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of tenancy.teams to the trail, with their values.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_tenancy_teams()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        set enable_nestloop = off
        set plan_cache_mode = force_generic_plan
        as $function$
        declare
            context record;
            secret bytea;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            secret := uuid_send(gen_random_uuid());
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    new_values,
                    salt,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    n.agency_id,
                    'tenancy',
                    'teams',
                    n.id,
                    'insert',
                    to_jsonb(n),
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from new_rows as n;
            elsif tg_op = 'UPDATE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    changed,
                    old_values,
                    new_values,
                    salt,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    n.agency_id,
                    'tenancy',
                    'teams',
                    n.id,
                    'update',
                    array_remove(array[
                        case when (o.name is distinct from n.name) then 'name' end,
                        case when (o.description is distinct from n.description) then 'description' end,
                        case when (o.parent_team_id is distinct from n.parent_team_id) then 'parent_team_id' end,
                        case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                        case when (o.created_by is distinct from n.created_by) then 'created_by' end,
                        case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                        case when (o.updated_by is distinct from n.updated_by) then 'updated_by' end,
                        case when (o.row_version is distinct from n.row_version) then 'row_version' end,
                        case when (o.deleted_at is distinct from n.deleted_at) then 'deleted_at' end,
                        case when (o.deleted_by is distinct from n.deleted_by) then 'deleted_by' end
                    ], null),
                    case when (o.name is distinct from n.name) then jsonb_build_object('name', o.name) else '{}' end
                    || case when (o.description is distinct from n.description) then jsonb_build_object('description', o.description) else '{}' end
                    || case when (o.parent_team_id is distinct from n.parent_team_id) then jsonb_build_object('parent_team_id', o.parent_team_id) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', o.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end
                    || case when (o.deleted_at is distinct from n.deleted_at) then jsonb_build_object('deleted_at', o.deleted_at) else '{}' end
                    || case when (o.deleted_by is distinct from n.deleted_by) then jsonb_build_object('deleted_by', o.deleted_by) else '{}' end,
                    case when (o.name is distinct from n.name) then jsonb_build_object('name', n.name) else '{}' end
                    || case when (o.description is distinct from n.description) then jsonb_build_object('description', n.description) else '{}' end
                    || case when (o.parent_team_id is distinct from n.parent_team_id) then jsonb_build_object('parent_team_id', n.parent_team_id) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', n.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', n.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', n.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', n.row_version) else '{}' end
                    || case when (o.deleted_at is distinct from n.deleted_at) then jsonb_build_object('deleted_at', n.deleted_at) else '{}' end
                    || case when (o.deleted_by is distinct from n.deleted_by) then jsonb_build_object('deleted_by', n.deleted_by) else '{}' end,
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from old_rows as o
                  join new_rows as n
                    on n.agency_id = o.agency_id
                   and n.id = o.id;
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    old_values,
                    salt,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    o.agency_id,
                    'tenancy',
                    'teams',
                    o.id,
                    'delete',
                    to_jsonb(o),
                    substring(sha256(secret || uuid_send(o.id)) from 1 for 16),
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from old_rows as o;
            end if;
            return null;
        end;
        $function$;

        revoke all on function audit.record_tenancy_teams() from public;
        grant execute on function audit.record_tenancy_teams() to gardenos_owner;

        comment on function audit.record_tenancy_teams() is
        'Appends the changes of tenancy.teams to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of tenancy.team_members to the trail, with their values.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_tenancy_team_members()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        set enable_nestloop = off
        set plan_cache_mode = force_generic_plan
        as $function$
        declare
            context record;
            secret bytea;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            secret := uuid_send(gen_random_uuid());
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    new_values,
                    salt,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    n.agency_id,
                    'tenancy',
                    'team_members',
                    n.id,
                    'insert',
                    to_jsonb(n),
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from new_rows as n;
            elsif tg_op = 'UPDATE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    changed,
                    old_values,
                    new_values,
                    salt,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    n.agency_id,
                    'tenancy',
                    'team_members',
                    n.id,
                    'update',
                    array_remove(array[
                        case when (o.team_id is distinct from n.team_id) then 'team_id' end,
                        case when (o.membership_id is distinct from n.membership_id) then 'membership_id' end,
                        case when (o.is_lead is distinct from n.is_lead) then 'is_lead' end,
                        case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                        case when (o.created_by is distinct from n.created_by) then 'created_by' end
                    ], null),
                    case when (o.team_id is distinct from n.team_id) then jsonb_build_object('team_id', o.team_id) else '{}' end
                    || case when (o.membership_id is distinct from n.membership_id) then jsonb_build_object('membership_id', o.membership_id) else '{}' end
                    || case when (o.is_lead is distinct from n.is_lead) then jsonb_build_object('is_lead', o.is_lead) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end,
                    case when (o.team_id is distinct from n.team_id) then jsonb_build_object('team_id', n.team_id) else '{}' end
                    || case when (o.membership_id is distinct from n.membership_id) then jsonb_build_object('membership_id', n.membership_id) else '{}' end
                    || case when (o.is_lead is distinct from n.is_lead) then jsonb_build_object('is_lead', n.is_lead) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', n.created_by) else '{}' end,
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from old_rows as o
                  join new_rows as n
                    on n.agency_id = o.agency_id
                   and n.id = o.id;
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    old_values,
                    salt,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    o.agency_id,
                    'tenancy',
                    'team_members',
                    o.id,
                    'delete',
                    to_jsonb(o),
                    substring(sha256(secret || uuid_send(o.id)) from 1 for 16),
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from old_rows as o;
            end if;
            return null;
        end;
        $function$;

        revoke all on function audit.record_tenancy_team_members() from public;
        grant execute on function audit.record_tenancy_team_members() to gardenos_owner;

        comment on function audit.record_tenancy_team_members() is
        'Appends the changes of tenancy.team_members to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of tenancy.invitations to the trail, with their values.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_tenancy_invitations()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        set enable_nestloop = off
        set plan_cache_mode = force_generic_plan
        as $function$
        declare
            context record;
            secret bytea;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            secret := uuid_send(gen_random_uuid());
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    new_values,
                    salt,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    n.agency_id,
                    'tenancy',
                    'invitations',
                    n.id,
                    'insert',
                    to_jsonb(n),
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from new_rows as n;
            elsif tg_op = 'UPDATE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    changed,
                    old_values,
                    new_values,
                    salt,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    n.agency_id,
                    'tenancy',
                    'invitations',
                    n.id,
                    'update',
                    array_remove(array[
                        case when (o.email is distinct from n.email) then 'email' end,
                        case when (o.role is distinct from n.role) then 'role' end,
                        case when (o.record_scope is distinct from n.record_scope) then 'record_scope' end,
                        case when (o.team_id is distinct from n.team_id) then 'team_id' end,
                        case when (o.contact_id is distinct from n.contact_id) then 'contact_id' end,
                        case when (o.invited_by_id is distinct from n.invited_by_id) then 'invited_by_id' end,
                        case when (o.expires_at is distinct from n.expires_at) then 'expires_at' end,
                        case when (o.accepted_at is distinct from n.accepted_at) then 'accepted_at' end,
                        case when (o.revoked_at is distinct from n.revoked_at) then 'revoked_at' end,
                        case when (o.accepted_by_id is distinct from n.accepted_by_id) then 'accepted_by_id' end,
                        case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                        case when (o.created_by is distinct from n.created_by) then 'created_by' end,
                        case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                        case when (o.updated_by is distinct from n.updated_by) then 'updated_by' end,
                        case when (o.row_version is distinct from n.row_version) then 'row_version' end
                    ], null),
                    case when (o.email is distinct from n.email) then jsonb_build_object('email', o.email) else '{}' end
                    || case when (o.role is distinct from n.role) then jsonb_build_object('role', o.role) else '{}' end
                    || case when (o.record_scope is distinct from n.record_scope) then jsonb_build_object('record_scope', o.record_scope) else '{}' end
                    || case when (o.team_id is distinct from n.team_id) then jsonb_build_object('team_id', o.team_id) else '{}' end
                    || case when (o.contact_id is distinct from n.contact_id) then jsonb_build_object('contact_id', o.contact_id) else '{}' end
                    || case when (o.invited_by_id is distinct from n.invited_by_id) then jsonb_build_object('invited_by_id', o.invited_by_id) else '{}' end
                    || case when (o.expires_at is distinct from n.expires_at) then jsonb_build_object('expires_at', o.expires_at) else '{}' end
                    || case when (o.accepted_at is distinct from n.accepted_at) then jsonb_build_object('accepted_at', o.accepted_at) else '{}' end
                    || case when (o.revoked_at is distinct from n.revoked_at) then jsonb_build_object('revoked_at', o.revoked_at) else '{}' end
                    || case when (o.accepted_by_id is distinct from n.accepted_by_id) then jsonb_build_object('accepted_by_id', o.accepted_by_id) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', o.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end,
                    case when (o.email is distinct from n.email) then jsonb_build_object('email', n.email) else '{}' end
                    || case when (o.role is distinct from n.role) then jsonb_build_object('role', n.role) else '{}' end
                    || case when (o.record_scope is distinct from n.record_scope) then jsonb_build_object('record_scope', n.record_scope) else '{}' end
                    || case when (o.team_id is distinct from n.team_id) then jsonb_build_object('team_id', n.team_id) else '{}' end
                    || case when (o.contact_id is distinct from n.contact_id) then jsonb_build_object('contact_id', n.contact_id) else '{}' end
                    || case when (o.invited_by_id is distinct from n.invited_by_id) then jsonb_build_object('invited_by_id', n.invited_by_id) else '{}' end
                    || case when (o.expires_at is distinct from n.expires_at) then jsonb_build_object('expires_at', n.expires_at) else '{}' end
                    || case when (o.accepted_at is distinct from n.accepted_at) then jsonb_build_object('accepted_at', n.accepted_at) else '{}' end
                    || case when (o.revoked_at is distinct from n.revoked_at) then jsonb_build_object('revoked_at', n.revoked_at) else '{}' end
                    || case when (o.accepted_by_id is distinct from n.accepted_by_id) then jsonb_build_object('accepted_by_id', n.accepted_by_id) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', n.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', n.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', n.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', n.row_version) else '{}' end,
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from old_rows as o
                  join new_rows as n
                    on n.agency_id = o.agency_id
                   and n.id = o.id;
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    old_values,
                    salt,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    o.agency_id,
                    'tenancy',
                    'invitations',
                    o.id,
                    'delete',
                    to_jsonb(o),
                    substring(sha256(secret || uuid_send(o.id)) from 1 for 16),
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from old_rows as o;
            end if;
            return null;
        end;
        $function$;

        revoke all on function audit.record_tenancy_invitations() from public;
        grant execute on function audit.record_tenancy_invitations() to gardenos_owner;

        comment on function audit.record_tenancy_invitations() is
        'Appends the changes of tenancy.invitations to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of tenancy.invitation_secrets to the trail, without their values.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_tenancy_invitation_secrets()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        set enable_nestloop = off
        set plan_cache_mode = force_generic_plan
        as $function$
        declare
            context record;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    n.agency_id,
                    'tenancy',
                    'invitation_secrets',
                    n.id,
                    'insert',
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from new_rows as n;
            elsif tg_op = 'UPDATE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    n.agency_id,
                    'tenancy',
                    'invitation_secrets',
                    n.id,
                    'update',
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from old_rows as o
                  join new_rows as n
                    on n.agency_id = o.agency_id
                   and n.id = o.id;
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    o.agency_id,
                    'tenancy',
                    'invitation_secrets',
                    o.id,
                    'delete',
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from old_rows as o;
            end if;
            return null;
        end;
        $function$;

        revoke all on function audit.record_tenancy_invitation_secrets() from public;
        grant execute on function audit.record_tenancy_invitation_secrets() to gardenos_owner;

        comment on function audit.record_tenancy_invitation_secrets() is
        'Appends the changes of tenancy.invitation_secrets to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of tenancy.api_keys to the trail, with their values.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_tenancy_api_keys()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        set enable_nestloop = off
        set plan_cache_mode = force_generic_plan
        as $function$
        declare
            context record;
            secret bytea;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            secret := uuid_send(gen_random_uuid());
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    new_values,
                    salt,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    n.agency_id,
                    'tenancy',
                    'api_keys',
                    n.id,
                    'insert',
                    to_jsonb(n),
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from new_rows as n;
            elsif tg_op = 'UPDATE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    changed,
                    old_values,
                    new_values,
                    salt,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    n.agency_id,
                    'tenancy',
                    'api_keys',
                    n.id,
                    'update',
                    array_remove(array[
                        case when (o.name is distinct from n.name) then 'name' end,
                        case when (o.prefix is distinct from n.prefix) then 'prefix' end,
                        case when (o.scopes is distinct from n.scopes) then 'scopes' end,
                        case when (o.acts_as_id is distinct from n.acts_as_id) then 'acts_as_id' end,
                        case when (o.expires_at is distinct from n.expires_at) then 'expires_at' end,
                        case when (o.revoked_at is distinct from n.revoked_at) then 'revoked_at' end,
                        case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                        case when (o.created_by is distinct from n.created_by) then 'created_by' end,
                        case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                        case when (o.updated_by is distinct from n.updated_by) then 'updated_by' end,
                        case when (o.row_version is distinct from n.row_version) then 'row_version' end
                    ], null),
                    case when (o.name is distinct from n.name) then jsonb_build_object('name', o.name) else '{}' end
                    || case when (o.prefix is distinct from n.prefix) then jsonb_build_object('prefix', o.prefix) else '{}' end
                    || case when (o.scopes is distinct from n.scopes) then jsonb_build_object('scopes', o.scopes) else '{}' end
                    || case when (o.acts_as_id is distinct from n.acts_as_id) then jsonb_build_object('acts_as_id', o.acts_as_id) else '{}' end
                    || case when (o.expires_at is distinct from n.expires_at) then jsonb_build_object('expires_at', o.expires_at) else '{}' end
                    || case when (o.revoked_at is distinct from n.revoked_at) then jsonb_build_object('revoked_at', o.revoked_at) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', o.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end,
                    case when (o.name is distinct from n.name) then jsonb_build_object('name', n.name) else '{}' end
                    || case when (o.prefix is distinct from n.prefix) then jsonb_build_object('prefix', n.prefix) else '{}' end
                    || case when (o.scopes is distinct from n.scopes) then jsonb_build_object('scopes', n.scopes) else '{}' end
                    || case when (o.acts_as_id is distinct from n.acts_as_id) then jsonb_build_object('acts_as_id', n.acts_as_id) else '{}' end
                    || case when (o.expires_at is distinct from n.expires_at) then jsonb_build_object('expires_at', n.expires_at) else '{}' end
                    || case when (o.revoked_at is distinct from n.revoked_at) then jsonb_build_object('revoked_at', n.revoked_at) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', n.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', n.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', n.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', n.row_version) else '{}' end,
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from old_rows as o
                  join new_rows as n
                    on n.agency_id = o.agency_id
                   and n.id = o.id
                 where (
                    not (o.last_used_at is distinct from n.last_used_at)
                )
                or (o.agency_id is distinct from n.agency_id)
                or (o.id is distinct from n.id)
                or (o.name is distinct from n.name)
                or (o.prefix is distinct from n.prefix)
                or (o.scopes is distinct from n.scopes)
                or (o.acts_as_id is distinct from n.acts_as_id)
                or (o.expires_at is distinct from n.expires_at)
                or (o.revoked_at is distinct from n.revoked_at)
                or (o.created_at is distinct from n.created_at)
                or (o.created_by is distinct from n.created_by)
                or (o.updated_at is distinct from n.updated_at)
                or (o.updated_by is distinct from n.updated_by)
                or (o.row_version is distinct from n.row_version);
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    old_values,
                    salt,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    o.agency_id,
                    'tenancy',
                    'api_keys',
                    o.id,
                    'delete',
                    to_jsonb(o),
                    substring(sha256(secret || uuid_send(o.id)) from 1 for 16),
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from old_rows as o;
            end if;
            return null;
        end;
        $function$;

        revoke all on function audit.record_tenancy_api_keys() from public;
        grant execute on function audit.record_tenancy_api_keys() to gardenos_owner;

        comment on function audit.record_tenancy_api_keys() is
        'Appends the changes of tenancy.api_keys to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of tenancy.api_key_secrets to the trail, without their values.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_tenancy_api_key_secrets()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        set enable_nestloop = off
        set plan_cache_mode = force_generic_plan
        as $function$
        declare
            context record;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    n.agency_id,
                    'tenancy',
                    'api_key_secrets',
                    n.id,
                    'insert',
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from new_rows as n;
            elsif tg_op = 'UPDATE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    n.agency_id,
                    'tenancy',
                    'api_key_secrets',
                    n.id,
                    'update',
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from old_rows as o
                  join new_rows as n
                    on n.agency_id = o.agency_id
                   and n.id = o.id;
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    o.agency_id,
                    'tenancy',
                    'api_key_secrets',
                    o.id,
                    'delete',
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from old_rows as o;
            end if;
            return null;
        end;
        $function$;

        revoke all on function audit.record_tenancy_api_key_secrets() from public;
        grant execute on function audit.record_tenancy_api_key_secrets() to gardenos_owner;

        comment on function audit.record_tenancy_api_key_secrets() is
        'Appends the changes of tenancy.api_key_secrets to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of audit.retired to the trail, with their values.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_audit_retired()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        set enable_nestloop = off
        set plan_cache_mode = force_generic_plan
        as $function$
        declare
            context record;
            secret bytea;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            secret := uuid_send(gen_random_uuid());
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    new_values,
                    salt,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    n.agency_id,
                    'audit',
                    'retired',
                    n.id,
                    'insert',
                    to_jsonb(n),
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from new_rows as n;
            elsif tg_op = 'UPDATE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    changed,
                    old_values,
                    new_values,
                    salt,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    n.agency_id,
                    'audit',
                    'retired',
                    n.id,
                    'update',
                    array_remove(array[
                        case when (o.month is distinct from n.month) then 'month' end,
                        case when (o.row_count is distinct from n.row_count) then 'row_count' end,
                        case when (o.first_seal is distinct from n.first_seal) then 'first_seal' end,
                        case when (o.last_seal is distinct from n.last_seal) then 'last_seal' end,
                        case when (o.head_hash is distinct from n.head_hash) then 'head_hash' end,
                        case when (o.export_rows is distinct from n.export_rows) then 'export_rows' end,
                        case when (o.export_sha256 is distinct from n.export_sha256) then 'export_sha256' end,
                        case when (o.retired_at is distinct from n.retired_at) then 'retired_at' end,
                        case when (o.retired_by is distinct from n.retired_by) then 'retired_by' end
                    ], null),
                    case when (o.month is distinct from n.month) then jsonb_build_object('month', o.month) else '{}' end
                    || case when (o.row_count is distinct from n.row_count) then jsonb_build_object('row_count', o.row_count) else '{}' end
                    || case when (o.first_seal is distinct from n.first_seal) then jsonb_build_object('first_seal', o.first_seal) else '{}' end
                    || case when (o.last_seal is distinct from n.last_seal) then jsonb_build_object('last_seal', o.last_seal) else '{}' end
                    || case when (o.head_hash is distinct from n.head_hash) then jsonb_build_object('head_hash', o.head_hash) else '{}' end
                    || case when (o.export_rows is distinct from n.export_rows) then jsonb_build_object('export_rows', o.export_rows) else '{}' end
                    || case when (o.export_sha256 is distinct from n.export_sha256) then jsonb_build_object('export_sha256', o.export_sha256) else '{}' end
                    || case when (o.retired_at is distinct from n.retired_at) then jsonb_build_object('retired_at', o.retired_at) else '{}' end
                    || case when (o.retired_by is distinct from n.retired_by) then jsonb_build_object('retired_by', o.retired_by) else '{}' end,
                    case when (o.month is distinct from n.month) then jsonb_build_object('month', n.month) else '{}' end
                    || case when (o.row_count is distinct from n.row_count) then jsonb_build_object('row_count', n.row_count) else '{}' end
                    || case when (o.first_seal is distinct from n.first_seal) then jsonb_build_object('first_seal', n.first_seal) else '{}' end
                    || case when (o.last_seal is distinct from n.last_seal) then jsonb_build_object('last_seal', n.last_seal) else '{}' end
                    || case when (o.head_hash is distinct from n.head_hash) then jsonb_build_object('head_hash', n.head_hash) else '{}' end
                    || case when (o.export_rows is distinct from n.export_rows) then jsonb_build_object('export_rows', n.export_rows) else '{}' end
                    || case when (o.export_sha256 is distinct from n.export_sha256) then jsonb_build_object('export_sha256', n.export_sha256) else '{}' end
                    || case when (o.retired_at is distinct from n.retired_at) then jsonb_build_object('retired_at', n.retired_at) else '{}' end
                    || case when (o.retired_by is distinct from n.retired_by) then jsonb_build_object('retired_by', n.retired_by) else '{}' end,
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from old_rows as o
                  join new_rows as n
                    on n.agency_id = o.agency_id
                   and n.id = o.id;
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    old_values,
                    salt,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    o.agency_id,
                    'audit',
                    'retired',
                    o.id,
                    'delete',
                    to_jsonb(o),
                    substring(sha256(secret || uuid_send(o.id)) from 1 for 16),
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from old_rows as o;
            end if;
            return null;
        end;
        $function$;

        revoke all on function audit.record_audit_retired() from public;
        grant execute on function audit.record_audit_retired() to gardenos_owner;

        comment on function audit.record_audit_retired() is
        'Appends the changes of audit.retired to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        create or replace trigger audit_delete
        after delete on tenancy.agencies
        referencing old table as old_rows
        for each statement
        execute function audit.record_tenancy_agencies();

        create or replace trigger audit_insert
        after insert on tenancy.agencies
        referencing new table as new_rows
        for each statement
        execute function audit.record_tenancy_agencies();

        create or replace trigger audit_truncate
        before truncate on tenancy.agencies
        for each statement
        execute function audit.forbid_truncate();

        create or replace trigger audit_update
        after update on tenancy.agencies
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_tenancy_agencies();
        """
    )
    execute(
        r"""
        create or replace trigger audit_delete
        after delete on tenancy.issuers
        referencing old table as old_rows
        for each statement
        execute function audit.record_tenancy_issuers();

        create or replace trigger audit_insert
        after insert on tenancy.issuers
        referencing new table as new_rows
        for each statement
        execute function audit.record_tenancy_issuers();

        create or replace trigger audit_truncate
        before truncate on tenancy.issuers
        for each statement
        execute function audit.forbid_truncate();

        create or replace trigger audit_update
        after update on tenancy.issuers
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_tenancy_issuers();
        """
    )
    execute(
        r"""
        create or replace trigger audit_delete
        after delete on tenancy.users
        referencing old table as old_rows
        for each statement
        execute function audit.record_tenancy_users();

        create or replace trigger audit_insert
        after insert on tenancy.users
        referencing new table as new_rows
        for each statement
        execute function audit.record_tenancy_users();

        create or replace trigger audit_truncate
        before truncate on tenancy.users
        for each statement
        execute function audit.forbid_truncate();

        create or replace trigger audit_update
        after update on tenancy.users
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_tenancy_users();
        """
    )
    execute(
        r"""
        create or replace trigger audit_delete
        after delete on tenancy.user_identities
        referencing old table as old_rows
        for each statement
        execute function audit.record_tenancy_user_identities();

        create or replace trigger audit_insert
        after insert on tenancy.user_identities
        referencing new table as new_rows
        for each statement
        execute function audit.record_tenancy_user_identities();

        create or replace trigger audit_truncate
        before truncate on tenancy.user_identities
        for each statement
        execute function audit.forbid_truncate();

        create or replace trigger audit_update
        after update on tenancy.user_identities
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_tenancy_user_identities();
        """
    )
    execute(
        r"""
        create or replace trigger audit_delete
        after delete on tenancy.memberships
        referencing old table as old_rows
        for each statement
        execute function audit.record_tenancy_memberships();

        create or replace trigger audit_insert
        after insert on tenancy.memberships
        referencing new table as new_rows
        for each statement
        execute function audit.record_tenancy_memberships();

        create or replace trigger audit_truncate
        before truncate on tenancy.memberships
        for each statement
        execute function audit.forbid_truncate();

        create or replace trigger audit_update
        after update on tenancy.memberships
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_tenancy_memberships();
        """
    )
    execute(
        r"""
        create or replace trigger audit_delete
        after delete on tenancy.teams
        referencing old table as old_rows
        for each statement
        execute function audit.record_tenancy_teams();

        create or replace trigger audit_insert
        after insert on tenancy.teams
        referencing new table as new_rows
        for each statement
        execute function audit.record_tenancy_teams();

        create or replace trigger audit_truncate
        before truncate on tenancy.teams
        for each statement
        execute function audit.forbid_truncate();

        create or replace trigger audit_update
        after update on tenancy.teams
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_tenancy_teams();
        """
    )
    execute(
        r"""
        create or replace trigger audit_delete
        after delete on tenancy.team_members
        referencing old table as old_rows
        for each statement
        execute function audit.record_tenancy_team_members();

        create or replace trigger audit_insert
        after insert on tenancy.team_members
        referencing new table as new_rows
        for each statement
        execute function audit.record_tenancy_team_members();

        create or replace trigger audit_truncate
        before truncate on tenancy.team_members
        for each statement
        execute function audit.forbid_truncate();

        create or replace trigger audit_update
        after update on tenancy.team_members
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_tenancy_team_members();
        """
    )
    execute(
        r"""
        create or replace trigger audit_delete
        after delete on tenancy.invitations
        referencing old table as old_rows
        for each statement
        execute function audit.record_tenancy_invitations();

        create or replace trigger audit_insert
        after insert on tenancy.invitations
        referencing new table as new_rows
        for each statement
        execute function audit.record_tenancy_invitations();

        create or replace trigger audit_truncate
        before truncate on tenancy.invitations
        for each statement
        execute function audit.forbid_truncate();

        create or replace trigger audit_update
        after update on tenancy.invitations
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_tenancy_invitations();
        """
    )
    execute(
        r"""
        create or replace trigger audit_delete
        after delete on tenancy.invitation_secrets
        referencing old table as old_rows
        for each statement
        execute function audit.record_tenancy_invitation_secrets();

        create or replace trigger audit_insert
        after insert on tenancy.invitation_secrets
        referencing new table as new_rows
        for each statement
        execute function audit.record_tenancy_invitation_secrets();

        create or replace trigger audit_truncate
        before truncate on tenancy.invitation_secrets
        for each statement
        execute function audit.forbid_truncate();

        create or replace trigger audit_update
        after update on tenancy.invitation_secrets
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_tenancy_invitation_secrets();
        """
    )
    execute(
        r"""
        create or replace trigger audit_delete
        after delete on tenancy.api_keys
        referencing old table as old_rows
        for each statement
        execute function audit.record_tenancy_api_keys();

        create or replace trigger audit_insert
        after insert on tenancy.api_keys
        referencing new table as new_rows
        for each statement
        execute function audit.record_tenancy_api_keys();

        create or replace trigger audit_truncate
        before truncate on tenancy.api_keys
        for each statement
        execute function audit.forbid_truncate();

        create or replace trigger audit_update
        after update on tenancy.api_keys
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_tenancy_api_keys();
        """
    )
    execute(
        r"""
        create or replace trigger audit_delete
        after delete on tenancy.api_key_secrets
        referencing old table as old_rows
        for each statement
        execute function audit.record_tenancy_api_key_secrets();

        create or replace trigger audit_insert
        after insert on tenancy.api_key_secrets
        referencing new table as new_rows
        for each statement
        execute function audit.record_tenancy_api_key_secrets();

        create or replace trigger audit_truncate
        before truncate on tenancy.api_key_secrets
        for each statement
        execute function audit.forbid_truncate();

        create or replace trigger audit_update
        after update on tenancy.api_key_secrets
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_tenancy_api_key_secrets();
        """
    )
    execute(
        r"""
        create or replace trigger forbid_change
        before update or delete on audit.log
        for each row
        execute function audit.forbid_change('redactable');

        create or replace trigger forbid_truncate
        before truncate on audit.log
        for each statement
        execute function audit.forbid_truncate();
        """
    )
    execute(
        r"""
        create or replace trigger forbid_change
        before update or delete on audit.seals
        for each row
        execute function audit.forbid_change();

        create or replace trigger forbid_truncate
        before truncate on audit.seals
        for each statement
        execute function audit.forbid_truncate();
        """
    )
    execute(
        r"""
        create or replace trigger audit_delete
        after delete on audit.retired
        referencing old table as old_rows
        for each statement
        execute function audit.record_audit_retired();

        create or replace trigger audit_insert
        after insert on audit.retired
        referencing new table as new_rows
        for each statement
        execute function audit.record_audit_retired();

        create or replace trigger audit_truncate
        before truncate on audit.retired
        for each statement
        execute function audit.forbid_truncate();

        create or replace trigger audit_update
        after update on audit.retired
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_audit_retired();

        create or replace trigger forbid_change
        before update or delete on audit.retired
        for each row
        execute function audit.forbid_change();
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop trigger audit_delete on tenancy.agencies;
        drop trigger audit_insert on tenancy.agencies;
        drop trigger audit_truncate on tenancy.agencies;
        drop trigger audit_update on tenancy.agencies;
        """
    )
    execute(
        r"""
        drop trigger audit_delete on tenancy.issuers;
        drop trigger audit_insert on tenancy.issuers;
        drop trigger audit_truncate on tenancy.issuers;
        drop trigger audit_update on tenancy.issuers;
        """
    )
    execute(
        r"""
        drop trigger audit_delete on tenancy.users;
        drop trigger audit_insert on tenancy.users;
        drop trigger audit_truncate on tenancy.users;
        drop trigger audit_update on tenancy.users;
        """
    )
    execute(
        r"""
        drop trigger audit_delete on tenancy.user_identities;
        drop trigger audit_insert on tenancy.user_identities;
        drop trigger audit_truncate on tenancy.user_identities;
        drop trigger audit_update on tenancy.user_identities;
        """
    )
    execute(
        r"""
        drop trigger audit_delete on tenancy.memberships;
        drop trigger audit_insert on tenancy.memberships;
        drop trigger audit_truncate on tenancy.memberships;
        drop trigger audit_update on tenancy.memberships;
        """
    )
    execute(
        r"""
        drop trigger audit_delete on tenancy.teams;
        drop trigger audit_insert on tenancy.teams;
        drop trigger audit_truncate on tenancy.teams;
        drop trigger audit_update on tenancy.teams;
        """
    )
    execute(
        r"""
        drop trigger audit_delete on tenancy.team_members;
        drop trigger audit_insert on tenancy.team_members;
        drop trigger audit_truncate on tenancy.team_members;
        drop trigger audit_update on tenancy.team_members;
        """
    )
    execute(
        r"""
        drop trigger audit_delete on tenancy.invitations;
        drop trigger audit_insert on tenancy.invitations;
        drop trigger audit_truncate on tenancy.invitations;
        drop trigger audit_update on tenancy.invitations;
        """
    )
    execute(
        r"""
        drop trigger audit_delete on tenancy.invitation_secrets;
        drop trigger audit_insert on tenancy.invitation_secrets;
        drop trigger audit_truncate on tenancy.invitation_secrets;
        drop trigger audit_update on tenancy.invitation_secrets;
        """
    )
    execute(
        r"""
        drop trigger audit_delete on tenancy.api_keys;
        drop trigger audit_insert on tenancy.api_keys;
        drop trigger audit_truncate on tenancy.api_keys;
        drop trigger audit_update on tenancy.api_keys;
        """
    )
    execute(
        r"""
        drop trigger audit_delete on tenancy.api_key_secrets;
        drop trigger audit_insert on tenancy.api_key_secrets;
        drop trigger audit_truncate on tenancy.api_key_secrets;
        drop trigger audit_update on tenancy.api_key_secrets;
        """
    )
    execute(
        r"""
        drop trigger forbid_change on audit.log;
        drop trigger forbid_truncate on audit.log;
        """
    )
    execute(
        r"""
        drop trigger forbid_change on audit.seals;
        drop trigger forbid_truncate on audit.seals;
        """
    )
    execute(
        r"""
        drop trigger audit_delete on audit.retired;
        drop trigger audit_insert on audit.retired;
        drop trigger audit_truncate on audit.retired;
        drop trigger audit_update on audit.retired;
        drop trigger forbid_change on audit.retired;
        """
    )
    execute(
        r"""
        drop function audit.record_tenancy_agencies();
        drop function audit.record_tenancy_issuers();
        drop function audit.record_tenancy_users();
        drop function audit.record_tenancy_user_identities();
        drop function audit.record_tenancy_memberships();
        drop function audit.record_tenancy_teams();
        drop function audit.record_tenancy_team_members();
        drop function audit.record_tenancy_invitations();
        drop function audit.record_tenancy_invitation_secrets();
        drop function audit.record_tenancy_api_keys();
        drop function audit.record_tenancy_api_key_secrets();
        drop function audit.record_audit_retired();
        drop function audit.forbid_truncate();
        drop function audit.forbid_change();
        drop function audit.values_hash(bytea, jsonb, jsonb);
        drop function audit.context();
        drop function audit.request();
        drop function app.actor();
        """
    )
