"""Keep memories within their runs

Reason:    a memory was as visible as its writer said, also when it came from a private conversation. It
           is now as narrow as the run that it comes from, and becomes narrower with it.
Locks:     ShareRowExclusive on ai.memories and ai.agent_runs, for their triggers; AccessExclusive on
           ai.agent_runs, for its policies.
Duration:  milliseconds. Memories that are there keep their visibility until they or their run change.
Way back:  drops the triggers; what became narrower stays so.
"""

from migrations.runner.execute import execute

revision = "0062"
down_revision = "0061"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        -- A memory is never more visible than the run it comes from: it is written as narrow as the run, for the team
        -- of the run, and becomes narrower with it. What comes from a private run belongs to somebody who takes part
        -- in that run; a memory about a record belongs to the record's owner, and is refused when that is another.
        --
        -- SECURITY DEFINER: whoever writes may be somebody who does not read the run, as when a record changes its
        -- team; app.forbid_hidden_links sees to it that who names a run can read it. The run is locked until the end
        -- of the transaction, so that it does not become narrower meanwhile.
        set local role gardenos_ai_writer;

        create or replace function app.keep_within_run()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            run record;
        begin
            select
                r.visibility,
                r.team_id,
                array[r.agent_membership_id, r.triggered_by_id, r.on_behalf_of_id] as people
              into run
              from ai.agent_runs as r
             where r.agency_id = new.agency_id
               and r.id = new.source_run_id
               for share;
            if run is null then
                return new;
            end if;
            if run.visibility = 'private'
                or (run.visibility = 'team' and new.visibility <> 'private' and new.team_id is distinct from run.team_id)
            then
                new.visibility := 'private';
            elsif run.visibility = 'team' and new.visibility = 'agency' then
                new.visibility := 'team';
            end if;
            if run.visibility = 'private'
                and (new.owner_id = any(run.people)) is not true
                and pg_trigger_depth() = 1
            then
                raise exception 'What a private run remembers belongs to somebody who takes part in it.'
                    using errcode = '23514',
                    column = 'source_run_id',
                    hint = 'Remember it about the agency, or without the run when it was learned elsewhere.';
            end if;
            return new;
        end;
        $function$;

        revoke all on function app.keep_within_run() from public;
        grant execute on function app.keep_within_run() to
            gardenos_owner;

        comment on function app.keep_within_run() is
        'Keeps a memory as narrow as the run that it comes from.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- When a run becomes narrower, as with its conversation, what was remembered from it follows: an update that
        -- changes nothing lets app.keep_within_run look again. SECURITY DEFINER: nobody who changes a conversation
        -- writes the memories of others.
        set local role gardenos_ai_writer;

        create or replace function app.narrow_memories()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            update ai.memories as m
               set visibility = m.visibility
              from new_rows as n
              join old_rows as o
                on o.agency_id = n.agency_id
               and o.id = n.id
             where m.agency_id = n.agency_id
               and m.source_run_id = n.id
               and m.visibility <> 'private'
               and (o.visibility, o.team_id) is distinct from (n.visibility, n.team_id);
            return null;
        end;
        $function$;

        revoke all on function app.narrow_memories() from public;
        grant execute on function app.narrow_memories() to
            gardenos_owner;

        comment on function app.narrow_memories() is
        'Makes memories narrower with the run that they come from.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        grant update (id) on table ai.agent_runs to gardenos_ai_writer;
        """
    )
    execute(
        r"""
        grant update (visibility) on table ai.memories to gardenos_ai_writer;
        """
    )
    execute(
        r"""
        create or replace trigger narrow_memories
        after update on ai.agent_runs
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function app.narrow_memories();
        """
    )
    execute(
        r"""
        grant select on table ai.agent_runs to gardenos_ai_writer;
        """
    )
    execute(
        r"""
        create policy "triggers copy who may read"
        on ai.agent_runs
        as permissive
        for select
        to gardenos_ai_writer
        using (
            true
        );
        """
    )
    execute(
        r"""
        create policy "triggers lock what they copy"
        on ai.agent_runs
        as permissive
        for update
        to gardenos_ai_writer
        using (
            true
        )
        with check (
            true
        );
        """
    )
    execute(
        r"""
        create or replace trigger forbid_hidden_links
        after insert or update of
            membership_id,
            contact_id,
            company_id,
            deal_id,
            source_run_id,
            superseded_by_id
        on ai.memories
        for each row
        when (
            current_user = 'authenticated'
        )
        execute function app.forbid_hidden_links(
            'membership_id', 'tenancy.memberships',
            'contact_id', 'crm.contacts',
            'company_id', 'crm.companies',
            'deal_id', 'crm.deals',
            'source_run_id', 'ai.agent_runs',
            'superseded_by_id', 'ai.memories'
        );
        """
    )
    execute(
        r"""
        create or replace trigger keep_within_run
        before insert or update of
            source_run_id,
            owner_id,
            team_id,
            visibility
        on ai.memories
        for each row
        when (
            new.source_run_id is not null
        )
        execute function app.keep_within_run();
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop trigger keep_within_run on ai.memories;
        """
    )
    execute(
        r"""
        create or replace trigger forbid_hidden_links AFTER INSERT OR UPDATE OF membership_id, contact_id, company_id, deal_id, superseded_by_id ON ai.memories FOR EACH ROW WHEN ((CURRENT_USER = 'authenticated'::name)) EXECUTE FUNCTION app.forbid_hidden_links('membership_id', 'tenancy.memberships', 'contact_id', 'crm.contacts', 'company_id', 'crm.companies', 'deal_id', 'crm.deals', 'superseded_by_id', 'ai.memories');
        """
    )
    execute(
        r"""
        drop policy "triggers lock what they copy" on ai.agent_runs;
        """
    )
    execute(
        r"""
        drop policy "triggers copy who may read" on ai.agent_runs;
        """
    )
    execute(
        r"""
        revoke select on table ai.agent_runs from gardenos_ai_writer cascade;
        """
    )
    execute(
        r"""
        drop trigger narrow_memories on ai.agent_runs;
        """
    )
    execute(
        r"""
        revoke update (visibility) on table ai.memories from gardenos_ai_writer cascade;
        """
    )
    execute(
        r"""
        revoke update (id) on table ai.agent_runs from gardenos_ai_writer cascade;
        """
    )
    execute(
        r"""
        set local role gardenos_ai_writer;

        drop function app.narrow_memories();

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_ai_writer;

        drop function app.keep_within_run();

        set local role gardenos_owner;
        """
    )
