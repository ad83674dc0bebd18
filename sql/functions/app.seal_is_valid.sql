-- Does this seal belong to these claims, in this transaction of this backend? Whoever may ask learns one
-- bit about 256: no oracle. Both sides are hashed before they are compared, so the time taken tells nothing
-- either.
--
-- SECURITY DEFINER: the sealer alone reads the keys.
set local role gardenos_sealer;

create or replace function app.seal_is_valid(claims text, seal text)
returns boolean
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    if claims is null or seal is null or seal = '' then
        return false;
    end if;
    return exists (
        select 1
          from migration.seal_keys as k
         where k.login = 'database'
           and (k.expires_at is null or k.expires_at > clock_timestamp())
           and sha256(convert_to(seal, 'UTF8')) = sha256(
                   convert_to(
                       encode(app.hmac_sha256(k.inner_key, k.outer_key, app.sealed_text(claims)), 'hex'),
                       'UTF8'
                   )
               )
    );
end;
$function$;

revoke all on function app.seal_is_valid(text, text) from public;
grant execute on function app.seal_is_valid(text, text) to
    authenticated,
    service_role,
    gardenos_app,
    gardenos_worker,
    gardenos_membership_reader,
    gardenos_tenancy_writer;

comment on function app.seal_is_valid(text, text) is
'True when this seal was issued for these claims in this transaction.';

set local role gardenos_owner;
