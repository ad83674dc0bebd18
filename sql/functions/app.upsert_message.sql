-- As app.upsert_company, by conversation and the id of the message at the provider: a webhook that is sent
-- twice is one message. One that was deleted does not arrive again and stays as it is. For
-- services: people write drafts, which have no such id.
create or replace function app.upsert_message(data jsonb)
returns uuid
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    sent crm.messages := jsonb_populate_record(null::crm.messages, data);
    found uuid;
begin
    perform app.check_keys(
        'crm.messages',
        data,
        array[
            'agency_id', 'id', 'conversation_id', 'direction', 'status', 'sender_membership_id',
            'sender_contact_id', 'sender_label', 'body_text', 'body_html_path', 'sent_at', 'external_id',
            'in_reply_to', 'error', 'row_version'
        ],
        array['conversation_id', 'external_id']
    );
    insert into crm.messages as r (
        agency_id, id, conversation_id, direction, status, sender_membership_id, sender_contact_id,
        sender_label, body_text, body_html_path, sent_at, external_id, in_reply_to, error
    )
    values (
        coalesce(sent.agency_id, app.agency_id()),
        coalesce(sent.id, app.uuid_v7()),
        sent.conversation_id,
        sent.direction,
        coalesce(sent.status, 'draft'),
        sent.sender_membership_id,
        sent.sender_contact_id,
        sent.sender_label,
        sent.body_text,
        sent.body_html_path,
        coalesce(sent.sent_at, now()),
        sent.external_id,
        sent.in_reply_to,
        sent.error
    )
    on conflict (agency_id, conversation_id, external_id) where external_id is not null do update
       set (
           conversation_id, direction, status, sender_membership_id, sender_contact_id, sender_label,
           body_text, body_html_path, sent_at, external_id, in_reply_to, error, row_version
       ) = (
           select
               p.conversation_id, p.direction, p.status, p.sender_membership_id, p.sender_contact_id,
               p.sender_label, p.body_text, p.body_html_path, p.sent_at, p.external_id, p.in_reply_to, p.error,
               p.row_version
             from jsonb_populate_record(r, data) as p
       )
     where r.deleted_at is null
    returning r.id into found;
    if found is null then
        select m.id into found
          from crm.messages as m
         where m.agency_id = coalesce(sent.agency_id, app.agency_id())
           and m.conversation_id = sent.conversation_id
           and m.external_id = sent.external_id;
    end if;
    return found;
end;
$function$;

revoke all on function app.upsert_message(jsonb) from public;
grant execute on function app.upsert_message(jsonb) to
    service_role;

comment on function app.upsert_message(jsonb) is
'Adds the message with this id of the provider, or changes it; answers its id.';
