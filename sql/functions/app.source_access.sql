-- Who may read a record, as documents and memories copy it. A document is never more visible than what it was
-- made of: a file is as visible as the record it is attached to, or less; a private one is its owner's alone,
-- as long as the record is the owner's too. deleted_at is that of the source, or of what hides the source.
--
-- Each row that is read is locked (FOR SHARE) until the end of the transaction: a change of it waits, and
-- then sees the copy that was made. For triggers that run as the same role.
create or replace function app.source_access(
    agency uuid,
    kind text,
    record_id uuid,
    out owner_id uuid,
    out team_id uuid,
    out visibility app.visibility,
    out participant_ids uuid[],
    out by_record boolean,
    out deleted_at timestamptz
)
returns record
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    file crm.files;
    removed timestamptz;
    place uuid;
begin
    case kind
        when 'contact' then
            select r.owner_id, r.team_id, 'agency', null, true, r.deleted_at
              into owner_id, team_id, visibility, participant_ids, by_record, deleted_at
              from crm.contacts as r
             where r.agency_id = agency
               and r.id = record_id
               for share;
        when 'company' then
            select r.owner_id, r.team_id, 'agency', null, true, r.deleted_at
              into owner_id, team_id, visibility, participant_ids, by_record, deleted_at
              from crm.companies as r
             where r.agency_id = agency
               and r.id = record_id
               for share;
        when 'deal' then
            select r.owner_id, r.team_id, 'agency', null, true, r.deleted_at
              into owner_id, team_id, visibility, participant_ids, by_record, deleted_at
              from crm.deals as r
             where r.agency_id = agency
               and r.id = record_id
               for share;
        when 'activity' then
            select coalesce(r.assignee_id, r.owner_id), r.team_id, r.visibility, null, false, r.deleted_at
              into owner_id, team_id, visibility, participant_ids, by_record, deleted_at
              from crm.activities as r
             where r.agency_id = agency
               and r.id = record_id
               for share;
        when 'conversation' then
            select coalesce(r.assignee_id, r.owner_id), r.team_id, r.visibility, r.participant_ids, false, r.deleted_at
              into owner_id, team_id, visibility, participant_ids, by_record, deleted_at
              from crm.conversations as r
             where r.agency_id = agency
               and r.id = record_id
               for share;
        when 'calendar_event' then
            select r.owner_id, r.team_id, r.visibility, null, false, r.deleted_at
              into owner_id, team_id, visibility, participant_ids, by_record, deleted_at
              from crm.calendar_events as r
             where r.agency_id = agency
               and r.id = record_id
               for share;
        when 'message' then
            select r.conversation_id, r.deleted_at
              into place, removed
              from crm.messages as r
             where r.agency_id = agency
               and r.id = record_id
               for share;
            select a.*
              into owner_id, team_id, visibility, participant_ids, by_record, deleted_at
              from app.source_access(agency, 'conversation', place) as a;
            deleted_at := coalesce(removed, deleted_at);
        when 'file' then
            select r.*
              into file
              from crm.files as r
             where r.agency_id = agency
               and r.id = record_id
               for share;
            if num_nonnulls(
                file.contact_id, file.company_id, file.deal_id, file.activity_id, file.calendar_event_id,
                file.message_id
            ) = 0 then
                owner_id := file.owner_id;
                visibility := 'private';
                by_record := false;
                deleted_at := file.deleted_at;
                return;
            end if;
            select a.*
              into owner_id, team_id, visibility, participant_ids, by_record, deleted_at
              from app.source_access(
                  agency,
                  case
                      when file.contact_id is not null then 'contact'
                      when file.company_id is not null then 'company'
                      when file.deal_id is not null then 'deal'
                      when file.activity_id is not null then 'activity'
                      when file.calendar_event_id is not null then 'calendar_event'
                      else 'message'
                  end,
                  coalesce(
                      file.contact_id, file.company_id, file.deal_id, file.activity_id, file.calendar_event_id,
                      file.message_id
                  )
              ) as a;
            if file.visibility = 'private' then
                owner_id := case
                    when file.owner_id = owner_id or file.owner_id = any(participant_ids) then file.owner_id
                end;
                participant_ids := case when participant_ids is not null then '{}'::uuid[] end;
            end if;
            visibility := least(file.visibility, visibility);
            deleted_at := coalesce(file.deleted_at, deleted_at);
    end case;
    -- no such source: the foreign key refuses it
    visibility := coalesce(visibility, 'private');
    by_record := coalesce(by_record, false);
end;
$function$;

revoke all on function app.source_access(uuid, text, uuid) from public;
grant execute on function app.source_access(uuid, text, uuid) to
    gardenos_ai_writer;

comment on function app.source_access(uuid, text, uuid) is
'Who may read a record, and since when it is deleted; the record stays locked.';
