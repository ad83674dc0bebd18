-- A row never leaves its agency, changes its id, or forgets who made it. The trigger's WHEN clause finds
-- the change, so the function only has to refuse it. PT403, not the 42501 of a policy, so that the two are
-- told apart.
create or replace function app.forbid_agency_change()
returns trigger
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    raise exception 'A row of %.% keeps its agency_id, its id and its created_at and created_by for life.',
        tg_table_schema, tg_table_name
        using errcode = 'PT403',
        hint = 'Leave these columns out, or send the values that the row has.';
end;
$function$;

revoke all on function app.forbid_agency_change() from public;

comment on function app.forbid_agency_change() is
'Refuses a change of the columns that never change.';
