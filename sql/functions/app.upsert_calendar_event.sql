-- As app.upsert_company, by owner, calendar, UID and occurrence. The owner is the caller unless another one
-- is named.
create or replace function app.upsert_calendar_event(data jsonb)
returns uuid
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    sent crm.calendar_events := jsonb_populate_record(null::crm.calendar_events, data);
    found uuid;
begin
    perform app.check_keys(
        'crm.calendar_events',
        data,
        array[
            'agency_id', 'id', 'title', 'description', 'location', 'starts_at', 'ends_at', 'all_day',
            'timezone', 'calendar_key', 'external_uid', 'recurrence_id', 'recurrence_rule', 'owner_id',
            'team_id', 'company_id', 'deal_id', 'visibility', 'row_version'
        ],
        array['external_uid']
    );
    insert into crm.calendar_events as r (
        agency_id, id, title, description, location, starts_at, ends_at, all_day, timezone, calendar_key,
        external_uid, recurrence_id, recurrence_rule, owner_id, team_id, company_id, deal_id, visibility
    )
    values (
        coalesce(sent.agency_id, app.agency_id()),
        coalesce(sent.id, app.uuid_v7()),
        sent.title,
        sent.description,
        sent.location,
        sent.starts_at,
        sent.ends_at,
        coalesce(sent.all_day, false),
        sent.timezone,
        coalesce(sent.calendar_key, 'default'),
        sent.external_uid,
        coalesce(sent.recurrence_id, '-'),
        sent.recurrence_rule,
        coalesce(sent.owner_id, app.membership_id()),
        sent.team_id,
        sent.company_id,
        sent.deal_id,
        coalesce(sent.visibility, 'agency')
    )
    on conflict (agency_id, owner_id, calendar_key, external_uid, recurrence_id) where deleted_at is null do update
       set (
           title, description, location, starts_at, ends_at, all_day, timezone, calendar_key, external_uid,
           recurrence_id, recurrence_rule, owner_id, team_id, company_id, deal_id, visibility, row_version
       ) = (
           select
               p.title, p.description, p.location, p.starts_at, p.ends_at, p.all_day, p.timezone,
               p.calendar_key, p.external_uid, p.recurrence_id, p.recurrence_rule, p.owner_id, p.team_id,
               p.company_id, p.deal_id, p.visibility, p.row_version
             from jsonb_populate_record(r, data) as p
       )
    returning r.id into found;
    return found;
end;
$function$;

revoke all on function app.upsert_calendar_event(jsonb) from public;
grant execute on function app.upsert_calendar_event(jsonb) to
    authenticated,
    service_role;

comment on function app.upsert_calendar_event(jsonb) is
'Adds the event with this UID, or changes the live one; answers its id.';
