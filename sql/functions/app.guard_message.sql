-- A message says who wrote it, whatever the client sent, and keeps to its conversation. People and agents
-- write drafts and hand them over; from there on only services move a message. An agent's draft waits for a
-- person. A client writes to the agency, and what it has written has arrived.
create or replace function app.guard_message()
returns trigger
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    proof record := app.proof();
begin
    if tg_op = 'UPDATE' then
        if new.conversation_id <> old.conversation_id then
            raise exception 'A message stays in its conversation.'
                using errcode = 'PT403';
        end if;
        -- a foreign key clears who wrote it, and a merge says it of the contact that is left
        if new.sender_membership_id is not null then
            new.sender_membership_id := old.sender_membership_id;
        end if;
        if new.sender_contact_id is not null and current_user <> 'gardenos_merger' then
            new.sender_contact_id := old.sender_contact_id;
        end if;
    end if;
    if current_user <> 'authenticated' then
        return new;
    end if;
    if tg_op = 'INSERT' then
        new.sender_membership_id := proof.membership_id;
        new.sender_contact_id := null;
        if proof.agency_role = 'client' then
            if new.direction <> 'inbound' then
                raise exception 'A client writes inbound messages only.'
                    using errcode = '42501';
            end if;
            new.sender_membership_id := null;
            new.sender_contact_id := app.contact_id();
            new.status := 'received';
            return new;
        end if;
        if new.direction = 'inbound' then
            raise exception 'Inbound messages come from outside.'
                using errcode = '42501';
        end if;
        if new.status not in ('draft', 'queued') then
            raise exception 'A new message is a draft or queued.'
                using errcode = '42501';
        end if;
    else
        new.sender_membership_id := old.sender_membership_id;
        new.sender_contact_id := old.sender_contact_id;
        if new.direction <> old.direction then
            raise exception 'A message keeps its direction.'
                using errcode = '42501';
        end if;
        if old.status <> 'draft' then
            raise exception 'A message that was handed over is not changed any more.'
                using errcode = '42501';
        end if;
        if new.status not in (old.status, 'queued') then
            raise exception 'A draft is queued; only services move it from there.'
                using errcode = '42501';
        end if;
    end if;
    if new.status <> 'draft' and not proof.is_person then
        raise exception 'An agent writes drafts; a person sends them.'
            using errcode = '42501';
    end if;
    return new;
end;
$function$;

revoke all on function app.guard_message() from public;

comment on function app.guard_message() is
'Sets the sender of a message and refuses what only services may do to it.';
