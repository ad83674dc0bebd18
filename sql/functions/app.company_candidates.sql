-- The companies that a search text means, the most similar first: the ids of one page. A name is found by
-- any part of three characters or more, by a similar word, and by how one of its words begins, and so is
-- its domain.
--
-- SECURITY DEFINER, as the search role: under RLS no index of words or trigrams can be used (they would run
-- before the policies). So this repeats, for live rows, what the SELECT policy says, and a client that
-- calls it learns nothing that the table would not tell. app.search_companies reads the rows again, under
-- RLS.
set local role gardenos_search;

create or replace function app.company_candidates(
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
    reach app.record_scope := app.reach(
        'crm.companies:select',
        agency => '{owner,admin}',
        scope => '{manager,member,viewer,ai_agent}'
    );
    wanted text := app.search_text(query);
    words tsquery := app.search_words(query);
    anywhere text := app.search_pattern(wanted);
    fuzzy text := case when anywhere is not null then wanted end;
    beginning text := case
        when anywhere is null then regexp_replace(wanted, '([\\%_])', '\\\1', 'g') || '%'
    end;
    hits uuid[];
    is_known boolean;
begin
    if reach is null then
        return '{}';
    end if;
    with found as materialized (
        select
            t.id,
            extensions.similarity(wanted, t.name) as rank
          from (
              select
                  r.id,
                  r.agency_id,
                  r.owner_id,
                  r.team_id,
                  r.deleted_at,
                  r.search,
                  lower(regexp_replace(
                      normalize(r.name || ' ' || coalesce(r.domain, ''), nfd),
                      '[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f]',
                      '',
                      'g'
                  )) as name
                from crm.companies as r
          ) as t
         where t.agency_id = proof.agency_id
           and (
               t.search @@ words
               or t.name like anywhere
               or fuzzy operator(extensions.<%) t.name
               or t.name like beginning
               or t.name like '% ' || beginning
           )
           and t.deleted_at is null
           -- "is true" keeps the planner from looking for the few words among all that somebody owns
           and (
               case reach
                   when 'all' then true
                   when 'team' then
                       t.owner_id = proof.membership_id
                       or t.team_id = any(teams)
                       or (t.owner_id is null and t.team_id is null)
                   when 'own' then t.owner_id = proof.membership_id
               end
           ) is true
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
      from (select company_candidates.after, company_candidates.page_limit as size) as page;
    if not is_known then
        raise exception 'after is %, which this search does not find.', after
            using errcode = '22023',
            hint = 'Begin again without it: the record may have changed since.';
    end if;
    return hits;
end;
$function$;

revoke all on function app.company_candidates(text, integer, uuid) from public;
grant execute on function app.company_candidates(text, integer, uuid) to
    authenticated;

comment on function app.company_candidates(text, integer, uuid) is
'The live companies that the caller may read and a search text means, best first; use app.search_companies.';

set local role gardenos_owner;
