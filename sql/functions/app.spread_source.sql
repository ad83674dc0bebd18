-- When it changes who may read a record, or whether it lives, so do the documents that were made of it or of
-- files on it, and the memories about it. They are touched, and copy anew: app.copy_source, app.copy_subject.
-- Memories that were deleted with a record, at the same instant, come back with it.
--
-- Old and new rows are not joined: a statement may touch one row or ten thousand, and EXCEPT hashes both.
-- SECURITY DEFINER: nobody who changes a record writes copies.
set local role gardenos_ai_writer;

create or replace function app.spread_source()
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
    removed_agencies uuid[];
    removed_ids uuid[];
    removed timestamptz[];
    restamped boolean;
begin
    case tg_table_name
        when 'contacts' then
            select array_agg(c.agency_id), array_agg(c.id)
              into agencies, ids
              from (
                  select n.agency_id, n.id, n.owner_id, n.team_id, n.deleted_at from new_rows as n
                  except
                  select o.agency_id, o.id, o.owner_id, o.team_id, o.deleted_at from old_rows as o
              ) as c;
            select array_agg(o.agency_id), array_agg(o.id), array_agg(o.deleted_at)
              into removed_agencies, removed_ids, removed
              from old_rows as o
             where o.deleted_at is not null;
        when 'companies' then
            select array_agg(c.agency_id), array_agg(c.id)
              into agencies, ids
              from (
                  select n.agency_id, n.id, n.owner_id, n.team_id, n.deleted_at from new_rows as n
                  except
                  select o.agency_id, o.id, o.owner_id, o.team_id, o.deleted_at from old_rows as o
              ) as c;
            select array_agg(o.agency_id), array_agg(o.id), array_agg(o.deleted_at)
              into removed_agencies, removed_ids, removed
              from old_rows as o
             where o.deleted_at is not null;
        when 'deals' then
            select array_agg(c.agency_id), array_agg(c.id)
              into agencies, ids
              from (
                  select n.agency_id, n.id, n.owner_id, n.team_id, n.deleted_at from new_rows as n
                  except
                  select o.agency_id, o.id, o.owner_id, o.team_id, o.deleted_at from old_rows as o
              ) as c;
            select array_agg(o.agency_id), array_agg(o.id), array_agg(o.deleted_at)
              into removed_agencies, removed_ids, removed
              from old_rows as o
             where o.deleted_at is not null;
        when 'activities' then
            select array_agg(c.agency_id), array_agg(c.id)
              into agencies, ids
              from (
                  select n.agency_id, n.id, n.owner_id, n.assignee_id, n.team_id, n.visibility, n.deleted_at from new_rows as n
                  except
                  select o.agency_id, o.id, o.owner_id, o.assignee_id, o.team_id, o.visibility, o.deleted_at from old_rows as o
              ) as c;
        when 'calendar_events' then
            select array_agg(c.agency_id), array_agg(c.id)
              into agencies, ids
              from (
                  select n.agency_id, n.id, n.owner_id, n.team_id, n.visibility, n.deleted_at from new_rows as n
                  except
                  select o.agency_id, o.id, o.owner_id, o.team_id, o.visibility, o.deleted_at from old_rows as o
              ) as c;
        when 'messages' then
            select array_agg(c.agency_id), array_agg(c.id)
              into agencies, ids
              from (
                  select n.agency_id, n.id, n.conversation_id, n.deleted_at from new_rows as n
                  except
                  select o.agency_id, o.id, o.conversation_id, o.deleted_at from old_rows as o
              ) as c;
        when 'files' then
            select array_agg(c.agency_id), array_agg(c.id)
              into agencies, ids
              from (
                  select n.agency_id, n.id, n.owner_id, n.visibility, n.contact_id, n.company_id, n.deal_id,
                      n.activity_id, n.calendar_event_id, n.message_id, n.deleted_at from new_rows as n
                  except
                  select o.agency_id, o.id, o.owner_id, o.visibility, o.contact_id, o.company_id, o.deal_id,
                      o.activity_id, o.calendar_event_id, o.message_id, o.deleted_at from old_rows as o
              ) as c;
        when 'conversations' then
            select array_agg(c.agency_id), array_agg(c.id)
              into agencies, ids
              from (
                  select n.agency_id, n.id, n.owner_id, n.assignee_id, n.team_id, n.visibility, n.deleted_at, n.participant_ids from new_rows as n
                  except
                  select o.agency_id, o.id, o.owner_id, o.assignee_id, o.team_id, o.visibility, o.deleted_at, o.participant_ids from old_rows as o
              ) as c;
            restamped := exists (
                select n.agency_id, n.id, n.owner_id, n.assignee_id, n.team_id, n.visibility, n.deleted_at
                  from new_rows as n
                except
                select o.agency_id, o.id, o.owner_id, o.assignee_id, o.team_id, o.visibility, o.deleted_at
                  from old_rows as o
            );
    end case;
    if ids is null then
        return null;
    end if;
    case tg_table_name
        when 'contacts' then
            update ai.documents as d
               set visibility = d.visibility
              from unnest(agencies, ids) as c (agency_id, id)
             where d.agency_id = c.agency_id
               and d.contact_id = c.id;
            update ai.documents as d
               set visibility = d.visibility
              from unnest(agencies, ids) as c (agency_id, id)
              join crm.files as f
                on f.agency_id = c.agency_id
               and f.contact_id = c.id
             where d.agency_id = f.agency_id
               and d.file_id = f.id;
            update ai.memories as m
               set owner_id = m.owner_id
              from unnest(agencies, ids) as c (agency_id, id)
             where m.agency_id = c.agency_id
               and m.contact_id = c.id;
            update ai.memories as m
               set deleted_at = null
              from unnest(removed_agencies, removed_ids, removed) as c (agency_id, id, deleted_at)
             where m.agency_id = c.agency_id
               and m.contact_id = c.id
               and m.deleted_at = c.deleted_at;
        when 'companies' then
            update ai.documents as d
               set visibility = d.visibility
              from unnest(agencies, ids) as c (agency_id, id)
             where d.agency_id = c.agency_id
               and d.company_id = c.id;
            update ai.documents as d
               set visibility = d.visibility
              from unnest(agencies, ids) as c (agency_id, id)
              join crm.files as f
                on f.agency_id = c.agency_id
               and f.company_id = c.id
             where d.agency_id = f.agency_id
               and d.file_id = f.id;
            update ai.memories as m
               set owner_id = m.owner_id
              from unnest(agencies, ids) as c (agency_id, id)
             where m.agency_id = c.agency_id
               and m.company_id = c.id;
            update ai.memories as m
               set deleted_at = null
              from unnest(removed_agencies, removed_ids, removed) as c (agency_id, id, deleted_at)
             where m.agency_id = c.agency_id
               and m.company_id = c.id
               and m.deleted_at = c.deleted_at;
        when 'deals' then
            update ai.documents as d
               set visibility = d.visibility
              from unnest(agencies, ids) as c (agency_id, id)
             where d.agency_id = c.agency_id
               and d.deal_id = c.id;
            update ai.documents as d
               set visibility = d.visibility
              from unnest(agencies, ids) as c (agency_id, id)
              join crm.files as f
                on f.agency_id = c.agency_id
               and f.deal_id = c.id
             where d.agency_id = f.agency_id
               and d.file_id = f.id;
            update ai.memories as m
               set owner_id = m.owner_id
              from unnest(agencies, ids) as c (agency_id, id)
             where m.agency_id = c.agency_id
               and m.deal_id = c.id;
            update ai.memories as m
               set deleted_at = null
              from unnest(removed_agencies, removed_ids, removed) as c (agency_id, id, deleted_at)
             where m.agency_id = c.agency_id
               and m.deal_id = c.id
               and m.deleted_at = c.deleted_at;
        when 'activities' then
            update ai.documents as d
               set visibility = d.visibility
              from unnest(agencies, ids) as c (agency_id, id)
             where d.agency_id = c.agency_id
               and d.activity_id = c.id;
            update ai.documents as d
               set visibility = d.visibility
              from unnest(agencies, ids) as c (agency_id, id)
              join crm.files as f
                on f.agency_id = c.agency_id
               and f.activity_id = c.id
             where d.agency_id = f.agency_id
               and d.file_id = f.id;
        when 'calendar_events' then
            update ai.documents as d
               set visibility = d.visibility
              from unnest(agencies, ids) as c (agency_id, id)
              join crm.files as f
                on f.agency_id = c.agency_id
               and f.calendar_event_id = c.id
             where d.agency_id = f.agency_id
               and d.file_id = f.id;
        when 'messages' then
            update ai.documents as d
               set visibility = d.visibility
              from unnest(agencies, ids) as c (agency_id, id)
              join crm.files as f
                on f.agency_id = c.agency_id
               and f.message_id = c.id
             where d.agency_id = f.agency_id
               and d.file_id = f.id;
        when 'files' then
            update ai.documents as d
               set visibility = d.visibility
              from unnest(agencies, ids) as c (agency_id, id)
             where d.agency_id = c.agency_id
               and d.file_id = c.id;
        when 'conversations' then
            -- who takes part is no change of the document
            if restamped then
                update ai.documents as d
                   set visibility = d.visibility
                  from unnest(agencies, ids) as c (agency_id, id)
                 where d.agency_id = c.agency_id
                   and d.conversation_id = c.id;
                update ai.documents as d
                   set visibility = d.visibility
                  from unnest(agencies, ids) as c (agency_id, id)
                  join crm.messages as e
                    on e.agency_id = c.agency_id
                   and e.conversation_id = c.id
                  join crm.files as f
                    on f.agency_id = e.agency_id
                   and f.message_id = e.id
                 where d.agency_id = f.agency_id
                   and d.file_id = f.id;
            else
                update ai.documents as d
                   set participant_ids = d.participant_ids
                  from unnest(agencies, ids) as c (agency_id, id)
                 where d.agency_id = c.agency_id
                   and d.conversation_id = c.id;
                update ai.documents as d
                   set participant_ids = d.participant_ids
                  from unnest(agencies, ids) as c (agency_id, id)
                  join crm.messages as e
                    on e.agency_id = c.agency_id
                   and e.conversation_id = c.id
                  join crm.files as f
                    on f.agency_id = e.agency_id
                   and f.message_id = e.id
                 where d.agency_id = f.agency_id
                   and d.file_id = f.id;
            end if;
    end case;
    return null;
end;
$function$;

revoke all on function app.spread_source() from public;
grant execute on function app.spread_source() to
    gardenos_owner;

comment on function app.spread_source() is
'Lets documents and memories copy anew who may read a record.';

set local role gardenos_owner;
