-- Which user a token speaks of. user_id is believed only from an active issuer that may assert it; from the
-- others (iss, sub) is looked up, because Kratos and Authentik issue subjects that are not uuids. E-mail
-- addresses identify nobody. A user_id that is present but malformed names nobody, not the subject instead.
--
-- Called by the definers of the membership reader only: nobody else may read issuers and identities.
create or replace function app.claimed_user(claims jsonb)
returns uuid
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    believed boolean;
begin
    select i.may_assert_user_id
      into believed
      from tenancy.issuers as i
     where i.issuer = claims ->> 'iss'
       and i.active;
    if believed and claims ? 'user_id' then
        return app.claimed_uuid(claims, 'user_id');
    end if;
    if believed is null or jsonb_typeof(claims -> 'sub') is distinct from 'string' then
        return null;
    end if;
    return (
        select ui.user_id
          from tenancy.user_identities as ui
         where ui.issuer = claims ->> 'iss'
           and ui.subject = claims ->> 'sub'
    );
end;
$function$;

revoke all on function app.claimed_user(jsonb) from public;
grant execute on function app.claimed_user(jsonb) to
    gardenos_membership_reader;

comment on function app.claimed_user(jsonb) is
'The user that these claims name, by an issuer that is believed; null when nobody is named.';
