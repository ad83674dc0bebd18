-- The messages with these words, the latest first, a page at a time: after is the id of the last one of the
-- page before. Live ones only.
--
-- SECURITY INVOKER: app.message_candidates says which, past RLS and fast; every row is read here, under
-- RLS.
create or replace function app.search_messages(
    query text,
    page_size integer default 50,
    after uuid default null
)
returns setof crm.messages
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
as $function$
declare
    agency uuid := app.agency_id();
    hits uuid[] := app.message_candidates(query, audit.page_limit(page_size), after);
begin
    return query
        select r.*
          from unnest(hits) with ordinality as h (id, place)
          join crm.messages as r
            on r.agency_id = agency
           and r.id = h.id
         order by h.place;
end;
$function$;

revoke all on function app.search_messages(text, integer, uuid) from public;
grant execute on function app.search_messages(text, integer, uuid) to
    authenticated;

comment on function app.search_messages(text, integer, uuid) is
'Messages whose text holds words that begin like those of the text, latest first.';
