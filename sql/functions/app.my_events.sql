-- "Shared" of an event: the client is among those invited. The policy of events cannot ask participants,
-- whose own policy asks events (42P17), so the search role answers, for the caller alone. A client has few.
set local role gardenos_search;

create or replace function app.my_events()
returns uuid[]
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    proof record := app.proof();
    contact uuid := app.contact_id();
begin
    return array(
        select p.calendar_event_id
          from crm.participants as p
         where p.agency_id = proof.agency_id
           and p.contact_id = contact
           and p.calendar_event_id is not null
    );
end;
$function$;

revoke all on function app.my_events() from public;
grant execute on function app.my_events() to
    authenticated,
    service_role,
    gardenos_worker;

comment on function app.my_events() is
'The events that the client who is asking is invited to; empty for everybody else.';

set local role gardenos_owner;
