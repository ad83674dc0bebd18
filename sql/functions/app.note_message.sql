-- When something was last said in a conversation; a draft is not said yet. SECURITY DEFINER: whoever writes
-- may not be able to change the conversation.
set local role gardenos_crm_writer;

create or replace function app.note_message()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    update crm.conversations as c
       set last_message_at = new.sent_at
     where c.agency_id = new.agency_id
       and c.id = new.conversation_id
       and (c.last_message_at is null or c.last_message_at < new.sent_at);
    return null;
end;
$function$;

revoke all on function app.note_message() from public;
grant execute on function app.note_message() to
    gardenos_owner;

comment on function app.note_message() is
'Notes when something was last said in a conversation.';

set local role gardenos_owner;
