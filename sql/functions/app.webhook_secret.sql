-- The secret that a name stands for: HMAC of agency and name under the key of the database. Nothing has to
-- be stored that a dump of the table, a replica or a worker could give away, and a name means nothing in
-- another agency. Null when the key is gone.
--
-- SECURITY DEFINER: the sealer alone reads the keys.
set local role gardenos_sealer;

create or replace function app.webhook_secret(agency_id uuid, secret_ref text)
returns text
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    return (
        select
            'whsec_' || encode(
                app.hmac_sha256(
                    k.inner_key,
                    k.outer_key,
                    webhook_secret.agency_id::text || '|' || webhook_secret.secret_ref
                ),
                'base64'
            )
          from migration.seal_keys as k
         where k.login = 'webhooks'
           and k.id::text = split_part(webhook_secret.secret_ref, '/', 1)
           and (k.expires_at is null or k.expires_at > clock_timestamp())
    );
end;
$function$;

revoke all on function app.webhook_secret(uuid, text) from public;
grant execute on function app.webhook_secret(uuid, text) to
    gardenos_publisher;

comment on function app.webhook_secret(uuid, text) is
'The secret of a webhook, by its name.';

set local role gardenos_owner;
