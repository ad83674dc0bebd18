-- Each agency has a tier for each table of embeddings, from its first moment on: without one, no vector of it
-- could be written. SECURITY DEFINER: who makes an agency is not bound to it.
set local role gardenos_tenancy_writer;

create or replace function app.make_tiers()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    insert into ai.agency_tiers (agency_id, storage)
    select
        n.id,
        s.storage
      from new_rows as n
     cross join (
         values
         ('vector_1536'),
         ('halfvec_3072')
     ) as s (storage);
    return null;
end;
$function$;

revoke all on function app.make_tiers() from public;
grant execute on function app.make_tiers() to
    gardenos_owner;

comment on function app.make_tiers() is
'Gives a new agency a tier for each table of embeddings.';

set local role gardenos_owner;
