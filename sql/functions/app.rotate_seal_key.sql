-- A new key for a service login, shown once: put it into the service's environment. The older keys of that
-- login go on for the overlap, so that no instance fails while the new key is rolled out. 'database'
-- rotates the key of the seals themselves, which nobody needs to know: the answer is then null. So it is for
-- 'webhooks', the key that the secrets of webhooks are made of: those that are older end with it.
--
-- SECURITY DEFINER: the sealer alone writes the keys. Called by the DBA after SET ROLE gardenos_owner.
set local role gardenos_sealer;

create or replace function app.rotate_seal_key(login text, overlap interval default '1 hour')
returns text
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    new_key bytea := sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
begin
    if login is null or login not in ('database', 'webhooks', 'gardenos_app') then
        raise exception 'No key for login %: there are keys for gardenos_app, ''database'' and ''webhooks''.',
            coalesce(quote_ident(login), 'null')
            using errcode = '22023';
    end if;
    if overlap is null or overlap < interval '0' or overlap > interval '7 days' then
        raise exception 'The overlap of old and new key must be between 0 and 7 days.'
            using errcode = '22023';
    end if;
    update migration.seal_keys as k
       set expires_at = clock_timestamp() + overlap
     where k.login = rotate_seal_key.login
       and k.expires_at is null;
    insert into migration.seal_keys as k (login, inner_key, outer_key)
    values (rotate_seal_key.login, app.padded_key(new_key, 54), app.padded_key(new_key, 92));
    delete from migration.seal_keys as k
     where k.expires_at < clock_timestamp() - interval '1 day';
    return case when login = 'gardenos_app' then encode(new_key, 'hex') end;
end;
$function$;

revoke all on function app.rotate_seal_key(text, interval) from public;
grant execute on function app.rotate_seal_key(text, interval) to
    gardenos_owner;

comment on function app.rotate_seal_key(text, interval) is
'Makes a new signing key for a service login and returns it once, as hex; old keys expire after the overlap.';

set local role gardenos_owner;
