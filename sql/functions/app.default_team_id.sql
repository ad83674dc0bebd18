-- The team of new records of the writer, while there is such a team. SECURITY DEFINER: a key may be allowed
-- to make records and not to read memberships.
set local role gardenos_membership_reader;

create or replace function app.default_team_id()
returns uuid
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    proof record := app.proof();
begin
    return (
        select t.id
          from tenancy.memberships as m
          join tenancy.teams as t
            on t.agency_id = m.agency_id
           and t.id = m.default_team_id
           and t.deleted_at is null
         where m.agency_id = proof.agency_id
           and m.id = proof.membership_id
    );
end;
$function$;

revoke all on function app.default_team_id() from public;
grant execute on function app.default_team_id() to
    authenticated,
    service_role,
    gardenos_worker;

comment on function app.default_team_id() is
'The team of my new records; null when I have none.';

set local role gardenos_owner;
