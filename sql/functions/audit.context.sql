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
    gardenos_audit_redactor,
    gardenos_publisher;

comment on function audit.context() is
'What the trail notes of every row of one statement: who, in which role, request and transaction.';
