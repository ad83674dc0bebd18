-- A new secret for a webhook, answered once. Messages carry both signatures until the overlap is over, so
-- that the receiver can change its secret in between. For those who may make webhooks.
--
-- SECURITY DEFINER: it writes to a table that no API role reaches.
set local role gardenos_publisher;

create or replace function app.rotate_webhook_secret(endpoint_id uuid, overlap interval default '1 day')
returns text
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    proof record := app.proof();
    reference text := app.new_webhook_ref();
begin
    if not app.may('integration.webhook_endpoints:update', 'owner', 'admin')
        or proof.api_key_id is not null
        or not proof.is_person then
        raise exception 'You may not change the secret of a webhook: only an owner or admin of the agency may, in person.'
            using errcode = '42501';
    end if;
    if overlap is null or overlap not between interval '0' and interval '7 days' then
        raise exception 'The overlap of old and new secret must be between 0 and 7 days.'
            using errcode = '22023';
    end if;
    update integration.webhook_secrets as s
       set previous_ref = s.secret_ref,
           previous_until = clock_timestamp() + overlap,
           secret_ref = reference
      from integration.webhook_endpoints as w
     where w.agency_id = proof.agency_id
       and w.id = rotate_webhook_secret.endpoint_id
       and w.deleted_at is null
       and s.agency_id = w.agency_id
       and s.endpoint_id = w.id;
    if not found then
        raise exception 'There is no webhook % in this agency.', coalesce(endpoint_id::text, 'null')
            using errcode = 'P0002';
    end if;
    return app.webhook_secret(proof.agency_id, reference);
end;
$function$;

revoke all on function app.rotate_webhook_secret(uuid, interval) from public;
grant execute on function app.rotate_webhook_secret(uuid, interval) to
    authenticated;

comment on function app.rotate_webhook_secret(uuid, interval) is
'Gives a webhook a new secret and answers it, once; the old one signs too until the overlap is over.';

set local role gardenos_owner;
