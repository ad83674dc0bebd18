-- One entry of the trail as a person reads it: name: "North" -> "South"; description: null -> "cold". The
-- stamps that every write leaves are left out, and so are empty columns of a new or deleted row.
create or replace function audit.summary(op app.audit_op, changes jsonb, is_redacted boolean)
returns text
language plpgsql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    longest constant integer := 80;
begin
    if op = 'redact' then
        return 'values of this record were erased from the trail';
    elsif is_redacted then
        return op || ' (its values were erased)';
    elsif changes is null then
        return op || ' (no values are recorded)';
    end if;
    return op || coalesce(
        ': ' || (
            select string_agg(
                concat(
                    c.entry ->> 'column',
                    case
                        when op = 'update' then ': ' || left((c.entry -> 'from')::text, longest) || ' ->'
                        else ' ='
                    end,
                    ' ',
                    left((c.entry -> case when op = 'delete' then 'from' else 'to' end)::text, longest)
                ),
                '; ' order by c.place
            )
              from jsonb_array_elements(changes) with ordinality as c (entry, place)
             where c.entry ->> 'column' not in (
                 'agency_id', 'id', 'created_at', 'created_by', 'updated_at', 'updated_by', 'row_version'
             )
               and c.entry -> 'from' <> c.entry -> 'to'
        ),
        ''
    );
end;
$function$;

revoke all on function audit.summary(app.audit_op, jsonb, boolean) from public;
grant execute on function audit.summary(app.audit_op, jsonb, boolean) to
    authenticated,
    service_role,
    gardenos_auditor;

comment on function audit.summary(app.audit_op, jsonb, boolean) is
'One audit row in words, from what audit.changes makes of it.';
