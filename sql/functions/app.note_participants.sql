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
    before record := case when tg_op <> 'INSERT' then old end;
    after record := case when tg_op <> 'DELETE' then new end;
    place record;
begin
    for place in
        select distinct p.agency_id, p.conversation_id, p.calendar_event_id
          from (
              values
              (before.agency_id, before.conversation_id, before.calendar_event_id, before.membership_id),
              (after.agency_id, after.conversation_id, after.calendar_event_id, after.membership_id)
          ) as p (agency_id, conversation_id, calendar_event_id, membership_id)
         where p.membership_id is not null
         order by p.conversation_id, p.calendar_event_id
    loop
        if place.conversation_id is not null then
            perform 1
               from crm.conversations as c
              where c.agency_id = place.agency_id
                and c.id = place.conversation_id
                for no key update;
            update crm.conversations as c
               set participant_ids = array(
                   select p.membership_id
                     from crm.participants as p
                    where p.agency_id = place.agency_id
                      and p.conversation_id = place.conversation_id
                      and p.membership_id is not null
                    order by p.membership_id
               )
             where c.agency_id = place.agency_id
               and c.id = place.conversation_id;
        else
            perform 1
               from crm.calendar_events as e
              where e.agency_id = place.agency_id
                and e.id = place.calendar_event_id
                for no key update;
            update crm.calendar_events as e
               set participant_ids = array(
                   select p.membership_id
                     from crm.participants as p
                    where p.agency_id = place.agency_id
                      and p.calendar_event_id = place.calendar_event_id
                      and p.membership_id is not null
                    order by p.membership_id
               )
             where e.agency_id = place.agency_id
               and e.id = place.calendar_event_id;
        end if;
    end loop;
    return null;
end;
$function$;

revoke all on function app.note_participants() from public;
grant execute on function app.note_participants() to
    gardenos_owner;

comment on function app.note_participants() is
'Keeps the list of members who take part.';

set local role gardenos_owner;
