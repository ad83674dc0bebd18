-- No escalation through an invitation that is already out: nobody touches one for a role above their own,
-- what was accepted or revoked stays so, and an expiry is at most thirty days away. Invitations are made by
-- app.invite.
create or replace function app.guard_invitation()
returns trigger
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    if current_user in ('service_role', 'gardenos_owner', 'gardenos_tenancy_writer', 'gardenos_merger') then
        return new;
    end if;
    if app.outranks_me(old.role) then
        raise exception 'Your role does not allow you to touch the invitation of a(n) %.', old.role
            using errcode = '42501';
    end if;
    if (old.accepted_at is not null or old.revoked_at is not null)
        and (new.revoked_at, new.expires_at) is distinct from (old.revoked_at, old.expires_at) then
        raise exception 'This invitation is closed; it cannot be opened again.'
            using errcode = '42501',
            hint = 'Invite the address again with app.invite.';
    end if;
    if new.expires_at > greatest(old.expires_at, now() + interval '30 days') then
        raise exception 'An invitation stays open for at most thirty days.'
            using errcode = '23514';
    end if;
    return new;
end;
$function$;

revoke all on function app.guard_invitation() from public;

comment on function app.guard_invitation() is
'Refuses to touch an invitation above the own role, or to open a closed one.';
