-- An address that is told what happens in the agency, and the secret that its signatures are checked with,
-- answered once. Made by owners and admins in person: what a key or an agent makes would tell on after it was
-- revoked.
--
-- SECURITY DEFINER: it writes to a table that no API role reaches.
set local role gardenos_publisher;

create or replace function app.create_webhook(
    name text,
    url text,
    event_types text[] default '{}',
    out endpoint_id uuid,
    out secret text
)
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    proof record := app.proof();
    reference text := app.new_webhook_ref();
    odd text;
begin
    if not app.may('integration.webhook_endpoints:insert', 'owner', 'admin')
        or proof.api_key_id is not null
        or not proof.is_person then
        raise exception 'You may not make a webhook: only an owner or admin of the agency may, in person.'
            using errcode = '42501';
    end if;
    if create_webhook.url is null or create_webhook.url !~ '^https://[^\s/@]+(/\S*)?$' then
        raise exception 'A webhook has an address that begins with https:// and holds no password.'
            using errcode = '22023';
    end if;
    select e.type
      into odd
      from unnest(create_webhook.event_types) as e (type)
     where e.type is null
        or e.type !~ '^[a-z_]+\.[a-z_]+\.(created|updated|deleted|restored|removed)$'
     limit 1;
    if found then
        raise exception 'There are no events of the type %.', coalesce(quote_literal(odd), 'null')
            using errcode = '22023',
            hint = 'A type is a table and what happened: crm.deals.created, updated, deleted, restored or removed.';
    end if;
    insert into integration.webhook_endpoints as w (agency_id, name, url, event_types)
    values (
        proof.agency_id,
        create_webhook.name,
        create_webhook.url,
        coalesce(create_webhook.event_types, '{}')
    )
    returning w.id into endpoint_id;
    insert into integration.webhook_secrets (agency_id, endpoint_id, secret_ref)
    values (proof.agency_id, create_webhook.endpoint_id, reference);
    secret := app.webhook_secret(proof.agency_id, reference);
end;
$function$;

revoke all on function app.create_webhook(text, text, text[]) from public;
grant execute on function app.create_webhook(text, text, text[]) to
    authenticated;

comment on function app.create_webhook(text, text, text[]) is
'Makes a webhook and answers its id and its secret, once. No types: all events.';

set local role gardenos_owner;
