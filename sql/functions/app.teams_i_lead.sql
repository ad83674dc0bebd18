-- "Own" of teams and team_members. A policy of team_members that asked team_members would recurse (42P17),
-- so the membership reader answers, for the caller alone.
set local role gardenos_membership_reader;

create or replace function app.teams_i_lead()
returns uuid[]
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    proof record := app.proof();
begin
    return array(
        select tm.team_id
          from tenancy.team_members as tm
          join tenancy.teams as t
            on t.agency_id = tm.agency_id
           and t.id = tm.team_id
           and t.deleted_at is null
         where tm.agency_id = proof.agency_id
           and tm.membership_id = proof.membership_id
           and tm.is_lead
    );
end;
$function$;

revoke all on function app.teams_i_lead() from public;
grant execute on function app.teams_i_lead() to
    authenticated,
    gardenos_tenancy_writer;

comment on function app.teams_i_lead() is
'The teams that the caller leads; empty when there are none.';

set local role gardenos_owner;
