-- A model is retired when no agency searches with it any more. The lock waits for agencies that are
-- changing to it at this moment, and makes later ones see that it is retired. What makes a vector never
-- changes: a model with other numbers is another model.
create or replace function app.guard_model_status()
returns trigger
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    agencies bigint;
begin
    if (new.key, new.provider, new.model, new.vector_type, new.dims, new.distance, new.normalised)
        is distinct from (old.key, old.provider, old.model, old.vector_type, old.dims, old.distance, old.normalised)
    then
        raise exception 'What model % is never changes: its vectors would be those of two models.', old.key
            using errcode = '23514',
            hint = 'Insert another model, with status building.';
    end if;
    if new.status = 'retired' and old.status <> 'retired' then
        perform 1
           from ai.embedding_models as m
          where m.id = new.id
            for update;
        agencies := app.agencies_of_model(new.id);
        if agencies > 0 then
            raise exception 'Model % cannot be retired: % agencies search with it.', new.key, agencies
                using errcode = '55000',
                hint = 'Change tenancy.agencies.embedding_model_id first.';
        end if;
    end if;
    return null;
end;
$function$;

revoke all on function app.guard_model_status() from public;

comment on function app.guard_model_status() is
'Refuses to retire an embedding model that agencies use, and to change what a model is.';
