-- Where a new vector of the agency bound goes: the default of column tier. The row stays locked (FOR SHARE)
-- until the end of the transaction: an agency is not moved to another tier while vectors are written for the
-- one it is in. Only who writes vectors reads the tiers, so SECURITY INVOKER.
create or replace function app.embedding_tier(storage text)
returns text
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    return (
        select t.tier
          from ai.agency_tiers as t
         where t.agency_id = app.agency_id()
           and t.storage = embedding_tier.storage
           for share
    );
end;
$function$;

revoke all on function app.embedding_tier(text) from public;
grant execute on function app.embedding_tier(text) to
    service_role,
    gardenos_worker;

comment on function app.embedding_tier(text) is
'The tier that new vectors of the agency go to; the agency stays in it until the end of the transaction.';
