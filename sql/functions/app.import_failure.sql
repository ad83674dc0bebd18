-- What becomes of a line that failed: SQLSTATE, field and reason, for whoever reads the import.
create or replace function app.import_failure(line jsonb, code text, field text, reason text)
returns jsonb
language plpgsql
immutable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    return jsonb_build_object(
        'no', line -> 'no',
        'status', 'failed',
        'code', code,
        'field', coalesce(nullif(field, ''), 'row'),
        'reason', left(reason, 1000)
    );
end;
$function$;

revoke all on function app.import_failure(jsonb, text, text, text) from public;
grant execute on function app.import_failure(jsonb, text, text, text) to
    authenticated,
    gardenos_worker;

comment on function app.import_failure(jsonb, text, text, text) is
'The result of a line of an import that failed.';
