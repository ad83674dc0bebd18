-- Where the vectors of my agency are: the tiers that a search has to read. Both while it is moved from one to
-- the other, since each vector is in one of them.
--
-- SECURITY DEFINER, as the search role: which tier an agency is in is nobody's business, and no API role
-- reads ai.agency_tiers. It tells of the caller's own agency alone.
set local role gardenos_search;

create or replace function app.search_tiers(storage text)
returns text[]
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    proof record := app.proof();
begin
    return (
        select case t.state when 'moving' then '{small,large}' else array[t.tier] end
          from ai.agency_tiers as t
         where t.agency_id = proof.agency_id
           and t.storage = search_tiers.storage
    );
end;
$function$;

revoke all on function app.search_tiers(text) from public;
grant execute on function app.search_tiers(text) to
    authenticated;

comment on function app.search_tiers(text) is
'The tiers that hold vectors of my agency: one, or both while it is moved.';

set local role gardenos_owner;
