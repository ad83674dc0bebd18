-- Who may read a vector is copied from its chunk or its memory, whatever somebody writes. SECURITY DEFINER:
-- it locks that row, so that a change of it waits and then sees the vector.
set local role gardenos_ai_writer;

create or replace function app.copy_text()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    source record;
begin
    if new.chunk_id is not null then
        select c.owner_id, c.team_id, c.visibility, c.participant_ids, c.by_record, null::timestamptz as deleted_at
          into source
          from ai.chunks as c
         where c.agency_id = new.agency_id
           and c.id = new.chunk_id
           for share;
    else
        select m.owner_id, m.team_id, m.visibility, m.participant_ids, m.by_record, m.deleted_at
          into source
          from ai.memories as m
         where m.agency_id = new.agency_id
           and m.id = new.memory_id
           for share;
    end if;
    if source.deleted_at is not null then
        raise exception 'Memory % is deleted: it has no vector.', new.memory_id
            using errcode = '23514',
            hint = 'Delete its job.';
    end if;
    new.owner_id := source.owner_id;
    new.team_id := source.team_id;
    new.visibility := coalesce(source.visibility, 'private');
    new.participant_ids := source.participant_ids;
    new.by_record := coalesce(source.by_record, false);
    return new;
end;
$function$;

revoke all on function app.copy_text() from public;
grant execute on function app.copy_text() to
    gardenos_owner;

comment on function app.copy_text() is
'Copies to a vector who may read its text.';

set local role gardenos_owner;
