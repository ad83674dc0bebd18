-- What one entry of the trail changed, column by column: [{"column", "from", "to"}, …], by name. An
-- insert comes from null, a delete goes to null. Null where no values are kept: private rows, secrets,
-- and what was erased.
create or replace function audit.changes(old_values jsonb, new_values jsonb)
returns jsonb
language plpgsql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    if old_values is null and new_values is null then
        return null;
    end if;
    return (
        select coalesce(
            jsonb_agg(
                jsonb_build_object(
                    'column', c.name,
                    'from', coalesce(old_values -> c.name, 'null'),
                    'to', coalesce(new_values -> c.name, 'null')
                )
                order by c.name
            ),
            '[]'
        )
          from (
              select jsonb_object_keys(old_values)
              union
              select jsonb_object_keys(new_values)
          ) as c (name)
         where old_values -> c.name is distinct from new_values -> c.name
    );
end;
$function$;

revoke all on function audit.changes(jsonb, jsonb) from public;
grant execute on function audit.changes(jsonb, jsonb) to
    authenticated,
    service_role,
    gardenos_auditor;

comment on function audit.changes(jsonb, jsonb) is
'The changes of one audit row as [{"column", "from", "to"}, …]; null where no values are kept.';
