-- Runs follow their conversation: whoever loses it loses them too, in the same transaction. SECURITY DEFINER:
-- who changes a conversation changes no run.
set local role gardenos_crm_writer;

create or replace function app.note_run_access()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    update ai.agent_runs as r
       set team_id = new.team_id,
           visibility = new.visibility
     where r.agency_id = new.agency_id
       and r.conversation_id = new.id
       and (r.team_id is distinct from new.team_id or r.visibility <> new.visibility);
    return null;
end;
$function$;

revoke all on function app.note_run_access() from public;
grant execute on function app.note_run_access() to
    gardenos_owner;

comment on function app.note_run_access() is
'Tells the runs of a conversation who sees them.';

set local role gardenos_owner;
