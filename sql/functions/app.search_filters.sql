-- The filters of ai.search, taken apart. What nobody knows, or cannot be read, is refused with 22023: a
-- filter that is not applied finds too much.
--
-- | key | keeps |
-- |---|---|
-- | type | a word or a list: document, memory; file, conversation, activity, contact, company, deal, note, |
-- |      | which is what a document was made of; semantic, episodic, procedural, the kinds of memories |
-- | contact_id, company_id, deal_id | what is about this record (app.texts_about) |
-- | document_id, file_id, conversation_id, activity_id | this document, or the one made of this |
-- | owner_id | what this member owns |
-- | after, before | documents and memories that were made at this time or later, or before it |
create or replace function app.search_filters(
    filters jsonb,
    out source_kinds text[],
    out memory_kinds app.memory_kind[],
    out records jsonb,
    out owner_id uuid,
    out since timestamptz,
    out until timestamptz
)
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    sources constant text[] := '{file,conversation,activity,contact,company,deal,note}';
    kinds constant text[] := enum_range(null::app.memory_kind)::text[];
    filter record;
    word text;
begin
    if jsonb_typeof(filters) is distinct from 'object' then
        raise exception 'Filters are an object, like {"type": "memory"}.'
            using errcode = '22023';
    end if;
    for filter in
        select f.key, f.value, f.value #>> '{}' as word, jsonb_typeof(f.value) as type
          from jsonb_each(filters) as f
    loop
        if filter.key = 'type' and filter.type in ('string', 'array') and filter.value <> '[]' then
            source_kinds := '{}';
            memory_kinds := '{}';
            for word in
                select jsonb_path_query(filter.value, '$[*]') #>> '{}'
            loop
                if word = 'document' then
                    source_kinds := sources;
                elsif word = 'memory' then
                    memory_kinds := kinds;
                elsif word = any(sources) then
                    source_kinds := source_kinds || word;
                elsif word = any(kinds) then
                    memory_kinds := memory_kinds || word::app.memory_kind;
                else
                    raise exception 'There is no type %.', coalesce(word, 'null')
                        using errcode = '22023',
                        hint = format('Types are document, memory, %s.', array_to_string(sources || kinds, ', '));
                end if;
            end loop;
        elsif filter.key in ('after', 'before') and filter.type = 'string' then
            begin
                if filter.key = 'after' then
                    since := filter.word::timestamptz;
                else
                    until := filter.word::timestamptz;
                end if;
            exception
                when data_exception then
                    raise exception 'The filter % is a time, like 2026-01-31T12:00:00Z, not %.', filter.key, filter.word
                        using errcode = '22023';
            end;
        elsif filter.key in (
            'contact_id', 'company_id', 'deal_id', 'document_id', 'file_id', 'conversation_id', 'activity_id',
            'owner_id'
        ) and filter.word ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
            if filter.key = 'owner_id' then
                owner_id := filter.word::uuid;
            else
                records := coalesce(records, '{}') || jsonb_build_object(filter.key, filter.word);
            end if;
        else
            raise exception 'There is no filter % of %.', filter.key, filter.value
                using errcode = '22023',
                hint = 'Filters are type (a word or a list), contact_id, company_id, deal_id, document_id, file_id,'
                    ' conversation_id, activity_id and owner_id (a uuid), after and before (a time).';
        end if;
    end loop;
end;
$function$;

revoke all on function app.search_filters(jsonb) from public;
grant execute on function app.search_filters(jsonb) to
    authenticated,
    gardenos_search;

comment on function app.search_filters(jsonb) is
'The filters of a search, taken apart; 22023 for one that nobody knows.';
