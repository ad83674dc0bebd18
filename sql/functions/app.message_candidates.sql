-- The messages in which a search text stands, the latest first: the ids of one page. Each word of the text
-- must begin a word of the message. Messages of deleted conversations are not found.
--
-- SECURITY DEFINER, as the search role: under RLS no index of words or trigrams can be used (they would run
-- before the policies). So this repeats, for live rows, what the SELECT policy says, and a client that
-- calls it learns nothing that the table would not tell. app.search_messages reads the rows again, under
-- RLS.
set local role gardenos_search;

create or replace function app.message_candidates(
    query text,
    page_limit integer,
    after uuid
)
returns uuid[]
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
as $function$
declare
    proof record := app.proof();
    teams uuid[] := app.my_teams();
    contact uuid := app.contact_id();
    reach app.record_scope := app.reach(
        'crm.conversations:select',
        agency => '{owner,admin,client}',
        team => '{manager}',
        scope => '{ai_agent}',
        own => '{member}'
    );
    words tsquery := app.search_words(query);
    hits uuid[];
    is_known boolean;
begin
    if reach is null or not app.may(
        'crm.messages:select',
        'owner', 'admin', 'manager', 'member', 'client', 'ai_agent'
    ) then
        return '{}';
    end if;
    with found as materialized (
        select
            t.id,
            t.sent_at as rank
          from crm.messages as t
         -- offset 0: the conversation of each message that is found, never all of them
         cross join lateral (
             select v.*
               from crm.conversations as v
              where v.agency_id = t.agency_id
                and v.id = t.conversation_id
             offset 0
         ) as c
         cross join lateral (
             select proof.membership_id in (c.owner_id, c.assignee_id)
                 or proof.membership_id = any(c.participant_ids)
                 or (
                     c.visibility = 'client'
                     and c.contact_id = contact
                 )
         ) as takes_part (yes)
         where t.agency_id = proof.agency_id
           and t.search @@ words
           and t.deleted_at is null
           and (
               proof.agency_role <> 'client'
               or (
                   t.direction <> 'internal'
                   and t.status <> 'draft'
               )
           )
           and c.deleted_at is null
           and case reach
               when 'all' then c.visibility <> 'private' or takes_part.yes
               when 'team' then
                   takes_part.yes
                   or (
                       c.visibility <> 'private'
                       and (
                           c.team_id = any(teams)
                           or (c.owner_id is null and c.assignee_id is null and c.team_id is null)
                       )
                   )
               when 'own' then takes_part.yes
           end
           and (
               proof.agency_role <> 'client'
               or (
                   c.visibility = 'client'
                   and c.contact_id = contact
               )
           )
    )
    select
        array(
            select f.id
              from found as f
             where page.after is null
                or (f.rank, f.id) < (select s.rank, s.id from found as s where s.id = page.after)
             order by f.rank desc, f.id desc
             limit page.size
        ),
        page.after is null or exists (select 1 from found as f where f.id = page.after)
      into hits, is_known
      from (select message_candidates.after, message_candidates.page_limit as size) as page;
    if not is_known then
        raise exception 'after is %, which this search does not find.', after
            using errcode = '22023',
            hint = 'Begin again without it: the record may have changed since.';
    end if;
    return hits;
end;
$function$;

revoke all on function app.message_candidates(text, integer, uuid) from public;
grant execute on function app.message_candidates(text, integer, uuid) to
    authenticated;

comment on function app.message_candidates(text, integer, uuid) is
'The live messages that the caller may read and that hold the words, latest first; use app.search_messages.';

set local role gardenos_owner;
