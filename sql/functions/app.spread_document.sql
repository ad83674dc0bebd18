-- The chunks of a document are as visible as the document. A deleted document has none: they are made anew
-- when it is restored. SECURITY DEFINER: nobody who changes a record writes copies.
set local role gardenos_ai_writer;

create or replace function app.spread_document()
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
          select n.agency_id, n.id, n.deleted_at is null from new_rows as n where n.deleted_at is not null
          except
          select o.agency_id, o.id, o.deleted_at is null from old_rows as o
      ) as c;
    if ids is not null then
        delete from ai.chunks as t
         using unnest(agencies, ids) as c (agency_id, id)
         where t.agency_id = c.agency_id
           and t.document_id = c.id;
    end if;
    select array_agg(c.agency_id), array_agg(c.id)
      into agencies, ids
      from (
          select n.agency_id, n.id, n.owner_id, n.team_id, n.visibility, n.participant_ids, n.by_record
            from new_rows as n
          except
          select o.agency_id, o.id, o.owner_id, o.team_id, o.visibility, o.participant_ids, o.by_record
            from old_rows as o
      ) as c;
    if ids is not null then
        update ai.chunks as t
           set owner_id = d.owner_id,
               team_id = d.team_id,
               visibility = d.visibility,
               participant_ids = d.participant_ids,
               by_record = d.by_record
          from unnest(agencies, ids) as c (agency_id, id)
          join ai.documents as d
            on d.agency_id = c.agency_id
           and d.id = c.id
         where t.agency_id = d.agency_id
           and t.document_id = d.id;
    end if;
    return null;
end;
$function$;

revoke all on function app.spread_document() from public;
grant execute on function app.spread_document() to
    gardenos_owner;

comment on function app.spread_document() is
'Copies to chunks who may read their document.';

set local role gardenos_owner;
