-- Somebody with a good token who is no user yet: an active issuer, a subject that no identity has, and an
-- address that this issuer has verified (the claim email_verified of OpenID Connect). Only
-- app.accept_invitation makes a user of one.
set local role gardenos_membership_reader;

create or replace function app.is_verified_stranger(claims jsonb)
returns boolean
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    return coalesce(
        jsonb_typeof(claims -> 'sub') = 'string'
        and jsonb_typeof(claims -> 'email') = 'string'
        and claims -> 'email_verified' = 'true'::jsonb
        and not claims ?| array['user_id', 'act', 'api_key_id']
        and exists (
            select 1
              from tenancy.issuers as i
             where i.issuer = claims ->> 'iss'
               and i.active
        )
        and not exists (
            select 1
              from tenancy.user_identities as ui
             where ui.issuer = claims ->> 'iss'
               and ui.subject = claims ->> 'sub'
        ),
        false
    );
end;
$function$;

revoke all on function app.is_verified_stranger(jsonb) from public;
grant execute on function app.is_verified_stranger(jsonb) to
    gardenos_tenancy_writer;

comment on function app.is_verified_stranger(jsonb) is
'True for claims of an active issuer with a verified address and a subject that belongs to no user.';

set local role gardenos_owner;
