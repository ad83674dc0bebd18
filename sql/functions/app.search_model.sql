-- The model that texts of my agency are found by: who asks must embed the question with it.
--
-- SECURITY DEFINER, as the search role: a key may search without the scope to read the agency.
set local role gardenos_search;

create or replace function app.search_model(
    out id uuid,
    out key text,
    out storage text,
    out vector_type text,
    out dims integer,
    out distance text
)
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    proof record := app.proof();
begin
    select m.id, m.key, m.storage, m.vector_type, m.dims, m.distance
      into id, key, storage, vector_type, dims, distance
      from tenancy.agencies as a
      join ai.embedding_models as m
        on m.id = a.embedding_model_id
     where a.id = proof.agency_id;
end;
$function$;

revoke all on function app.search_model() from public;
grant execute on function app.search_model() to
    authenticated;

comment on function app.search_model() is
'The embedding model of my agency; nulls when it has none.';

set local role gardenos_owner;
