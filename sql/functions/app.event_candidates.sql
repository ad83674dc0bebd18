-- The calendar events in which a search text stands, the latest first: the ids of one page. Each word of
-- the text must begin a word of the event.
--
-- SECURITY DEFINER, as the search role: under RLS no index of words or trigrams can be used (they would run
-- before the policies). So this repeats, for live rows, what the SELECT policy says, and a client that
-- calls it learns nothing that the table would not tell. app.search_events reads the rows again, under RLS.
set local role gardenos_search;

create or replace function app.event_candidates(
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
    invited uuid[] := app.my_events();
    reach app.record_scope := app.reach(
        'crm.calendar_events:select',
        agency => '{owner,admin,client}',
        team => '{manager}',
        scope => '{member,viewer,ai_agent}'
    );
    words tsquery := app.search_words(query);
    hits uuid[];
    is_known boolean;
begin
    if reach is null then
        return '{}';
    end if;
    with found as materialized (
        select
            t.id,
            t.starts_at as rank
          from crm.calendar_events as t
         cross join lateral (
             select t.owner_id = proof.membership_id
                 or proof.membership_id = any(t.participant_ids)
         ) as takes_part (yes)
         where t.agency_id = proof.agency_id
           and t.search @@ words
           and t.deleted_at is null
           -- "is true" keeps the planner from looking for the few words among all that somebody owns
           and (
               case reach
                   when 'all' then t.visibility <> 'private' or takes_part.yes
                   when 'team' then
                       takes_part.yes
                       or (
                           t.visibility <> 'private'
                           and (
                               t.team_id = any(teams)
                               or (t.owner_id is null and t.team_id is null)
                           )
                       )
                   when 'own' then t.owner_id = proof.membership_id
               end
           ) is true
           and (
               proof.agency_role <> 'client'
               or t.owner_id = proof.membership_id
               or (
                   t.visibility = 'client'
                   and t.id = any(invited)
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
      from (select event_candidates.after, event_candidates.page_limit as size) as page;
    if not is_known then
        raise exception 'after is %, which this search does not find.', after
            using errcode = '22023',
            hint = 'Begin again without it: the record may have changed since.';
    end if;
    return hits;
end;
$function$;

revoke all on function app.event_candidates(text, integer, uuid) from public;
grant execute on function app.event_candidates(text, integer, uuid) to
    authenticated;

comment on function app.event_candidates(text, integer, uuid) is
'The live events that the caller may read and that hold the words, latest first; use app.search_events.';

set local role gardenos_owner;
