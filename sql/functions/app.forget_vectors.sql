-- Where an erasure changes a text, its old vectors go at once: the text can be guessed from them. New ones
-- are made in their turn. SECURITY DEFINER: erasure itself reaches no vector.
set local role gardenos_ai_writer;

create or replace function app.forget_vectors()
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
          select n.agency_id, n.id, n.content_sha256::bytea from new_rows as n
          except
          select o.agency_id, o.id, o.content_sha256::bytea from old_rows as o
      ) as c;
    if tg_table_name = 'chunks' then
        delete from ai.embeddings_vector_1536 as e
         using unnest(agencies, ids) as c (agency_id, id)
         where e.agency_id = c.agency_id
           and e.chunk_id = c.id;
        delete from ai.embeddings_halfvec_3072 as e
         using unnest(agencies, ids) as c (agency_id, id)
         where e.agency_id = c.agency_id
           and e.chunk_id = c.id;
    else
        delete from ai.embeddings_vector_1536 as e
         using unnest(agencies, ids) as c (agency_id, id)
         where e.agency_id = c.agency_id
           and e.memory_id = c.id;
        delete from ai.embeddings_halfvec_3072 as e
         using unnest(agencies, ids) as c (agency_id, id)
         where e.agency_id = c.agency_id
           and e.memory_id = c.id;
    end if;
    return null;
end;
$function$;

revoke all on function app.forget_vectors() from public;
grant execute on function app.forget_vectors() to
    gardenos_owner;

comment on function app.forget_vectors() is
'Deletes the vectors of texts that an erasure has changed.';

set local role gardenos_owner;
