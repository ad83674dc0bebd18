-- "A team I belong to (a lead: also the teams below)". Deleted teams own nothing any more, but they are
-- still links of the tree: a lead reaches through one to the live teams below it.
--
-- The membership reader answers, for the caller alone: the policies of teams and team_members would be
-- planned into every policy of a record, and a key would need their scopes.
set local role gardenos_membership_reader;

create or replace function app.my_teams()
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
        with recursive mine as (
            select t.id, t.deleted_at, tm.is_lead
              from tenancy.team_members as tm
              join tenancy.teams as t
                on t.agency_id = tm.agency_id
               and t.id = tm.team_id
               and t.deleted_at is null
             where tm.agency_id = proof.agency_id
               and tm.membership_id = proof.membership_id
            union
            select t.id, t.deleted_at, true
              from mine as m
              join tenancy.teams as t
                on t.agency_id = proof.agency_id
               and t.parent_team_id = m.id
             where m.is_lead
        )
        select distinct m.id
          from mine as m
         where m.deleted_at is null
    );
end;
$function$;

revoke all on function app.my_teams() from public;
grant execute on function app.my_teams() to
    authenticated,
    service_role,
    gardenos_worker,
    gardenos_merger,
    gardenos_search,
    gardenos_crm_writer;

comment on function app.my_teams() is
'The live teams that the caller belongs to, with those below the teams that the caller leads.';

set local role gardenos_owner;
