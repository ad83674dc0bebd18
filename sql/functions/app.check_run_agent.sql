-- Who acts in a run is an agent of the agency, also when a service says who. SECURITY DEFINER: a worker reads
-- no membership.
set local role gardenos_membership_reader;

create or replace function app.check_run_agent()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    if exists (
        select 1
          from tenancy.memberships as m
         where m.agency_id = new.agency_id
           and (
               (m.id = new.agent_membership_id and m.role <> 'ai_agent')
               or (m.id = new.on_behalf_of_id and m.role = 'ai_agent')
           )
    ) then
        raise exception 'In a run an agent acts, as itself or for a person.'
            using errcode = '23514',
            column = 'agent_membership_id';
    end if;
    return null;
end;
$function$;

revoke all on function app.check_run_agent() from public;
grant execute on function app.check_run_agent() to
    gardenos_owner;

comment on function app.check_run_agent() is
'Refuses a run of somebody who is no agent.';

set local role gardenos_owner;
