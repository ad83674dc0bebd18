-- How many agencies search with a model.
--
-- SECURITY DEFINER: the owner, whose revisions retire models, sees no agency.
set local role gardenos_publisher;

create or replace function app.agencies_of_model(model_id uuid)
returns bigint
language sql
volatile
parallel safe
security definer
set search_path = pg_catalog, pg_temp
as $function$
    select count(*)
      from tenancy.agencies as a
     where a.embedding_model_id = agencies_of_model.model_id;
$function$;

revoke all on function app.agencies_of_model(uuid) from public;
grant execute on function app.agencies_of_model(uuid) to
    service_role,
    gardenos_owner;

comment on function app.agencies_of_model(uuid) is
'How many agencies search with an embedding model.';

set local role gardenos_owner;
