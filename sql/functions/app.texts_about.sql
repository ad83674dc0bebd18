-- The chunks and memories that the filters of a search keep, when one of them names a record: few, so they
-- are found first and compared one by one. About a contact, a company or a deal is the document made of it,
-- those made of its activities, conversations and files, and the memories of it. Two records: what is about
-- both.
--
-- SECURITY INVOKER: nothing is named that the caller cannot read. A key needs the scopes of activities,
-- conversations and files to find what is about a record through them.
create or replace function app.texts_about(filters jsonb, out chunk_ids uuid[], out memory_ids uuid[])
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
as $function$
declare
    agency uuid := app.agency_id();
    filter record := app.search_filters(filters);
    contact uuid := filter.records ->> 'contact_id';
    company uuid := filter.records ->> 'company_id';
    deal uuid := filter.records ->> 'deal_id';
    document uuid := filter.records ->> 'document_id';
    file uuid := filter.records ->> 'file_id';
    conversation uuid := filter.records ->> 'conversation_id';
    activity uuid := filter.records ->> 'activity_id';
    named integer := (select count(*) from jsonb_object_keys(filter.records));
    activities uuid[];
    conversations uuid[];
    files uuid[];
begin
    if filter.source_kinds is null or filter.source_kinds <> '{}' then
        with
        about as (
            select 1 as record, d.id
              from ai.documents as d
             where d.agency_id = agency
               and d.contact_id = contact
            union all
            select 1, d.id
              from crm.activities as a
              join ai.documents as d
                on d.agency_id = a.agency_id
               and d.activity_id = a.id
             where a.agency_id = agency
               and a.contact_id = contact
            union all
            select 1, d.id
              from crm.conversations as v
              join ai.documents as d
                on d.agency_id = v.agency_id
               and d.conversation_id = v.id
             where v.agency_id = agency
               and v.contact_id = contact
            union all
            select 1, d.id
              from crm.files as f
              join ai.documents as d
                on d.agency_id = f.agency_id
               and d.file_id = f.id
             where f.agency_id = agency
               and f.contact_id = contact
            union all
            select 2, d.id
              from ai.documents as d
             where d.agency_id = agency
               and d.company_id = company
            union all
            select 2, d.id
              from crm.activities as a
              join ai.documents as d
                on d.agency_id = a.agency_id
               and d.activity_id = a.id
             where a.agency_id = agency
               and a.company_id = company
            union all
            select 2, d.id
              from crm.files as f
              join ai.documents as d
                on d.agency_id = f.agency_id
               and d.file_id = f.id
             where f.agency_id = agency
               and f.company_id = company
            union all
            select 3, d.id
              from ai.documents as d
             where d.agency_id = agency
               and d.deal_id = deal
            union all
            select 3, d.id
              from crm.activities as a
              join ai.documents as d
                on d.agency_id = a.agency_id
               and d.activity_id = a.id
             where a.agency_id = agency
               and a.deal_id = deal
            union all
            select 3, d.id
              from crm.conversations as v
              join ai.documents as d
                on d.agency_id = v.agency_id
               and d.conversation_id = v.id
             where v.agency_id = agency
               and v.deal_id = deal
            union all
            select 3, d.id
              from crm.files as f
              join ai.documents as d
                on d.agency_id = f.agency_id
               and d.file_id = f.id
             where f.agency_id = agency
               and f.deal_id = deal
            union all
            select k.record, d.id
              from ai.documents as d
             cross join lateral (
                 values
                 (4, d.id = document),
                 (5, d.file_id = file),
                 (6, d.conversation_id = conversation),
                 (7, d.activity_id = activity)
             ) as k (record, is_it)
             where d.agency_id = agency
               and (d.id = document or d.file_id = file or d.conversation_id = conversation or d.activity_id = activity)
               and k.is_it
        )
        select array_agg(c.id)
          into chunk_ids
          from ai.documents as d
          join ai.chunks as c
            on c.agency_id = d.agency_id
           and c.document_id = d.id
         where d.agency_id = agency
           and d.id in (select a.id from about as a group by a.id having count(distinct a.record) = named)
           and d.deleted_at is null
           and (filter.source_kinds is null or d.source_kind = any(filter.source_kinds))
           and (filter.owner_id is null or c.owner_id = filter.owner_id)
           and (filter.since is null or d.created_at >= filter.since)
           and (filter.until is null or d.created_at < filter.until);
    end if;
    if filter.memory_kinds is null or filter.memory_kinds <> '{}' then
        select array_agg(m.id)
          into memory_ids
          from ai.memories as m
         where m.agency_id = agency
           and (m.contact_id = contact or m.company_id = company or m.deal_id = deal)
           and named = 1
           and m.deleted_at is null
           and m.superseded_by_id is null
           and (m.expires_at is null or m.expires_at > now())
           and (filter.memory_kinds is null or m.kind = any(filter.memory_kinds))
           and (filter.owner_id is null or m.owner_id = filter.owner_id)
           and (filter.since is null or m.created_at >= filter.since)
           and (filter.until is null or m.created_at < filter.until);
    end if;
    chunk_ids := coalesce(chunk_ids, '{}');
    memory_ids := coalesce(memory_ids, '{}');
end;
$function$;

revoke all on function app.texts_about(jsonb) from public;
grant execute on function app.texts_about(jsonb) to
    authenticated;

comment on function app.texts_about(jsonb) is
'The chunks and memories about a record that the filters of a search name, as far as the caller reads them.';
