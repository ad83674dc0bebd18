-- Who may read a document is copied from its source, whatever somebody writes, and with the source it is
-- deleted and restored; then its chunks are made anew. A note has no source: it is as visible as its writer
-- says. SECURITY DEFINER: whoever writes a document need not see everything that hides its source.
set local role gardenos_ai_writer;

create or replace function app.copy_source()
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
    if new.source_kind = 'note' then
        new.participant_ids := null;
        new.by_record := false;
        return new;
    end if;
    source := app.source_access(
        new.agency_id,
        new.source_kind,
        coalesce(
            new.file_id, new.conversation_id, new.activity_id, new.contact_id, new.company_id, new.deal_id
        )
    );
    new.owner_id := source.owner_id;
    new.team_id := source.team_id;
    new.visibility := source.visibility;
    new.participant_ids := source.participant_ids;
    new.by_record := source.by_record;
    new.deleted_at := source.deleted_at;
    if tg_op = 'UPDATE' and old.deleted_at is not null and new.deleted_at is null then
        new.status := 'pending';
    end if;
    return new;
end;
$function$;

revoke all on function app.copy_source() from public;
grant execute on function app.copy_source() to
    gardenos_owner;

comment on function app.copy_source() is
'Copies to a document who may read its source.';

set local role gardenos_owner;
