-- The claims of an API key, for the service that received one: it adds its issuer, signs them and binds the
-- session (app.bind_session). Key and membership are proved again at every statement, so this answer is no
-- permission. A key that is wrong, revoked or expired gives null, all alike.
set local role gardenos_membership_reader;

create or replace function app.api_key_claims(key text)
returns jsonb
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    return (
        select jsonb_build_object(
                   'role', 'authenticated',
                   'user_id', m.user_id,
                   'agency_id', k.agency_id,
                   'api_key_id', k.id
               )
          from tenancy.api_key_secrets as s
          join tenancy.api_keys as k
            on k.agency_id = s.agency_id
           and k.id = s.api_key_id
          join tenancy.memberships as m
            on m.agency_id = k.agency_id
           and m.id = k.acts_as_id
         where s.agency_id = app.token_agency(key)
           and s.key_hash = app.token_hash(key)
           and k.revoked_at is null
           and (k.expires_at is null or k.expires_at > statement_timestamp())
    );
end;
$function$;

revoke all on function app.api_key_claims(text) from public;
grant execute on function app.api_key_claims(text) to
    gardenos_app;

comment on function app.api_key_claims(text) is
'The claims a service shall sign for this API key; null when the key is not valid.';

set local role gardenos_owner;
