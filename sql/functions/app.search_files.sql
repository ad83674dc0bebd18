-- The files that a text means, by name, the latest first, a page at a time: after is the id of the last one
-- of the page before. Live ones only.
--
-- SECURITY INVOKER and without an index: who sees a file is asked of any of six parents, and a look-up past
-- RLS would have to repeat the rules of all of them. It reads the files that the caller sees.
create or replace function app.search_files(
    query text,
    page_size integer default 50,
    after uuid default null
)
returns setof crm.files
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
as $function$
declare
    agency uuid := app.agency_id();
    page_limit integer := audit.page_limit(page_size);
    wanted text := app.search_text(query);
    anywhere text := app.search_pattern(wanted);
    fuzzy text := case when anywhere is not null then wanted end;
    beginning text := case
        when anywhere is null then regexp_replace(wanted, '([\\%_])', '\\\1', 'g') || '%'
    end;
    hits uuid[];
    is_known boolean;
begin
    with found as materialized (
        select
            t.id,
            t.created_at as rank
          from (
              select
                  r.*,
                  lower(regexp_replace(
                      normalize(r.file_name, nfd),
                      '[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f]',
                      '',
                      'g'
                  )) as folded
                from crm.files as r
          ) as t
         where t.agency_id = agency
           and (
               t.folded like anywhere
               or fuzzy operator(extensions.<%) t.folded
               or t.folded like beginning
               or t.folded like '% ' || beginning
           )
           and t.deleted_at is null
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
      from (select search_files.after, page_limit as size) as page;
    if not is_known then
        raise exception 'after is %, which this search does not find.', after
            using errcode = '22023',
            hint = 'Begin again without it: the record may have changed since.';
    end if;
    return query
        select r.*
          from unnest(hits) with ordinality as h (id, place)
          join crm.files as r
            on r.agency_id = agency
           and r.id = h.id
         order by h.place;
end;
$function$;

revoke all on function app.search_files(text, integer, uuid) from public;
grant execute on function app.search_files(text, integer, uuid) to
    authenticated;

comment on function app.search_files(text, integer, uuid) is
'Files by name or similar name, latest first.';
