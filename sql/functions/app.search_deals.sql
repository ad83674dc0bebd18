-- The deals that a text means, by title, the most similar first, a page at a time: after is the id of the
-- last one of the page before. Live ones only.
--
-- SECURITY INVOKER: app.deal_candidates says which, past RLS and fast; every row is read here, under RLS.
create or replace function app.search_deals(
    query text,
    page_size integer default 50,
    after uuid default null
)
returns setof crm.deals
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
as $function$
declare
    agency uuid := app.agency_id();
    hits uuid[] := app.deal_candidates(query, audit.page_limit(page_size), after);
begin
    return query
        select r.*
          from unnest(hits) with ordinality as h (id, place)
          join crm.deals as r
            on r.agency_id = agency
           and r.id = h.id
         order by h.place;
end;
$function$;

revoke all on function app.search_deals(text, integer, uuid) from public;
grant execute on function app.search_deals(text, integer, uuid) to
    authenticated;

comment on function app.search_deals(text, integer, uuid) is
'Deals by title or similar title, best first.';
