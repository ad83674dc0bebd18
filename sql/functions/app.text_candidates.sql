-- The chunks and memories in which a search text stands, the best first: the ids of so many. Each word of the
-- text must begin a word of the chunk or memory. What expired or was replaced is not found.
--
-- SECURITY DEFINER, as the search role: under RLS no index of words can be used (they would run before the
-- policies). So this repeats, for live rows, what the SELECT policies say, and a client that calls it learns
-- nothing that the tables would not tell. ai.search reads the rows again, under RLS.
set local role gardenos_search;

create or replace function app.text_candidates(
    query text,
    page_limit integer,
    filters jsonb default '{}',
    chunk_ids uuid[] default null,
    memory_ids uuid[] default null
)
returns table (chunk_id uuid, memory_id uuid, place bigint)
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
as $function$
#variable_conflict use_column
declare
    words tsquery := app.search_words(query);
    filter record := app.search_filters(filters);
    proof record;
    me uuid;
    teams uuid[];
    document_reach app.record_scope;
    reads_all_talk boolean;
    reads_memories boolean;
    contact_reach app.record_scope;
    company_reach app.record_scope;
    deal_reach app.record_scope;
begin
    if words is null then
        return;
    end if;
    proof := app.proof();
    me := proof.membership_id;
    teams := app.my_teams();
    if app.may('ai.chunks:select', 'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent') then
        document_reach := app.reach(
            'ai.documents:select',
            agency => '{owner,admin}',
            team => '{manager}',
            scope => '{member,viewer,ai_agent}'
        );
        reads_all_talk := app.may('ai.documents:select', 'owner', 'admin', 'manager');
    end if;
    reads_memories := app.may('ai.memories:select', 'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent');
    contact_reach := app.reach(
        'crm.contacts:select',
        agency => '{owner,admin}',
        scope => '{manager,member,viewer,ai_agent}'
    );
    company_reach := app.reach(
        'crm.companies:select',
        agency => '{owner,admin}',
        scope => '{manager,member,viewer,ai_agent}'
    );
    deal_reach := app.reach(
        'crm.deals:select',
        agency => '{owner,admin}',
        scope => '{manager,member,viewer,ai_agent}'
    );
    return query
    with
    found as (
        select c.id as chunk_id, null::uuid as memory_id, ts_rank(c.search, words) as rank
          from ai.chunks as c
         where c.agency_id = proof.agency_id
           and c.search @@ words
           -- "is true" keeps the planner from looking for the few words among all that somebody owns
           and (
               case document_reach
                   when 'all' then c.visibility <> 'private' or c.owner_id = me or me = any(c.participant_ids)
                   when 'team' then
                       c.owner_id = me
                       or me = any(c.participant_ids)
                       or (
                           c.visibility <> 'private'
                           and (
                               c.team_id = any(teams)
                               or (c.owner_id is null and c.team_id is null)
                           )
                       )
                   when 'own' then c.owner_id = me
               end
               and (
                   c.participant_ids is null
                   or reads_all_talk
                   or (
                       proof.agency_role <> 'viewer'
                       and (c.owner_id = me or me = any(c.participant_ids))
                   )
               )
           ) is true
           and (chunk_ids is null or c.id = any(chunk_ids))
           and (filter.owner_id is null or c.owner_id = filter.owner_id)
           and (
               (filter.source_kinds is null and filter.since is null and filter.until is null)
               or exists (
                   select 1
                     from ai.documents as d
                    where d.agency_id = c.agency_id
                      and d.id = c.document_id
                      and (filter.source_kinds is null or d.source_kind = any(filter.source_kinds))
                      and (filter.since is null or d.created_at >= filter.since)
                      and (filter.until is null or d.created_at < filter.until)
                   offset 0
               )
           )
        union all
        select null, m.id, ts_rank(m.search, words)
          from ai.memories as m
         where m.agency_id = proof.agency_id
           and reads_memories
           and m.search @@ words
           and m.deleted_at is null
           and m.superseded_by_id is null
           and (m.expires_at is null or m.expires_at > now())
           and (
               (
                   m.owner_id = me
                   or m.visibility in ('agency', 'client')
                   or (
                       m.visibility = 'team'
                       and m.team_id = any(teams)
                   )
               )
               and case
                   case m.subject
                       when 'contact' then contact_reach
                       when 'company' then company_reach
                       when 'deal' then deal_reach
                       else 'all'
                   end
                   when 'all' then true
                   when 'team' then
                       m.owner_id = me
                       or m.team_id = any(teams)
                       or (m.owner_id is null and m.team_id is null)
                   when 'own' then m.owner_id = me
               end
           ) is true
           and (memory_ids is null or m.id = any(memory_ids))
           and (filter.memory_kinds is null or m.kind = any(filter.memory_kinds))
           and (filter.owner_id is null or m.owner_id = filter.owner_id)
           and (filter.since is null or m.created_at >= filter.since)
           and (filter.until is null or m.created_at < filter.until)
    )
    select f.chunk_id, f.memory_id, row_number() over (order by f.rank desc, f.chunk_id, f.memory_id)
      from found as f
     order by f.rank desc, f.chunk_id, f.memory_id
     limit page_limit;
end;
$function$;

revoke all on function app.text_candidates(text, integer, jsonb, uuid[], uuid[]) from public;
grant execute on function app.text_candidates(text, integer, jsonb, uuid[], uuid[]) to
    authenticated;

comment on function app.text_candidates(text, integer, jsonb, uuid[], uuid[]) is
'The chunks and memories that the caller may read and that hold the words, best first; use ai.search.';

set local role gardenos_owner;
