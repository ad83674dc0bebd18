-- How an address that must not come back is kept: not to be read, only to be found again.
create or replace function app.suppression_hash(agency uuid, kind app.point_kind, value_norm text)
returns app.sha256
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    return sha256(convert_to(agency || '|' || kind || '|' || value_norm, 'UTF8'));
end;
$function$;

revoke all on function app.suppression_hash(uuid, app.point_kind, text) from public;
grant execute on function app.suppression_hash(uuid, app.point_kind, text) to
    service_role,
    gardenos_crm_writer,
    gardenos_eraser;

comment on function app.suppression_hash(uuid, app.point_kind, text) is
'The hash of a normalised address, as governance.suppressions has it.';
