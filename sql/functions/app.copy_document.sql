-- Who may read a chunk is copied from its document, whatever somebody writes. SECURITY DEFINER: it locks the
-- document, so that a change of it waits and then sees the chunk.
set local role gardenos_ai_writer;

create or replace function app.copy_document()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    document ai.documents;
begin
    select d.*
      into document
      from ai.documents as d
     where d.agency_id = new.agency_id
       and d.id = new.document_id
       for share;
    if document.deleted_at is not null then
        raise exception 'Document % is deleted: it has no chunks.', new.document_id
            using errcode = '23514',
            hint = 'Restore its source first.';
    end if;
    new.owner_id := document.owner_id;
    new.team_id := document.team_id;
    new.visibility := coalesce(document.visibility, 'private');
    new.participant_ids := document.participant_ids;
    new.by_record := coalesce(document.by_record, false);
    return new;
end;
$function$;

revoke all on function app.copy_document() from public;
grant execute on function app.copy_document() to
    gardenos_owner;

comment on function app.copy_document() is
'Copies to a chunk who may read its document.';

set local role gardenos_owner;
