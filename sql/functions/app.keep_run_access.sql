-- A new run is seen by whoever sees its thread, and is noted with the request that made it. The conversation
-- is locked until the run is there: should its visibility change meanwhile, one of the two waits, and
-- app.note_run_access finds the run. A run below another one is in its thread, when it names none itself.
--
-- SECURITY DEFINER: an agent may not lock a conversation, which it may not change.
set local role gardenos_crm_writer;

create or replace function app.keep_run_access()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    above ai.agent_runs;
    place crm.conversations;
begin
    select * into above
      from ai.agent_runs as r
     where r.agency_id = new.agency_id
       and r.id = new.parent_run_id;
    if above.id is not null then
        new.conversation_id := coalesce(new.conversation_id, above.conversation_id);
        new.team_id := above.team_id;
        new.visibility := above.visibility;
    end if;
    select * into place
      from crm.conversations as c
     where c.agency_id = new.agency_id
       and c.id = new.conversation_id
       for share;
    if place.id is not null then
        new.team_id := place.team_id;
        new.visibility := place.visibility;
    end if;
    new.request_id := coalesce((select nullif(r.request_id, '') from audit.request() as r), new.request_id);
    return new;
end;
$function$;

revoke all on function app.keep_run_access() from public;
grant execute on function app.keep_run_access() to
    gardenos_owner;

comment on function app.keep_run_access() is
'Copies who sees a run from its conversation, and notes the request.';

set local role gardenos_owner;
