-- The members who take part stand in the conversation or the event itself, so that its policy need not ask
-- this table, which asks it. The row is locked first and counted by a later statement: of two writers the
-- second sees what the first has added. SECURITY DEFINER: nobody else writes the list.
set local role gardenos_crm_writer;

create or replace function app.note_participants()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    place crm.participants;
    noted uuid[];
    members uuid[];
begin
    if tg_op = 'DELETE' then
        place := old;
    else
        place := new;
    end if;
    if place.conversation_id is not null then
        select c.participant_ids
          into noted
          from crm.conversations as c
         where c.agency_id = place.agency_id
           and c.id = place.conversation_id
           for no key update;
        members := array(
            select p.membership_id
              from crm.participants as p
             where p.agency_id = place.agency_id
               and p.conversation_id = place.conversation_id
               and p.membership_id is not null
             order by p.membership_id
        );
        if noted <> members then
            update crm.conversations as c
               set participant_ids = members
             where c.agency_id = place.agency_id
               and c.id = place.conversation_id;
        end if;
    else
        select e.participant_ids
          into noted
          from crm.calendar_events as e
         where e.agency_id = place.agency_id
           and e.id = place.calendar_event_id
           for no key update;
        members := array(
            select p.membership_id
              from crm.participants as p
             where p.agency_id = place.agency_id
               and p.calendar_event_id = place.calendar_event_id
               and p.membership_id is not null
             order by p.membership_id
        );
        if noted <> members then
            update crm.calendar_events as e
               set participant_ids = members
             where e.agency_id = place.agency_id
               and e.id = place.calendar_event_id;
        end if;
    end if;
    return null;
end;
$function$;

revoke all on function app.note_participants() from public;
grant execute on function app.note_participants() to
    gardenos_owner;

comment on function app.note_participants() is
'Keeps the list of members who take part.';

set local role gardenos_owner;
