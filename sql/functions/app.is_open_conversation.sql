-- Whether the trail may say what was written in a conversation. What is gone says nothing. SECURITY
-- DEFINER: the writer of the trail reads no table.
set local role gardenos_crm_writer;

create or replace function app.is_open_conversation(agency uuid, conversation uuid)
returns boolean
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    return coalesce(
        (
            select c.visibility <> 'private'
              from crm.conversations as c
             where c.agency_id = agency
               and c.id = conversation
        ),
        false
    );
end;
$function$;

revoke all on function app.is_open_conversation(uuid, uuid) from public;
grant execute on function app.is_open_conversation(uuid, uuid) to
    gardenos_audit_writer;

comment on function app.is_open_conversation(uuid, uuid) is
'True when a conversation is there and not private.';

set local role gardenos_owner;
