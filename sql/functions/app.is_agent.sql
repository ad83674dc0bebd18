-- Is this user an agent? The guard of memberships must know it of a user whose row the caller may not read.
set local role gardenos_membership_reader;

create or replace function app.is_agent(candidate_id uuid)
returns boolean
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    return exists (
        select 1
          from tenancy.users as u
         where u.id = candidate_id
           and u.kind = 'agent'
    );
end;
$function$;

revoke all on function app.is_agent(uuid) from public;
grant execute on function app.is_agent(uuid) to
    authenticated,
    service_role,
    gardenos_owner,
    gardenos_tenancy_writer,
    gardenos_merger,
    gardenos_eraser;

comment on function app.is_agent(uuid) is
'True when this user is of kind agent.';

set local role gardenos_owner;
