-- The name of a new secret: the key of the database that it is made of, and chance. What stands in
-- webhook_secrets is this name; the secret itself is nowhere.
--
-- SECURITY DEFINER: the sealer alone reads the keys.
set local role gardenos_sealer;

create or replace function app.new_webhook_ref()
returns text
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    return (
        select k.id::text || '/' || gen_random_uuid()::text
          from migration.seal_keys as k
         where k.login = 'webhooks'
           and k.expires_at is null
    );
end;
$function$;

revoke all on function app.new_webhook_ref() from public;
grant execute on function app.new_webhook_ref() to
    gardenos_publisher;

comment on function app.new_webhook_ref() is
'A name for a new secret of a webhook.';

set local role gardenos_owner;
