-- As app.upsert_company, by channel and the id of the thread at the provider. The id is ours.
create or replace function app.upsert_conversation(data jsonb)
returns uuid
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    sent crm.conversations := jsonb_populate_record(null::crm.conversations, data);
    found uuid;
begin
    perform app.check_keys(
        'crm.conversations',
        data,
        array[
            'agency_id', 'channel', 'subject', 'status', 'contact_id', 'deal_id', 'owner_id', 'assignee_id',
            'team_id', 'visibility', 'external_thread_id', 'snoozed_until', 'row_version'
        ],
        array['channel', 'external_thread_id']
    );
    insert into crm.conversations as r (
        agency_id, channel, subject, status, contact_id, deal_id, owner_id, assignee_id, team_id,
        visibility, external_thread_id, snoozed_until
    )
    values (
        coalesce(sent.agency_id, app.agency_id()),
        sent.channel,
        sent.subject,
        coalesce(sent.status, 'open'),
        sent.contact_id,
        sent.deal_id,
        sent.owner_id,
        sent.assignee_id,
        sent.team_id,
        coalesce(sent.visibility, 'team'),
        sent.external_thread_id,
        sent.snoozed_until
    )
    on conflict (agency_id, channel, external_thread_id) where external_thread_id is not null and deleted_at is null do update
       set (
           channel, subject, status, contact_id, deal_id, owner_id, assignee_id, team_id, visibility,
           external_thread_id, snoozed_until, row_version
       ) = (
           select
               p.channel, p.subject, p.status, p.contact_id, p.deal_id, p.owner_id, p.assignee_id, p.team_id,
               p.visibility, p.external_thread_id, p.snoozed_until, p.row_version
             from jsonb_populate_record(r, data) as p
       )
    returning r.id into found;
    return found;
end;
$function$;

revoke all on function app.upsert_conversation(jsonb) from public;
grant execute on function app.upsert_conversation(jsonb) to
    authenticated,
    service_role;

comment on function app.upsert_conversation(jsonb) is
'Adds the conversation with this thread, or changes the live one; answers its id.';
