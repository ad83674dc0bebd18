-- As app.upsert_company, by the name of the tag, upper or lower case.
create or replace function app.upsert_tag(data jsonb)
returns uuid
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    sent crm.tags := jsonb_populate_record(null::crm.tags, data);
    found uuid;
begin
    perform app.check_keys(
        'crm.tags',
        data,
        array[
            'agency_id', 'id', 'name', 'color', 'row_version'
        ],
        array['name']
    );
    insert into crm.tags as r (
        agency_id, id, name, color
    )
    values (
        coalesce(sent.agency_id, app.agency_id()),
        coalesce(sent.id, app.uuid_v7()),
        sent.name,
        coalesce(sent.color, '#888888')
    )
    on conflict (agency_id, lower(name)) where deleted_at is null do update
       set (
           name, color, row_version
       ) = (
           select
               p.name, p.color, p.row_version
             from jsonb_populate_record(r, data) as p
       )
    returning r.id into found;
    return found;
end;
$function$;

revoke all on function app.upsert_tag(jsonb) from public;
grant execute on function app.upsert_tag(jsonb) to
    authenticated,
    service_role;

comment on function app.upsert_tag(jsonb) is
'Adds the tag with this name, or changes the live one; answers its id.';
