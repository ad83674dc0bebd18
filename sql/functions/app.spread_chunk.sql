-- The vectors of a chunk are as visible as the chunk. SECURITY DEFINER: nobody who changes a record writes
-- copies.
set local role gardenos_ai_writer;

create or replace function app.spread_chunk()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    agencies uuid[];
    ids uuid[];
begin
    select array_agg(c.agency_id), array_agg(c.id)
      into agencies, ids
      from (
          select n.agency_id, n.id, n.owner_id, n.team_id, n.visibility, n.participant_ids, n.by_record
            from new_rows as n
          except
          select o.agency_id, o.id, o.owner_id, o.team_id, o.visibility, o.participant_ids, o.by_record
            from old_rows as o
      ) as c;
    if ids is null then
        return null;
    end if;
    update ai.embeddings_vector_1536 as e
       set owner_id = t.owner_id,
           team_id = t.team_id,
           visibility = t.visibility,
           participant_ids = t.participant_ids,
           by_record = t.by_record
      from unnest(agencies, ids) as c (agency_id, id)
      join ai.chunks as t
        on t.agency_id = c.agency_id
       and t.id = c.id
     where e.agency_id = t.agency_id
       and e.chunk_id = t.id;
    update ai.embeddings_halfvec_3072 as e
       set owner_id = t.owner_id,
           team_id = t.team_id,
           visibility = t.visibility,
           participant_ids = t.participant_ids,
           by_record = t.by_record
      from unnest(agencies, ids) as c (agency_id, id)
      join ai.chunks as t
        on t.agency_id = c.agency_id
       and t.id = c.id
     where e.agency_id = t.agency_id
       and e.chunk_id = t.id;
    return null;
end;
$function$;

revoke all on function app.spread_chunk() from public;
grant execute on function app.spread_chunk() to
    gardenos_owner;

comment on function app.spread_chunk() is
'Copies to vectors who may read their chunk.';

set local role gardenos_owner;
