-- Signs a message with the secret that a name stands for, as Standard Webhooks has it: the worker signs and
-- never learns a secret. Null when the key of the database that the secret was made of is gone.
--
-- SECURITY DEFINER: only the sealer makes secrets of names.
set local role gardenos_sealer;

create or replace function app.webhook_signature(agency_id uuid, secret_ref text, message text)
returns text
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    key constant bytea := decode(
        substr(app.webhook_secret(webhook_signature.agency_id, webhook_signature.secret_ref), 7),
        'base64'
    );
begin
    return 'v1,' || encode(
        app.hmac_sha256(app.padded_key(key, 54), app.padded_key(key, 92), webhook_signature.message),
        'base64'
    );
end;
$function$;

revoke all on function app.webhook_signature(uuid, text, text) from public;
grant execute on function app.webhook_signature(uuid, text, text) to
    gardenos_worker;

comment on function app.webhook_signature(uuid, text, text) is
'The signature of a message under the secret that a name stands for.';

set local role gardenos_owner;
