-- No escalation through a key that is already out. It acts as one membership for life; nobody touches a key
-- that acts as a role above their own, or widens a key that acts as another; and what is revoked stays so.
create or replace function app.guard_api_key()
returns trigger
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    actor_role app.agency_role;
begin
    if new.acts_as_id <> old.acts_as_id then
        raise exception 'An API key acts as the same membership for life.'
            using errcode = 'PT403';
    end if;
    if current_user in ('service_role', 'gardenos_owner', 'gardenos_tenancy_writer', 'gardenos_eraser') then
        return new;
    end if;
    select m.role
      into actor_role
      from tenancy.memberships as m
     where m.agency_id = old.agency_id
       and m.id = old.acts_as_id;
    if app.outranks_me(actor_role) then
        raise exception 'Your role does not allow you to touch the API key of a(n) %.', actor_role
            using errcode = '42501';
    end if;
    if (app.proof()).api_key_id is not null and new.revoked_at is null then
        raise exception 'An API key changes no API key, except to revoke it.'
            using errcode = '42501';
    end if;
    if old.acts_as_id <> app.membership_id() and actor_role <> 'ai_agent'
        and (new.scopes, new.expires_at) is distinct from (old.scopes, old.expires_at) then
        raise exception 'Only its maker changes what an API key may do; you may revoke it.'
            using errcode = '42501';
    end if;
    if old.revoked_at is not null and new.revoked_at is distinct from old.revoked_at then
        raise exception 'A revoked API key stays revoked; make a new one.'
            using errcode = '42501';
    end if;
    return new;
end;
$function$;

revoke all on function app.guard_api_key() from public;

comment on function app.guard_api_key() is
'Refuses to touch an API key above the own role, to widen another''s, or to revive a revoked one.';
