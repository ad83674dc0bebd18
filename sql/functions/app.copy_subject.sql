-- A memory about a record is its owner's and its team's, and no longer lives than it: a memory must not tell
-- what the record hides. A memory about a colleague or the agency is as visible as its writer says.
-- SECURITY DEFINER: it locks the record, so that a change of it waits and then sees the memory.
set local role gardenos_ai_writer;

create or replace function app.copy_subject()
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
    new.participant_ids := null;
    new.by_record := new.subject in ('contact', 'company', 'deal');
    if new.by_record then
        source := app.source_access(
            new.agency_id, new.subject::text, coalesce(new.contact_id, new.company_id, new.deal_id)
        );
        new.owner_id := source.owner_id;
        new.team_id := source.team_id;
        new.deleted_at := coalesce(new.deleted_at, source.deleted_at);
    end if;
    return new;
end;
$function$;

revoke all on function app.copy_subject() from public;
grant execute on function app.copy_subject() to
    gardenos_owner;

comment on function app.copy_subject() is
'Copies to a memory whose the record is that it is about.';

set local role gardenos_owner;
