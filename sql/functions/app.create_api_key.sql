-- Access for a machine. A key acts as one membership, its maker's own or an agent's, and never does more
-- than it; scopes narrow it further. Made by owners and admins in person: a key makes no keys, nor does an
-- agent.
--
-- SECURITY DEFINER: it writes the hash to a table that no API role reaches. The key is answered once and
-- not stored.
set local role gardenos_tenancy_writer;

create or replace function app.create_api_key(
    name text,
    scopes text[] default '{}',
    acts_as_id uuid default null,
    expires_at timestamptz default null
)
returns text
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    proof record := app.proof();
    actor_id uuid := coalesce(create_api_key.acts_as_id, proof.membership_id);
    key text;
    new_key_id uuid;
begin
    if not app.may('tenancy.api_keys:insert', 'owner', 'admin')
        or proof.api_key_id is not null
        or not proof.is_person then
        raise exception 'You may not make an API key: only an owner or admin of the agency may, in person.'
            using errcode = '42501';
    end if;
    if actor_id <> proof.membership_id and not exists (
        select 1
          from tenancy.memberships as m
         where m.agency_id = proof.agency_id
           and m.id = actor_id
           and m.role = 'ai_agent'
           and m.status = 'active'
    ) then
        raise exception 'An API key acts as your own membership or as an agent, never as another person.'
            using errcode = '42501';
    end if;
    if create_api_key.expires_at <= statement_timestamp() then
        raise exception 'The key would be expired from the start: expires_at is in the past.'
            using errcode = '22023';
    end if;
    key := app.new_token(proof.agency_id);
    insert into tenancy.api_keys as k (agency_id, name, prefix, scopes, acts_as_id, expires_at)
    values (
        proof.agency_id,
        create_api_key.name,
        left(split_part(key, '.', 2), 12),
        coalesce(create_api_key.scopes, '{}'),
        actor_id,
        create_api_key.expires_at
    )
    returning k.id into new_key_id;
    insert into tenancy.api_key_secrets (agency_id, api_key_id, key_hash)
    values (proof.agency_id, new_key_id, app.token_hash(key));
    return key;
end;
$function$;

revoke all on function app.create_api_key(text, text[], uuid, timestamptz) from public;
grant execute on function app.create_api_key(text, text[], uuid, timestamptz) to
    authenticated;

comment on function app.create_api_key(text, text[], uuid, timestamptz) is
'Makes an API key and answers it, once. Empty scopes: all that the membership may.';

set local role gardenos_owner;
