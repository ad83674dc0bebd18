"""Let agents keep their state

Reason:    agents reach the tables of LangGraph: threads in conversations that they can read, and what
           they remember of what they can read. A thread is a conversation of one agency, a namespace
           names its agency and subject. Workers prune, erasure takes a person out, retention keeps
           threads without a contact for 90 days, and the trail names every row.
Locks:     AccessExclusive on the tables of langgraph, which nobody uses before.
Duration:  milliseconds.
Way back:  nobody reaches the tables any more; their rows stay. The retention policies for threads
           stay too, and nothing keeps to them.
"""

from migrations.runner.execute import execute

revision = "0055"
down_revision = "0054"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        -- What a namespace must look like: (agency, kind of the subject, its id, …). The columns that say whose an
        -- item is are made of it, by casts; an id that is none would fail there with a sentence about uuids. One
        -- spelling of each id, so that nothing can be remembered twice under the same subject.
        create or replace function app.check_namespace()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            uuid_text constant text := '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
        begin
            if new.prefix !~ (
                '^' || uuid_text
                || '\.(?:agency|(?:agent|member|contact|company|deal|conversation)\.' || uuid_text || ')(?:\.|$)'
            ) then
                raise exception 'A namespace names an agency and a subject, and % does not.',
                    quote_literal(left(new.prefix, 200))
                    using errcode = '23514',
                    schema = tg_table_schema,
                    table = tg_table_name,
                    hint = 'Begin with (agency id, kind, id): agent, member, contact, company, deal or conversation'
                        ' with an id in lower case, or (agency id, "agency").';
            end if;
            return new;
        end;
        $function$;

        revoke all on function app.check_namespace() from public;

        comment on function app.check_namespace() is
        'Refuses a namespace of the store that does not begin with an agency and a subject.';
        """
    )
    execute(
        r"""
        -- A policy that nothing keeps to would be a promise that is broken in silence: only tables and actions that
        -- retention knows.
        create or replace function app.check_retention()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            if app.due_rows(new.entity) is null then
                raise exception 'Nothing is known about keeping %.', new.entity
                    using errcode = '23514',
                    hint = 'Name a table of records, imports, deliveries, runs or threads, as schema.table.';
            end if;
            if new.entity <> 'integration.import_rows'
                and (new.action = 'anonymise') <> (new.entity = 'crm.contacts') then
                raise exception 'Rows of % are not kept with the action %.', new.entity, new.action
                    using errcode = '23514',
                    hint = 'Contacts are anonymised, because consents point to them; other rows are deleted.';
            end if;
            return new;
        end;
        $function$;

        revoke all on function app.check_retention() from public;

        comment on function app.check_retention() is
        'Refuses a retention policy that nothing would keep to.';
        """
    )
    execute(
        r"""
        -- A thread is a conversation of the agency, by its id. The keys of the library do not hold the agency: should
        -- two agencies have a conversation of the same id, the thread belongs to the one that wrote first, and the
        -- other is told (23505). Without this the library's insert of a value does nothing when the key is taken, and
        -- loses it in silence. Who writes first is settled under a lock, because neither would see the other's row.
        --
        -- An agency without a conversation of that id learns nothing here: the policy refuses it, whoever has one.
        -- SECURITY DEFINER: the rows of the other agency have to be seen.
        set local role gardenos_crm_writer;

        create or replace function app.check_thread()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            holder uuid;
        begin
            if new.thread_id !~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' then
                raise exception 'A thread is a conversation, and % is not the id of one.',
                    quote_literal(left(new.thread_id, 100))
                    using errcode = '23514',
                    schema = tg_table_schema,
                    table = tg_table_name,
                    constraint = tg_table_name || '_thread_is_conversation',
                    hint = 'Make a row of crm.conversations and use its id, in lower case, as thread_id.';
            end if;
            for attempt in 1 .. 2 loop
                holder := case tg_table_name
                    when 'checkpoints' then (
                        select t.agency_id from langgraph.checkpoints as t where t.thread_id = new.thread_id limit 1
                    )
                    when 'checkpoint_blobs' then (
                        select t.agency_id from langgraph.checkpoint_blobs as t where t.thread_id = new.thread_id limit 1
                    )
                    when 'checkpoint_writes' then (
                        select t.agency_id from langgraph.checkpoint_writes as t where t.thread_id = new.thread_id limit 1
                    )
                end;
                if holder = new.agency_id or not exists (
                    select 1
                      from crm.conversations as c
                     where c.agency_id = new.agency_id
                       and c.id = new.thread_id::uuid
                ) then
                    return new;
                end if;
                if holder is not null then
                    raise exception 'Thread % is taken: another agency has a conversation of the same id.', new.thread_id
                        using errcode = '23505',
                        schema = tg_table_schema,
                        table = tg_table_name,
                        hint = 'Use a new conversation for this thread.';
                end if;
                perform pg_advisory_xact_lock(hashtextextended('langgraph thread ' || new.thread_id, 0));
            end loop;
            return new;
        end;
        $function$;

        revoke all on function app.check_thread() from public;
        grant execute on function app.check_thread() to
            gardenos_owner;

        comment on function app.check_thread() is
        'Refuses a thread that is no conversation, and one that another agency has.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Everything that hangs on contacts or companies, read off the foreign keys, so that a table that comes
        -- later is not forgotten. Two do not move: consents, which are never changed and are read through
        -- merged_into_id, and merge_records, which say what was. Items of the agents' store are named after their
        -- subject: app.move_items moves them.
        create or replace function app.children_of(record_table regclass)
        returns table (table_name text, column_name text)
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            return query
            select c.conrelid::regclass::text, a.attname::text
              from pg_constraint as c
              join pg_attribute as a
                on a.attrelid = c.conrelid
               and a.attnum = any(c.conkey)
               and a.attname <> 'agency_id'
               and a.attgenerated = ''
             where c.contype = 'f'
               and c.confrelid = record_table
               and c.conparentid = 0
               and c.conrelid not in ('crm.consents'::regclass, 'crm.merge_records'::regclass)
             order by 1, 2;
        end;
        $function$;

        revoke all on function app.children_of(regclass) from public;
        grant execute on function app.children_of(regclass) to
            gardenos_merger;

        comment on function app.children_of(regclass) is
        'The columns that point to this table and move in a merge.';
        """
    )
    execute(
        r"""
        -- Which rows of a table are kept for longer than an agency wants, as the text of a query with the agency
        -- as $1 and the time as $2: the one definition for counting them and for removing them. What was deleted
        -- is kept from then on; a memory also from when it expired or was superseded; lines of imports, attempts
        -- to deliver and runs of agents from their end, and a run that never ended from its last change. What
        -- belongs to a person on legal hold is never due, nor is a contact that was merged: it goes with the one
        -- that is left. Of agents' threads those without a contact are due, when the last step was that long ago;
        -- each counts once. Null for a table that retention does not know.
        create or replace function app.due_rows(entity text)
        returns text
        language plpgsql
        immutable
        parallel safe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            whose constant text := case entity
                when 'crm.contacts' then 't.id'
                when 'crm.messages' then '(select c.contact_id from crm.conversations as c'
                    || ' where c.agency_id = t.agency_id and c.id = t.conversation_id)'
                when 'crm.contact_points' then 't.contact_id'
                when 'crm.activities' then 't.contact_id'
                when 'crm.conversations' then 't.contact_id'
                when 'crm.files' then 't.contact_id'
                when 'integration.import_rows' then 't.contact_id'
                when 'ai.memories' then 't.contact_id'
                when 'ai.agent_runs' then '(select c.contact_id from crm.conversations as c'
                    || ' where c.agency_id = t.agency_id and c.id = t.conversation_id)'
                when 'ai.agent_steps' then '(select c.contact_id from ai.agent_runs as r'
                    || ' join crm.conversations as c on c.agency_id = r.agency_id and c.id = r.conversation_id'
                    || ' where r.agency_id = t.agency_id and r.id = t.run_id)'
            end;
        begin
            return 'from ' || case entity
                when 'langgraph.checkpoints' then 'crm.conversations'
                else entity
            end || ' as t where t.agency_id = $1 and ' || case
                when entity = 'crm.contacts'
                    then 't.deleted_at < now() - $2 and t.anonymised_at is null and t.merged_into_id is null'
                when entity = 'crm.companies'
                    -- a merge can be undone for thirty days
                    then 't.deleted_at < now() - case when t.merged_into_id is null then $2'
                        || ' else greatest($2, interval ''31 days'') end'
                when entity in (
                    'crm.contact_points', 'crm.deals', 'crm.activities', 'crm.conversations', 'crm.messages',
                    'crm.calendar_events', 'crm.files'
                )
                    then 't.deleted_at < now() - $2'
                when entity = 'ai.memories'
                    then '(least(t.deleted_at, t.expires_at) < now() - $2'
                        || ' or (t.superseded_by_id is not null and t.updated_at < now() - $2))'
                when entity = 'integration.import_rows'
                    then 'num_nonnulls(t.raw, t.before, t.error_message) > 0 and exists (select 1'
                        || ' from integration.import_jobs as j where j.agency_id = t.agency_id and j.id = t.job_id'
                        || ' and j.finished_at < now() - $2 and (j.revert_until is null or j.revert_until < now()))'
                when entity = 'langgraph.checkpoints'
                    then 't.contact_id is null and (select max(k.created_at) from langgraph.checkpoints as k'
                        || ' where k.agency_id = t.agency_id and k.conversation_id = t.id) < now() - $2'
                when entity = 'integration.import_jobs'
                    then 't.finished_at < now() - $2 and (t.revert_until is null or t.revert_until < now())'
                when entity = 'integration.webhook_deliveries'
                    then 't.status in (''delivered'', ''dead'')'
                        || ' and coalesce(t.delivered_at, t.next_attempt_at) < now() - $2'
                when entity = 'ai.agent_runs'
                    then 'coalesce(t.finished_at, t.updated_at) < now() - $2'
                when entity = 'ai.agent_steps'
                    then 'exists (select 1 from ai.agent_runs as r where r.agency_id = t.agency_id'
                        || ' and r.id = t.run_id and coalesce(r.finished_at, r.updated_at) < now() - $2)'
            end || coalesce(
                ' and not exists (select 1 from governance.erasure_requests as h where h.agency_id = t.agency_id'
                || ' and h.legal_hold and h.subject_kind = ''contact'' and h.subject_id = ' || whose || ')',
                ''
            );
        end;
        $function$;

        revoke all on function app.due_rows(text) from public;
        grant execute on function app.due_rows(text) to
            authenticated,
            service_role,
            gardenos_worker,
            gardenos_tenancy_writer,
            gardenos_eraser;

        comment on function app.due_rows(text) is
        'The rows of a table that are kept for too long, as the text of a query; null for an unknown table.';
        """
    )
    execute(
        r"""
        -- Takes a former member out of the tables of an agency: the row stays, because history points to it, without
        -- a name. Records that it wrote are the agency's; what agents remember about it goes. Answers as
        -- app.erase_contact does.
        create or replace function app.erase_member(agency uuid, member uuid)
        returns jsonb
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            known record;
            touched bigint;
            remembered bigint;
        begin
            select m.user_id, m.status, m.display_name, m.work_email, u.email, u.full_name, u.status as user_status
              into known
              from tenancy.memberships as m
              join tenancy.users as u on u.id = m.user_id
             where m.agency_id = agency
               and m.id = member
               for update of m;
            if known.status <> 'removed' then
                raise exception 'Member % is not erased: it still is a member.', member
                    using errcode = 'PT409',
                    hint = 'Call app.remove_member first, with an heir for its records.';
            end if;
            update tenancy.memberships as m
               set display_name = 'erased',
                   job_title = null,
                   work_email = null,
                   avatar_path = null
             where m.agency_id = agency
               and m.id = member
               and m.display_name <> 'erased';
            get diagnostics touched = row_count;
            delete from ai.memories as m
             where m.agency_id = agency
               and m.membership_id = member;
            get diagnostics remembered = row_count;
            delete from langgraph.store as s
             where s.agency_id = agency
               and s.membership_id = member;
            delete from tenancy.invitations as i
             where i.agency_id = agency
               and (i.accepted_by_id = member or i.email in (known.work_email, known.email));
            return jsonb_build_object(
                'people', '[]'::jsonb,
                'addresses', array_remove(array[known.work_email::text, known.email::text], null),
                'phones', '[]'::jsonb,
                'names', array(
                    select distinct n.name
                      from unnest(array[known.display_name::text, known.full_name::text]) as n (name)
                     where length(n.name) >= 3
                       and n.name <> 'erased'
                ),
                'logins', array_remove(array[known.user_id], null),
                'records', jsonb_build_array(jsonb_build_object('table', 'tenancy.memberships', 'id', member)),
                'rows', jsonb_build_object('tenancy.memberships', touched, 'ai.memories', remembered)
                    || app.erase_logins(array[known.user_id])
            );
        end;
        $function$;

        revoke all on function app.erase_member(uuid, uuid) from public;
        grant execute on function app.erase_member(uuid, uuid) to
            gardenos_eraser;

        comment on function app.erase_member(uuid, uuid) is
        'Takes a former member out of the tables of its agency; answers what it was known by.';
        """
    )
    execute(
        r"""
        -- What a new agency begins with: a pipeline, and how long it keeps what was deleted. All of it is the
        -- agency's to change.
        create or replace function app.furnish_agency(agency uuid)
        returns void
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            pipeline uuid := app.uuid_v7();
        begin
            insert into crm.pipelines (agency_id, id, name, is_default)
            values (agency, pipeline, 'Sales', true);
            insert into crm.pipeline_stages (agency_id, pipeline_id, name, position, probability, outcome)
            values
            (agency, pipeline, 'New', 0, 10, 'open'),
            (agency, pipeline, 'Qualified', 1, 30, 'open'),
            (agency, pipeline, 'Proposal', 2, 60, 'open'),
            (agency, pipeline, 'Won', 3, 100, 'won'),
            (agency, pipeline, 'Lost', 4, 0, 'lost');
            insert into governance.retention_policies (agency_id, entity, keep, action)
            values
            (agency, 'crm.companies', '30 days', 'delete'),
            (agency, 'crm.contacts', '30 days', 'anonymise'),
            (agency, 'crm.contact_points', '30 days', 'delete'),
            (agency, 'crm.deals', '30 days', 'delete'),
            (agency, 'crm.activities', '30 days', 'delete'),
            (agency, 'crm.conversations', '30 days', 'delete'),
            (agency, 'crm.messages', '30 days', 'delete'),
            (agency, 'crm.calendar_events', '30 days', 'delete'),
            (agency, 'crm.files', '30 days', 'delete'),
            (agency, 'ai.memories', '30 days', 'delete'),
            (agency, 'integration.import_rows', '90 days', 'anonymise'),
            (agency, 'integration.webhook_deliveries', '30 days', 'delete'),
            (agency, 'ai.agent_runs', '90 days', 'delete'),
            (agency, 'langgraph.checkpoints', '90 days', 'delete');
        end;
        $function$;

        revoke all on function app.furnish_agency(uuid) from public;
        grant execute on function app.furnish_agency(uuid) to
            gardenos_tenancy_writer;

        comment on function app.furnish_agency(uuid) is
        'Gives a new agency its pipeline and its retention policies.';
        """
    )
    execute(
        r"""
        -- The role test for an agent's own state, where the person for whom it acts has no cell: the line of ai_agent
        -- alone decides, so an agent is asked for, not the role of that person. Policies call it as (select …).
        create or replace function app.may_as_agent(action text)
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
                (proof.agent_id is not null or proof.agency_role = 'ai_agent')
                and (proof.scopes is null or action = any(proof.scopes)),
                false
            );
        end;
        $function$;

        revoke all on function app.may_as_agent(text) from public;
        grant execute on function app.may_as_agent(text) to
            authenticated,
            service_role,
            gardenos_worker;

        comment on function app.may_as_agent(text) is
        'Is an agent asking, as itself or for a person, and may it do this (schema.table:command)?';
        """
    )
    execute(
        r"""
        -- The same for companies as app.merge_contacts for contacts, and by the same rules: what is said there holds
        -- here. Who works for both companies now works for the winner, and it is their primary employer if either
        -- was.
        set local role gardenos_merger;

        create or replace function app.merge_companies(winner uuid, loser uuid, choices jsonb default '{}')
        returns uuid
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            proof record := app.proof();
            agency uuid := proof.agency_id;
            reach app.record_scope;
            kept crm.companies;
            gone crm.companies;
            merged crm.companies;
            changes jsonb;
            dropped jsonb;
            raised_jobs uuid[];
            new_id uuid := app.uuid_v7();
        begin
            if winner = loser then
                raise exception 'A company is not merged with itself.'
                    using errcode = '22023';
            end if;
            if not app.can_merge() then
                raise exception 'You may not merge: it takes a manager, or a member with the capability "merge".'
                    using errcode = '42501';
            end if;
            reach := app.reach(
                'crm.companies:update', agency => '{owner,admin}', scope => '{manager}', own => '{member}'
            );
            perform pg_advisory_xact_lock(hashtextextended('app.merge ' || agency, 0));
            perform 1
               from crm.companies as c
              where c.agency_id = agency
                and c.id in (winner, loser)
              order by c.id
                for update;
            select c.* into kept
              from crm.companies as c
             where c.agency_id = agency
               and c.id = winner
               and app.is_in_reach(reach, c.owner_id, c.team_id);
            select c.* into gone
              from crm.companies as c
             where c.agency_id = agency
               and c.id = loser
               and app.is_in_reach(reach, c.owner_id, c.team_id);
            if kept.id is null or gone.id is null then
                raise exception 'You may not change both companies, or one of them is not there.'
                    using errcode = '42501';
            end if;
            if kept.deleted_at is not null or gone.deleted_at is not null then
                raise exception 'Company % is deleted or was merged meanwhile.',
                    case when kept.deleted_at is not null then winner else loser end
                    using errcode = 'PT409',
                    hint = 'Read both again.';
            end if;

            changes := app.merged_values(to_jsonb(kept), to_jsonb(gone), app.merge_fields('company'), choices);

            with
            tags as (
                delete from crm.record_tags as l
                 using crm.record_tags as w
                 where l.agency_id = agency and l.company_id = loser
                   and w.agency_id = agency and w.company_id = winner
                   and w.tag_id = l.tag_id
                returning 'crm.record_tags' as table_name, to_jsonb(l) as link
            ),
            jobs as (
                delete from crm.contact_companies as l
                 using crm.contact_companies as w
                 where l.agency_id = agency and l.company_id = loser and l.ended_on is null
                   and w.agency_id = agency and w.company_id = winner and w.ended_on is null
                   and w.contact_id = l.contact_id
                returning 'crm.contact_companies' as table_name, to_jsonb(l) as link
            )
            select coalesce(
                jsonb_agg(jsonb_build_object('table', d.table_name, 'row', d.link) order by d.table_name, d.link ->> 'id'),
                '[]'
            )
              into dropped
              from (
                  select * from tags union all
                  select * from jobs
              ) as d;
            with changed as (
                update crm.contact_companies as w
                   set is_primary = true
                 where w.agency_id = agency and w.company_id = winner and w.ended_on is null
                   and exists (
                       select 1
                         from jsonb_array_elements(dropped) as d
                        where d ->> 'table' = 'crm.contact_companies'
                          and (d -> 'row' ->> 'contact_id')::uuid = w.contact_id
                          and (d -> 'row' ->> 'is_primary')::boolean
                   )
                returning w.id
            )
            select array_agg(c.id) into raised_jobs from changed as c;

            insert into crm.merge_records (
                agency_id, id, entity, winner_company_id, loser_company_id, snapshot, moved, merged_by_id, created_by
            )
            values (
                agency,
                new_id,
                'company',
                winner,
                loser,
                jsonb_build_object('winner', to_jsonb(kept) - 'search', 'loser', to_jsonb(gone) - 'search'),
                jsonb_build_object(
                    'values', changes,
                    'children', app.point_children(agency, 'crm.companies', loser, winner),
                    'items', app.move_items(agency, 'company', loser, winner),
                    'dropped', dropped,
                    'lowered', '{}'::uuid[],
                    'raised', coalesce(raised_jobs, '{}'),
                    'earlier', array(
                        select r.id
                          from crm.merge_records as r
                         where r.agency_id = agency
                           and r.winner_company_id = winner
                           and r.undone_at is null
                    )
                ),
                proof.membership_id,
                proof.membership_id
            );

            -- the loser first: it gives its domain up
            update crm.companies as c
               set deleted_at = now(),
                   merged_into_id = winner
             where c.agency_id = agency
               and c.id = loser;
            merged := jsonb_populate_record(kept, changes);
            update crm.companies as c
               set name = merged.name,
                   domain = merged.domain,
                   industry_id = merged.industry_id,
                   employees = merged.employees,
                   annual_revenue = merged.annual_revenue,
                   currency = merged.currency,
                   street = merged.street,
                   city = merged.city,
                   region = merged.region,
                   postal_code = merged.postal_code,
                   country = merged.country,
                   owner_id = merged.owner_id,
                   team_id = merged.team_id,
                   custom = merged.custom
             where c.agency_id = agency
               and c.id = winner;
            return new_id;
        end;
        $function$;

        revoke all on function app.merge_companies(uuid, uuid, jsonb) from public;
        grant execute on function app.merge_companies(uuid, uuid, jsonb) to
            authenticated;

        comment on function app.merge_companies(uuid, uuid, jsonb) is
        'Merges the loser into the winner; answers the id with which app.undo_merge undoes it, for thirty days.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Two contacts turn out to be one person. The winner keeps its id; the loser goes, and everything that hangs
        -- on it moves, whether or not the caller sees every part: half a merge would be worse than none. So it is
        -- SECURITY DEFINER, and asks for itself what RLS would: update on both records (app.is_in_reach).
        --
        -- 1. Fields: app.merged_values. do_not_contact holds when either had it.
        -- 2. A link that the winner has too (tag, deal, company, conversation, event) is dropped and remembered. A
        --    shared address that the winner has too stays with the loser. One address of a kind and one employer
        --    are primary: those of the winner, else those of the loser.
        -- 3. Consents stay where they are: crm.current_consents reads them through merged_into_id.
        -- 4. row_version counts on, in every row that is touched, and updated_* say who merged and when.
        -- 5. Merges of an agency wait for each other, then for writers of the two rows, in the order of their ids:
        --    two that cross end with one done and one refused, and not in a deadlock.
        set local role gardenos_merger;

        create or replace function app.merge_contacts(winner uuid, loser uuid, choices jsonb default '{}')
        returns uuid
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            proof record := app.proof();
            agency uuid := proof.agency_id;
            reach app.record_scope;
            kept crm.contacts;
            gone crm.contacts;
            merged crm.contacts;
            changes jsonb;
            dropped jsonb;
            stay uuid[];
            lowered_points uuid[];
            lowered_jobs uuid[];
            raised_jobs uuid[];
            new_id uuid := app.uuid_v7();
        begin
            if winner = loser then
                raise exception 'A contact is not merged with itself.'
                    using errcode = '22023';
            end if;
            if not app.can_merge() then
                raise exception 'You may not merge: it takes a manager, or a member with the capability "merge".'
                    using errcode = '42501';
            end if;
            reach := app.reach(
                'crm.contacts:update', agency => '{owner,admin}', scope => '{manager}', own => '{member}'
            );
            perform pg_advisory_xact_lock(hashtextextended('app.merge ' || agency, 0));
            perform 1
               from crm.contacts as c
              where c.agency_id = agency
                and c.id in (winner, loser)
              order by c.id
                for update;
            select c.* into kept
              from crm.contacts as c
             where c.agency_id = agency
               and c.id = winner
               and app.is_in_reach(reach, c.owner_id, c.team_id);
            select c.* into gone
              from crm.contacts as c
             where c.agency_id = agency
               and c.id = loser
               and app.is_in_reach(reach, c.owner_id, c.team_id);
            if kept.id is null or gone.id is null then
                raise exception 'You may not change both contacts, or one of them is not there.'
                    using errcode = '42501';
            end if;
            if kept.deleted_at is not null or gone.deleted_at is not null then
                raise exception 'Contact % is deleted or was merged meanwhile.',
                    case when kept.deleted_at is not null then winner else loser end
                    using errcode = 'PT409',
                    hint = 'Read both again.';
            end if;
            if kept.anonymised_at is not null or gone.anonymised_at is not null then
                raise exception 'A contact that was erased is not merged.'
                    using errcode = 'PT403';
            end if;

            -- a login that ended stays with its contact; of two that live, neither can be dropped
            stay := array(
                select m.id
                  from tenancy.memberships as m
                 where m.agency_id = agency
                   and m.contact_id = loser
                   and m.status = 'removed'
                   and exists (
                       select 1
                         from tenancy.memberships as o
                        where o.agency_id = agency
                          and o.contact_id = winner
                   )
            );
            if exists (
                select 1
                  from tenancy.memberships as m
                  join tenancy.memberships as o
                    on o.agency_id = agency
                   and o.contact_id = winner
                 where m.agency_id = agency
                   and m.contact_id = loser
                   and m.status <> 'removed'
            ) then
                raise exception 'Both contacts have a login of their own, and only one can stay.'
                    using errcode = 'PT409',
                    hint = 'Let the contact win whose login is in use, and remove the membership of the other first.';
            end if;
            -- a switchboard that both have; it comes back with the loser
            stay := stay || array(
                select p.id
                  from crm.contact_points as p
                  join crm.contact_points as o
                    on o.agency_id = agency
                   and o.contact_id = winner
                   and o.kind = p.kind
                   and o.value_norm = p.value_norm
                   and o.deleted_at is null
                 where p.agency_id = agency
                   and p.contact_id = loser
                   and p.deleted_at is null
            );

            changes := app.merged_values(to_jsonb(kept), to_jsonb(gone), app.merge_fields('contact'), choices);
            if gone.do_not_contact and not kept.do_not_contact then
                changes := changes || '{"do_not_contact": true}';
            end if;

            with
            tags as (
                delete from crm.record_tags as l
                 using crm.record_tags as w
                 where l.agency_id = agency and l.contact_id = loser
                   and w.agency_id = agency and w.contact_id = winner
                   and w.tag_id = l.tag_id
                returning 'crm.record_tags' as table_name, to_jsonb(l) as link
            ),
            deals as (
                delete from crm.deal_contacts as l
                 using crm.deal_contacts as w
                 where l.agency_id = agency and l.contact_id = loser
                   and w.agency_id = agency and w.contact_id = winner
                   and w.deal_id = l.deal_id
                returning 'crm.deal_contacts' as table_name, to_jsonb(l) as link
            ),
            jobs as (
                delete from crm.contact_companies as l
                 using crm.contact_companies as w
                 where l.agency_id = agency and l.contact_id = loser and l.ended_on is null
                   and w.agency_id = agency and w.contact_id = winner and w.ended_on is null
                   and w.company_id = l.company_id
                returning 'crm.contact_companies' as table_name, to_jsonb(l) as link
            ),
            participants as (
                delete from crm.participants as l
                 using crm.participants as w
                 where l.agency_id = agency and l.contact_id = loser
                   and w.agency_id = agency and w.contact_id = winner
                   and (w.conversation_id = l.conversation_id or w.calendar_event_id = l.calendar_event_id)
                returning 'crm.participants' as table_name, to_jsonb(l) as link
            )
            select coalesce(
                jsonb_agg(jsonb_build_object('table', d.table_name, 'row', d.link) order by d.table_name, d.link ->> 'id'),
                '[]'
            )
              into dropped
              from (
                  select * from tags union all
                  select * from deals union all
                  select * from jobs union all
                  select * from participants
              ) as d;

            with changed as (
                update crm.contact_companies as w
                   set is_primary = true
                 where w.agency_id = agency and w.contact_id = winner and w.ended_on is null
                   and exists (
                       select 1
                         from jsonb_array_elements(dropped) as d
                        where d ->> 'table' = 'crm.contact_companies'
                          and (d -> 'row' ->> 'company_id')::uuid = w.company_id
                          and (d -> 'row' ->> 'is_primary')::boolean
                   )
                   and not exists (
                       select 1
                         from crm.contact_companies as o
                        where o.agency_id = agency and o.contact_id = winner and o.ended_on is null
                          and o.is_primary
                   )
                returning w.id
            )
            select array_agg(c.id) into raised_jobs from changed as c;
            with changed as (
                update crm.contact_companies as l
                   set is_primary = false
                 where l.agency_id = agency and l.contact_id = loser and l.ended_on is null and l.is_primary
                   and exists (
                       select 1
                         from crm.contact_companies as w
                        where w.agency_id = agency and w.contact_id = winner and w.ended_on is null
                          and w.is_primary
                   )
                returning l.id
            )
            select array_agg(c.id) into lowered_jobs from changed as c;
            with changed as (
                update crm.contact_points as l
                   set is_primary = false
                 where l.agency_id = agency and l.contact_id = loser and l.deleted_at is null and l.is_primary
                   and l.id <> all(stay)
                   and exists (
                       select 1
                         from crm.contact_points as w
                        where w.agency_id = agency and w.contact_id = winner and w.deleted_at is null
                          and w.is_primary
                          and w.kind = l.kind
                   )
                returning l.id
            )
            select array_agg(c.id) into lowered_points from changed as c;

            insert into crm.merge_records (
                agency_id, id, entity, winner_contact_id, loser_contact_id, snapshot, moved, merged_by_id, created_by
            )
            values (
                agency,
                new_id,
                'contact',
                winner,
                loser,
                jsonb_build_object('winner', to_jsonb(kept) - 'search', 'loser', to_jsonb(gone) - 'search'),
                jsonb_build_object(
                    'values', changes,
                    'children', app.point_children(agency, 'crm.contacts', loser, winner, stay),
                    'items', app.move_items(agency, 'contact', loser, winner),
                    'dropped', dropped,
                    'lowered', coalesce(lowered_points, '{}') || coalesce(lowered_jobs, '{}'),
                    'raised', coalesce(raised_jobs, '{}'),
                    'earlier', array(
                        select r.id
                          from crm.merge_records as r
                         where r.agency_id = agency
                           and r.winner_contact_id = winner
                           and r.undone_at is null
                    )
                ),
                proof.membership_id,
                proof.membership_id
            );

            update crm.contacts as c
               set deleted_at = now(),
                   merged_into_id = winner
             where c.agency_id = agency
               and c.id = loser;
            merged := jsonb_populate_record(kept, changes);
            update crm.contacts as c
               set full_name = merged.full_name,
                   first_name = merged.first_name,
                   last_name = merged.last_name,
                   job_title = merged.job_title,
                   lifecycle_id = merged.lifecycle_id,
                   source_id = merged.source_id,
                   locale = merged.locale,
                   timezone = merged.timezone,
                   owner_id = merged.owner_id,
                   team_id = merged.team_id,
                   do_not_contact = merged.do_not_contact,
                   custom = merged.custom
             where c.agency_id = agency
               and c.id = winner;
            return new_id;
        end;
        $function$;

        revoke all on function app.merge_contacts(uuid, uuid, jsonb) from public;
        grant execute on function app.merge_contacts(uuid, uuid, jsonb) to
            authenticated;

        comment on function app.merge_contacts(uuid, uuid, jsonb) is
        'Merges the loser into the winner; answers the id with which app.undo_merge undoes it, for thirty days.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Merges move what agents remember of a record, too. An item is named after its subject, so it does not point
        -- to another one: it is put again under the winner's name, with its embeddings. Where the winner has an item
        -- of the same name, both stay where they are. Answers what was moved, as the rest of its namespace and its
        -- key; on the way back only that is moved.
        create or replace function app.move_items(
            agency uuid,
            kind text,
            from_id uuid,
            to_id uuid,
            only_these jsonb default null
        )
        returns jsonb
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            base constant text := agency || '.' || kind || '.';
            item record;
            moved jsonb := '[]';
        begin
            for item in
                select
                    s.prefix,
                    s.key,
                    n.rest,
                    base || to_id || n.rest as new_prefix
                  from langgraph.store as s
                 cross join lateral (
                     values (substr(s.prefix, length(base || from_id) + 1))
                 ) as n (rest)
                 where s.agency_id = agency
                   and (
                       (kind = 'contact' and s.contact_id = from_id)
                       or (kind = 'company' and s.company_id = from_id)
                   )
                   and (only_these is null or only_these @> jsonb_build_array(jsonb_build_array(n.rest, s.key)))
                 order by s.prefix, s.key
            loop
                insert into langgraph.store (prefix, key, value, created_at, updated_at, expires_at, ttl_minutes)
                select
                    item.new_prefix,
                    s.key,
                    s.value,
                    s.created_at,
                    s.updated_at,
                    s.expires_at,
                    s.ttl_minutes
                  from langgraph.store as s
                 where s.prefix = item.prefix
                   and s.key = item.key
                    on conflict (prefix, key) do nothing;
                continue when not found;
                insert into langgraph.store_vectors (prefix, key, field_name, embedding, created_at, updated_at)
                select
                    item.new_prefix,
                    v.key,
                    v.field_name,
                    v.embedding,
                    v.created_at,
                    v.updated_at
                  from langgraph.store_vectors as v
                 where v.prefix = item.prefix
                   and v.key = item.key;
                delete from langgraph.store as s
                 where s.prefix = item.prefix
                   and s.key = item.key;
                moved := moved || jsonb_build_array(jsonb_build_array(item.rest, item.key));
            end loop;
            return moved;
        end;
        $function$;

        revoke all on function app.move_items(uuid, text, uuid, uuid, jsonb) from public;
        grant execute on function app.move_items(uuid, text, uuid, uuid, jsonb) to
            gardenos_merger;

        comment on function app.move_items(uuid, text, uuid, uuid, jsonb) is
        'Moves what agents remember of one record to another; answers which items, as the rest of namespace and key.';
        """
    )
    execute(
        r"""
        -- An erasure, from end to end, in one transaction: killed, nothing has happened; done again, nothing is left
        -- to do. First the person's own rows, then what others wrote. There an address or a phone is replaced
        -- wherever it stands. A name can be a common word or somebody else, so a mention of it is only listed in the
        -- report, as table, column and ids, for a person to decide; so are addresses in columns of colleagues and in
        -- paths of objects. "confirmed" holds what was decided before, when this is done again after a restore. The
        -- trail comes last, because the deletes leave rows in it. While mentions are open the report keeps hashes of
        -- the name, nothing else of the person.
        create or replace function app.perform_erasure(agency uuid, request uuid, confirmed jsonb default '[]')
        returns jsonb
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            since bigint := audit.last_change(agency);
            asked governance.erasure_requests;
            known jsonb;
            names text[];
            addresses text[];
            phones text[];
            pattern text;
            loose text;
            named text;
            named_loose text;
            found record;
            decided record;
            hits jsonb := '[]';
            settled jsonb := '[]';
            replaced jsonb := '{}';
            emptied bigint;
            hashes jsonb;
        begin
            select * into asked
              from governance.erasure_requests as r
             where r.agency_id = agency
               and r.id = request
               for update;
            known := case asked.subject_kind
                when 'contact' then app.erase_contact(agency, asked.subject_id, request)
                else app.erase_member(agency, asked.subject_id)
            end;
            names := array(select jsonb_array_elements_text(known -> 'names'));
            addresses := array(select jsonb_array_elements_text(known -> 'addresses'));
            phones := array(select jsonb_array_elements_text(known -> 'phones'));
            pattern := app.address_pattern(addresses, phones);
            loose := app.address_pattern(addresses, phones, true);
            named := app.name_pattern(names);
            named_loose := app.name_pattern(names, true);

            for found in
                select m.place, m.field, m.ids
                  from app.find_mentions(agency, pattern, loose) as m
                 where pattern is not null
            loop
                if found.place = 'crm.contact_points' then
                    delete from crm.contact_points as p
                     where p.agency_id = agency
                       and p.id = any(found.ids)
                       and p.deleted_at is not null;
                    found.ids := array(
                        select p.id
                          from crm.contact_points as p
                         where p.agency_id = agency
                           and p.id = any(found.ids)
                    );
                end if;
                if found.place in ('crm.contact_points', 'tenancy.memberships', 'tenancy.invitations')
                    or (found.place, found.field) in (('crm.files', 'object_path'), ('crm.messages', 'body_html_path')) then
                    if found.ids <> '{}' then
                        hits := hits || jsonb_build_object('table', found.place, 'column', found.field, 'ids', found.ids);
                    end if;
                elsif found.place = 'integration.import_rows' then
                    update integration.import_rows as r
                       set raw = null,
                           before = null,
                           error_message = null
                     where r.agency_id = agency
                       and r.id = any(found.ids);
                else
                    perform app.settle_mention(agency, found.place, found.field, i.id, pattern)
                       from unnest(found.ids) as i (id);
                end if;
                replaced := replaced || jsonb_build_object(found.place || '.' || found.field, cardinality(found.ids));
            end loop;

            replaced := replaced || app.scrub_agents(agency, pattern, loose);

            for found in
                select m.place, m.field, m.ids
                  from app.find_mentions(agency, named, named_loose) as m
                 where named is not null
            loop
                if found.place = 'governance.erasure_requests' then
                    perform app.settle_mention(agency, found.place, found.field, r.id, named)
                       from governance.erasure_requests as r
                      where r.agency_id = agency
                        and r.subject_id = asked.subject_id
                        and r.id = any(found.ids);
                    found.ids := array(
                        select r.id
                          from governance.erasure_requests as r
                         where r.agency_id = agency
                           and r.subject_id <> asked.subject_id
                           and r.id = any(found.ids)
                    );
                end if;
                found.ids := array(
                    select i.id
                      from unnest(found.ids) as i (id)
                     where not exists (
                         select 1
                           from jsonb_array_elements(hits) as h
                          where h ->> 'table' = found.place
                            and h ->> 'column' = found.field
                            and h -> 'ids' ? i.id::text
                     )
                );
                if found.ids <> '{}' then
                    hits := hits || jsonb_build_object('table', found.place, 'column', found.field, 'ids', found.ids);
                end if;
            end loop;

            emptied := audit.erase(
                agency,
                since,
                array(select jsonb_array_elements_text(known -> 'people'))::uuid[],
                known -> 'records',
                pattern,
                loose
            );
            if named is not null then
                select hits || coalesce(
                    jsonb_agg(jsonb_build_object('table', t.record_table, 'column', 'trail', 'ids', t.ids)), '[]'
                )
                  into hits
                  from (
                      select m.record_table, array_agg(m.record_id order by m.record_id) as ids
                        from audit.mentions(agency, named, named_loose) as m
                       where not exists (
                           select 1
                             from jsonb_array_elements(hits) as h
                            where h ->> 'table' = m.record_table
                              and h -> 'ids' ? m.record_id::text
                       )
                       group by m.record_table
                  ) as t;
            end if;

            for decided in
                select c ->> 'table' as place, c ->> 'column' as field, (c ->> 'id')::uuid as id
                  from jsonb_array_elements(confirmed || coalesce(asked.report -> 'confirmed', '[]')) as c
            loop
                perform app.settle_mention(agency, decided.place, decided.field, decided.id, coalesce(named, pattern));
                settled := settled || jsonb_build_object(
                    'table', decided.place, 'column', decided.field, 'id', decided.id
                );
                hits := app.without_hit(hits, decided.place, decided.field, decided.id);
            end loop;
            if (select sum(jsonb_array_length(h -> 'ids')) from jsonb_array_elements(hits) as h) > 5000 then
                raise exception 'This erasure finds more than 5000 mentions, more than a person can decide.'
                    using errcode = '54000',
                    hint = 'Is the name of the contact a common word? Give it the name of the person first.';
            end if;

            hashes := case
                when hits <> '[]' then (
                    select jsonb_agg(
                        distinct jsonb_build_object(
                            'words', cardinality(app.name_words(n.name)), 'hash', app.name_hash(request, n.name)
                        )
                    )
                      from unnest(names) as n (name)
                )
            end;
            if asked.executed_at is not null and hits = '[]' then
                hits := coalesce(asked.report -> 'hits', '[]');
                hashes := asked.report -> 'names';
            end if;
            update governance.erasure_requests as r
               set status = (case when hits = '[]' then 'done' else 'running' end)::app.erasure_status,
                   executed_at = coalesce(r.executed_at, now()),
                   report = jsonb_strip_nulls(
                       jsonb_build_object(
                           'rows', case when r.executed_at is null then known -> 'rows' else r.report -> 'rows' end,
                           'replaced', case when r.executed_at is null then replaced else r.report -> 'replaced' end,
                           'trail', case when r.executed_at is null then to_jsonb(emptied) else r.report -> 'trail' end,
                           'kept', r.report -> 'kept',
                           'confirmed', settled,
                           'hits', hits,
                           'names', hashes
                       )
                   )
             where r.agency_id = agency
               and r.id = request
            returning r.report into known;
            perform app.tell_erasure(agency, request);
            return known - 'names';
        end;
        $function$;

        revoke all on function app.perform_erasure(uuid, uuid, jsonb) from public;
        grant execute on function app.perform_erasure(uuid, uuid, jsonb) to
            gardenos_eraser;

        comment on function app.perform_erasure(uuid, uuid, jsonb) is
        'Erases the subject of a request everywhere in its agency, the trail included; answers the report.';
        """
    )
    execute(
        r"""
        -- Where data about people lies: the columns whose comment begins with "personal:" or "free text:", in tables
        -- of agencies. A column that comes later is found by its comment; tests refuse one without a mark. What the
        -- database makes of other columns follows them. A row without an id cannot be named in a report: what agents
        -- remember is reached by its thread or subject, and by app.scrub_agents.
        create or replace function app.personal_columns()
        returns table (table_name text, column_name text, mark text, is_json boolean, is_unique boolean)
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            return query
            select
                c.oid::regclass::text,
                a.attname::text,
                split_part(col_description(c.oid, a.attnum), ':', 1),
                coalesce(nullif(t.typbasetype, 0), t.oid) = 'jsonb'::regtype,
                exists (
                    select 1
                      from pg_index as i
                     where i.indrelid = c.oid
                       and i.indisunique
                       and (
                           a.attnum = any(i.indkey::smallint[])
                           or exists (
                               select 1
                                 from pg_depend as d
                                where d.classid = 'pg_class'::regclass
                                  and d.objid = i.indexrelid
                                  and d.refclassid = 'pg_class'::regclass
                                  and d.refobjid = c.oid
                                  and d.refobjsubid = a.attnum
                           )
                       )
                )
              from pg_class as c
              join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
              join pg_type as t on t.oid = a.atttypid
             where c.relnamespace::regnamespace::text in (
                       'tenancy', 'crm', 'ai', 'integration', 'governance', 'langgraph'
                   )
               and c.relkind in ('r', 'p')
               and not c.relispartition
               and a.attgenerated = ''
               and split_part(col_description(c.oid, a.attnum), ':', 1) in ('personal', 'free text')
               and exists (
                   select 1
                     from pg_attribute as k
                    where k.attrelid = c.oid
                      and k.attname = 'agency_id'
                      and not k.attisdropped
               )
               and exists (
                   select 1
                     from pg_attribute as k
                    where k.attrelid = c.oid
                      and k.attname = 'id'
                      and not k.attisdropped
               )
             order by 1, a.attnum;
        end;
        $function$;

        revoke all on function app.personal_columns() from public;
        grant execute on function app.personal_columns() to
            gardenos_eraser;

        comment on function app.personal_columns() is
        'The columns of agencies that hold data about people, as their comments mark them.';
        """
    )
    execute(
        r"""
        -- Bounds what agents' threads take: a turn writes some hundred rows, and only the last of them are needed to
        -- go on. Of threads that nobody has written to for so long, the longest idle first, the latest checkpoint of
        -- each namespace stays, with its writes and the values that it names; the rest goes, and what stays has no
        -- parent any more where that went. As the library's prune(strategy='keep_latest') does it, a checkpoint older
        -- than version 4 keeps the parent that its pending sends stand in, and the namespace of one call of a
        -- subgraph goes with the checkpoint of the outermost graph that it began from.
        --
        -- Left alone are threads with a running or suspended run, threads that somebody is writing to, and threads
        -- with a DeltaChannel, whose latest value is made of older checkpoints. The conversation is locked: every new
        -- row of a thread has to wait for it, so nothing is written while this looks.
        create or replace function app.prune_threads(older_than interval, max_threads integer default 100)
        returns table (thread_id text, checkpoints bigint, writes bigint, blobs bigint)
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        #variable_conflict use_column
        declare
            agency uuid := app.agency_id();
            thread record;
            kept_ns text[];
            kept_ids text[];
            gone_ns text[];
            pruned integer := 0;
        begin
            if agency is null then
                raise exception 'Threads are pruned in one agency: none is bound.'
                    using errcode = '42501',
                    hint = 'begin; select app.bind_worker(''<agency>''); select * from app.prune_threads(''1 day'', 100); commit;';
            end if;
            if older_than is null or older_than < interval '0' then
                raise exception 'older_than is %: give an interval that is not below zero.',
                    coalesce(older_than::text, 'null')
                    using errcode = '22023';
            end if;
            if max_threads is null or max_threads < 1 then
                raise exception 'max_threads is %: give a number above zero.', coalesce(max_threads::text, 'null')
                    using errcode = '22023';
            end if;
            for thread in
                select c.conversation_id as id, c.thread_id as name, max(c.created_at) as written_at
                  from langgraph.checkpoints as c
                 where c.agency_id = agency
                 group by c.conversation_id, c.thread_id
                having max(c.created_at) <= now() - older_than
                   and count(*) > 1
                 order by max(c.created_at), c.thread_id
            loop
                exit when pruned >= max_threads;
                perform 1
                   from crm.conversations as c
                  where c.agency_id = agency
                    and c.id = thread.id
                    for update skip locked;
                continue when not found;
                continue when exists (
                    select 1
                      from ai.agent_runs as r
                     where r.agency_id = agency
                       and r.conversation_id = thread.id
                       and r.status in ('running', 'suspended')
                ) or exists (
                    select 1
                      from langgraph.checkpoints as c
                     where c.thread_id = thread.name
                       and (
                           c.created_at > now() - older_than
                           or c.metadata ? 'counters_since_delta_snapshot'
                           or c.metadata ? 'delta_writes_versioned'
                       )
                ) or exists (
                    -- the snapshot of a DeltaChannel: true, and yet a value of its own
                    select 1
                      from langgraph.checkpoints as c
                     cross join lateral jsonb_each(c.checkpoint -> 'channel_values') as v
                      join langgraph.checkpoint_blobs as b
                        on b.thread_id = c.thread_id
                       and b.checkpoint_ns = c.checkpoint_ns
                       and b.channel = v.key
                       and b.version = c.checkpoint -> 'channel_versions' ->> v.key
                     where c.thread_id = thread.name
                       and v.value = 'true'::jsonb
                );

                with heads as (
                    select distinct on (c.checkpoint_ns)
                        c.checkpoint_ns,
                        c.checkpoint_id,
                        c.parent_checkpoint_id,
                        (c.checkpoint ->> 'v')::integer < 4 as is_old,
                        c.metadata -> 'parents' ->> '' as root
                      from langgraph.checkpoints as c
                     where c.thread_id = thread.name
                     order by c.checkpoint_ns desc, c.checkpoint_id desc
                ),
                with_sends as (
                    select h.checkpoint_ns, h.parent_checkpoint_id as checkpoint_id
                      from heads as h
                     where h.is_old
                       and exists (
                           select 1
                             from langgraph.checkpoint_writes as w
                            where w.thread_id = thread.name
                              and w.checkpoint_ns = h.checkpoint_ns
                              and w.checkpoint_id = h.parent_checkpoint_id
                              and w.channel = '__pregel_tasks'
                       )
                ),
                needed as (
                    select h.checkpoint_ns, h.checkpoint_id
                      from heads as h
                     union all
                    select s.checkpoint_ns, s.checkpoint_id
                      from with_sends as s
                ),
                ended_calls as (
                    select h.checkpoint_ns
                      from heads as h
                     where strpos(h.checkpoint_ns, ':') > 0
                       and exists (
                           select 1
                             from langgraph.checkpoints as r
                            where r.thread_id = thread.name
                              and r.checkpoint_ns = ''
                              and r.checkpoint_id = h.root
                       )
                       and not exists (
                           select 1
                             from needed as n
                            where n.checkpoint_ns = ''
                              and n.checkpoint_id = h.root
                       )
                )
                select
                    array_agg(n.checkpoint_ns) filter (where e.checkpoint_ns is null),
                    array_agg(n.checkpoint_id) filter (where e.checkpoint_ns is null),
                    coalesce(array_agg(distinct e.checkpoint_ns) filter (where e.checkpoint_ns is not null), '{}')
                  into kept_ns, kept_ids, gone_ns
                  from needed as n
                  left join ended_calls as e on e.checkpoint_ns = n.checkpoint_ns;

                -- writes can come before their checkpoint: those of a step that is not there yet stay
                delete from langgraph.checkpoint_writes as w
                 where w.thread_id = thread.name
                   and (
                       w.checkpoint_ns = any(gone_ns)
                       or exists (
                           select 1
                             from langgraph.checkpoints as c
                            where c.thread_id = w.thread_id
                              and c.checkpoint_ns = w.checkpoint_ns
                              and c.checkpoint_id = w.checkpoint_id
                       )
                   )
                   and (w.checkpoint_ns, w.checkpoint_id) not in (
                       select k.ns, k.id from unnest(kept_ns, kept_ids) as k (ns, id)
                   );
                get diagnostics writes = row_count;
                delete from langgraph.checkpoints as c
                 where c.thread_id = thread.name
                   and (c.checkpoint_ns, c.checkpoint_id) not in (
                       select k.ns, k.id from unnest(kept_ns, kept_ids) as k (ns, id)
                   );
                get diagnostics checkpoints = row_count;
                continue when checkpoints = 0;
                update langgraph.checkpoints as c
                   set parent_checkpoint_id = null
                 where c.thread_id = thread.name
                   and c.parent_checkpoint_id is not null
                   and (c.checkpoint_ns, c.parent_checkpoint_id) not in (
                       select k.ns, k.id from unnest(kept_ns, kept_ids) as k (ns, id)
                   );
                delete from langgraph.checkpoint_blobs as b
                 where b.thread_id = thread.name
                   and not exists (
                       select 1
                         from langgraph.checkpoints as c
                        where c.thread_id = b.thread_id
                          and c.checkpoint_ns = b.checkpoint_ns
                          and c.checkpoint -> 'channel_versions' ->> b.channel = b.version
                   );
                get diagnostics blobs = row_count;
                pruned := pruned + 1;
                thread_id := thread.name;
                return next;
            end loop;
        end;
        $function$;

        revoke all on function app.prune_threads(interval, integer) from public;
        grant execute on function app.prune_threads(interval, integer) to
            gardenos_worker;

        comment on function app.prune_threads(interval, integer) is
        'Keeps of idle threads the latest checkpoint of each namespace; answers what went, a row for each thread.';
        """
    )
    execute(
        r"""
        -- Removes at most so many rows that are kept for too long, of the agency that the worker is bound to.
        -- Contacts are emptied, with all that hangs on them and their trail, because consents point to them; so are
        -- lines of imports, unless the policy says to delete them. Of an agent's thread its state goes, and the
        -- conversation stays. The policy is read here again: a caller cannot shorten it, and nothing is touched under
        -- a legal hold.
        --
        -- SECURITY DEFINER: the worker itself deletes nothing.
        set local role gardenos_eraser;

        create or replace function app.remove_due(entity text, max_rows integer)
        returns bigint
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            agency uuid := app.agency_id();
            policy governance.retention_policies;
            since bigint;
            due uuid[];
            known jsonb;
            contact uuid;
        begin
            if agency is null or session_user <> 'gardenos_worker' then
                raise exception 'Retention is the work of a worker that is bound to an agency.'
                    using errcode = '42501';
            end if;
            select * into policy
              from governance.retention_policies as p
             where p.agency_id = agency
               and p.entity = remove_due.entity;
            if policy.id is null or policy.legal_hold or app.due_rows(policy.entity) is null then
                return 0;
            end if;
            execute 'select array_agg(d.id) from (select t.id ' || app.due_rows(policy.entity)
                || ' order by t.id limit $3) as d'
                into due
                using agency, policy.keep, max_rows;
            if due is null then
                return 0;
            end if;
            if policy.entity = 'crm.contacts' then
                since := audit.last_change(agency);
                foreach contact in array due loop
                    known := app.erase_contact(agency, contact);
                    perform audit.erase(
                        agency,
                        since,
                        array(select jsonb_array_elements_text(known -> 'people'))::uuid[],
                        known -> 'records',
                        null,
                        null
                    );
                end loop;
            elsif policy.entity = 'integration.import_rows' and policy.action = 'anonymise' then
                update integration.import_rows as r
                   set raw = null,
                       before = null,
                       error_message = null
                 where r.agency_id = agency
                   and r.id = any(due);
            elsif policy.entity = 'langgraph.checkpoints' then
                delete from langgraph.checkpoints as k
                 where k.agency_id = agency
                   and k.conversation_id = any(due);
                delete from langgraph.checkpoint_writes as k
                 where k.agency_id = agency
                   and k.conversation_id = any(due);
                delete from langgraph.checkpoint_blobs as k
                 where k.agency_id = agency
                   and k.conversation_id = any(due);
            else
                execute format('delete from %s as t where t.agency_id = $1 and t.id = any($2)', policy.entity)
                    using agency, due;
            end if;
            return cardinality(due);
        end;
        $function$;

        revoke all on function app.remove_due(text, integer) from public;
        grant execute on function app.remove_due(text, integer) to
            gardenos_worker;

        comment on function app.remove_due(text, integer) is
        'Removes rows that the retention policy of a table no longer keeps; answers how many it found.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Takes a person's addresses out of what agents remember about others: items of the store, and the values of
        -- threads that stand in the checkpoint itself. Their rows have no id, so no mention of a name is listed for a
        -- person to decide. What is serialised, as bytes, cannot be searched: it goes with its thread. The embedding
        -- of an item that was changed was made of the old text. Answers how many rows of each column were changed.
        create or replace function app.scrub_agents(agency uuid, pattern text, loose text)
        returns jsonb
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            done jsonb := '{}';
            touched bigint;
        begin
            if pattern is null then
                return done;
            end if;
            with changed as (
                update langgraph.store as s
                   set value = app.scrubbed(s.value, pattern, 'erased')
                 where s.agency_id = agency
                   and s.value::text ~* loose
                   and app.scrubbed(s.value, pattern, 'erased') <> s.value
                returning s.prefix, s.key
            ),
            outdated as (
                delete from langgraph.store_vectors as v
                 using changed as c
                 where v.prefix = c.prefix
                   and v.key = c.key
            )
            select count(*) into touched
              from changed as c;
            if touched > 0 then
                done := done || jsonb_build_object('langgraph.store.value', touched);
            end if;
            -- versions and ids of a checkpoint are numbers that a phone could look like: values only
            update langgraph.checkpoints as c
               set checkpoint = jsonb_set(
                       c.checkpoint, '{channel_values}', app.scrubbed(c.checkpoint -> 'channel_values', pattern, 'erased')
                   )
             where c.agency_id = agency
               and (c.checkpoint -> 'channel_values')::text ~* loose
               and app.scrubbed(c.checkpoint -> 'channel_values', pattern, 'erased') <> c.checkpoint -> 'channel_values';
            get diagnostics touched = row_count;
            if touched > 0 then
                done := done || jsonb_build_object('langgraph.checkpoints.checkpoint', touched);
            end if;
            update langgraph.checkpoints as c
               set metadata = app.scrubbed(c.metadata, pattern, 'erased')
             where c.agency_id = agency
               and c.metadata::text ~* loose
               and app.scrubbed(c.metadata, pattern, 'erased') <> c.metadata;
            get diagnostics touched = row_count;
            if touched > 0 then
                done := done || jsonb_build_object('langgraph.checkpoints.metadata', touched);
            end if;
            return done;
        end;
        $function$;

        revoke all on function app.scrub_agents(uuid, text, text) from public;
        grant execute on function app.scrub_agents(uuid, text, text) to
            gardenos_eraser;

        comment on function app.scrub_agents(uuid, text, text) is
        'Takes a person''s addresses out of what agents remember about others; answers how many rows were changed.';
        """
    )
    execute(
        r"""
        -- Undoes a merge, until its date. Everything is as it was before, but for what people did since, which
        -- stays: a field that somebody changed, a child that somebody moved on or deleted. The answer names it:
        --
        --     {"changed_since": ["job_title"], "stayed": {"crm.deals.company_id": [ids]}, "lost": [links]}
        --
        -- row_version counts on and updated_* say who undid it, also where the merge had counted: a client that read
        -- the row in between must not overwrite it unseen. A link that was dropped comes back as it was, stamps and
        -- all. Whoever may merge the two records may undo it; the later merge of a winner is undone first.
        set local role gardenos_merger;

        create or replace function app.undo_merge(id uuid)
        returns jsonb
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            proof record := app.proof();
            agency uuid := proof.agency_id;
            entity app.entity;
            reach app.record_scope;
            past crm.merge_records;
            winner jsonb;
            loser jsonb;
            winner_id uuid;
            loser_id uuid;
            later uuid;
            fields jsonb;
            way record;
            contact crm.contacts;
            company crm.companies;
            children jsonb;
            link record;
            lost jsonb := '[]';
            violated text;
        begin
            if not app.can_merge() then
                raise exception 'You may not undo a merge: it takes a manager, or a member with the capability "merge".'
                    using errcode = '42501';
            end if;
            perform pg_advisory_xact_lock(hashtextextended('app.merge ' || agency, 0));
            select m.* into past
              from crm.merge_records as m
             where m.agency_id = agency
               and m.id = undo_merge.id;
            entity := past.entity;
            winner_id := coalesce(past.winner_contact_id, past.winner_company_id);
            loser_id := coalesce(past.loser_contact_id, past.loser_company_id);
            if entity = 'contact' then
                reach := app.reach(
                    'crm.contacts:update', agency => '{owner,admin}', scope => '{manager}', own => '{member}'
                );
                perform 1
                   from crm.contacts as c
                  where c.agency_id = agency and c.id in (winner_id, loser_id)
                  order by c.id
                    for update;
                select to_jsonb(c) into winner
                  from crm.contacts as c
                 where c.agency_id = agency and c.id = winner_id and app.is_in_reach(reach, c.owner_id, c.team_id);
                select to_jsonb(c) into loser
                  from crm.contacts as c
                 where c.agency_id = agency and c.id = loser_id and app.is_in_reach(reach, c.owner_id, c.team_id);
            else
                reach := app.reach(
                    'crm.companies:update', agency => '{owner,admin}', scope => '{manager}', own => '{member}'
                );
                perform 1
                   from crm.companies as c
                  where c.agency_id = agency and c.id in (winner_id, loser_id)
                  order by c.id
                    for update;
                select to_jsonb(c) into winner
                  from crm.companies as c
                 where c.agency_id = agency and c.id = winner_id and app.is_in_reach(reach, c.owner_id, c.team_id);
                select to_jsonb(c) into loser
                  from crm.companies as c
                 where c.agency_id = agency and c.id = loser_id and app.is_in_reach(reach, c.owner_id, c.team_id);
            end if;
            if winner is null or loser is null then
                raise exception 'There is no such merge, or you may not change both of its records.'
                    using errcode = '42501';
            end if;
            if past.undone_at is not null then
                raise exception 'This merge was undone at % already.', past.undone_at
                    using errcode = 'PT409';
            end if;
            if past.undo_until < now() then
                raise exception 'This merge could be undone until %.', past.undo_until
                    using errcode = 'PT409';
            end if;
            select r.id into later
              from crm.merge_records as r
             where r.agency_id = agency
               and r.id <> past.id
               and r.undone_at is null
               and winner_id in (r.winner_contact_id, r.loser_contact_id, r.winner_company_id, r.loser_company_id)
               and not past.moved -> 'earlier' ? r.id::text
             order by r.id desc
             limit 1;
            if later is not null then
                raise exception 'The record was merged again later: undo that merge first.'
                    using errcode = 'PT409',
                    detail = jsonb_build_object('merge_id', later)::text;
            end if;
            if winner ->> 'deleted_at' is not null or winner ->> 'anonymised_at' is not null
                or loser ->> 'anonymised_at' is not null
                or (loser ->> 'merged_into_id')::uuid is distinct from winner_id then
                raise exception 'The records are not as a merge leaves them: one was deleted or erased since.'
                    using errcode = 'PT409',
                    hint = 'Restore the winner first; what was erased does not come back.';
            end if;

            update crm.contact_companies as c
               set is_primary = false
             where c.agency_id = agency
               and past.moved -> 'raised' ? c.id::text
               and c.is_primary
               and (c.contact_id = winner_id or c.company_id = winner_id);

            -- the winner first: it gives back what is unique
            fields := app.merge_fields(entity);
            if entity = 'contact' then
                fields := fields || '{"do_not_contact": ["do_not_contact"]}';
            end if;
            way := app.unmerged_values(winner, past.snapshot -> 'winner', past.moved -> 'values', fields);
            begin
                if entity = 'contact' then
                    contact := jsonb_populate_record(null::crm.contacts, winner || way.back);
                    update crm.contacts as c
                       set full_name = contact.full_name,
                           first_name = contact.first_name,
                           last_name = contact.last_name,
                           job_title = contact.job_title,
                           lifecycle_id = contact.lifecycle_id,
                           source_id = contact.source_id,
                           locale = contact.locale,
                           timezone = contact.timezone,
                           owner_id = contact.owner_id,
                           team_id = contact.team_id,
                           do_not_contact = contact.do_not_contact,
                           custom = contact.custom
                     where c.agency_id = agency and c.id = winner_id;
                    update crm.contacts as c
                       set deleted_at = null,
                           merged_into_id = null
                     where c.agency_id = agency and c.id = loser_id;
                else
                    company := jsonb_populate_record(null::crm.companies, winner || way.back);
                    update crm.companies as c
                       set name = company.name,
                           domain = company.domain,
                           industry_id = company.industry_id,
                           employees = company.employees,
                           annual_revenue = company.annual_revenue,
                           currency = company.currency,
                           street = company.street,
                           city = company.city,
                           region = company.region,
                           postal_code = company.postal_code,
                           country = company.country,
                           owner_id = company.owner_id,
                           team_id = company.team_id,
                           custom = company.custom
                     where c.agency_id = agency and c.id = winner_id;
                    update crm.companies as c
                       set deleted_at = null,
                           merged_into_id = null
                     where c.agency_id = agency and c.id = loser_id;
                end if;
                -- after the loser is back: what was deleted before the merge stays deleted
                children := app.point_children(
                    agency,
                    case entity when 'contact' then 'crm.contacts'::regclass else 'crm.companies'::regclass end,
                    winner_id,
                    loser_id,
                    ids => past.moved -> 'children'
                );
                perform app.move_items(
                    agency, entity::text, winner_id, loser_id, coalesce(past.moved -> 'items', '[]')
                );
            exception
                when unique_violation then
                    get stacked diagnostics violated = constraint_name;
                    raise exception 'The merge is not undone: another record has taken a place of the loser (%).', violated
                        using errcode = '23505',
                        constraint = violated,
                        hint = 'Change the other record, or keep the merge.';
            end;
            update crm.contact_points as p
               set is_primary = true
             where p.agency_id = agency
               and past.moved -> 'lowered' ? p.id::text
               and p.contact_id = loser_id
               and p.deleted_at is null;
            update crm.contact_companies as c
               set is_primary = true
             where c.agency_id = agency
               and past.moved -> 'lowered' ? c.id::text
               and c.contact_id = loser_id
               and c.ended_on is null;

            for link in
                select d ->> 'table' as table_name, d -> 'row' as was
                  from jsonb_array_elements(past.moved -> 'dropped') as d
            loop
                -- the tag, the deal, the company may be gone, or somebody made the same link again
                begin
                    case link.table_name
                        when 'crm.record_tags' then
                            insert into crm.record_tags
                            select (jsonb_populate_record(null::crm.record_tags, link.was)).*;
                        when 'crm.deal_contacts' then
                            insert into crm.deal_contacts
                            select (jsonb_populate_record(null::crm.deal_contacts, link.was)).*;
                        when 'crm.contact_companies' then
                            insert into crm.contact_companies
                            select (jsonb_populate_record(null::crm.contact_companies, link.was)).*;
                        when 'crm.participants' then
                            insert into crm.participants
                            select (jsonb_populate_record(null::crm.participants, link.was)).*;
                    end case;
                exception
                    when foreign_key_violation or unique_violation then
                        lost := lost || jsonb_build_object('table', link.table_name, 'row', link.was);
                end;
            end loop;

            update crm.merge_records as m
               set undone_at = now(),
                   undone_by_id = proof.membership_id
             where m.agency_id = agency
               and m.id = past.id;
            return jsonb_build_object(
                'changed_since', way.changed_since,
                'stayed', (
                    select coalesce(jsonb_object_agg(s.place, s.ids), '{}')
                      from (
                          select c.key as place, jsonb_agg(i.id) as ids
                            from jsonb_each(past.moved -> 'children') as c
                           cross join lateral jsonb_array_elements_text(c.value) as i (id)
                           where not coalesce(children -> c.key ? i.id, false)
                           group by c.key
                      ) as s
                ),
                'lost', lost
            );
        end;
        $function$;

        revoke all on function app.undo_merge(uuid) from public;
        grant execute on function app.undo_merge(uuid) to
            authenticated;

        comment on function app.undo_merge(uuid) is
        'Undoes a merge until its date; answers what stays as people have changed it since.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of langgraph.checkpoint_blobs to the trail, without their values.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_langgraph_checkpoint_blobs()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        set enable_nestloop = off
        set plan_cache_mode = force_generic_plan
        as $function$
        declare
            context record;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    n.agency_id,
                    'langgraph',
                    'checkpoint_blobs',
                    n.conversation_id,
                    'insert',
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from new_rows as n;
            elsif tg_op = 'UPDATE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    n.agency_id,
                    'langgraph',
                    'checkpoint_blobs',
                    n.conversation_id,
                    'update',
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from old_rows as o
                  join new_rows as n
                    on n.thread_id = o.thread_id
                   and n.checkpoint_ns = o.checkpoint_ns
                   and n.channel = o.channel
                   and n.version = o.version;
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    o.agency_id,
                    'langgraph',
                    'checkpoint_blobs',
                    o.conversation_id,
                    'delete',
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from old_rows as o;
            end if;
            return null;
        end;
        $function$;

        revoke all on function audit.record_langgraph_checkpoint_blobs() from public;
        grant execute on function audit.record_langgraph_checkpoint_blobs() to gardenos_owner;

        comment on function audit.record_langgraph_checkpoint_blobs() is
        'Appends the changes of langgraph.checkpoint_blobs to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of langgraph.checkpoint_writes to the trail, without their values.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_langgraph_checkpoint_writes()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        set enable_nestloop = off
        set plan_cache_mode = force_generic_plan
        as $function$
        declare
            context record;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    n.agency_id,
                    'langgraph',
                    'checkpoint_writes',
                    n.conversation_id,
                    'insert',
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from new_rows as n;
            elsif tg_op = 'UPDATE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    n.agency_id,
                    'langgraph',
                    'checkpoint_writes',
                    n.conversation_id,
                    'update',
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from old_rows as o
                  join new_rows as n
                    on n.thread_id = o.thread_id
                   and n.checkpoint_ns = o.checkpoint_ns
                   and n.checkpoint_id = o.checkpoint_id
                   and n.task_id = o.task_id
                   and n.idx = o.idx;
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    o.agency_id,
                    'langgraph',
                    'checkpoint_writes',
                    o.conversation_id,
                    'delete',
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from old_rows as o;
            end if;
            return null;
        end;
        $function$;

        revoke all on function audit.record_langgraph_checkpoint_writes() from public;
        grant execute on function audit.record_langgraph_checkpoint_writes() to gardenos_owner;

        comment on function audit.record_langgraph_checkpoint_writes() is
        'Appends the changes of langgraph.checkpoint_writes to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of langgraph.checkpoints to the trail, without their values.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_langgraph_checkpoints()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        set enable_nestloop = off
        set plan_cache_mode = force_generic_plan
        as $function$
        declare
            context record;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    n.agency_id,
                    'langgraph',
                    'checkpoints',
                    n.conversation_id,
                    'insert',
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from new_rows as n;
            elsif tg_op = 'UPDATE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    n.agency_id,
                    'langgraph',
                    'checkpoints',
                    n.conversation_id,
                    'update',
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from old_rows as o
                  join new_rows as n
                    on n.thread_id = o.thread_id
                   and n.checkpoint_ns = o.checkpoint_ns
                   and n.checkpoint_id = o.checkpoint_id;
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    o.agency_id,
                    'langgraph',
                    'checkpoints',
                    o.conversation_id,
                    'delete',
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from old_rows as o;
            end if;
            return null;
        end;
        $function$;

        revoke all on function audit.record_langgraph_checkpoints() from public;
        grant execute on function audit.record_langgraph_checkpoints() to gardenos_owner;

        comment on function audit.record_langgraph_checkpoints() is
        'Appends the changes of langgraph.checkpoints to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of langgraph.store to the trail, without their values.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_langgraph_store()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        set enable_nestloop = off
        set plan_cache_mode = force_generic_plan
        as $function$
        declare
            context record;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    n.agency_id,
                    'langgraph',
                    'store',
                    case
                        when split_part(n.prefix, '.', 2) = 'agency' then n.agency_id
                        else split_part(n.prefix, '.', 3)::uuid
                    end,
                    'insert',
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from new_rows as n;
            elsif tg_op = 'UPDATE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    n.agency_id,
                    'langgraph',
                    'store',
                    case
                        when split_part(n.prefix, '.', 2) = 'agency' then n.agency_id
                        else split_part(n.prefix, '.', 3)::uuid
                    end,
                    'update',
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from old_rows as o
                  join new_rows as n
                    on n.prefix = o.prefix
                   and n.key = o.key;
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    o.agency_id,
                    'langgraph',
                    'store',
                    case
                        when split_part(o.prefix, '.', 2) = 'agency' then o.agency_id
                        else split_part(o.prefix, '.', 3)::uuid
                    end,
                    'delete',
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from old_rows as o;
            end if;
            return null;
        end;
        $function$;

        revoke all on function audit.record_langgraph_store() from public;
        grant execute on function audit.record_langgraph_store() to gardenos_owner;

        comment on function audit.record_langgraph_store() is
        'Appends the changes of langgraph.store to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of langgraph.store_vectors to the trail, without their values.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_langgraph_store_vectors()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        set enable_nestloop = off
        set plan_cache_mode = force_generic_plan
        as $function$
        declare
            context record;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    n.agency_id,
                    'langgraph',
                    'store_vectors',
                    case
                        when split_part(n.prefix, '.', 2) = 'agency' then n.agency_id
                        else split_part(n.prefix, '.', 3)::uuid
                    end,
                    'insert',
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from new_rows as n;
            elsif tg_op = 'UPDATE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    n.agency_id,
                    'langgraph',
                    'store_vectors',
                    case
                        when split_part(n.prefix, '.', 2) = 'agency' then n.agency_id
                        else split_part(n.prefix, '.', 3)::uuid
                    end,
                    'update',
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from old_rows as o
                  join new_rows as n
                    on n.prefix = o.prefix
                   and n.key = o.key
                   and n.field_name = o.field_name;
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    o.agency_id,
                    'langgraph',
                    'store_vectors',
                    case
                        when split_part(o.prefix, '.', 2) = 'agency' then o.agency_id
                        else split_part(o.prefix, '.', 3)::uuid
                    end,
                    'delete',
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from old_rows as o;
            end if;
            return null;
        end;
        $function$;

        revoke all on function audit.record_langgraph_store_vectors() from public;
        grant execute on function audit.record_langgraph_store_vectors() to gardenos_owner;

        comment on function audit.record_langgraph_store_vectors() is
        'Appends the changes of langgraph.store_vectors to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        grant insert (agency_id) on table langgraph.checkpoint_blobs to authenticated;
        """
    )
    execute(
        r"""
        grant insert (blob), update (blob) on table langgraph.checkpoint_blobs to authenticated;
        """
    )
    execute(
        r"""
        grant insert (channel) on table langgraph.checkpoint_blobs to authenticated;
        """
    )
    execute(
        r"""
        grant insert (checkpoint_ns) on table langgraph.checkpoint_blobs to authenticated;
        """
    )
    execute(
        r"""
        grant insert (thread_id) on table langgraph.checkpoint_blobs to authenticated;
        """
    )
    execute(
        r"""
        grant insert (type), update (type) on table langgraph.checkpoint_blobs to authenticated;
        """
    )
    execute(
        r"""
        grant insert (version) on table langgraph.checkpoint_blobs to authenticated;
        """
    )
    execute(
        r"""
        grant insert (agency_id) on table langgraph.checkpoint_writes to authenticated;
        """
    )
    execute(
        r"""
        grant insert (blob), update (blob) on table langgraph.checkpoint_writes to authenticated;
        """
    )
    execute(
        r"""
        grant insert (channel), update (channel) on table langgraph.checkpoint_writes to authenticated;
        """
    )
    execute(
        r"""
        grant insert (checkpoint_id) on table langgraph.checkpoint_writes to authenticated;
        """
    )
    execute(
        r"""
        grant insert (checkpoint_ns) on table langgraph.checkpoint_writes to authenticated;
        """
    )
    execute(
        r"""
        grant insert (idx) on table langgraph.checkpoint_writes to authenticated;
        """
    )
    execute(
        r"""
        grant insert (task_id) on table langgraph.checkpoint_writes to authenticated;
        """
    )
    execute(
        r"""
        grant insert (task_path), update (task_path) on table langgraph.checkpoint_writes to authenticated;
        """
    )
    execute(
        r"""
        grant insert (thread_id) on table langgraph.checkpoint_writes to authenticated;
        """
    )
    execute(
        r"""
        grant insert (type), update (type) on table langgraph.checkpoint_writes to authenticated;
        """
    )
    execute(
        r"""
        grant insert (agency_id) on table langgraph.checkpoints to authenticated;
        """
    )
    execute(
        r"""
        grant insert (checkpoint), update (checkpoint) on table langgraph.checkpoints to authenticated;
        """
    )
    execute(
        r"""
        grant insert (checkpoint_id) on table langgraph.checkpoints to authenticated;
        """
    )
    execute(
        r"""
        grant insert (checkpoint_ns) on table langgraph.checkpoints to authenticated;
        """
    )
    execute(
        r"""
        grant insert (metadata), update (metadata) on table langgraph.checkpoints to authenticated;
        """
    )
    execute(
        r"""
        grant insert (parent_checkpoint_id), update (parent_checkpoint_id) on table langgraph.checkpoints to authenticated;

        grant update (parent_checkpoint_id) on table langgraph.checkpoints to gardenos_worker;
        """
    )
    execute(
        r"""
        grant insert (thread_id) on table langgraph.checkpoints to authenticated;
        """
    )
    execute(
        r"""
        grant insert (type), update (type) on table langgraph.checkpoints to authenticated;
        """
    )
    execute(
        r"""
        grant insert (created_at) on table langgraph.store to authenticated;
        """
    )
    execute(
        r"""
        grant insert (expires_at), update (expires_at) on table langgraph.store to authenticated;
        """
    )
    execute(
        r"""
        grant insert (key) on table langgraph.store to authenticated;
        """
    )
    execute(
        r"""
        grant insert (prefix) on table langgraph.store to authenticated;
        """
    )
    execute(
        r"""
        grant insert (ttl_minutes), update (ttl_minutes) on table langgraph.store to authenticated;
        """
    )
    execute(
        r"""
        grant insert (updated_at), update (updated_at) on table langgraph.store to authenticated;
        """
    )
    execute(
        r"""
        grant insert (value), update (value) on table langgraph.store to authenticated;
        """
    )
    execute(
        r"""
        grant insert (created_at) on table langgraph.store_vectors to authenticated;
        """
    )
    execute(
        r"""
        grant insert (embedding), update (embedding) on table langgraph.store_vectors to authenticated;
        """
    )
    execute(
        r"""
        grant insert (field_name) on table langgraph.store_vectors to authenticated;
        """
    )
    execute(
        r"""
        grant insert (key) on table langgraph.store_vectors to authenticated;
        """
    )
    execute(
        r"""
        grant insert (prefix) on table langgraph.store_vectors to authenticated;
        """
    )
    execute(
        r"""
        grant insert (updated_at), update (updated_at) on table langgraph.store_vectors to authenticated;
        """
    )
    execute(
        r"""
        create or replace trigger audit_delete
        after delete on langgraph.checkpoint_blobs
        referencing old table as old_rows
        for each statement
        execute function audit.record_langgraph_checkpoint_blobs();
        """
    )
    execute(
        r"""
        create or replace trigger audit_insert
        after insert on langgraph.checkpoint_blobs
        referencing new table as new_rows
        for each statement
        execute function audit.record_langgraph_checkpoint_blobs();
        """
    )
    execute(
        r"""
        create or replace trigger audit_truncate
        before truncate on langgraph.checkpoint_blobs
        for each statement
        execute function audit.forbid_truncate();
        """
    )
    execute(
        r"""
        create or replace trigger audit_update
        after update on langgraph.checkpoint_blobs
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_langgraph_checkpoint_blobs();
        """
    )
    execute(
        r"""
        create or replace trigger check_thread
        before insert on langgraph.checkpoint_blobs
        for each row
        execute function app.check_thread();
        """
    )
    execute(
        r"""
        create or replace trigger forbid_agency_change
        before update on langgraph.checkpoint_blobs
        for each row
        when (
            old.agency_id is distinct from new.agency_id
        )
        execute function app.forbid_agency_change();
        """
    )
    execute(
        r"""
        create or replace trigger keep_definition
        before update on langgraph.checkpoint_blobs
        for each row
        when (
            old.thread_id is distinct from new.thread_id
            or old.checkpoint_ns is distinct from new.checkpoint_ns
            or old.channel is distinct from new.channel
            or old.version is distinct from new.version
        )
        execute function app.forbid_redefinition('thread_id', 'checkpoint_ns', 'channel', 'version');
        """
    )
    execute(
        r"""
        alter table langgraph.checkpoint_blobs enable row level security;

        alter table langgraph.checkpoint_blobs force row level security;

        grant select, delete on table langgraph.checkpoint_blobs to authenticated;

        grant select on table langgraph.checkpoint_blobs to gardenos_auditor;

        grant select on table langgraph.checkpoint_blobs to gardenos_crm_writer;

        grant select, update, delete on table langgraph.checkpoint_blobs to gardenos_eraser;

        grant select, delete on table langgraph.checkpoint_blobs to gardenos_worker;
        """
    )
    execute(
        r"""
        create policy "agents add the values of threads they see"
        on langgraph.checkpoint_blobs
        as permissive
        for insert
        to authenticated
        with check (
            agency_id = (select app.agency_id())
            and (select app.may_as_agent('langgraph.checkpoint_blobs:insert'))
            and exists (
                select 1
                  from crm.conversations as parent
                 where parent.agency_id = langgraph.checkpoint_blobs.agency_id
                   and parent.id = langgraph.checkpoint_blobs.conversation_id
            )
        );
        """
    )
    execute(
        r"""
        create policy "agents change the values of threads they see"
        on langgraph.checkpoint_blobs
        as permissive
        for update
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.may_as_agent('langgraph.checkpoint_blobs:update'))
            and exists (
                select 1
                  from crm.conversations as parent
                 where parent.agency_id = langgraph.checkpoint_blobs.agency_id
                   and parent.id = langgraph.checkpoint_blobs.conversation_id
            )
        )
        with check (
            agency_id = (select app.agency_id())
            and (select app.may_as_agent('langgraph.checkpoint_blobs:update'))
            and exists (
                select 1
                  from crm.conversations as parent
                 where parent.agency_id = langgraph.checkpoint_blobs.agency_id
                   and parent.id = langgraph.checkpoint_blobs.conversation_id
            )
        );
        """
    )
    execute(
        r"""
        create policy "agents delete the values of threads they see"
        on langgraph.checkpoint_blobs
        as permissive
        for delete
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.may_as_agent('langgraph.checkpoint_blobs:delete'))
            and exists (
                select 1
                  from crm.conversations as parent
                 where parent.agency_id = langgraph.checkpoint_blobs.agency_id
                   and parent.id = langgraph.checkpoint_blobs.conversation_id
            )
        );
        """
    )
    execute(
        r"""
        create policy "agents read the values of threads they see"
        on langgraph.checkpoint_blobs
        as permissive
        for select
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.may_as_agent('langgraph.checkpoint_blobs:select'))
            and exists (
                select 1
                  from crm.conversations as parent
                 where parent.agency_id = langgraph.checkpoint_blobs.agency_id
                   and parent.id = langgraph.checkpoint_blobs.conversation_id
            )
        );
        """
    )
    execute(
        r"""
        create policy "erasure reaches the agency it is bound to"
        on langgraph.checkpoint_blobs
        as permissive
        for all
        to gardenos_eraser
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );
        """
    )
    execute(
        r"""
        create policy "tenant floor"
        on langgraph.checkpoint_blobs
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );
        """
    )
    execute(
        r"""
        create policy "the auditor reads everything"
        on langgraph.checkpoint_blobs
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );
        """
    )
    execute(
        r"""
        create policy "the worker prunes threads"
        on langgraph.checkpoint_blobs
        as permissive
        for delete
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );
        """
    )
    execute(
        r"""
        create policy "the worker reads threads"
        on langgraph.checkpoint_blobs
        as permissive
        for select
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );
        """
    )
    execute(
        r"""
        create policy "triggers look whose a thread is"
        on langgraph.checkpoint_blobs
        as permissive
        for select
        to gardenos_crm_writer
        using (
            true
        );
        """
    )
    execute(
        r"""
        alter table langgraph.checkpoint_migrations enable row level security;

        alter table langgraph.checkpoint_migrations force row level security;

        grant select on table langgraph.checkpoint_migrations to gardenos_auditor;
        """
    )
    execute(
        r"""
        create policy "no client reaches the versions of the library"
        on langgraph.checkpoint_migrations
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            false
        )
        with check (
            false
        );
        """
    )
    execute(
        r"""
        create policy "the auditor reads everything"
        on langgraph.checkpoint_migrations
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );
        """
    )
    execute(
        r"""
        create or replace trigger audit_delete
        after delete on langgraph.checkpoint_writes
        referencing old table as old_rows
        for each statement
        execute function audit.record_langgraph_checkpoint_writes();
        """
    )
    execute(
        r"""
        create or replace trigger audit_insert
        after insert on langgraph.checkpoint_writes
        referencing new table as new_rows
        for each statement
        execute function audit.record_langgraph_checkpoint_writes();
        """
    )
    execute(
        r"""
        create or replace trigger audit_truncate
        before truncate on langgraph.checkpoint_writes
        for each statement
        execute function audit.forbid_truncate();
        """
    )
    execute(
        r"""
        create or replace trigger audit_update
        after update on langgraph.checkpoint_writes
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_langgraph_checkpoint_writes();
        """
    )
    execute(
        r"""
        create or replace trigger check_thread
        before insert on langgraph.checkpoint_writes
        for each row
        execute function app.check_thread();
        """
    )
    execute(
        r"""
        create or replace trigger forbid_agency_change
        before update on langgraph.checkpoint_writes
        for each row
        when (
            old.agency_id is distinct from new.agency_id
        )
        execute function app.forbid_agency_change();
        """
    )
    execute(
        r"""
        create or replace trigger keep_definition
        before update on langgraph.checkpoint_writes
        for each row
        when (
            old.thread_id is distinct from new.thread_id
            or old.checkpoint_ns is distinct from new.checkpoint_ns
            or old.checkpoint_id is distinct from new.checkpoint_id
            or old.task_id is distinct from new.task_id
            or old.idx is distinct from new.idx
        )
        execute function app.forbid_redefinition('thread_id', 'checkpoint_ns', 'checkpoint_id', 'task_id', 'idx');
        """
    )
    execute(
        r"""
        alter table langgraph.checkpoint_writes enable row level security;

        alter table langgraph.checkpoint_writes force row level security;

        grant select, delete on table langgraph.checkpoint_writes to authenticated;

        grant select on table langgraph.checkpoint_writes to gardenos_auditor;

        grant select on table langgraph.checkpoint_writes to gardenos_crm_writer;

        grant select, update, delete on table langgraph.checkpoint_writes to gardenos_eraser;

        grant select, delete on table langgraph.checkpoint_writes to gardenos_worker;
        """
    )
    execute(
        r"""
        create policy "agents add what tasks wrote in threads they see"
        on langgraph.checkpoint_writes
        as permissive
        for insert
        to authenticated
        with check (
            agency_id = (select app.agency_id())
            and (select app.may_as_agent('langgraph.checkpoint_writes:insert'))
            and exists (
                select 1
                  from crm.conversations as parent
                 where parent.agency_id = langgraph.checkpoint_writes.agency_id
                   and parent.id = langgraph.checkpoint_writes.conversation_id
            )
        );
        """
    )
    execute(
        r"""
        create policy "agents change what tasks wrote in threads they see"
        on langgraph.checkpoint_writes
        as permissive
        for update
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.may_as_agent('langgraph.checkpoint_writes:update'))
            and exists (
                select 1
                  from crm.conversations as parent
                 where parent.agency_id = langgraph.checkpoint_writes.agency_id
                   and parent.id = langgraph.checkpoint_writes.conversation_id
            )
        )
        with check (
            agency_id = (select app.agency_id())
            and (select app.may_as_agent('langgraph.checkpoint_writes:update'))
            and exists (
                select 1
                  from crm.conversations as parent
                 where parent.agency_id = langgraph.checkpoint_writes.agency_id
                   and parent.id = langgraph.checkpoint_writes.conversation_id
            )
        );
        """
    )
    execute(
        r"""
        create policy "agents delete what tasks wrote in threads they see"
        on langgraph.checkpoint_writes
        as permissive
        for delete
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.may_as_agent('langgraph.checkpoint_writes:delete'))
            and exists (
                select 1
                  from crm.conversations as parent
                 where parent.agency_id = langgraph.checkpoint_writes.agency_id
                   and parent.id = langgraph.checkpoint_writes.conversation_id
            )
        );
        """
    )
    execute(
        r"""
        create policy "agents read what tasks wrote in threads they see"
        on langgraph.checkpoint_writes
        as permissive
        for select
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.may_as_agent('langgraph.checkpoint_writes:select'))
            and exists (
                select 1
                  from crm.conversations as parent
                 where parent.agency_id = langgraph.checkpoint_writes.agency_id
                   and parent.id = langgraph.checkpoint_writes.conversation_id
            )
        );
        """
    )
    execute(
        r"""
        create policy "erasure reaches the agency it is bound to"
        on langgraph.checkpoint_writes
        as permissive
        for all
        to gardenos_eraser
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );
        """
    )
    execute(
        r"""
        create policy "tenant floor"
        on langgraph.checkpoint_writes
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );
        """
    )
    execute(
        r"""
        create policy "the auditor reads everything"
        on langgraph.checkpoint_writes
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );
        """
    )
    execute(
        r"""
        create policy "the worker prunes threads"
        on langgraph.checkpoint_writes
        as permissive
        for delete
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );
        """
    )
    execute(
        r"""
        create policy "the worker reads threads"
        on langgraph.checkpoint_writes
        as permissive
        for select
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );
        """
    )
    execute(
        r"""
        create policy "triggers look whose a thread is"
        on langgraph.checkpoint_writes
        as permissive
        for select
        to gardenos_crm_writer
        using (
            true
        );
        """
    )
    execute(
        r"""
        create or replace trigger audit_delete
        after delete on langgraph.checkpoints
        referencing old table as old_rows
        for each statement
        execute function audit.record_langgraph_checkpoints();
        """
    )
    execute(
        r"""
        create or replace trigger audit_insert
        after insert on langgraph.checkpoints
        referencing new table as new_rows
        for each statement
        execute function audit.record_langgraph_checkpoints();
        """
    )
    execute(
        r"""
        create or replace trigger audit_truncate
        before truncate on langgraph.checkpoints
        for each statement
        execute function audit.forbid_truncate();
        """
    )
    execute(
        r"""
        create or replace trigger audit_update
        after update on langgraph.checkpoints
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_langgraph_checkpoints();
        """
    )
    execute(
        r"""
        create or replace trigger check_thread
        before insert on langgraph.checkpoints
        for each row
        execute function app.check_thread();
        """
    )
    execute(
        r"""
        create or replace trigger forbid_agency_change
        before update on langgraph.checkpoints
        for each row
        when (
            old.agency_id is distinct from new.agency_id
            or old.created_at is distinct from new.created_at
        )
        execute function app.forbid_agency_change();
        """
    )
    execute(
        r"""
        create or replace trigger keep_definition
        before update on langgraph.checkpoints
        for each row
        when (
            old.thread_id is distinct from new.thread_id
            or old.checkpoint_ns is distinct from new.checkpoint_ns
            or old.checkpoint_id is distinct from new.checkpoint_id
        )
        execute function app.forbid_redefinition('thread_id', 'checkpoint_ns', 'checkpoint_id');
        """
    )
    execute(
        r"""
        alter table langgraph.checkpoints enable row level security;

        alter table langgraph.checkpoints force row level security;

        grant select, delete on table langgraph.checkpoints to authenticated;

        grant select on table langgraph.checkpoints to gardenos_auditor;

        grant select on table langgraph.checkpoints to gardenos_crm_writer;

        grant select, update, delete on table langgraph.checkpoints to gardenos_eraser;

        grant select, delete on table langgraph.checkpoints to gardenos_worker;
        """
    )
    execute(
        r"""
        create policy "agents add the steps of threads they see"
        on langgraph.checkpoints
        as permissive
        for insert
        to authenticated
        with check (
            agency_id = (select app.agency_id())
            and (select app.may_as_agent('langgraph.checkpoints:insert'))
            and exists (
                select 1
                  from crm.conversations as parent
                 where parent.agency_id = langgraph.checkpoints.agency_id
                   and parent.id = langgraph.checkpoints.conversation_id
            )
        );
        """
    )
    execute(
        r"""
        create policy "agents change the steps of threads they see"
        on langgraph.checkpoints
        as permissive
        for update
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.may_as_agent('langgraph.checkpoints:update'))
            and exists (
                select 1
                  from crm.conversations as parent
                 where parent.agency_id = langgraph.checkpoints.agency_id
                   and parent.id = langgraph.checkpoints.conversation_id
            )
        )
        with check (
            agency_id = (select app.agency_id())
            and (select app.may_as_agent('langgraph.checkpoints:update'))
            and exists (
                select 1
                  from crm.conversations as parent
                 where parent.agency_id = langgraph.checkpoints.agency_id
                   and parent.id = langgraph.checkpoints.conversation_id
            )
        );
        """
    )
    execute(
        r"""
        create policy "agents delete the steps of threads they see"
        on langgraph.checkpoints
        as permissive
        for delete
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.may_as_agent('langgraph.checkpoints:delete'))
            and exists (
                select 1
                  from crm.conversations as parent
                 where parent.agency_id = langgraph.checkpoints.agency_id
                   and parent.id = langgraph.checkpoints.conversation_id
            )
        );
        """
    )
    execute(
        r"""
        create policy "agents read the steps of threads they see"
        on langgraph.checkpoints
        as permissive
        for select
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.may_as_agent('langgraph.checkpoints:select'))
            and exists (
                select 1
                  from crm.conversations as parent
                 where parent.agency_id = langgraph.checkpoints.agency_id
                   and parent.id = langgraph.checkpoints.conversation_id
            )
        );
        """
    )
    execute(
        r"""
        create policy "erasure reaches the agency it is bound to"
        on langgraph.checkpoints
        as permissive
        for all
        to gardenos_eraser
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );
        """
    )
    execute(
        r"""
        create policy "tenant floor"
        on langgraph.checkpoints
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );
        """
    )
    execute(
        r"""
        create policy "the auditor reads everything"
        on langgraph.checkpoints
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );
        """
    )
    execute(
        r"""
        create policy "the worker cuts threads off from what it pruned"
        on langgraph.checkpoints
        as permissive
        for update
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        )
        with check (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );
        """
    )
    execute(
        r"""
        create policy "the worker prunes threads"
        on langgraph.checkpoints
        as permissive
        for delete
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );
        """
    )
    execute(
        r"""
        create policy "the worker reads threads"
        on langgraph.checkpoints
        as permissive
        for select
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );
        """
    )
    execute(
        r"""
        create policy "triggers look whose a thread is"
        on langgraph.checkpoints
        as permissive
        for select
        to gardenos_crm_writer
        using (
            true
        );
        """
    )
    execute(
        r"""
        create or replace trigger audit_delete
        after delete on langgraph.store
        referencing old table as old_rows
        for each statement
        execute function audit.record_langgraph_store();
        """
    )
    execute(
        r"""
        create or replace trigger audit_insert
        after insert on langgraph.store
        referencing new table as new_rows
        for each statement
        execute function audit.record_langgraph_store();
        """
    )
    execute(
        r"""
        create or replace trigger audit_truncate
        before truncate on langgraph.store
        for each statement
        execute function audit.forbid_truncate();
        """
    )
    execute(
        r"""
        create or replace trigger audit_update
        after update on langgraph.store
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_langgraph_store();
        """
    )
    execute(
        r"""
        create or replace trigger check_namespace
        before insert on langgraph.store
        for each row
        execute function app.check_namespace();
        """
    )
    execute(
        r"""
        create or replace trigger forbid_agency_change
        before update on langgraph.store
        for each row
        when (
            old.prefix is distinct from new.prefix
            or old.created_at is distinct from new.created_at
        )
        execute function app.forbid_agency_change();
        """
    )
    execute(
        r"""
        create or replace trigger keep_definition
        before update on langgraph.store
        for each row
        when (
            old.key is distinct from new.key
        )
        execute function app.forbid_redefinition('key');
        """
    )
    execute(
        r"""
        alter table langgraph.store enable row level security;

        alter table langgraph.store force row level security;

        grant select, delete on table langgraph.store to authenticated;

        grant select on table langgraph.store to gardenos_auditor;

        grant select, update, delete on table langgraph.store to gardenos_eraser;

        grant select, insert, delete on table langgraph.store to gardenos_merger;

        grant select, delete on table langgraph.store to gardenos_worker;
        """
    )
    execute(
        r"""
        create policy "agents add what they remember of what they see"
        on langgraph.store
        as permissive
        for insert
        to authenticated
        with check (
            agency_id = (select app.agency_id())
            and (select app.may_as_agent('langgraph.store:insert'))
            and case subject
                when 'agency' then (select app.agency_role()) <> 'client'
                when 'agent' then
                    (prefix || '.') like (select app.agency_id() || '.agent.' || app.acting_agent_id() || '.%')
                when 'member' then membership_id = (select app.membership_id())
                when 'contact' then exists (
                    select 1
                      from crm.contacts as parent
                     where parent.agency_id = langgraph.store.agency_id
                       and parent.id = langgraph.store.contact_id
                )
                when 'company' then exists (
                    select 1
                      from crm.companies as parent
                     where parent.agency_id = langgraph.store.agency_id
                       and parent.id = langgraph.store.company_id
                )
                when 'deal' then exists (
                    select 1
                      from crm.deals as parent
                     where parent.agency_id = langgraph.store.agency_id
                       and parent.id = langgraph.store.deal_id
                )
                when 'conversation' then exists (
                    select 1
                      from crm.conversations as parent
                     where parent.agency_id = langgraph.store.agency_id
                       and parent.id = langgraph.store.conversation_id
                )
            end
        );
        """
    )
    execute(
        r"""
        create policy "agents change what they remember of what they see"
        on langgraph.store
        as permissive
        for update
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.may_as_agent('langgraph.store:update'))
            and case subject
                when 'agency' then (select app.agency_role()) <> 'client'
                when 'agent' then
                    (prefix || '.') like (select app.agency_id() || '.agent.' || app.acting_agent_id() || '.%')
                when 'member' then membership_id = (select app.membership_id())
                when 'contact' then exists (
                    select 1
                      from crm.contacts as parent
                     where parent.agency_id = langgraph.store.agency_id
                       and parent.id = langgraph.store.contact_id
                )
                when 'company' then exists (
                    select 1
                      from crm.companies as parent
                     where parent.agency_id = langgraph.store.agency_id
                       and parent.id = langgraph.store.company_id
                )
                when 'deal' then exists (
                    select 1
                      from crm.deals as parent
                     where parent.agency_id = langgraph.store.agency_id
                       and parent.id = langgraph.store.deal_id
                )
                when 'conversation' then exists (
                    select 1
                      from crm.conversations as parent
                     where parent.agency_id = langgraph.store.agency_id
                       and parent.id = langgraph.store.conversation_id
                )
            end
        )
        with check (
            agency_id = (select app.agency_id())
            and (select app.may_as_agent('langgraph.store:update'))
            and case subject
                when 'agency' then (select app.agency_role()) <> 'client'
                when 'agent' then
                    (prefix || '.') like (select app.agency_id() || '.agent.' || app.acting_agent_id() || '.%')
                when 'member' then membership_id = (select app.membership_id())
                when 'contact' then exists (
                    select 1
                      from crm.contacts as parent
                     where parent.agency_id = langgraph.store.agency_id
                       and parent.id = langgraph.store.contact_id
                )
                when 'company' then exists (
                    select 1
                      from crm.companies as parent
                     where parent.agency_id = langgraph.store.agency_id
                       and parent.id = langgraph.store.company_id
                )
                when 'deal' then exists (
                    select 1
                      from crm.deals as parent
                     where parent.agency_id = langgraph.store.agency_id
                       and parent.id = langgraph.store.deal_id
                )
                when 'conversation' then exists (
                    select 1
                      from crm.conversations as parent
                     where parent.agency_id = langgraph.store.agency_id
                       and parent.id = langgraph.store.conversation_id
                )
            end
        );
        """
    )
    execute(
        r"""
        create policy "agents delete what they remember of what they see"
        on langgraph.store
        as permissive
        for delete
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.may_as_agent('langgraph.store:delete'))
            and case subject
                when 'agency' then (select app.agency_role()) <> 'client'
                when 'agent' then
                    (prefix || '.') like (select app.agency_id() || '.agent.' || app.acting_agent_id() || '.%')
                when 'member' then membership_id = (select app.membership_id())
                when 'contact' then exists (
                    select 1
                      from crm.contacts as parent
                     where parent.agency_id = langgraph.store.agency_id
                       and parent.id = langgraph.store.contact_id
                )
                when 'company' then exists (
                    select 1
                      from crm.companies as parent
                     where parent.agency_id = langgraph.store.agency_id
                       and parent.id = langgraph.store.company_id
                )
                when 'deal' then exists (
                    select 1
                      from crm.deals as parent
                     where parent.agency_id = langgraph.store.agency_id
                       and parent.id = langgraph.store.deal_id
                )
                when 'conversation' then exists (
                    select 1
                      from crm.conversations as parent
                     where parent.agency_id = langgraph.store.agency_id
                       and parent.id = langgraph.store.conversation_id
                )
            end
        );
        """
    )
    execute(
        r"""
        create policy "agents read what they remember of what they see"
        on langgraph.store
        as permissive
        for select
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.may_as_agent('langgraph.store:select'))
            and case subject
                when 'agency' then (select app.agency_role()) <> 'client'
                when 'agent' then
                    (prefix || '.') like (select app.agency_id() || '.agent.' || app.acting_agent_id() || '.%')
                when 'member' then membership_id = (select app.membership_id())
                when 'contact' then exists (
                    select 1
                      from crm.contacts as parent
                     where parent.agency_id = langgraph.store.agency_id
                       and parent.id = langgraph.store.contact_id
                )
                when 'company' then exists (
                    select 1
                      from crm.companies as parent
                     where parent.agency_id = langgraph.store.agency_id
                       and parent.id = langgraph.store.company_id
                )
                when 'deal' then exists (
                    select 1
                      from crm.deals as parent
                     where parent.agency_id = langgraph.store.agency_id
                       and parent.id = langgraph.store.deal_id
                )
                when 'conversation' then exists (
                    select 1
                      from crm.conversations as parent
                     where parent.agency_id = langgraph.store.agency_id
                       and parent.id = langgraph.store.conversation_id
                )
            end
        );
        """
    )
    execute(
        r"""
        create policy "erasure reaches the agency it is bound to"
        on langgraph.store
        as permissive
        for all
        to gardenos_eraser
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );
        """
    )
    execute(
        r"""
        create policy "merges move what agents remember"
        on langgraph.store
        as permissive
        for all
        to gardenos_merger
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
        create policy "tenant floor"
        on langgraph.store
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );
        """
    )
    execute(
        r"""
        create policy "the auditor reads everything"
        on langgraph.store
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );
        """
    )
    execute(
        r"""
        create policy "the worker reads what agents remember"
        on langgraph.store
        as permissive
        for select
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );
        """
    )
    execute(
        r"""
        create policy "the worker sweeps what has expired"
        on langgraph.store
        as permissive
        for delete
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );
        """
    )
    execute(
        r"""
        alter table langgraph.store_migrations enable row level security;

        alter table langgraph.store_migrations force row level security;

        grant select on table langgraph.store_migrations to gardenos_auditor;
        """
    )
    execute(
        r"""
        create policy "no client reaches the versions of the library"
        on langgraph.store_migrations
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            false
        )
        with check (
            false
        );
        """
    )
    execute(
        r"""
        create policy "the auditor reads everything"
        on langgraph.store_migrations
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );
        """
    )
    execute(
        r"""
        create or replace trigger audit_delete
        after delete on langgraph.store_vectors
        referencing old table as old_rows
        for each statement
        execute function audit.record_langgraph_store_vectors();
        """
    )
    execute(
        r"""
        create or replace trigger audit_insert
        after insert on langgraph.store_vectors
        referencing new table as new_rows
        for each statement
        execute function audit.record_langgraph_store_vectors();
        """
    )
    execute(
        r"""
        create or replace trigger audit_truncate
        before truncate on langgraph.store_vectors
        for each statement
        execute function audit.forbid_truncate();
        """
    )
    execute(
        r"""
        create or replace trigger audit_update
        after update on langgraph.store_vectors
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_langgraph_store_vectors();
        """
    )
    execute(
        r"""
        create or replace trigger check_namespace
        before insert on langgraph.store_vectors
        for each row
        execute function app.check_namespace();
        """
    )
    execute(
        r"""
        create or replace trigger forbid_agency_change
        before update on langgraph.store_vectors
        for each row
        when (
            old.prefix is distinct from new.prefix
            or old.created_at is distinct from new.created_at
        )
        execute function app.forbid_agency_change();
        """
    )
    execute(
        r"""
        create or replace trigger keep_definition
        before update on langgraph.store_vectors
        for each row
        when (
            old.key is distinct from new.key
            or old.field_name is distinct from new.field_name
        )
        execute function app.forbid_redefinition('key', 'field_name');
        """
    )
    execute(
        r"""
        alter table langgraph.store_vectors enable row level security;

        alter table langgraph.store_vectors force row level security;

        grant select, delete on table langgraph.store_vectors to authenticated;

        grant select on table langgraph.store_vectors to gardenos_auditor;

        grant select, delete on table langgraph.store_vectors to gardenos_eraser;

        grant select, insert, delete on table langgraph.store_vectors to gardenos_merger;

        grant select, delete on table langgraph.store_vectors to gardenos_worker;
        """
    )
    execute(
        r"""
        create policy "agents add the embeddings of items they see"
        on langgraph.store_vectors
        as permissive
        for insert
        to authenticated
        with check (
            agency_id = (select app.agency_id())
            and (select app.may_as_agent('langgraph.store_vectors:insert'))
            and exists (
                select 1
                  from langgraph.store as parent
                 where parent.prefix = langgraph.store_vectors.prefix
                   and parent.key = langgraph.store_vectors.key
            )
        );
        """
    )
    execute(
        r"""
        create policy "agents change the embeddings of items they see"
        on langgraph.store_vectors
        as permissive
        for update
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.may_as_agent('langgraph.store_vectors:update'))
            and exists (
                select 1
                  from langgraph.store as parent
                 where parent.prefix = langgraph.store_vectors.prefix
                   and parent.key = langgraph.store_vectors.key
            )
        )
        with check (
            agency_id = (select app.agency_id())
            and (select app.may_as_agent('langgraph.store_vectors:update'))
            and exists (
                select 1
                  from langgraph.store as parent
                 where parent.prefix = langgraph.store_vectors.prefix
                   and parent.key = langgraph.store_vectors.key
            )
        );
        """
    )
    execute(
        r"""
        create policy "agents delete the embeddings of items they see"
        on langgraph.store_vectors
        as permissive
        for delete
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.may_as_agent('langgraph.store_vectors:delete'))
            and exists (
                select 1
                  from langgraph.store as parent
                 where parent.prefix = langgraph.store_vectors.prefix
                   and parent.key = langgraph.store_vectors.key
            )
        );
        """
    )
    execute(
        r"""
        create policy "agents read the embeddings of items they see"
        on langgraph.store_vectors
        as permissive
        for select
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.may_as_agent('langgraph.store_vectors:select'))
            and exists (
                select 1
                  from langgraph.store as parent
                 where parent.prefix = langgraph.store_vectors.prefix
                   and parent.key = langgraph.store_vectors.key
            )
        );
        """
    )
    execute(
        r"""
        create policy "erasure reaches the agency it is bound to"
        on langgraph.store_vectors
        as permissive
        for all
        to gardenos_eraser
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );
        """
    )
    execute(
        r"""
        create policy "merges move what agents remember"
        on langgraph.store_vectors
        as permissive
        for all
        to gardenos_merger
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
        create policy "tenant floor"
        on langgraph.store_vectors
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );
        """
    )
    execute(
        r"""
        create policy "the auditor reads everything"
        on langgraph.store_vectors
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );
        """
    )
    execute(
        r"""
        create policy "the worker deletes the embeddings of items"
        on langgraph.store_vectors
        as permissive
        for delete
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );
        """
    )
    execute(
        r"""
        create policy "the worker reads the embeddings of items"
        on langgraph.store_vectors
        as permissive
        for select
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );
        """
    )
    execute(
        r"""
        alter table langgraph.vector_migrations enable row level security;

        alter table langgraph.vector_migrations force row level security;

        grant select on table langgraph.vector_migrations to gardenos_auditor;
        """
    )
    execute(
        r"""
        create policy "no client reaches the versions of the library"
        on langgraph.vector_migrations
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            false
        )
        with check (
            false
        );
        """
    )
    execute(
        r"""
        create policy "the auditor reads everything"
        on langgraph.vector_migrations
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );
        """
    )
    # what a new agency begins with, for those that are there
    execute(
        r"""
        set local role gardenos_tenancy_writer;

        insert into governance.retention_policies (agency_id, entity, keep, action)
        select a.id, 'langgraph.checkpoints', '90 days', 'delete'
          from tenancy.agencies as a
            on conflict do nothing;

        set local role gardenos_owner;
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop policy "the auditor reads everything" on langgraph.vector_migrations;
        """
    )
    execute(
        r"""
        drop policy "no client reaches the versions of the library" on langgraph.vector_migrations;
        """
    )
    execute(
        r"""
        alter table langgraph.vector_migrations disable row level security;

        alter table langgraph.vector_migrations no force row level security;

        revoke select on table langgraph.vector_migrations from gardenos_auditor cascade;
        """
    )
    execute(
        r"""
        drop policy "the worker reads the embeddings of items" on langgraph.store_vectors;
        """
    )
    execute(
        r"""
        drop policy "the worker deletes the embeddings of items" on langgraph.store_vectors;
        """
    )
    execute(
        r"""
        drop policy "the auditor reads everything" on langgraph.store_vectors;
        """
    )
    execute(
        r"""
        drop policy "tenant floor" on langgraph.store_vectors;
        """
    )
    execute(
        r"""
        drop policy "merges move what agents remember" on langgraph.store_vectors;
        """
    )
    execute(
        r"""
        drop policy "erasure reaches the agency it is bound to" on langgraph.store_vectors;
        """
    )
    execute(
        r"""
        drop policy "agents read the embeddings of items they see" on langgraph.store_vectors;
        """
    )
    execute(
        r"""
        drop policy "agents delete the embeddings of items they see" on langgraph.store_vectors;
        """
    )
    execute(
        r"""
        drop policy "agents change the embeddings of items they see" on langgraph.store_vectors;
        """
    )
    execute(
        r"""
        drop policy "agents add the embeddings of items they see" on langgraph.store_vectors;
        """
    )
    execute(
        r"""
        alter table langgraph.store_vectors disable row level security;

        alter table langgraph.store_vectors no force row level security;

        revoke select, delete on table langgraph.store_vectors from authenticated cascade;

        revoke select on table langgraph.store_vectors from gardenos_auditor cascade;

        revoke select, delete on table langgraph.store_vectors from gardenos_eraser cascade;

        revoke select, insert, delete on table langgraph.store_vectors from gardenos_merger cascade;

        revoke select, delete on table langgraph.store_vectors from gardenos_worker cascade;
        """
    )
    execute(
        r"""
        drop trigger keep_definition on langgraph.store_vectors;
        """
    )
    execute(
        r"""
        drop trigger forbid_agency_change on langgraph.store_vectors;
        """
    )
    execute(
        r"""
        drop trigger check_namespace on langgraph.store_vectors;
        """
    )
    execute(
        r"""
        drop trigger audit_update on langgraph.store_vectors;
        """
    )
    execute(
        r"""
        drop trigger audit_truncate on langgraph.store_vectors;
        """
    )
    execute(
        r"""
        drop trigger audit_insert on langgraph.store_vectors;
        """
    )
    execute(
        r"""
        drop trigger audit_delete on langgraph.store_vectors;
        """
    )
    execute(
        r"""
        drop policy "the auditor reads everything" on langgraph.store_migrations;
        """
    )
    execute(
        r"""
        drop policy "no client reaches the versions of the library" on langgraph.store_migrations;
        """
    )
    execute(
        r"""
        alter table langgraph.store_migrations disable row level security;

        alter table langgraph.store_migrations no force row level security;

        revoke select on table langgraph.store_migrations from gardenos_auditor cascade;
        """
    )
    execute(
        r"""
        drop policy "the worker sweeps what has expired" on langgraph.store;
        """
    )
    execute(
        r"""
        drop policy "the worker reads what agents remember" on langgraph.store;
        """
    )
    execute(
        r"""
        drop policy "the auditor reads everything" on langgraph.store;
        """
    )
    execute(
        r"""
        drop policy "tenant floor" on langgraph.store;
        """
    )
    execute(
        r"""
        drop policy "merges move what agents remember" on langgraph.store;
        """
    )
    execute(
        r"""
        drop policy "erasure reaches the agency it is bound to" on langgraph.store;
        """
    )
    execute(
        r"""
        drop policy "agents read what they remember of what they see" on langgraph.store;
        """
    )
    execute(
        r"""
        drop policy "agents delete what they remember of what they see" on langgraph.store;
        """
    )
    execute(
        r"""
        drop policy "agents change what they remember of what they see" on langgraph.store;
        """
    )
    execute(
        r"""
        drop policy "agents add what they remember of what they see" on langgraph.store;
        """
    )
    execute(
        r"""
        alter table langgraph.store disable row level security;

        alter table langgraph.store no force row level security;

        revoke select, delete on table langgraph.store from authenticated cascade;

        revoke select on table langgraph.store from gardenos_auditor cascade;

        revoke select, update, delete on table langgraph.store from gardenos_eraser cascade;

        revoke select, insert, delete on table langgraph.store from gardenos_merger cascade;

        revoke select, delete on table langgraph.store from gardenos_worker cascade;
        """
    )
    execute(
        r"""
        drop trigger keep_definition on langgraph.store;
        """
    )
    execute(
        r"""
        drop trigger forbid_agency_change on langgraph.store;
        """
    )
    execute(
        r"""
        drop trigger check_namespace on langgraph.store;
        """
    )
    execute(
        r"""
        drop trigger audit_update on langgraph.store;
        """
    )
    execute(
        r"""
        drop trigger audit_truncate on langgraph.store;
        """
    )
    execute(
        r"""
        drop trigger audit_insert on langgraph.store;
        """
    )
    execute(
        r"""
        drop trigger audit_delete on langgraph.store;
        """
    )
    execute(
        r"""
        drop policy "triggers look whose a thread is" on langgraph.checkpoints;
        """
    )
    execute(
        r"""
        drop policy "the worker reads threads" on langgraph.checkpoints;
        """
    )
    execute(
        r"""
        drop policy "the worker prunes threads" on langgraph.checkpoints;
        """
    )
    execute(
        r"""
        drop policy "the worker cuts threads off from what it pruned" on langgraph.checkpoints;
        """
    )
    execute(
        r"""
        drop policy "the auditor reads everything" on langgraph.checkpoints;
        """
    )
    execute(
        r"""
        drop policy "tenant floor" on langgraph.checkpoints;
        """
    )
    execute(
        r"""
        drop policy "erasure reaches the agency it is bound to" on langgraph.checkpoints;
        """
    )
    execute(
        r"""
        drop policy "agents read the steps of threads they see" on langgraph.checkpoints;
        """
    )
    execute(
        r"""
        drop policy "agents delete the steps of threads they see" on langgraph.checkpoints;
        """
    )
    execute(
        r"""
        drop policy "agents change the steps of threads they see" on langgraph.checkpoints;
        """
    )
    execute(
        r"""
        drop policy "agents add the steps of threads they see" on langgraph.checkpoints;
        """
    )
    execute(
        r"""
        alter table langgraph.checkpoints disable row level security;

        alter table langgraph.checkpoints no force row level security;

        revoke select, delete on table langgraph.checkpoints from authenticated cascade;

        revoke select on table langgraph.checkpoints from gardenos_auditor cascade;

        revoke select on table langgraph.checkpoints from gardenos_crm_writer cascade;

        revoke select, update, delete on table langgraph.checkpoints from gardenos_eraser cascade;

        revoke select, delete on table langgraph.checkpoints from gardenos_worker cascade;
        """
    )
    execute(
        r"""
        drop trigger keep_definition on langgraph.checkpoints;
        """
    )
    execute(
        r"""
        drop trigger forbid_agency_change on langgraph.checkpoints;
        """
    )
    execute(
        r"""
        drop trigger check_thread on langgraph.checkpoints;
        """
    )
    execute(
        r"""
        drop trigger audit_update on langgraph.checkpoints;
        """
    )
    execute(
        r"""
        drop trigger audit_truncate on langgraph.checkpoints;
        """
    )
    execute(
        r"""
        drop trigger audit_insert on langgraph.checkpoints;
        """
    )
    execute(
        r"""
        drop trigger audit_delete on langgraph.checkpoints;
        """
    )
    execute(
        r"""
        drop policy "triggers look whose a thread is" on langgraph.checkpoint_writes;
        """
    )
    execute(
        r"""
        drop policy "the worker reads threads" on langgraph.checkpoint_writes;
        """
    )
    execute(
        r"""
        drop policy "the worker prunes threads" on langgraph.checkpoint_writes;
        """
    )
    execute(
        r"""
        drop policy "the auditor reads everything" on langgraph.checkpoint_writes;
        """
    )
    execute(
        r"""
        drop policy "tenant floor" on langgraph.checkpoint_writes;
        """
    )
    execute(
        r"""
        drop policy "erasure reaches the agency it is bound to" on langgraph.checkpoint_writes;
        """
    )
    execute(
        r"""
        drop policy "agents read what tasks wrote in threads they see" on langgraph.checkpoint_writes;
        """
    )
    execute(
        r"""
        drop policy "agents delete what tasks wrote in threads they see" on langgraph.checkpoint_writes;
        """
    )
    execute(
        r"""
        drop policy "agents change what tasks wrote in threads they see" on langgraph.checkpoint_writes;
        """
    )
    execute(
        r"""
        drop policy "agents add what tasks wrote in threads they see" on langgraph.checkpoint_writes;
        """
    )
    execute(
        r"""
        alter table langgraph.checkpoint_writes disable row level security;

        alter table langgraph.checkpoint_writes no force row level security;

        revoke select, delete on table langgraph.checkpoint_writes from authenticated cascade;

        revoke select on table langgraph.checkpoint_writes from gardenos_auditor cascade;

        revoke select on table langgraph.checkpoint_writes from gardenos_crm_writer cascade;

        revoke select, update, delete on table langgraph.checkpoint_writes from gardenos_eraser cascade;

        revoke select, delete on table langgraph.checkpoint_writes from gardenos_worker cascade;
        """
    )
    execute(
        r"""
        drop trigger keep_definition on langgraph.checkpoint_writes;
        """
    )
    execute(
        r"""
        drop trigger forbid_agency_change on langgraph.checkpoint_writes;
        """
    )
    execute(
        r"""
        drop trigger check_thread on langgraph.checkpoint_writes;
        """
    )
    execute(
        r"""
        drop trigger audit_update on langgraph.checkpoint_writes;
        """
    )
    execute(
        r"""
        drop trigger audit_truncate on langgraph.checkpoint_writes;
        """
    )
    execute(
        r"""
        drop trigger audit_insert on langgraph.checkpoint_writes;
        """
    )
    execute(
        r"""
        drop trigger audit_delete on langgraph.checkpoint_writes;
        """
    )
    execute(
        r"""
        drop policy "the auditor reads everything" on langgraph.checkpoint_migrations;
        """
    )
    execute(
        r"""
        drop policy "no client reaches the versions of the library" on langgraph.checkpoint_migrations;
        """
    )
    execute(
        r"""
        alter table langgraph.checkpoint_migrations disable row level security;

        alter table langgraph.checkpoint_migrations no force row level security;

        revoke select on table langgraph.checkpoint_migrations from gardenos_auditor cascade;
        """
    )
    execute(
        r"""
        drop policy "triggers look whose a thread is" on langgraph.checkpoint_blobs;
        """
    )
    execute(
        r"""
        drop policy "the worker reads threads" on langgraph.checkpoint_blobs;
        """
    )
    execute(
        r"""
        drop policy "the worker prunes threads" on langgraph.checkpoint_blobs;
        """
    )
    execute(
        r"""
        drop policy "the auditor reads everything" on langgraph.checkpoint_blobs;
        """
    )
    execute(
        r"""
        drop policy "tenant floor" on langgraph.checkpoint_blobs;
        """
    )
    execute(
        r"""
        drop policy "erasure reaches the agency it is bound to" on langgraph.checkpoint_blobs;
        """
    )
    execute(
        r"""
        drop policy "agents read the values of threads they see" on langgraph.checkpoint_blobs;
        """
    )
    execute(
        r"""
        drop policy "agents delete the values of threads they see" on langgraph.checkpoint_blobs;
        """
    )
    execute(
        r"""
        drop policy "agents change the values of threads they see" on langgraph.checkpoint_blobs;
        """
    )
    execute(
        r"""
        drop policy "agents add the values of threads they see" on langgraph.checkpoint_blobs;
        """
    )
    execute(
        r"""
        alter table langgraph.checkpoint_blobs disable row level security;

        alter table langgraph.checkpoint_blobs no force row level security;

        revoke select, delete on table langgraph.checkpoint_blobs from authenticated cascade;

        revoke select on table langgraph.checkpoint_blobs from gardenos_auditor cascade;

        revoke select on table langgraph.checkpoint_blobs from gardenos_crm_writer cascade;

        revoke select, update, delete on table langgraph.checkpoint_blobs from gardenos_eraser cascade;

        revoke select, delete on table langgraph.checkpoint_blobs from gardenos_worker cascade;
        """
    )
    execute(
        r"""
        drop trigger keep_definition on langgraph.checkpoint_blobs;
        """
    )
    execute(
        r"""
        drop trigger forbid_agency_change on langgraph.checkpoint_blobs;
        """
    )
    execute(
        r"""
        drop trigger check_thread on langgraph.checkpoint_blobs;
        """
    )
    execute(
        r"""
        drop trigger audit_update on langgraph.checkpoint_blobs;
        """
    )
    execute(
        r"""
        drop trigger audit_truncate on langgraph.checkpoint_blobs;
        """
    )
    execute(
        r"""
        drop trigger audit_insert on langgraph.checkpoint_blobs;
        """
    )
    execute(
        r"""
        drop trigger audit_delete on langgraph.checkpoint_blobs;
        """
    )
    execute(
        r"""
        revoke insert (updated_at), update (updated_at) on table langgraph.store_vectors from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (prefix) on table langgraph.store_vectors from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (key) on table langgraph.store_vectors from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (field_name) on table langgraph.store_vectors from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (embedding), update (embedding) on table langgraph.store_vectors from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (created_at) on table langgraph.store_vectors from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (value), update (value) on table langgraph.store from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (updated_at), update (updated_at) on table langgraph.store from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (ttl_minutes), update (ttl_minutes) on table langgraph.store from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (prefix) on table langgraph.store from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (key) on table langgraph.store from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (expires_at), update (expires_at) on table langgraph.store from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (created_at) on table langgraph.store from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (type), update (type) on table langgraph.checkpoints from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (thread_id) on table langgraph.checkpoints from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (parent_checkpoint_id), update (parent_checkpoint_id) on table langgraph.checkpoints from authenticated cascade;

        revoke update (parent_checkpoint_id) on table langgraph.checkpoints from gardenos_worker cascade;
        """
    )
    execute(
        r"""
        revoke insert (metadata), update (metadata) on table langgraph.checkpoints from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (checkpoint_ns) on table langgraph.checkpoints from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (checkpoint_id) on table langgraph.checkpoints from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (checkpoint), update (checkpoint) on table langgraph.checkpoints from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (agency_id) on table langgraph.checkpoints from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (type), update (type) on table langgraph.checkpoint_writes from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (thread_id) on table langgraph.checkpoint_writes from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (task_path), update (task_path) on table langgraph.checkpoint_writes from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (task_id) on table langgraph.checkpoint_writes from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (idx) on table langgraph.checkpoint_writes from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (checkpoint_ns) on table langgraph.checkpoint_writes from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (checkpoint_id) on table langgraph.checkpoint_writes from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (channel), update (channel) on table langgraph.checkpoint_writes from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (blob), update (blob) on table langgraph.checkpoint_writes from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (agency_id) on table langgraph.checkpoint_writes from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (version) on table langgraph.checkpoint_blobs from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (type), update (type) on table langgraph.checkpoint_blobs from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (thread_id) on table langgraph.checkpoint_blobs from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (checkpoint_ns) on table langgraph.checkpoint_blobs from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (channel) on table langgraph.checkpoint_blobs from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (blob), update (blob) on table langgraph.checkpoint_blobs from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (agency_id) on table langgraph.checkpoint_blobs from authenticated cascade;
        """
    )
    execute(
        r"""
        set local role gardenos_audit_writer;

        drop function audit.record_langgraph_store_vectors();

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_audit_writer;

        drop function audit.record_langgraph_store();

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_audit_writer;

        drop function audit.record_langgraph_checkpoints();

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_audit_writer;

        drop function audit.record_langgraph_checkpoint_writes();

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_audit_writer;

        drop function audit.record_langgraph_checkpoint_blobs();

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_merger;

        CREATE OR REPLACE FUNCTION app.undo_merge(id uuid)
         RETURNS jsonb
         LANGUAGE plpgsql
         SECURITY DEFINER
         SET search_path TO 'pg_catalog', 'pg_temp'
        AS $function$
        declare
            proof record := app.proof();
            agency uuid := proof.agency_id;
            entity app.entity;
            reach app.record_scope;
            past crm.merge_records;
            winner jsonb;
            loser jsonb;
            winner_id uuid;
            loser_id uuid;
            later uuid;
            fields jsonb;
            way record;
            contact crm.contacts;
            company crm.companies;
            children jsonb;
            link record;
            lost jsonb := '[]';
            violated text;
        begin
            if not app.can_merge() then
                raise exception 'You may not undo a merge: it takes a manager, or a member with the capability "merge".'
                    using errcode = '42501';
            end if;
            perform pg_advisory_xact_lock(hashtextextended('app.merge ' || agency, 0));
            select m.* into past
              from crm.merge_records as m
             where m.agency_id = agency
               and m.id = undo_merge.id;
            entity := past.entity;
            winner_id := coalesce(past.winner_contact_id, past.winner_company_id);
            loser_id := coalesce(past.loser_contact_id, past.loser_company_id);
            if entity = 'contact' then
                reach := app.reach(
                    'crm.contacts:update', agency => '{owner,admin}', scope => '{manager}', own => '{member}'
                );
                perform 1
                   from crm.contacts as c
                  where c.agency_id = agency and c.id in (winner_id, loser_id)
                  order by c.id
                    for update;
                select to_jsonb(c) into winner
                  from crm.contacts as c
                 where c.agency_id = agency and c.id = winner_id and app.is_in_reach(reach, c.owner_id, c.team_id);
                select to_jsonb(c) into loser
                  from crm.contacts as c
                 where c.agency_id = agency and c.id = loser_id and app.is_in_reach(reach, c.owner_id, c.team_id);
            else
                reach := app.reach(
                    'crm.companies:update', agency => '{owner,admin}', scope => '{manager}', own => '{member}'
                );
                perform 1
                   from crm.companies as c
                  where c.agency_id = agency and c.id in (winner_id, loser_id)
                  order by c.id
                    for update;
                select to_jsonb(c) into winner
                  from crm.companies as c
                 where c.agency_id = agency and c.id = winner_id and app.is_in_reach(reach, c.owner_id, c.team_id);
                select to_jsonb(c) into loser
                  from crm.companies as c
                 where c.agency_id = agency and c.id = loser_id and app.is_in_reach(reach, c.owner_id, c.team_id);
            end if;
            if winner is null or loser is null then
                raise exception 'There is no such merge, or you may not change both of its records.'
                    using errcode = '42501';
            end if;
            if past.undone_at is not null then
                raise exception 'This merge was undone at % already.', past.undone_at
                    using errcode = 'PT409';
            end if;
            if past.undo_until < now() then
                raise exception 'This merge could be undone until %.', past.undo_until
                    using errcode = 'PT409';
            end if;
            select r.id into later
              from crm.merge_records as r
             where r.agency_id = agency
               and r.id <> past.id
               and r.undone_at is null
               and winner_id in (r.winner_contact_id, r.loser_contact_id, r.winner_company_id, r.loser_company_id)
               and not past.moved -> 'earlier' ? r.id::text
             order by r.id desc
             limit 1;
            if later is not null then
                raise exception 'The record was merged again later: undo that merge first.'
                    using errcode = 'PT409',
                    detail = jsonb_build_object('merge_id', later)::text;
            end if;
            if winner ->> 'deleted_at' is not null or winner ->> 'anonymised_at' is not null
                or loser ->> 'anonymised_at' is not null
                or (loser ->> 'merged_into_id')::uuid is distinct from winner_id then
                raise exception 'The records are not as a merge leaves them: one was deleted or erased since.'
                    using errcode = 'PT409',
                    hint = 'Restore the winner first; what was erased does not come back.';
            end if;

            update crm.contact_companies as c
               set is_primary = false
             where c.agency_id = agency
               and past.moved -> 'raised' ? c.id::text
               and c.is_primary
               and (c.contact_id = winner_id or c.company_id = winner_id);

            -- the winner first: it gives back what is unique
            fields := app.merge_fields(entity);
            if entity = 'contact' then
                fields := fields || '{"do_not_contact": ["do_not_contact"]}';
            end if;
            way := app.unmerged_values(winner, past.snapshot -> 'winner', past.moved -> 'values', fields);
            begin
                if entity = 'contact' then
                    contact := jsonb_populate_record(null::crm.contacts, winner || way.back);
                    update crm.contacts as c
                       set full_name = contact.full_name,
                           first_name = contact.first_name,
                           last_name = contact.last_name,
                           job_title = contact.job_title,
                           lifecycle_id = contact.lifecycle_id,
                           source_id = contact.source_id,
                           locale = contact.locale,
                           timezone = contact.timezone,
                           owner_id = contact.owner_id,
                           team_id = contact.team_id,
                           do_not_contact = contact.do_not_contact,
                           custom = contact.custom
                     where c.agency_id = agency and c.id = winner_id;
                    update crm.contacts as c
                       set deleted_at = null,
                           merged_into_id = null
                     where c.agency_id = agency and c.id = loser_id;
                else
                    company := jsonb_populate_record(null::crm.companies, winner || way.back);
                    update crm.companies as c
                       set name = company.name,
                           domain = company.domain,
                           industry_id = company.industry_id,
                           employees = company.employees,
                           annual_revenue = company.annual_revenue,
                           currency = company.currency,
                           street = company.street,
                           city = company.city,
                           region = company.region,
                           postal_code = company.postal_code,
                           country = company.country,
                           owner_id = company.owner_id,
                           team_id = company.team_id,
                           custom = company.custom
                     where c.agency_id = agency and c.id = winner_id;
                    update crm.companies as c
                       set deleted_at = null,
                           merged_into_id = null
                     where c.agency_id = agency and c.id = loser_id;
                end if;
                -- after the loser is back: what was deleted before the merge stays deleted
                children := app.point_children(
                    agency,
                    case entity when 'contact' then 'crm.contacts'::regclass else 'crm.companies'::regclass end,
                    winner_id,
                    loser_id,
                    ids => past.moved -> 'children'
                );
            exception
                when unique_violation then
                    get stacked diagnostics violated = constraint_name;
                    raise exception 'The merge is not undone: another record has taken a place of the loser (%).', violated
                        using errcode = '23505',
                        constraint = violated,
                        hint = 'Change the other record, or keep the merge.';
            end;
            update crm.contact_points as p
               set is_primary = true
             where p.agency_id = agency
               and past.moved -> 'lowered' ? p.id::text
               and p.contact_id = loser_id
               and p.deleted_at is null;
            update crm.contact_companies as c
               set is_primary = true
             where c.agency_id = agency
               and past.moved -> 'lowered' ? c.id::text
               and c.contact_id = loser_id
               and c.ended_on is null;

            for link in
                select d ->> 'table' as table_name, d -> 'row' as was
                  from jsonb_array_elements(past.moved -> 'dropped') as d
            loop
                -- the tag, the deal, the company may be gone, or somebody made the same link again
                begin
                    case link.table_name
                        when 'crm.record_tags' then
                            insert into crm.record_tags
                            select (jsonb_populate_record(null::crm.record_tags, link.was)).*;
                        when 'crm.deal_contacts' then
                            insert into crm.deal_contacts
                            select (jsonb_populate_record(null::crm.deal_contacts, link.was)).*;
                        when 'crm.contact_companies' then
                            insert into crm.contact_companies
                            select (jsonb_populate_record(null::crm.contact_companies, link.was)).*;
                        when 'crm.participants' then
                            insert into crm.participants
                            select (jsonb_populate_record(null::crm.participants, link.was)).*;
                    end case;
                exception
                    when foreign_key_violation or unique_violation then
                        lost := lost || jsonb_build_object('table', link.table_name, 'row', link.was);
                end;
            end loop;

            update crm.merge_records as m
               set undone_at = now(),
                   undone_by_id = proof.membership_id
             where m.agency_id = agency
               and m.id = past.id;
            return jsonb_build_object(
                'changed_since', way.changed_since,
                'stayed', (
                    select coalesce(jsonb_object_agg(s.place, s.ids), '{}')
                      from (
                          select c.key as place, jsonb_agg(i.id) as ids
                            from jsonb_each(past.moved -> 'children') as c
                           cross join lateral jsonb_array_elements_text(c.value) as i (id)
                           where not coalesce(children -> c.key ? i.id, false)
                           group by c.key
                      ) as s
                ),
                'lost', lost
            );
        end;
        $function$;

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        drop function app.scrub_agents(agency uuid, pattern text, loose text);
        """
    )
    execute(
        r"""
        set local role gardenos_eraser;

        CREATE OR REPLACE FUNCTION app.remove_due(entity text, max_rows integer)
         RETURNS bigint
         LANGUAGE plpgsql
         SECURITY DEFINER
         SET search_path TO 'pg_catalog', 'pg_temp'
        AS $function$
        declare
            agency uuid := app.agency_id();
            policy governance.retention_policies;
            since bigint;
            due uuid[];
            known jsonb;
            contact uuid;
        begin
            if agency is null or session_user <> 'gardenos_worker' then
                raise exception 'Retention is the work of a worker that is bound to an agency.'
                    using errcode = '42501';
            end if;
            select * into policy
              from governance.retention_policies as p
             where p.agency_id = agency
               and p.entity = remove_due.entity;
            if policy.id is null or policy.legal_hold or app.due_rows(policy.entity) is null then
                return 0;
            end if;
            execute 'select array_agg(d.id) from (select t.id ' || app.due_rows(policy.entity)
                || ' order by t.id limit $3) as d'
                into due
                using agency, policy.keep, max_rows;
            if due is null then
                return 0;
            end if;
            if policy.entity = 'crm.contacts' then
                since := audit.last_change(agency);
                foreach contact in array due loop
                    known := app.erase_contact(agency, contact);
                    perform audit.erase(
                        agency,
                        since,
                        array(select jsonb_array_elements_text(known -> 'people'))::uuid[],
                        known -> 'records',
                        null,
                        null
                    );
                end loop;
            elsif policy.entity = 'integration.import_rows' and policy.action = 'anonymise' then
                update integration.import_rows as r
                   set raw = null,
                       before = null,
                       error_message = null
                 where r.agency_id = agency
                   and r.id = any(due);
            else
                execute format('delete from %s as t where t.agency_id = $1 and t.id = any($2)', policy.entity)
                    using agency, due;
            end if;
            return cardinality(due);
        end;
        $function$;

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        drop function app.prune_threads(older_than interval, max_threads integer);
        """
    )
    execute(
        r"""
        CREATE OR REPLACE FUNCTION app.personal_columns()
         RETURNS TABLE(table_name text, column_name text, mark text, is_json boolean, is_unique boolean)
         LANGUAGE plpgsql
         STABLE
         SET search_path TO 'pg_catalog', 'pg_temp'
        AS $function$
        begin
            return query
            select
                c.oid::regclass::text,
                a.attname::text,
                split_part(col_description(c.oid, a.attnum), ':', 1),
                coalesce(nullif(t.typbasetype, 0), t.oid) = 'jsonb'::regtype,
                exists (
                    select 1
                      from pg_index as i
                     where i.indrelid = c.oid
                       and i.indisunique
                       and (
                           a.attnum = any(i.indkey::smallint[])
                           or exists (
                               select 1
                                 from pg_depend as d
                                where d.classid = 'pg_class'::regclass
                                  and d.objid = i.indexrelid
                                  and d.refclassid = 'pg_class'::regclass
                                  and d.refobjid = c.oid
                                  and d.refobjsubid = a.attnum
                           )
                       )
                )
              from pg_class as c
              join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
              join pg_type as t on t.oid = a.atttypid
             where c.relnamespace::regnamespace::text in (
                       'tenancy', 'crm', 'ai', 'integration', 'governance', 'langgraph'
                   )
               and c.relkind in ('r', 'p')
               and not c.relispartition
               and a.attgenerated = ''
               and split_part(col_description(c.oid, a.attnum), ':', 1) in ('personal', 'free text')
               and exists (
                   select 1
                     from pg_attribute as k
                    where k.attrelid = c.oid
                      and k.attname = 'agency_id'
                      and not k.attisdropped
               )
             order by 1, a.attnum;
        end;
        $function$;
        """
    )
    execute(
        r"""
        CREATE OR REPLACE FUNCTION app.perform_erasure(agency uuid, request uuid, confirmed jsonb DEFAULT '[]'::jsonb)
         RETURNS jsonb
         LANGUAGE plpgsql
         SET search_path TO 'pg_catalog', 'pg_temp'
        AS $function$
        declare
            since bigint := audit.last_change(agency);
            asked governance.erasure_requests;
            known jsonb;
            names text[];
            addresses text[];
            phones text[];
            pattern text;
            loose text;
            named text;
            named_loose text;
            found record;
            decided record;
            hits jsonb := '[]';
            settled jsonb := '[]';
            replaced jsonb := '{}';
            emptied bigint;
            hashes jsonb;
        begin
            select * into asked
              from governance.erasure_requests as r
             where r.agency_id = agency
               and r.id = request
               for update;
            known := case asked.subject_kind
                when 'contact' then app.erase_contact(agency, asked.subject_id, request)
                else app.erase_member(agency, asked.subject_id)
            end;
            names := array(select jsonb_array_elements_text(known -> 'names'));
            addresses := array(select jsonb_array_elements_text(known -> 'addresses'));
            phones := array(select jsonb_array_elements_text(known -> 'phones'));
            pattern := app.address_pattern(addresses, phones);
            loose := app.address_pattern(addresses, phones, true);
            named := app.name_pattern(names);
            named_loose := app.name_pattern(names, true);

            for found in
                select m.place, m.field, m.ids
                  from app.find_mentions(agency, pattern, loose) as m
                 where pattern is not null
            loop
                if found.place = 'crm.contact_points' then
                    delete from crm.contact_points as p
                     where p.agency_id = agency
                       and p.id = any(found.ids)
                       and p.deleted_at is not null;
                    found.ids := array(
                        select p.id
                          from crm.contact_points as p
                         where p.agency_id = agency
                           and p.id = any(found.ids)
                    );
                end if;
                if found.place in ('crm.contact_points', 'tenancy.memberships', 'tenancy.invitations')
                    or (found.place, found.field) in (('crm.files', 'object_path'), ('crm.messages', 'body_html_path')) then
                    if found.ids <> '{}' then
                        hits := hits || jsonb_build_object('table', found.place, 'column', found.field, 'ids', found.ids);
                    end if;
                elsif found.place = 'integration.import_rows' then
                    update integration.import_rows as r
                       set raw = null,
                           before = null,
                           error_message = null
                     where r.agency_id = agency
                       and r.id = any(found.ids);
                else
                    perform app.settle_mention(agency, found.place, found.field, i.id, pattern)
                       from unnest(found.ids) as i (id);
                end if;
                replaced := replaced || jsonb_build_object(found.place || '.' || found.field, cardinality(found.ids));
            end loop;

            for found in
                select m.place, m.field, m.ids
                  from app.find_mentions(agency, named, named_loose) as m
                 where named is not null
            loop
                if found.place = 'governance.erasure_requests' then
                    perform app.settle_mention(agency, found.place, found.field, r.id, named)
                       from governance.erasure_requests as r
                      where r.agency_id = agency
                        and r.subject_id = asked.subject_id
                        and r.id = any(found.ids);
                    found.ids := array(
                        select r.id
                          from governance.erasure_requests as r
                         where r.agency_id = agency
                           and r.subject_id <> asked.subject_id
                           and r.id = any(found.ids)
                    );
                end if;
                found.ids := array(
                    select i.id
                      from unnest(found.ids) as i (id)
                     where not exists (
                         select 1
                           from jsonb_array_elements(hits) as h
                          where h ->> 'table' = found.place
                            and h ->> 'column' = found.field
                            and h -> 'ids' ? i.id::text
                     )
                );
                if found.ids <> '{}' then
                    hits := hits || jsonb_build_object('table', found.place, 'column', found.field, 'ids', found.ids);
                end if;
            end loop;

            emptied := audit.erase(
                agency,
                since,
                array(select jsonb_array_elements_text(known -> 'people'))::uuid[],
                known -> 'records',
                pattern,
                loose
            );
            if named is not null then
                select hits || coalesce(
                    jsonb_agg(jsonb_build_object('table', t.record_table, 'column', 'trail', 'ids', t.ids)), '[]'
                )
                  into hits
                  from (
                      select m.record_table, array_agg(m.record_id order by m.record_id) as ids
                        from audit.mentions(agency, named, named_loose) as m
                       where not exists (
                           select 1
                             from jsonb_array_elements(hits) as h
                            where h ->> 'table' = m.record_table
                              and h -> 'ids' ? m.record_id::text
                       )
                       group by m.record_table
                  ) as t;
            end if;

            for decided in
                select c ->> 'table' as place, c ->> 'column' as field, (c ->> 'id')::uuid as id
                  from jsonb_array_elements(confirmed || coalesce(asked.report -> 'confirmed', '[]')) as c
            loop
                perform app.settle_mention(agency, decided.place, decided.field, decided.id, coalesce(named, pattern));
                settled := settled || jsonb_build_object(
                    'table', decided.place, 'column', decided.field, 'id', decided.id
                );
                hits := app.without_hit(hits, decided.place, decided.field, decided.id);
            end loop;
            if (select sum(jsonb_array_length(h -> 'ids')) from jsonb_array_elements(hits) as h) > 5000 then
                raise exception 'This erasure finds more than 5000 mentions, more than a person can decide.'
                    using errcode = '54000',
                    hint = 'Is the name of the contact a common word? Give it the name of the person first.';
            end if;

            hashes := case
                when hits <> '[]' then (
                    select jsonb_agg(
                        distinct jsonb_build_object(
                            'words', cardinality(app.name_words(n.name)), 'hash', app.name_hash(request, n.name)
                        )
                    )
                      from unnest(names) as n (name)
                )
            end;
            if asked.executed_at is not null and hits = '[]' then
                hits := coalesce(asked.report -> 'hits', '[]');
                hashes := asked.report -> 'names';
            end if;
            update governance.erasure_requests as r
               set status = (case when hits = '[]' then 'done' else 'running' end)::app.erasure_status,
                   executed_at = coalesce(r.executed_at, now()),
                   report = jsonb_strip_nulls(
                       jsonb_build_object(
                           'rows', case when r.executed_at is null then known -> 'rows' else r.report -> 'rows' end,
                           'replaced', case when r.executed_at is null then replaced else r.report -> 'replaced' end,
                           'trail', case when r.executed_at is null then to_jsonb(emptied) else r.report -> 'trail' end,
                           'kept', r.report -> 'kept',
                           'confirmed', settled,
                           'hits', hits,
                           'names', hashes
                       )
                   )
             where r.agency_id = agency
               and r.id = request
            returning r.report into known;
            perform app.tell_erasure(agency, request);
            return known - 'names';
        end;
        $function$;
        """
    )
    execute(
        r"""
        drop function app.move_items(agency uuid, kind text, from_id uuid, to_id uuid, only_these jsonb);
        """
    )
    execute(
        r"""
        set local role gardenos_merger;

        CREATE OR REPLACE FUNCTION app.merge_contacts(winner uuid, loser uuid, choices jsonb DEFAULT '{}'::jsonb)
         RETURNS uuid
         LANGUAGE plpgsql
         SECURITY DEFINER
         SET search_path TO 'pg_catalog', 'pg_temp'
        AS $function$
        declare
            proof record := app.proof();
            agency uuid := proof.agency_id;
            reach app.record_scope;
            kept crm.contacts;
            gone crm.contacts;
            merged crm.contacts;
            changes jsonb;
            dropped jsonb;
            stay uuid[];
            lowered_points uuid[];
            lowered_jobs uuid[];
            raised_jobs uuid[];
            new_id uuid := app.uuid_v7();
        begin
            if winner = loser then
                raise exception 'A contact is not merged with itself.'
                    using errcode = '22023';
            end if;
            if not app.can_merge() then
                raise exception 'You may not merge: it takes a manager, or a member with the capability "merge".'
                    using errcode = '42501';
            end if;
            reach := app.reach(
                'crm.contacts:update', agency => '{owner,admin}', scope => '{manager}', own => '{member}'
            );
            perform pg_advisory_xact_lock(hashtextextended('app.merge ' || agency, 0));
            perform 1
               from crm.contacts as c
              where c.agency_id = agency
                and c.id in (winner, loser)
              order by c.id
                for update;
            select c.* into kept
              from crm.contacts as c
             where c.agency_id = agency
               and c.id = winner
               and app.is_in_reach(reach, c.owner_id, c.team_id);
            select c.* into gone
              from crm.contacts as c
             where c.agency_id = agency
               and c.id = loser
               and app.is_in_reach(reach, c.owner_id, c.team_id);
            if kept.id is null or gone.id is null then
                raise exception 'You may not change both contacts, or one of them is not there.'
                    using errcode = '42501';
            end if;
            if kept.deleted_at is not null or gone.deleted_at is not null then
                raise exception 'Contact % is deleted or was merged meanwhile.',
                    case when kept.deleted_at is not null then winner else loser end
                    using errcode = 'PT409',
                    hint = 'Read both again.';
            end if;
            if kept.anonymised_at is not null or gone.anonymised_at is not null then
                raise exception 'A contact that was erased is not merged.'
                    using errcode = 'PT403';
            end if;

            -- a login that ended stays with its contact; of two that live, neither can be dropped
            stay := array(
                select m.id
                  from tenancy.memberships as m
                 where m.agency_id = agency
                   and m.contact_id = loser
                   and m.status = 'removed'
                   and exists (
                       select 1
                         from tenancy.memberships as o
                        where o.agency_id = agency
                          and o.contact_id = winner
                   )
            );
            if exists (
                select 1
                  from tenancy.memberships as m
                  join tenancy.memberships as o
                    on o.agency_id = agency
                   and o.contact_id = winner
                 where m.agency_id = agency
                   and m.contact_id = loser
                   and m.status <> 'removed'
            ) then
                raise exception 'Both contacts have a login of their own, and only one can stay.'
                    using errcode = 'PT409',
                    hint = 'Let the contact win whose login is in use, and remove the membership of the other first.';
            end if;
            -- a switchboard that both have; it comes back with the loser
            stay := stay || array(
                select p.id
                  from crm.contact_points as p
                  join crm.contact_points as o
                    on o.agency_id = agency
                   and o.contact_id = winner
                   and o.kind = p.kind
                   and o.value_norm = p.value_norm
                   and o.deleted_at is null
                 where p.agency_id = agency
                   and p.contact_id = loser
                   and p.deleted_at is null
            );

            changes := app.merged_values(to_jsonb(kept), to_jsonb(gone), app.merge_fields('contact'), choices);
            if gone.do_not_contact and not kept.do_not_contact then
                changes := changes || '{"do_not_contact": true}';
            end if;

            with
            tags as (
                delete from crm.record_tags as l
                 using crm.record_tags as w
                 where l.agency_id = agency and l.contact_id = loser
                   and w.agency_id = agency and w.contact_id = winner
                   and w.tag_id = l.tag_id
                returning 'crm.record_tags' as table_name, to_jsonb(l) as link
            ),
            deals as (
                delete from crm.deal_contacts as l
                 using crm.deal_contacts as w
                 where l.agency_id = agency and l.contact_id = loser
                   and w.agency_id = agency and w.contact_id = winner
                   and w.deal_id = l.deal_id
                returning 'crm.deal_contacts' as table_name, to_jsonb(l) as link
            ),
            jobs as (
                delete from crm.contact_companies as l
                 using crm.contact_companies as w
                 where l.agency_id = agency and l.contact_id = loser and l.ended_on is null
                   and w.agency_id = agency and w.contact_id = winner and w.ended_on is null
                   and w.company_id = l.company_id
                returning 'crm.contact_companies' as table_name, to_jsonb(l) as link
            ),
            participants as (
                delete from crm.participants as l
                 using crm.participants as w
                 where l.agency_id = agency and l.contact_id = loser
                   and w.agency_id = agency and w.contact_id = winner
                   and (w.conversation_id = l.conversation_id or w.calendar_event_id = l.calendar_event_id)
                returning 'crm.participants' as table_name, to_jsonb(l) as link
            )
            select coalesce(
                jsonb_agg(jsonb_build_object('table', d.table_name, 'row', d.link) order by d.table_name, d.link ->> 'id'),
                '[]'
            )
              into dropped
              from (
                  select * from tags union all
                  select * from deals union all
                  select * from jobs union all
                  select * from participants
              ) as d;

            with changed as (
                update crm.contact_companies as w
                   set is_primary = true
                 where w.agency_id = agency and w.contact_id = winner and w.ended_on is null
                   and exists (
                       select 1
                         from jsonb_array_elements(dropped) as d
                        where d ->> 'table' = 'crm.contact_companies'
                          and (d -> 'row' ->> 'company_id')::uuid = w.company_id
                          and (d -> 'row' ->> 'is_primary')::boolean
                   )
                   and not exists (
                       select 1
                         from crm.contact_companies as o
                        where o.agency_id = agency and o.contact_id = winner and o.ended_on is null
                          and o.is_primary
                   )
                returning w.id
            )
            select array_agg(c.id) into raised_jobs from changed as c;
            with changed as (
                update crm.contact_companies as l
                   set is_primary = false
                 where l.agency_id = agency and l.contact_id = loser and l.ended_on is null and l.is_primary
                   and exists (
                       select 1
                         from crm.contact_companies as w
                        where w.agency_id = agency and w.contact_id = winner and w.ended_on is null
                          and w.is_primary
                   )
                returning l.id
            )
            select array_agg(c.id) into lowered_jobs from changed as c;
            with changed as (
                update crm.contact_points as l
                   set is_primary = false
                 where l.agency_id = agency and l.contact_id = loser and l.deleted_at is null and l.is_primary
                   and l.id <> all(stay)
                   and exists (
                       select 1
                         from crm.contact_points as w
                        where w.agency_id = agency and w.contact_id = winner and w.deleted_at is null
                          and w.is_primary
                          and w.kind = l.kind
                   )
                returning l.id
            )
            select array_agg(c.id) into lowered_points from changed as c;

            insert into crm.merge_records (
                agency_id, id, entity, winner_contact_id, loser_contact_id, snapshot, moved, merged_by_id, created_by
            )
            values (
                agency,
                new_id,
                'contact',
                winner,
                loser,
                jsonb_build_object('winner', to_jsonb(kept) - 'search', 'loser', to_jsonb(gone) - 'search'),
                jsonb_build_object(
                    'values', changes,
                    'children', app.point_children(agency, 'crm.contacts', loser, winner, stay),
                    'dropped', dropped,
                    'lowered', coalesce(lowered_points, '{}') || coalesce(lowered_jobs, '{}'),
                    'raised', coalesce(raised_jobs, '{}'),
                    'earlier', array(
                        select r.id
                          from crm.merge_records as r
                         where r.agency_id = agency
                           and r.winner_contact_id = winner
                           and r.undone_at is null
                    )
                ),
                proof.membership_id,
                proof.membership_id
            );

            update crm.contacts as c
               set deleted_at = now(),
                   merged_into_id = winner
             where c.agency_id = agency
               and c.id = loser;
            merged := jsonb_populate_record(kept, changes);
            update crm.contacts as c
               set full_name = merged.full_name,
                   first_name = merged.first_name,
                   last_name = merged.last_name,
                   job_title = merged.job_title,
                   lifecycle_id = merged.lifecycle_id,
                   source_id = merged.source_id,
                   locale = merged.locale,
                   timezone = merged.timezone,
                   owner_id = merged.owner_id,
                   team_id = merged.team_id,
                   do_not_contact = merged.do_not_contact,
                   custom = merged.custom
             where c.agency_id = agency
               and c.id = winner;
            return new_id;
        end;
        $function$;

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_merger;

        CREATE OR REPLACE FUNCTION app.merge_companies(winner uuid, loser uuid, choices jsonb DEFAULT '{}'::jsonb)
         RETURNS uuid
         LANGUAGE plpgsql
         SECURITY DEFINER
         SET search_path TO 'pg_catalog', 'pg_temp'
        AS $function$
        declare
            proof record := app.proof();
            agency uuid := proof.agency_id;
            reach app.record_scope;
            kept crm.companies;
            gone crm.companies;
            merged crm.companies;
            changes jsonb;
            dropped jsonb;
            raised_jobs uuid[];
            new_id uuid := app.uuid_v7();
        begin
            if winner = loser then
                raise exception 'A company is not merged with itself.'
                    using errcode = '22023';
            end if;
            if not app.can_merge() then
                raise exception 'You may not merge: it takes a manager, or a member with the capability "merge".'
                    using errcode = '42501';
            end if;
            reach := app.reach(
                'crm.companies:update', agency => '{owner,admin}', scope => '{manager}', own => '{member}'
            );
            perform pg_advisory_xact_lock(hashtextextended('app.merge ' || agency, 0));
            perform 1
               from crm.companies as c
              where c.agency_id = agency
                and c.id in (winner, loser)
              order by c.id
                for update;
            select c.* into kept
              from crm.companies as c
             where c.agency_id = agency
               and c.id = winner
               and app.is_in_reach(reach, c.owner_id, c.team_id);
            select c.* into gone
              from crm.companies as c
             where c.agency_id = agency
               and c.id = loser
               and app.is_in_reach(reach, c.owner_id, c.team_id);
            if kept.id is null or gone.id is null then
                raise exception 'You may not change both companies, or one of them is not there.'
                    using errcode = '42501';
            end if;
            if kept.deleted_at is not null or gone.deleted_at is not null then
                raise exception 'Company % is deleted or was merged meanwhile.',
                    case when kept.deleted_at is not null then winner else loser end
                    using errcode = 'PT409',
                    hint = 'Read both again.';
            end if;

            changes := app.merged_values(to_jsonb(kept), to_jsonb(gone), app.merge_fields('company'), choices);

            with
            tags as (
                delete from crm.record_tags as l
                 using crm.record_tags as w
                 where l.agency_id = agency and l.company_id = loser
                   and w.agency_id = agency and w.company_id = winner
                   and w.tag_id = l.tag_id
                returning 'crm.record_tags' as table_name, to_jsonb(l) as link
            ),
            jobs as (
                delete from crm.contact_companies as l
                 using crm.contact_companies as w
                 where l.agency_id = agency and l.company_id = loser and l.ended_on is null
                   and w.agency_id = agency and w.company_id = winner and w.ended_on is null
                   and w.contact_id = l.contact_id
                returning 'crm.contact_companies' as table_name, to_jsonb(l) as link
            )
            select coalesce(
                jsonb_agg(jsonb_build_object('table', d.table_name, 'row', d.link) order by d.table_name, d.link ->> 'id'),
                '[]'
            )
              into dropped
              from (
                  select * from tags union all
                  select * from jobs
              ) as d;
            with changed as (
                update crm.contact_companies as w
                   set is_primary = true
                 where w.agency_id = agency and w.company_id = winner and w.ended_on is null
                   and exists (
                       select 1
                         from jsonb_array_elements(dropped) as d
                        where d ->> 'table' = 'crm.contact_companies'
                          and (d -> 'row' ->> 'contact_id')::uuid = w.contact_id
                          and (d -> 'row' ->> 'is_primary')::boolean
                   )
                returning w.id
            )
            select array_agg(c.id) into raised_jobs from changed as c;

            insert into crm.merge_records (
                agency_id, id, entity, winner_company_id, loser_company_id, snapshot, moved, merged_by_id, created_by
            )
            values (
                agency,
                new_id,
                'company',
                winner,
                loser,
                jsonb_build_object('winner', to_jsonb(kept) - 'search', 'loser', to_jsonb(gone) - 'search'),
                jsonb_build_object(
                    'values', changes,
                    'children', app.point_children(agency, 'crm.companies', loser, winner),
                    'dropped', dropped,
                    'lowered', '{}'::uuid[],
                    'raised', coalesce(raised_jobs, '{}'),
                    'earlier', array(
                        select r.id
                          from crm.merge_records as r
                         where r.agency_id = agency
                           and r.winner_company_id = winner
                           and r.undone_at is null
                    )
                ),
                proof.membership_id,
                proof.membership_id
            );

            -- the loser first: it gives its domain up
            update crm.companies as c
               set deleted_at = now(),
                   merged_into_id = winner
             where c.agency_id = agency
               and c.id = loser;
            merged := jsonb_populate_record(kept, changes);
            update crm.companies as c
               set name = merged.name,
                   domain = merged.domain,
                   industry_id = merged.industry_id,
                   employees = merged.employees,
                   annual_revenue = merged.annual_revenue,
                   currency = merged.currency,
                   street = merged.street,
                   city = merged.city,
                   region = merged.region,
                   postal_code = merged.postal_code,
                   country = merged.country,
                   owner_id = merged.owner_id,
                   team_id = merged.team_id,
                   custom = merged.custom
             where c.agency_id = agency
               and c.id = winner;
            return new_id;
        end;
        $function$;

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        drop function app.may_as_agent(action text);
        """
    )
    execute(
        r"""
        -- What a new agency begins with: a pipeline, and how long it keeps what was deleted. All of it is the
        -- agency's to change.
        create or replace function app.furnish_agency(agency uuid)
        returns void
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            pipeline uuid := app.uuid_v7();
        begin
            insert into crm.pipelines (agency_id, id, name, is_default)
            values (agency, pipeline, 'Sales', true);
            insert into crm.pipeline_stages (agency_id, pipeline_id, name, position, probability, outcome)
            values
            (agency, pipeline, 'New', 0, 10, 'open'),
            (agency, pipeline, 'Qualified', 1, 30, 'open'),
            (agency, pipeline, 'Proposal', 2, 60, 'open'),
            (agency, pipeline, 'Won', 3, 100, 'won'),
            (agency, pipeline, 'Lost', 4, 0, 'lost');
            insert into governance.retention_policies (agency_id, entity, keep, action)
            values
            (agency, 'crm.companies', '30 days', 'delete'),
            (agency, 'crm.contacts', '30 days', 'anonymise'),
            (agency, 'crm.contact_points', '30 days', 'delete'),
            (agency, 'crm.deals', '30 days', 'delete'),
            (agency, 'crm.activities', '30 days', 'delete'),
            (agency, 'crm.conversations', '30 days', 'delete'),
            (agency, 'crm.messages', '30 days', 'delete'),
            (agency, 'crm.calendar_events', '30 days', 'delete'),
            (agency, 'crm.files', '30 days', 'delete'),
            (agency, 'ai.memories', '30 days', 'delete'),
            (agency, 'integration.import_rows', '90 days', 'anonymise'),
            (agency, 'integration.webhook_deliveries', '30 days', 'delete'),
            (agency, 'ai.agent_runs', '90 days', 'delete');
        end;
        $function$;

        revoke all on function app.furnish_agency(uuid) from public;
        grant execute on function app.furnish_agency(uuid) to
            gardenos_tenancy_writer;

        comment on function app.furnish_agency(uuid) is
        'Gives a new agency its pipeline and its retention policies.';
        """
    )
    execute(
        r"""
        -- Takes a former member out of the tables of an agency: the row stays, because history points to it, without
        -- a name. Records that it wrote are the agency's; what agents remember about it goes. Answers as
        -- app.erase_contact does.
        create or replace function app.erase_member(agency uuid, member uuid)
        returns jsonb
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            known record;
            touched bigint;
            remembered bigint;
        begin
            select m.user_id, m.status, m.display_name, m.work_email, u.email, u.full_name, u.status as user_status
              into known
              from tenancy.memberships as m
              join tenancy.users as u on u.id = m.user_id
             where m.agency_id = agency
               and m.id = member
               for update of m;
            if known.status <> 'removed' then
                raise exception 'Member % is not erased: it still is a member.', member
                    using errcode = 'PT409',
                    hint = 'Call app.remove_member first, with an heir for its records.';
            end if;
            update tenancy.memberships as m
               set display_name = 'erased',
                   job_title = null,
                   work_email = null,
                   avatar_path = null
             where m.agency_id = agency
               and m.id = member
               and m.display_name <> 'erased';
            get diagnostics touched = row_count;
            delete from ai.memories as m
             where m.agency_id = agency
               and m.membership_id = member;
            get diagnostics remembered = row_count;
            delete from tenancy.invitations as i
             where i.agency_id = agency
               and (i.accepted_by_id = member or i.email in (known.work_email, known.email));
            return jsonb_build_object(
                'people', '[]'::jsonb,
                'addresses', array_remove(array[known.work_email::text, known.email::text], null),
                'phones', '[]'::jsonb,
                'names', array(
                    select distinct n.name
                      from unnest(array[known.display_name::text, known.full_name::text]) as n (name)
                     where length(n.name) >= 3
                       and n.name <> 'erased'
                ),
                'logins', array_remove(array[known.user_id], null),
                'records', jsonb_build_array(jsonb_build_object('table', 'tenancy.memberships', 'id', member)),
                'rows', jsonb_build_object('tenancy.memberships', touched, 'ai.memories', remembered)
                    || app.erase_logins(array[known.user_id])
            );
        end;
        $function$;

        revoke all on function app.erase_member(uuid, uuid) from public;
        grant execute on function app.erase_member(uuid, uuid) to
            gardenos_eraser;

        comment on function app.erase_member(uuid, uuid) is
        'Takes a former member out of the tables of its agency; answers what it was known by.';
        """
    )
    execute(
        r"""
        -- Which rows of a table are kept for longer than an agency wants, as the text of a query with the agency as
        -- $1 and the time as $2: the one definition for counting them and for removing them. What was deleted is kept
        -- from then on; a memory also from when it expired or was superseded; lines of imports, attempts to deliver and
        -- runs of agents from their end, and a run that never ended from its last change. What belongs to a person on
        -- legal hold is never due, nor is a contact that was merged: it goes with the one that is left. Null for a
        -- table that retention does not know.
        create or replace function app.due_rows(entity text)
        returns text
        language plpgsql
        immutable
        parallel safe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            whose constant text := case entity
                when 'crm.contacts' then 't.id'
                when 'crm.messages' then '(select c.contact_id from crm.conversations as c'
                    || ' where c.agency_id = t.agency_id and c.id = t.conversation_id)'
                when 'crm.contact_points' then 't.contact_id'
                when 'crm.activities' then 't.contact_id'
                when 'crm.conversations' then 't.contact_id'
                when 'crm.files' then 't.contact_id'
                when 'integration.import_rows' then 't.contact_id'
                when 'ai.memories' then 't.contact_id'
                when 'ai.agent_runs' then '(select c.contact_id from crm.conversations as c'
                    || ' where c.agency_id = t.agency_id and c.id = t.conversation_id)'
                when 'ai.agent_steps' then '(select c.contact_id from ai.agent_runs as r'
                    || ' join crm.conversations as c on c.agency_id = r.agency_id and c.id = r.conversation_id'
                    || ' where r.agency_id = t.agency_id and r.id = t.run_id)'
            end;
        begin
            return 'from ' || entity || ' as t where t.agency_id = $1 and ' || case
                when entity = 'crm.contacts'
                    then 't.deleted_at < now() - $2 and t.anonymised_at is null and t.merged_into_id is null'
                when entity = 'crm.companies'
                    -- a merge can be undone for thirty days
                    then 't.deleted_at < now() - case when t.merged_into_id is null then $2'
                        || ' else greatest($2, interval ''31 days'') end'
                when entity in (
                    'crm.contact_points', 'crm.deals', 'crm.activities', 'crm.conversations', 'crm.messages',
                    'crm.calendar_events', 'crm.files'
                )
                    then 't.deleted_at < now() - $2'
                when entity = 'ai.memories'
                    then '(least(t.deleted_at, t.expires_at) < now() - $2'
                        || ' or (t.superseded_by_id is not null and t.updated_at < now() - $2))'
                when entity = 'integration.import_rows'
                    then 'num_nonnulls(t.raw, t.before, t.error_message) > 0 and exists (select 1'
                        || ' from integration.import_jobs as j where j.agency_id = t.agency_id and j.id = t.job_id'
                        || ' and j.finished_at < now() - $2 and (j.revert_until is null or j.revert_until < now()))'
                when entity = 'integration.import_jobs'
                    then 't.finished_at < now() - $2 and (t.revert_until is null or t.revert_until < now())'
                when entity = 'integration.webhook_deliveries'
                    then 't.status in (''delivered'', ''dead'')'
                        || ' and coalesce(t.delivered_at, t.next_attempt_at) < now() - $2'
                when entity = 'ai.agent_runs'
                    then 'coalesce(t.finished_at, t.updated_at) < now() - $2'
                when entity = 'ai.agent_steps'
                    then 'exists (select 1 from ai.agent_runs as r where r.agency_id = t.agency_id'
                        || ' and r.id = t.run_id and coalesce(r.finished_at, r.updated_at) < now() - $2)'
            end || coalesce(
                ' and not exists (select 1 from governance.erasure_requests as h where h.agency_id = t.agency_id'
                || ' and h.legal_hold and h.subject_kind = ''contact'' and h.subject_id = ' || whose || ')',
                ''
            );
        end;
        $function$;

        revoke all on function app.due_rows(text) from public;
        grant execute on function app.due_rows(text) to
            authenticated,
            service_role,
            gardenos_worker,
            gardenos_tenancy_writer,
            gardenos_eraser;

        comment on function app.due_rows(text) is
        'The rows of a table that are kept for too long, as the text of a query; null for an unknown table.';
        """
    )
    execute(
        r"""
        CREATE OR REPLACE FUNCTION app.children_of(record_table regclass)
         RETURNS TABLE(table_name text, column_name text)
         LANGUAGE plpgsql
         STABLE
         SET search_path TO 'pg_catalog', 'pg_temp'
        AS $function$
        begin
            return query
            select c.conrelid::regclass::text, a.attname::text
              from pg_constraint as c
              join pg_attribute as a
                on a.attrelid = c.conrelid
               and a.attnum = any(c.conkey)
               and a.attname <> 'agency_id'
             where c.contype = 'f'
               and c.confrelid = record_table
               and c.conparentid = 0
               and c.conrelid not in ('crm.consents'::regclass, 'crm.merge_records'::regclass)
             order by 1, 2;
        end;
        $function$;
        """
    )
    execute(
        r"""
        set local role gardenos_crm_writer;

        drop function app.check_thread();

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- A policy that nothing keeps to would be a promise that is broken in silence: only tables and actions that
        -- retention knows.
        create or replace function app.check_retention()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            if app.due_rows(new.entity) is null then
                raise exception 'Nothing is known about keeping %.', new.entity
                    using errcode = '23514',
                    hint = 'Name a table of records, imports, deliveries or runs, as schema.table.';
            end if;
            if new.entity <> 'integration.import_rows'
                and (new.action = 'anonymise') <> (new.entity = 'crm.contacts') then
                raise exception 'Rows of % are not kept with the action %.', new.entity, new.action
                    using errcode = '23514',
                    hint = 'Contacts are anonymised, because consents point to them; other rows are deleted.';
            end if;
            return new;
        end;
        $function$;

        revoke all on function app.check_retention() from public;

        comment on function app.check_retention() is
        'Refuses a retention policy that nothing would keep to.';
        """
    )
    execute(
        r"""
        drop function app.check_namespace();
        """
    )
