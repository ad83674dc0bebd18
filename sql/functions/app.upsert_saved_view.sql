-- As app.upsert_company, by owner, entity and name, upper or lower case. The owner is the caller unless
-- another one is named.
create or replace function app.upsert_saved_view(data jsonb)
returns uuid
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    sent crm.saved_views := jsonb_populate_record(null::crm.saved_views, data);
    found uuid;
begin
    perform app.check_keys(
        'crm.saved_views',
        data,
        array[
            'agency_id', 'id', 'owner_id', 'team_id', 'visibility', 'entity', 'name', 'filter', 'columns',
            'row_version'
        ],
        array['entity', 'name']
    );
    insert into crm.saved_views as r (
        agency_id, id, owner_id, team_id, visibility, entity, name, filter, columns
    )
    values (
        coalesce(sent.agency_id, app.agency_id()),
        coalesce(sent.id, app.uuid_v7()),
        coalesce(sent.owner_id, app.membership_id()),
        sent.team_id,
        coalesce(sent.visibility, 'private'),
        sent.entity,
        sent.name,
        coalesce(sent.filter, '{}'),
        coalesce(sent.columns, '[]')
    )
    on conflict (agency_id, owner_id, entity, lower(name)) where deleted_at is null do update
       set (
           owner_id, team_id, visibility, entity, name, filter, columns, row_version
       ) = (
           select
               p.owner_id, p.team_id, p.visibility, p.entity, p.name, p.filter, p.columns, p.row_version
             from jsonb_populate_record(r, data) as p
       )
    returning r.id into found;
    return found;
end;
$function$;

revoke all on function app.upsert_saved_view(jsonb) from public;
grant execute on function app.upsert_saved_view(jsonb) to
    authenticated,
    service_role;

comment on function app.upsert_saved_view(jsonb) is
'Adds my view with this name, or changes the live one; answers its id.';
