-- Merges move what agents remember of a record, too. An item is named after its subject, so it does not point
-- to another one: it is put again under the winner's name, with its embeddings. Where the winner has an item
-- of the same name, both stay where they are. Answers what was moved, as the rest of its namespace and its
-- key; on the way back only that is moved.
create or replace function app.move_items(
    agency uuid,
    kind text,
    from_id uuid,
    to_id uuid,
    only_these jsonb default null
)
returns jsonb
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    base constant text := agency || '.' || kind || '.';
    item record;
    moved jsonb := '[]';
begin
    for item in
        select
            s.prefix,
            s.key,
            n.rest,
            base || to_id || n.rest as new_prefix
          from langgraph.store as s
         cross join lateral (
             values (substr(s.prefix, length(base || from_id) + 1))
         ) as n (rest)
         where s.agency_id = agency
           and (
               (kind = 'contact' and s.contact_id = from_id)
               or (kind = 'company' and s.company_id = from_id)
           )
           and (only_these is null or only_these @> jsonb_build_array(jsonb_build_array(n.rest, s.key)))
         order by s.prefix, s.key
    loop
        insert into langgraph.store (prefix, key, value, created_at, updated_at, expires_at, ttl_minutes)
        select
            item.new_prefix,
            s.key,
            s.value,
            s.created_at,
            s.updated_at,
            s.expires_at,
            s.ttl_minutes
          from langgraph.store as s
         where s.prefix = item.prefix
           and s.key = item.key
            on conflict (prefix, key) do nothing;
        continue when not found;
        insert into langgraph.store_vectors (prefix, key, field_name, embedding, created_at, updated_at)
        select
            item.new_prefix,
            v.key,
            v.field_name,
            v.embedding,
            v.created_at,
            v.updated_at
          from langgraph.store_vectors as v
         where v.prefix = item.prefix
           and v.key = item.key;
        delete from langgraph.store as s
         where s.prefix = item.prefix
           and s.key = item.key;
        moved := moved || jsonb_build_array(jsonb_build_array(item.rest, item.key));
    end loop;
    return moved;
end;
$function$;

revoke all on function app.move_items(uuid, text, uuid, uuid, jsonb) from public;
grant execute on function app.move_items(uuid, text, uuid, uuid, jsonb) to
    gardenos_merger;

comment on function app.move_items(uuid, text, uuid, uuid, jsonb) is
'Moves what agents remember of one record to another; answers which items, as the rest of namespace and key.';
