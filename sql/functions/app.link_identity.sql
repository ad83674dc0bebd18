-- A signed-in person adds a second login. The service that has verified the second token puts its issuer
-- and subject into the claim "link" ({"iss": …, "sub": …, "provider": …}), signed like the rest: there is no
-- argument that a client could fill with somebody else's subject. Identities are never linked because two
-- addresses are equal.
--
-- SECURITY DEFINER: API roles do not write user_identities; this adds to the caller's own user only.
set local role gardenos_tenancy_writer;

create or replace function app.link_identity()
returns uuid
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    link jsonb := app.claims() -> 'link';
    identity_id uuid;
begin
    if not app.may_as_myself('tenancy.user_identities:insert') then
        raise exception 'No identity was linked: sign in as the person that it shall belong to.'
            using errcode = '42501';
    end if;
    if link ->> 'sub' is null or not exists (
        select 1
          from tenancy.issuers as i
         where i.issuer = link ->> 'iss'
           and i.active
    ) then
        raise exception 'No identity was linked: the claim "link" names no subject of an active issuer.'
            using errcode = '22023',
            hint = 'The service that verified the second token sets it: {"link": {"iss": …, "sub": …}}.';
    end if;
    insert into tenancy.user_identities as ui (user_id, issuer, subject, provider)
    values (app.user_id(), link ->> 'iss', link ->> 'sub', link ->> 'provider')
    on conflict (issuer, subject) do nothing
    returning ui.id into identity_id;
    if identity_id is null then
        select ui.id
          into identity_id
          from tenancy.user_identities as ui
         where ui.issuer = link ->> 'iss'
           and ui.subject = link ->> 'sub'
           and ui.user_id = app.user_id();
    end if;
    if identity_id is null then
        raise exception 'No identity was linked: this login already belongs to another user.'
            using errcode = '23505';
    end if;
    return identity_id;
end;
$function$;

revoke all on function app.link_identity() from public;
grant execute on function app.link_identity() to
    authenticated;

comment on function app.link_identity() is
'Links the login in the signed claim "link" to the caller; answers the id of the identity.';

set local role gardenos_owner;
