"""Say how far everybody reaches

Reason:    the functions that the policies of records ask: reach, teams, contact, events; and the
           trigger that refuses hidden links.
Locks:     none on tables.
Duration:  milliseconds.
Way back:  drops the functions; the policies and triggers that ask them are gone by then.
"""

from migrations.runner.execute import execute

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        set local role gardenos_membership_reader;

        grant execute on function app.proof() to gardenos_search;

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
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
        ) to authenticated, service_role, gardenos_worker;

        comment on function app.reach(
            text, app.agency_role[], app.agency_role[], app.agency_role[], app.agency_role[]
        ) is
        'How far I may do this (schema.table:command): own, team or all rows; null for none. The lists name roles.';
        """
    )
    execute(
        r"""
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
            gardenos_worker;

        comment on function app.my_teams() is
        'The live teams that the caller belongs to, with those below the teams that the caller leads.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- "Self" and "shared" of a client: the contact whose login this is. The membership reader answers, so that a
        -- key needs no scope on memberships to be the client that it acts as.
        set local role gardenos_membership_reader;

        create or replace function app.contact_id()
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
                select m.contact_id
                  from tenancy.memberships as m
                 where m.agency_id = proof.agency_id
                   and m.id = proof.membership_id
            );
        end;
        $function$;

        revoke all on function app.contact_id() from public;
        grant execute on function app.contact_id() to
            authenticated,
            service_role,
            gardenos_worker,
            gardenos_search;

        comment on function app.contact_id() is
        'The contact behind the client who is asking; null for everybody else.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
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
        """
    )
    execute(
        r"""
        -- An agent, as itself or for a person, writes drafts only, whatever the cell says.
        create or replace function app.is_agent_acting()
        returns boolean
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            proof record := app.proof();
        begin
            return coalesce(not proof.is_person, true);
        end;
        $function$;

        revoke all on function app.is_agent_acting() from public;
        grant execute on function app.is_agent_acting() to
            authenticated,
            service_role,
            gardenos_worker;

        comment on function app.is_agent_acting() is
        'True when an agent is asking, as itself or for a person, and when nothing is proved.';
        """
    )
    execute(
        r"""
        -- A member needs the capability "import"; from managers up the role includes it.
        create or replace function app.can_import()
        returns boolean
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            proof record := app.proof();
        begin
            return coalesce(
                proof.agency_role in ('owner', 'admin', 'manager')
                or 'import' = any(proof.capabilities),
                false
            );
        end;
        $function$;

        revoke all on function app.can_import() from public;
        grant execute on function app.can_import() to
            authenticated,
            service_role,
            gardenos_worker;

        comment on function app.can_import() is
        'May I start and change imports, as far as capabilities go? False when nothing is proved.';
        """
    )
    execute(
        r"""
        -- No hidden links: who writes a record points it only to what they can read. Foreign key checks see every
        -- row of the agency, so without this a form would confirm, and show by name, records of others
        -- (krayin/laravel-crm#732). The look-ups run as whoever writes, so the policies of the target answer.
        --
        -- AFTER the row, so that the policies of the table itself and its foreign keys speak first; and only for
        -- references that changed: who may not see the company of a deal can still move the deal. Arguments: column
        -- and table, in pairs. The trigger's WHEN clause lets everybody pass who is not an API client.
        create or replace function app.forbid_hidden_links()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            after_change jsonb := to_jsonb(new);
            before_change jsonb := case when tg_op = 'UPDATE' then to_jsonb(old) end;
            place uuid := new.agency_id;
            target uuid;
            readable boolean;
        begin
            for argument in 0 .. tg_nargs - 2 by 2 loop
                target := (after_change ->> tg_argv[argument])::uuid;
                continue when target is null or target = (before_change ->> tg_argv[argument])::uuid;
                readable := case tg_argv[argument + 1]
                    when 'tenancy.memberships' then exists (
                        select 1 from tenancy.memberships as t where t.agency_id = place and t.id = target
                    )
                    -- the default is no choice of the writer, whose key may not read teams
                    when 'tenancy.teams' then target = app.default_team_id() or exists (
                        select 1 from tenancy.teams as t where t.agency_id = place and t.id = target
                    )
                    -- a client reads no contact, and is one
                    when 'crm.contacts' then target = app.contact_id() or exists (
                        select 1 from crm.contacts as t where t.agency_id = place and t.id = target
                    )
                    when 'crm.companies' then exists (
                        select 1 from crm.companies as t where t.agency_id = place and t.id = target
                    )
                    when 'crm.deals' then exists (
                        select 1 from crm.deals as t where t.agency_id = place and t.id = target
                    )
                    when 'crm.files' then exists (
                        select 1 from crm.files as t where t.agency_id = place and t.id = target
                    )
                    when 'crm.tags' then exists (
                        select 1 from crm.tags as t where t.agency_id = place and t.id = target
                    )
                    when 'crm.products' then exists (
                        select 1 from crm.products as t where t.agency_id = place and t.id = target
                    )
                    when 'crm.pipelines' then exists (
                        select 1 from crm.pipelines as t where t.agency_id = place and t.id = target
                    )
                    when 'crm.lookup_values' then exists (
                        select 1 from crm.lookup_values as t where t.agency_id = place and t.id = target
                    )
                end;
                if readable is not true then
                    raise exception '%.% cannot point to a row of % that you cannot read.',
                        tg_table_name, tg_argv[argument], tg_argv[argument + 1]
                        using errcode = '42501';
                end if;
            end loop;
            return null;
        end;
        $function$;

        revoke all on function app.forbid_hidden_links() from public;

        comment on function app.forbid_hidden_links() is
        'Refuses a reference to a row that the writer cannot read.';
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop function app.forbid_hidden_links();
        """
    )
    execute(
        r"""
        drop function app.can_import();
        """
    )
    execute(
        r"""
        drop function app.is_agent_acting();
        """
    )
    execute(
        r"""
        set local role gardenos_search;

        drop function app.my_events();

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_membership_reader;

        drop function app.contact_id();

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_membership_reader;

        drop function app.my_teams();

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        drop function app.reach(text, app.agency_role[], app.agency_role[], app.agency_role[], app.agency_role[]);
        """
    )
    execute(
        r"""
        set local role gardenos_membership_reader;

        revoke execute on function app.proof() from gardenos_search;

        set local role gardenos_owner;
        """
    )
