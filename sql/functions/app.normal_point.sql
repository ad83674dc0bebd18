-- The normalised form of an address, as crm.contact_points.value_norm has it: for looking one up before it is
-- written.
create or replace function app.normal_point(kind app.point_kind, value text, e164 text default null)
returns text
language plpgsql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    return case kind
        when 'phone' then coalesce(e164, regexp_replace(value, '[^0-9+]', '', 'g'))
        else lower(btrim(value))
    end;
end;
$function$;

revoke all on function app.normal_point(app.point_kind, text, text) from public;
grant execute on function app.normal_point(app.point_kind, text, text) to
    authenticated,
    service_role;

comment on function app.normal_point(app.point_kind, text, text) is
'The normalised form of an address, as crm.contact_points.value_norm has it.';
