-- Row scope: how far a cell of the permission matrix reaches. The one place that reasons about it; the
-- policies of records only say which rows each answer means on their table.
--
-- A policy names, for one command, the roles whose cell says "own", "scope", "team" or "agency", as
-- permissions.csv does, and switches on the answer:
--
--     case (select app.reach('crm.deals:update', agency => '{owner,admin}', own => '{member}'))
--         when 'all' then true
--         when 'team' then <mine, or of a team of mine, or of nobody>
--         when 'own' then <mine>
--     end
--
-- 1. One answer. own < team < all are the words own, team and agency; each contains the one before. So
--    "scope" is just the record_scope of the membership, and the intersection that an agent acting for a
--    user has is the lesser of two answers, each found with me = the user. No cell on either side: null,
--    which is no row. What stands beside the order is a condition of the policy itself: "private", "shared"
--    and what a client sees. The lowest rung is "own" or, on conversations, "participant".
-- 2. No call per row. Policies call it, app.membership_id(), app.my_teams() and app.contact_id() as
--    (select …): an InitPlan, run at most once per statement and only when a row needs it. What is left for
--    each row is a comparison with a column, or membership in an array of a few teams. Nothing here reads a
--    table of records, so nothing can recurse (42P17).
-- 3. Children ask for the parent with exists (select 1 from <parent> …), and the parent's own policies
--    answer inside it: a child cannot show what its parent hides. The planner looks the parent up by its
--    key or hashes the visible parents once, whichever is cheaper. For writing, the same with FOR KEY
--    SHARE: a row lock makes PostgreSQL apply the parent's UPDATE policy as well. Tables ask upwards only.
-- 4. A key needs the command among its scopes, and to reach a child also that of the parent.
create or replace function app.reach(
    action text,
    own app.agency_role[] default '{}',
    scope app.agency_role[] default '{}',
    team app.agency_role[] default '{}',
    agency app.agency_role[] default '{}'
)
returns app.record_scope
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    proof record := app.proof();
    mine app.record_scope;
    agents app.record_scope;
begin
    if proof.scopes is not null and action <> all(proof.scopes) then
        return null;
    end if;
    mine := case
        when proof.agency_role = any(agency) then 'all'
        when proof.agency_role = any(team) then 'team'
        when proof.agency_role = any(scope) then proof.record_scope
        when proof.agency_role = any(own) then 'own'
    end;
    if proof.agent_id is null or mine is null then
        return mine;
    end if;
    agents := case
        when 'ai_agent' = any(agency) then 'all'
        when 'ai_agent' = any(team) then 'team'
        when 'ai_agent' = any(scope) then proof.record_scope
        when 'ai_agent' = any(own) then 'own'
    end;
    if agents is null then
        return null;
    end if;
    return least(mine, agents);
end;
$function$;

revoke all on function app.reach(
    text, app.agency_role[], app.agency_role[], app.agency_role[], app.agency_role[]
) from public;
grant execute on function app.reach(
    text, app.agency_role[], app.agency_role[], app.agency_role[], app.agency_role[]
) to
    authenticated,
    service_role,
    gardenos_worker,
    gardenos_merger,
    gardenos_search,
    gardenos_crm_writer;

comment on function app.reach(
    text, app.agency_role[], app.agency_role[], app.agency_role[], app.agency_role[]
) is
'How far I may do this (schema.table:command): own, team or all rows; null for none. The lists name roles.';
