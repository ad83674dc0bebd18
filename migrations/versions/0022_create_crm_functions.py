"""Create the functions that keep the rules of crm

Reason:    stamps alone do not make a CRM: stages, amounts, custom fields, participants, messages and
           what is deleted together follow rules that no client can skip; changes are recorded.
Locks:     none on tables.
Duration:  milliseconds.
Way back:  drops the functions; rows stay as they are.
"""

from migrations.runner.execute import execute

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        -- custom holds what custom_field_defs says, for the kind of record that the trigger names. A field that was
        -- archived keeps its values and asks for none. An agent writes only the fields that are open to agents.
        -- SECURITY DEFINER: whoever writes a record need not be able to read the definitions.
        set local role gardenos_crm_writer;

        create or replace function app.check_custom()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            proof record := app.proof();
            before jsonb := case when tg_op = 'UPDATE' then old.custom else '{}' end;
            found record;
            fault text;
        begin
            for found in
                select
                    coalesce(f.key, d.key) as key,
                    f.value,
                    d.key is not null as is_known,
                    d.data_type,
                    d.options,
                    d.agent_writable,
                    d.required and d.archived_at is null as is_required
                  from jsonb_each(new.custom) as f (key, value)
                  full join (
                      select c.key, c.data_type, c.options, c.agent_writable, c.required, c.archived_at
                        from crm.custom_field_defs as c
                       where c.agency_id = new.agency_id
                         and c.entity = tg_argv [0]::app.entity
                  ) as d
                    on d.key = f.key
            loop
                fault := case
                    when not found.is_known then 'is not a custom field of a ' || tg_argv [0]
                    when found.value is null and found.is_required then 'is required'
                    when found.value is not null and not app.is_value_of(found.data_type, found.options, found.value)
                        then 'must be of type ' || found.data_type
                end;
                if fault is not null then
                    raise exception 'custom: "%" %.', found.key, fault
                        using errcode = '23514',
                        schema = tg_table_schema,
                        table = tg_table_name,
                        column = 'custom',
                        hint = 'The fields are in crm.custom_field_defs. A field without a value is left out.';
                end if;
                if proof.is_person is false and not found.agent_writable and found.value is distinct from before -> found.key then
                    raise exception 'custom: "%" is not written by agents.', found.key
                        using errcode = '42501';
                end if;
            end loop;
            return new;
        end;
        $function$;

        revoke all on function app.check_custom() from public;
        grant execute on function app.check_custom() to
            gardenos_owner;

        comment on function app.check_custom() is
        'Refuses custom fields that do not agree with their definitions.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- The choices of a select field are texts; other fields have none.
        create or replace function app.check_field_options()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            if new.data_type in ('select', 'multi_select') then
                if jsonb_array_length(new.options) = 0 or exists (
                    select 1
                      from jsonb_array_elements(new.options) as o (choice)
                     where jsonb_typeof(o.choice) <> 'string'
                ) then
                    raise exception 'The options of a select field are a list of texts, at least one.'
                        using errcode = '23514';
                end if;
            elsif new.options <> '[]' then
                raise exception 'Only the select types have options.'
                    using errcode = '23514';
            end if;
            return new;
        end;
        $function$;

        revoke all on function app.check_field_options() from public;

        comment on function app.check_field_options() is
        'Refuses options that cannot be chosen.';
        """
    )
    execute(
        r"""
        -- A reference to the lists of short values must be to the right list. The arguments are pairs of column and
        -- list. SECURITY DEFINER: whoever writes a record need not be able to read the lists.
        set local role gardenos_crm_writer;

        create or replace function app.check_lookups()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            changed jsonb := to_jsonb(new);
            value_id uuid;
        begin
            for place in 0 .. tg_nargs - 1 by 2 loop
                value_id := changed ->> tg_argv [place];
                -- a row that is not there is the business of the foreign key
                if exists (
                    select 1
                      from crm.lookup_values as v
                     where v.agency_id = new.agency_id
                       and v.id = value_id
                       and v.kind <> tg_argv [place + 1]::app.lookup_kind
                ) then
                    raise exception '% must be of the list "%".', tg_argv [place], tg_argv [place + 1]
                        using errcode = '23514',
                        schema = tg_table_schema,
                        table = tg_table_name,
                        column = tg_argv [place];
                end if;
            end loop;
            return new;
        end;
        $function$;

        revoke all on function app.check_lookups() from public;
        grant execute on function app.check_lookups() to
            gardenos_owner;

        comment on function app.check_lookups() is
        'Refuses a reference to a value of another list.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- An address that was erased does not come back by a machine: an agent, a key, a service. A person who
        -- types it in has asked. It looks at the row as it was written, because the normalised form is made by the
        -- database. SECURITY DEFINER: nobody who writes an address may look into the list.
        set local role gardenos_crm_writer;

        create or replace function app.check_suppression()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            proof record := app.proof();
        begin
            if proof.is_person and proof.api_key_id is null then
                return null;
            end if;
            if exists (
                select 1
                  from governance.suppressions as s
                 where s.agency_id = new.agency_id
                   and s.kind = new.kind
                   and s.value_hash = app.suppression_hash(new.agency_id, new.kind, new.value_norm)
            ) then
                raise exception 'This % was erased at the wish of its owner, and is only added by a person.',
                    new.kind
                    using errcode = '23514',
                    schema = tg_table_schema,
                    table = tg_table_name,
                    column = 'value';
            end if;
            return null;
        end;
        $function$;

        revoke all on function app.check_suppression() from public;
        grant execute on function app.check_suppression() to
            gardenos_owner;

        comment on function app.check_suppression() is
        'Refuses that a machine brings an erased address back.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- A new record belongs to whoever makes it, unless it names somebody. A service is nobody, and a client
        -- owns nothing: what they make is unassigned.
        create or replace function app.default_owner()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            if app.agency_role() <> 'client' then
                new.owner_id := app.membership_id();
            end if;
            return new;
        end;
        $function$;

        revoke all on function app.default_owner() from public;

        comment on function app.default_owner() is
        'Sets the owner of a new record.';

        -- A new record without a team gets the team that its maker has for that. A client has none.
        create or replace function app.default_team()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            new.team_id := app.default_team_id();
            return new;
        end;
        $function$;

        revoke all on function app.default_team() from public;

        comment on function app.default_team() is
        'Sets the team of a new record.';
        """
    )
    execute(
        r"""
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
        begin
            return (
                select t.id
                  from tenancy.memberships as m
                  join tenancy.teams as t
                    on t.agency_id = m.agency_id
                   and t.id = m.default_team_id
                   and t.deleted_at is null
                 where m.agency_id = app.agency_id()
                   and m.id = app.membership_id()
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
        """
    )
    execute(
        r"""
        -- The addresses of a contact go with it, at the same instant, and come back with it: otherwise a deleted
        -- contact would keep its e-mail address taken. One that somebody else has taken since makes the restore
        -- fail. SECURITY DEFINER: what goes together does not ask whether the writer sees every part.
        set local role gardenos_crm_writer;

        create or replace function app.delete_points()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            if new.deleted_at is not null then
                update crm.contact_points as p
                   set deleted_at = new.deleted_at
                 where p.agency_id = new.agency_id
                   and p.contact_id = new.id
                   and p.deleted_at is null;
            else
                update crm.contact_points as p
                   set deleted_at = null
                 where p.agency_id = new.agency_id
                   and p.contact_id = new.id
                   and p.deleted_at = old.deleted_at;
            end if;
            return null;
        end;
        $function$;

        revoke all on function app.delete_points() from public;
        grant execute on function app.delete_points() to
            gardenos_owner;

        comment on function app.delete_points() is
        'Deletes and restores the addresses of a contact with it.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- What was written stays: no row is deleted and only the columns that the trigger names may change. With
        -- 'cascade' first, rows go when the row that they belong to goes: a foreign key deletes from inside a
        -- trigger.
        create or replace function app.forbid_change()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            if tg_op = 'DELETE' then
                if tg_argv [0] = 'cascade' and pg_trigger_depth() > 1 then
                    return old;
                end if;
            elsif to_jsonb(new) - tg_argv = to_jsonb(old) - tg_argv then
                return new;
            end if;
            raise exception '%.% is append-only: % is refused.', tg_table_schema, tg_table_name, tg_op
                using errcode = '42501';
        end;
        $function$;

        revoke all on function app.forbid_change() from public;

        comment on function app.forbid_change() is
        'Refuses to change or delete what was written.';
        """
    )
    execute(
        r"""
        -- What other rows rely on is settled when the row is made. The trigger's WHEN clause finds the change and
        -- its arguments name the columns, so the function only has to refuse it.
        create or replace function app.forbid_redefinition()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            raise exception 'A row of %.% keeps its % for life.',
                tg_table_schema, tg_table_name, array_to_string(tg_argv, ', ')
                using errcode = 'PT403',
                hint = 'Make another row instead.';
        end;
        $function$;

        revoke all on function app.forbid_redefinition() from public;

        comment on function app.forbid_redefinition() is
        'Refuses to change what other rows rely on.';

        -- Rows that history or other rows point to are archived: they leave the lists, and what they mean stays
        -- known.
        create or replace function app.forbid_removal()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            raise exception 'Rows of %.% are never deleted.', tg_table_schema, tg_table_name
                using errcode = '42501',
                hint = 'Set archived_at instead.';
        end;
        $function$;

        revoke all on function app.forbid_removal() from public;

        comment on function app.forbid_removal() is
        'Refuses to delete a row that is to be archived.';
        """
    )
    execute(
        r"""
        -- An agent works on a record and does not decide whose it is, who sees it, or whether it lives.
        create or replace function app.guard_agent()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            guarded constant text[] := array[
                'owner_id', 'team_id', 'assignee_id', 'visibility', 'deleted_at', 'merged_into_id', 'do_not_contact',
                'anonymised_at'
            ];
            proof record := app.proof();
            named text;
        begin
            -- services prove nothing, and the owner of the table is a foreign key that clears a reference
            if proof.is_person is not false or current_user = 'gardenos_owner' then
                return new;
            end if;
            select n.key
              into named
              from jsonb_each(to_jsonb(new)) as n
             where n.key = any(guarded)
               and n.value is distinct from to_jsonb(old) -> n.key
             order by 1
             limit 1;
            if named is not null then
                raise exception 'An agent does not change % of %.%.', named, tg_table_schema, tg_table_name
                    using errcode = '42501';
            end if;
            return new;
        end;
        $function$;

        revoke all on function app.guard_agent() from public;

        comment on function app.guard_agent() is
        'Refuses that an agent hands over, opens, deletes or merges a record.';
        """
    )
    execute(
        r"""
        -- A contact that was erased stays what it is: as a place that consents and history point to. Only who works
        -- with it may still be cleared.
        create or replace function app.guard_anonymised()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            if (new.full_name, new.first_name, new.last_name, new.job_title, new.locale, new.timezone, new.custom)
                is distinct from
                (old.full_name, old.first_name, old.last_name, old.job_title, old.locale, old.timezone, old.custom)
                or not new.do_not_contact
                or new.anonymised_at is distinct from old.anonymised_at then
                raise exception 'Contact % was erased and is not changed any more.', old.id
                    using errcode = 'PT403',
                    hint = 'Make a new contact if the person comes back.';
            end if;
            return new;
        end;
        $function$;

        revoke all on function app.guard_anonymised() from public;

        comment on function app.guard_anonymised() is
        'Refuses to change a contact that was erased.';
        """
    )
    execute(
        r"""
        -- A client takes consent back in the portal. It gives none there: a form with a text does.
        create or replace function app.guard_consent()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            if app.agency_role() = 'client' and (new.status <> 'withdrawn' or new.source <> 'portal') then
                raise exception 'In the portal consent is withdrawn only.'
                    using errcode = '42501',
                    hint = 'Send status withdrawn and source portal.';
            end if;
            return new;
        end;
        $function$;

        revoke all on function app.guard_consent() from public;

        comment on function app.guard_consent() is
        'Refuses that a client grants consent.';
        """
    )
    execute(
        r"""
        -- A message says who wrote it, whatever the client sent, and keeps to its conversation. People and agents
        -- write drafts and hand them over; from there on only services move a message. An agent's draft waits for a
        -- person. A client writes to the agency, and what it has written has arrived.
        create or replace function app.guard_message()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            proof record := app.proof();
        begin
            if tg_op = 'UPDATE' then
                if new.conversation_id <> old.conversation_id then
                    raise exception 'A message stays in its conversation.'
                        using errcode = 'PT403';
                end if;
                -- a foreign key clears who wrote it
                if new.sender_membership_id is not null then
                    new.sender_membership_id := old.sender_membership_id;
                end if;
                if new.sender_contact_id is not null then
                    new.sender_contact_id := old.sender_contact_id;
                end if;
            end if;
            if current_user <> 'authenticated' then
                return new;
            end if;
            if tg_op = 'INSERT' then
                new.sender_membership_id := proof.membership_id;
                new.sender_contact_id := null;
                if proof.agency_role = 'client' then
                    if new.direction <> 'inbound' then
                        raise exception 'A client writes inbound messages only.'
                            using errcode = '42501';
                    end if;
                    new.sender_membership_id := null;
                    new.sender_contact_id := app.contact_id();
                    new.status := 'received';
                    return new;
                end if;
                if new.direction = 'inbound' then
                    raise exception 'Inbound messages come from outside.'
                        using errcode = '42501';
                end if;
                if new.status not in ('draft', 'queued') then
                    raise exception 'A new message is a draft or queued.'
                        using errcode = '42501';
                end if;
            else
                new.sender_membership_id := old.sender_membership_id;
                new.sender_contact_id := old.sender_contact_id;
                if new.direction <> old.direction then
                    raise exception 'A message keeps its direction.'
                        using errcode = '42501';
                end if;
                if old.status <> 'draft' then
                    raise exception 'A message that was handed over is not changed any more.'
                        using errcode = '42501';
                end if;
                if new.status not in (old.status, 'queued') then
                    raise exception 'A draft is queued; only services move it from there.'
                        using errcode = '42501';
                end if;
            end if;
            if new.status <> 'draft' and not proof.is_person then
                raise exception 'An agent writes drafts; a person sends them.'
                    using errcode = '42501';
            end if;
            return new;
        end;
        $function$;

        revoke all on function app.guard_message() from public;

        comment on function app.guard_message() is
        'Sets the sender of a message and refuses what only services may do to it.';
        """
    )
    execute(
        r"""
        -- A stage stays with its pipeline, and means what it meant while deals are in it: their status comes from
        -- it. Deals that are on the way into it are waited for by the lock of the row, which they take too.
        -- SECURITY DEFINER: a deal that the writer does not see counts too.
        set local role gardenos_crm_writer;

        create or replace function app.guard_stage()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            if new.pipeline_id <> old.pipeline_id then
                raise exception 'A stage stays with its pipeline.'
                    using errcode = 'PT403',
                    hint = 'Make a new stage and archive this one.';
            end if;
            if new.outcome <> old.outcome and exists (
                select 1
                  from crm.deals as d
                 where d.agency_id = old.agency_id
                   and d.pipeline_id = old.pipeline_id
                   and d.stage_id = old.id
            ) then
                raise exception 'There are deals in this stage: its outcome stays %.', old.outcome
                    using errcode = '23514',
                    hint = 'Make a new stage and move the deals there.';
            end if;
            return new;
        end;
        $function$;

        revoke all on function app.guard_stage() from public;
        grant execute on function app.guard_stage() to
            gardenos_owner;

        comment on function app.guard_stage() is
        'Refuses to move a stage, or to change what it means for the deals in it.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Whether the trail may say what was written in a conversation. What is gone says nothing. SECURITY
        -- DEFINER: the writer of the trail reads no table.
        set local role gardenos_crm_writer;

        create or replace function app.is_open_conversation(agency uuid, conversation uuid)
        returns boolean
        language plpgsql
        stable
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            return coalesce(
                (
                    select c.visibility <> 'private'
                      from crm.conversations as c
                     where c.agency_id = agency
                       and c.id = conversation
                ),
                false
            );
        end;
        $function$;

        revoke all on function app.is_open_conversation(uuid, uuid) from public;
        grant execute on function app.is_open_conversation(uuid, uuid) to
            gardenos_audit_writer;

        comment on function app.is_open_conversation(uuid, uuid) is
        'True when a conversation is there and not private.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Whether a value of a custom field is of its type. Dates and times are texts as in ISO 8601, and a time
        -- says its zone: JSON has none of its own. A cast says whether the day exists.
        create or replace function app.is_value_of(data_type app.field_type, options jsonb, value jsonb)
        returns boolean
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            content text := value #>> '{}';
        begin
            case data_type
                when 'number' then
                    return jsonb_typeof(value) = 'number';
                when 'boolean' then
                    return jsonb_typeof(value) = 'boolean';
                when 'multi_select' then
                    return jsonb_typeof(value) = 'array' and value <@ options and not exists (
                        select 1
                          from jsonb_array_elements(value) as e (chosen)
                         group by e.chosen
                        having count(*) > 1
                    );
                when 'select' then
                    return jsonb_typeof(value) = 'string' and options @> jsonb_build_array(value);
                else
                    null;
            end case;
            if jsonb_typeof(value) <> 'string' then
                return false;
            end if;
            case data_type
                when 'text' then
                    return true;
                when 'url' then
                    return length(content) <= 2000 and content ~ '^https?://[^\s]+$';
                when 'email' then
                    perform content::app.email;
                    return true;
                when 'date' then
                    return content ~ '^\d{4}-\d{2}-\d{2}$' and content::date is not null;
                when 'timestamp' then
                    return content ~ '^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})$'
                        and content::timestamptz is not null;
            end case;
        exception
            when data_exception or check_violation then
                return false;
        end;
        $function$;

        revoke all on function app.is_value_of(app.field_type, jsonb, jsonb) from public;
        grant execute on function app.is_value_of(app.field_type, jsonb, jsonb) to
            gardenos_crm_writer;

        comment on function app.is_value_of(app.field_type, jsonb, jsonb) is
        'Whether this value of a custom field is of this type.';
        """
    )
    execute(
        r"""
        -- A deal that has lines is worth their sum, whatever is written. SECURITY DEFINER: a key may be allowed to
        -- write deals and not to read their lines.
        set local role gardenos_crm_writer;

        create or replace function app.keep_amount()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            new.amount := coalesce(
                (
                    select sum(l.line_total)
                      from crm.deal_line_items as l
                     where l.agency_id = new.agency_id
                       and l.deal_id = new.id
                ),
                new.amount
            );
            return new;
        end;
        $function$;

        revoke all on function app.keep_amount() from public;
        grant execute on function app.keep_amount() to
            gardenos_owner;

        comment on function app.keep_amount() is
        'Keeps the amount of a deal that has lines.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- The list of members who take part is counted from crm.participants, by whoever owns that function. A
        -- value that somebody else writes is left out.
        create or replace function app.keep_participants()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            if current_user <> 'gardenos_crm_writer' then
                new.participant_ids := case when tg_op = 'UPDATE' then old.participant_ids else '{}' end;
            end if;
            return new;
        end;
        $function$;

        revoke all on function app.keep_participants() from public;

        comment on function app.keep_participants() is
        'Ignores a list of participants that is written by hand.';
        """
    )
    execute(
        r"""
        -- The live record that has taken a unique value of a deleted one, as far as the caller sees it: for an
        -- address the contact that has it.
        create or replace function app.live_twin(violated text, record_id uuid)
        returns uuid
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            case violated
                when 'companies_domain_key' then
                    return (
                        select l.id
                          from crm.companies as d
                          join crm.companies as l
                            on l.agency_id = d.agency_id
                           and l.domain = d.domain
                           and l.deleted_at is null
                         where d.agency_id = app.agency_id()
                           and d.id = live_twin.record_id
                    );
                when 'contact_points_value_norm_key' then
                    return (
                        select l.contact_id
                          from crm.contact_points as d
                          join crm.contact_points as l
                            on l.agency_id = d.agency_id
                           and l.kind = d.kind
                           and l.value_norm = d.value_norm
                           and l.deleted_at is null
                           and not l.is_shared
                         where d.agency_id = app.agency_id()
                           and live_twin.record_id in (d.id, d.contact_id)
                           and d.deleted_at is not null
                           and not d.is_shared
                         limit 1
                    );
                when 'tags_name_key' then
                    return (
                        select l.id
                          from crm.tags as d
                          join crm.tags as l
                            on l.agency_id = d.agency_id
                           and lower(l.name) = lower(d.name)
                           and l.deleted_at is null
                         where d.agency_id = app.agency_id()
                           and d.id = live_twin.record_id
                    );
                when 'saved_views_name_key' then
                    return (
                        select l.id
                          from crm.saved_views as d
                          join crm.saved_views as l
                            on l.agency_id = d.agency_id
                           and l.owner_id = d.owner_id
                           and l.entity = d.entity
                           and lower(l.name) = lower(d.name)
                           and l.deleted_at is null
                         where d.agency_id = app.agency_id()
                           and d.id = live_twin.record_id
                    );
                when 'pipelines_name_key' then
                    return (
                        select l.id
                          from crm.pipelines as d
                          join crm.pipelines as l
                            on l.agency_id = d.agency_id
                           and lower(l.name) = lower(d.name)
                           and l.deleted_at is null
                         where d.agency_id = app.agency_id()
                           and d.id = live_twin.record_id
                    );
                when 'pipelines_default_key' then
                    return (
                        select l.id
                          from crm.pipelines as d
                          join crm.pipelines as l
                            on l.agency_id = d.agency_id
                           and l.is_default
                           and l.deleted_at is null
                         where d.agency_id = app.agency_id()
                           and d.id = live_twin.record_id
                    );
                when 'products_sku_key' then
                    return (
                        select l.id
                          from crm.products as d
                          join crm.products as l
                            on l.agency_id = d.agency_id
                           and lower(l.sku) = lower(d.sku)
                           and l.deleted_at is null
                         where d.agency_id = app.agency_id()
                           and d.id = live_twin.record_id
                    );
                when 'conversations_external_thread_id_key' then
                    return (
                        select l.id
                          from crm.conversations as d
                          join crm.conversations as l
                            on l.agency_id = d.agency_id
                           and l.channel = d.channel
                           and l.external_thread_id = d.external_thread_id
                           and l.deleted_at is null
                         where d.agency_id = app.agency_id()
                           and d.id = live_twin.record_id
                    );
                when 'calendar_events_external_uid_key' then
                    return (
                        select l.id
                          from crm.calendar_events as d
                          join crm.calendar_events as l
                            on l.agency_id = d.agency_id
                           and l.owner_id = d.owner_id
                           and l.calendar_key = d.calendar_key
                           and l.external_uid = d.external_uid
                           and l.recurrence_id = d.recurrence_id
                           and l.deleted_at is null
                         where d.agency_id = app.agency_id()
                           and d.id = live_twin.record_id
                    );
                when 'teams_name_key' then
                    return (
                        select l.id
                          from tenancy.teams as d
                          join tenancy.teams as l
                            on l.agency_id = d.agency_id
                           and lower(l.name) = lower(d.name)
                           and l.deleted_at is null
                         where d.agency_id = app.agency_id()
                           and d.id = live_twin.record_id
                    );
                when 'webhook_endpoints_url_key' then
                    return (
                        select l.id
                          from integration.webhook_endpoints as d
                          join integration.webhook_endpoints as l
                            on l.agency_id = d.agency_id
                           and l.url = d.url
                           and l.deleted_at is null
                         where d.agency_id = app.agency_id()
                           and d.id = live_twin.record_id
                    );
                else
                    return null;
            end case;
        end;
        $function$;

        revoke all on function app.live_twin(text, uuid) from public;
        grant execute on function app.live_twin(text, uuid) to
            authenticated,
            service_role;

        comment on function app.live_twin(text, uuid) is
        'The live record that keeps a deleted one from being restored; null when the caller does not see it.';
        """
    )
    execute(
        r"""
        grant execute on function app.membership_id() to gardenos_crm_writer;
        """
    )
    execute(
        r"""
        -- When something was last said in a conversation; a draft is not said yet. SECURITY DEFINER: whoever writes
        -- may not be able to change the conversation.
        set local role gardenos_crm_writer;

        create or replace function app.note_message()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            update crm.conversations as c
               set last_message_at = new.sent_at
             where c.agency_id = new.agency_id
               and c.id = new.conversation_id
               and (c.last_message_at is null or c.last_message_at < new.sent_at);
            return null;
        end;
        $function$;

        revoke all on function app.note_message() from public;
        grant execute on function app.note_message() to
            gardenos_owner;

        comment on function app.note_message() is
        'Notes when something was last said in a conversation.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- The members who take part stand in the conversation or the event itself, so that its policy need not ask
        -- this table, which asks it. The row is locked first and counted by a later statement: of two writers the
        -- second sees what the first has added. SECURITY DEFINER: nobody else writes the list.
        set local role gardenos_crm_writer;

        create or replace function app.note_participants()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            place crm.participants;
            noted uuid[];
            members uuid[];
        begin
            if tg_op = 'DELETE' then
                place := old;
            else
                place := new;
            end if;
            if place.conversation_id is not null then
                select c.participant_ids
                  into noted
                  from crm.conversations as c
                 where c.agency_id = place.agency_id
                   and c.id = place.conversation_id
                   for no key update;
                members := array(
                    select p.membership_id
                      from crm.participants as p
                     where p.agency_id = place.agency_id
                       and p.conversation_id = place.conversation_id
                       and p.membership_id is not null
                     order by p.membership_id
                );
                if noted <> members then
                    update crm.conversations as c
                       set participant_ids = members
                     where c.agency_id = place.agency_id
                       and c.id = place.conversation_id;
                end if;
            else
                select e.participant_ids
                  into noted
                  from crm.calendar_events as e
                 where e.agency_id = place.agency_id
                   and e.id = place.calendar_event_id
                   for no key update;
                members := array(
                    select p.membership_id
                      from crm.participants as p
                     where p.agency_id = place.agency_id
                       and p.calendar_event_id = place.calendar_event_id
                       and p.membership_id is not null
                     order by p.membership_id
                );
                if noted <> members then
                    update crm.calendar_events as e
                       set participant_ids = members
                     where e.agency_id = place.agency_id
                       and e.id = place.calendar_event_id;
                end if;
            end if;
            return null;
        end;
        $function$;

        revoke all on function app.note_participants() from public;
        grant execute on function app.note_participants() to
            gardenos_owner;

        comment on function app.note_participants() is
        'Keeps the list of members who take part.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- One row for each stay of a deal in a stage. The row of the deal is locked by its update, so that the
        -- stays follow one another without gap or overlap. SECURITY DEFINER: nobody writes the history.
        set local role gardenos_crm_writer;

        create or replace function app.note_stage()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            if tg_op = 'UPDATE' then
                update crm.deal_stage_history as h
                   set left_at = new.stage_entered_at
                 where h.agency_id = new.agency_id
                   and h.deal_id = new.id
                   and h.left_at is null;
            end if;
            insert into crm.deal_stage_history (
                agency_id,
                deal_id,
                from_stage_id,
                to_stage_id,
                entered_at,
                changed_by_id
            )
            values (
                new.agency_id,
                new.id,
                case when tg_op = 'UPDATE' then old.stage_id end,
                new.stage_id,
                new.stage_entered_at,
                app.membership_id()
            );
            return null;
        end;
        $function$;

        revoke all on function app.note_stage() from public;
        grant execute on function app.note_stage() to
            gardenos_owner;

        comment on function app.note_stage() is
        'Writes the stage history of a deal.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- What a deal takes from its stage: status, when it closed, since when it is there. Nobody else sets them.
        -- Time never runs backwards, so that two moves that waited for each other, or a failover to a slower clock,
        -- make no negative stay. A stage that left the board takes no deal. SECURITY DEFINER: the history is not
        -- read by all who may move a deal.
        set local role gardenos_crm_writer;

        create or replace function app.place_deal()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            stage record;
        begin
            if tg_op = 'UPDATE' and new.stage_id = old.stage_id then
                new.status := old.status;
                new.stage_entered_at := old.stage_entered_at;
                new.closed_at := old.closed_at;
                return new;
            end if;
            select s.outcome, s.archived_at
              into stage
              from crm.pipeline_stages as s
             where s.agency_id = new.agency_id
               and s.pipeline_id = new.pipeline_id
               and s.id = new.stage_id
               for share;
            if not found then
                raise exception 'The pipeline has no such stage.'
                    using errcode = '23503',
                    schema = tg_table_schema,
                    table = tg_table_name,
                    column = 'stage_id',
                    constraint = 'deals_stage_id_fkey';
            end if;
            if stage.archived_at is not null then
                raise exception 'The stage is archived and takes no deals.'
                    using errcode = '23514',
                    schema = tg_table_schema,
                    table = tg_table_name,
                    column = 'stage_id';
            end if;
            new.status := stage.outcome;
            new.stage_entered_at := clock_timestamp();
            new.closed_at := null;
            if tg_op = 'UPDATE' then
                new.stage_entered_at := greatest(new.stage_entered_at, old.stage_entered_at);
                if new.status = old.status then
                    new.closed_at := old.closed_at;
                end if;
            end if;
            if new.status <> 'open' then
                new.closed_at := coalesce(new.closed_at, new.stage_entered_at);
            end if;
            if new.status <> 'lost' then
                new.lost_reason_id := null;
            end if;
            return new;
        end;
        $function$;

        revoke all on function app.place_deal() from public;
        grant execute on function app.place_deal() to
            gardenos_owner;

        comment on function app.place_deal() is
        'Sets what a deal takes from its stage.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_membership_reader;

        grant execute on function app.proof() to gardenos_crm_writer;

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Brings a deleted record back, with what was deleted together with it. True when it was deleted and now is
        -- not. Nothing is merged or renamed silently: when a live record has taken a unique value meanwhile, the
        -- whole restore fails with 23505, and the detail names that record, so that an interface can offer to
        -- merge. SECURITY INVOKER: whoever may undelete may restore.
        create or replace function app.restore_record(table_name text, record_id uuid)
        returns boolean
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            agency uuid := app.agency_id();
            touched integer;
            violated text;
            taken_by uuid;
        begin
            begin
                case restore_record.table_name
                    when 'crm.companies' then
                        update crm.companies as r set deleted_at = null
                         where r.agency_id = agency and r.id = restore_record.record_id and r.deleted_at is not null;
                    when 'crm.contacts' then
                        update crm.contacts as r set deleted_at = null
                         where r.agency_id = agency and r.id = restore_record.record_id and r.deleted_at is not null;
                    when 'crm.contact_points' then
                        update crm.contact_points as r set deleted_at = null
                         where r.agency_id = agency and r.id = restore_record.record_id and r.deleted_at is not null;
                    when 'crm.tags' then
                        update crm.tags as r set deleted_at = null
                         where r.agency_id = agency and r.id = restore_record.record_id and r.deleted_at is not null;
                    when 'crm.saved_views' then
                        update crm.saved_views as r set deleted_at = null
                         where r.agency_id = agency and r.id = restore_record.record_id and r.deleted_at is not null;
                    when 'crm.pipelines' then
                        update crm.pipelines as r set deleted_at = null
                         where r.agency_id = agency and r.id = restore_record.record_id and r.deleted_at is not null;
                    when 'crm.deals' then
                        update crm.deals as r set deleted_at = null
                         where r.agency_id = agency and r.id = restore_record.record_id and r.deleted_at is not null;
                    when 'crm.products' then
                        update crm.products as r set deleted_at = null
                         where r.agency_id = agency and r.id = restore_record.record_id and r.deleted_at is not null;
                    when 'crm.activities' then
                        update crm.activities as r set deleted_at = null
                         where r.agency_id = agency and r.id = restore_record.record_id and r.deleted_at is not null;
                    when 'crm.conversations' then
                        update crm.conversations as r set deleted_at = null
                         where r.agency_id = agency and r.id = restore_record.record_id and r.deleted_at is not null;
                    when 'crm.calendar_events' then
                        update crm.calendar_events as r set deleted_at = null
                         where r.agency_id = agency and r.id = restore_record.record_id and r.deleted_at is not null;
                    when 'crm.messages' then
                        update crm.messages as r set deleted_at = null
                         where r.agency_id = agency and r.id = restore_record.record_id and r.deleted_at is not null;
                    when 'crm.files' then
                        update crm.files as r set deleted_at = null
                         where r.agency_id = agency and r.id = restore_record.record_id and r.deleted_at is not null;
                    when 'tenancy.teams' then
                        update tenancy.teams as r set deleted_at = null
                         where r.agency_id = agency and r.id = restore_record.record_id and r.deleted_at is not null;
                    when 'integration.webhook_endpoints' then
                        update integration.webhook_endpoints as r set deleted_at = null
                         where r.agency_id = agency and r.id = restore_record.record_id and r.deleted_at is not null;
                    else
                        raise exception 'Nothing can be restored in %.', coalesce(restore_record.table_name, 'null')
                            using errcode = '42P01',
                            hint = 'Give the table as schema.table.';
                end case;
                get diagnostics touched = row_count;
            exception
                when unique_violation then
                    get stacked diagnostics violated = constraint_name;
                    taken_by := app.live_twin(violated, restore_record.record_id);
                    raise exception 'It is not restored: a live record has taken its place (%).', violated
                        using errcode = '23505',
                        constraint = violated,
                        detail = coalesce('{"live_id": "' || taken_by || '"}', '{"live_id": null}'),
                        hint = 'Merge the two, or change the live one.';
            end;
            return touched = 1;
        end;
        $function$;

        revoke all on function app.restore_record(text, uuid) from public;
        grant execute on function app.restore_record(text, uuid) to
            authenticated,
            service_role;

        comment on function app.restore_record(text, uuid) is
        'Restores a deleted record, given as schema.table and id; 23505 when a live one has taken its place.';
        """
    )
    execute(
        r"""
        -- How an address that must not come back is kept: not to be read, only to be found again.
        create or replace function app.suppression_hash(agency uuid, kind app.point_kind, value_norm text)
        returns app.sha256
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            return sha256(convert_to(agency || '|' || kind || '|' || value_norm, 'UTF8'));
        end;
        $function$;

        revoke all on function app.suppression_hash(uuid, app.point_kind, text) from public;
        grant execute on function app.suppression_hash(uuid, app.point_kind, text) to
            service_role,
            gardenos_crm_writer;

        comment on function app.suppression_hash(uuid, app.point_kind, text) is
        'The hash of a normalised address, as governance.suppressions has it.';
        """
    )
    execute(
        r"""
        -- The amount of a deal is the sum of its lines; without lines it stays as it is. The deals are locked first
        -- and summed by a later statement: of two writers the second sees the lines of the first. SECURITY DEFINER:
        -- a key may be allowed to write lines and not deals.
        set local role gardenos_crm_writer;

        create or replace function app.total_deals()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            touched uuid[];
            agencies uuid[];
        begin
            select array_agg(t.agency_id), array_agg(t.deal_id)
              into agencies, touched
              from (select distinct c.agency_id, c.deal_id from changed_rows as c) as t;
            perform 1
               from crm.deals as d
              where (d.agency_id, d.id) in (select * from unnest(agencies, touched))
              order by d.agency_id, d.id
                for no key update;
            update crm.deals as d
               set amount = t.total
              from (
                  select l.agency_id, l.deal_id, sum(l.line_total) as total
                    from crm.deal_line_items as l
                   where (l.agency_id, l.deal_id) in (select * from unnest(agencies, touched))
                   group by l.agency_id, l.deal_id
              ) as t
             where d.agency_id = t.agency_id
               and d.id = t.deal_id
               and d.amount is distinct from t.total;
            return null;
        end;
        $function$;

        revoke all on function app.total_deals() from public;
        grant execute on function app.total_deals() to
            gardenos_owner;

        comment on function app.total_deals() is
        'Sums the lines of deals.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        grant execute on function app.uuid_v7() to gardenos_crm_writer;
        """
    )
    execute(
        r"""
        -- Appends the changes of crm.activities to the trail, with their values, private rows without.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_crm_activities()
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
            secret bytea;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            secret := uuid_send(gen_random_uuid());
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    new_values,
                    salt,
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
                    'crm',
                    'activities',
                    n.id,
                    'insert',
                    case
                        when n.visibility <> 'private'
                            then to_jsonb(n) - 'search'
                    end,
                    case
                        when n.visibility <> 'private'
                            then substring(sha256(secret || uuid_send(n.id)) from 1 for 16)
                    end,
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
                    changed,
                    old_values,
                    new_values,
                    salt,
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
                    'crm',
                    'activities',
                    n.id,
                    'update',
                    case
                        when o.visibility <> 'private' and n.visibility <> 'private'
                            then array_remove(array[
                                case when (o.kind is distinct from n.kind) then 'kind' end,
                                case when (o.type_id is distinct from n.type_id) then 'type_id' end,
                                case when (o.subject is distinct from n.subject) then 'subject' end,
                                case when (o.body is distinct from n.body) then 'body' end,
                                case when (o.occurred_at is distinct from n.occurred_at) then 'occurred_at' end,
                                case when (o.due_at is distinct from n.due_at) then 'due_at' end,
                                case when (o.completed_at is distinct from n.completed_at) then 'completed_at' end,
                                case when (o.owner_id is distinct from n.owner_id) then 'owner_id' end,
                                case when (o.assignee_id is distinct from n.assignee_id) then 'assignee_id' end,
                                case when (o.team_id is distinct from n.team_id) then 'team_id' end,
                                case when (o.contact_id is distinct from n.contact_id) then 'contact_id' end,
                                case when (o.company_id is distinct from n.company_id) then 'company_id' end,
                                case when (o.deal_id is distinct from n.deal_id) then 'deal_id' end,
                                case when (o.visibility is distinct from n.visibility) then 'visibility' end,
                                case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                                case when (o.created_by is distinct from n.created_by) then 'created_by' end,
                                case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                                case when (o.updated_by is distinct from n.updated_by) then 'updated_by' end,
                                case when (o.row_version is distinct from n.row_version) then 'row_version' end,
                                case when (o.deleted_at is distinct from n.deleted_at) then 'deleted_at' end,
                                case when (o.deleted_by is distinct from n.deleted_by) then 'deleted_by' end
                            ], null)
                        else '{}'
                    end,
                    case
                        when o.visibility <> 'private' and n.visibility <> 'private'
                            then case when (o.kind is distinct from n.kind) then jsonb_build_object('kind', o.kind) else '{}' end
                            || case when (o.type_id is distinct from n.type_id) then jsonb_build_object('type_id', o.type_id) else '{}' end
                            || case when (o.subject is distinct from n.subject) then jsonb_build_object('subject', o.subject) else '{}' end
                            || case when (o.body is distinct from n.body) then jsonb_build_object('body', o.body) else '{}' end
                            || case when (o.occurred_at is distinct from n.occurred_at) then jsonb_build_object('occurred_at', o.occurred_at) else '{}' end
                            || case when (o.due_at is distinct from n.due_at) then jsonb_build_object('due_at', o.due_at) else '{}' end
                            || case when (o.completed_at is distinct from n.completed_at) then jsonb_build_object('completed_at', o.completed_at) else '{}' end
                            || case when (o.owner_id is distinct from n.owner_id) then jsonb_build_object('owner_id', o.owner_id) else '{}' end
                            || case when (o.assignee_id is distinct from n.assignee_id) then jsonb_build_object('assignee_id', o.assignee_id) else '{}' end
                            || case when (o.team_id is distinct from n.team_id) then jsonb_build_object('team_id', o.team_id) else '{}' end
                            || case when (o.contact_id is distinct from n.contact_id) then jsonb_build_object('contact_id', o.contact_id) else '{}' end
                            || case when (o.company_id is distinct from n.company_id) then jsonb_build_object('company_id', o.company_id) else '{}' end
                            || case when (o.deal_id is distinct from n.deal_id) then jsonb_build_object('deal_id', o.deal_id) else '{}' end
                            || case when (o.visibility is distinct from n.visibility) then jsonb_build_object('visibility', o.visibility) else '{}' end
                            || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
                            || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end
                            || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
                            || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', o.updated_by) else '{}' end
                            || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end
                            || case when (o.deleted_at is distinct from n.deleted_at) then jsonb_build_object('deleted_at', o.deleted_at) else '{}' end
                            || case when (o.deleted_by is distinct from n.deleted_by) then jsonb_build_object('deleted_by', o.deleted_by) else '{}' end
                    end,
                    case
                        when o.visibility <> 'private' and n.visibility <> 'private'
                            then case when (o.kind is distinct from n.kind) then jsonb_build_object('kind', n.kind) else '{}' end
                            || case when (o.type_id is distinct from n.type_id) then jsonb_build_object('type_id', n.type_id) else '{}' end
                            || case when (o.subject is distinct from n.subject) then jsonb_build_object('subject', n.subject) else '{}' end
                            || case when (o.body is distinct from n.body) then jsonb_build_object('body', n.body) else '{}' end
                            || case when (o.occurred_at is distinct from n.occurred_at) then jsonb_build_object('occurred_at', n.occurred_at) else '{}' end
                            || case when (o.due_at is distinct from n.due_at) then jsonb_build_object('due_at', n.due_at) else '{}' end
                            || case when (o.completed_at is distinct from n.completed_at) then jsonb_build_object('completed_at', n.completed_at) else '{}' end
                            || case when (o.owner_id is distinct from n.owner_id) then jsonb_build_object('owner_id', n.owner_id) else '{}' end
                            || case when (o.assignee_id is distinct from n.assignee_id) then jsonb_build_object('assignee_id', n.assignee_id) else '{}' end
                            || case when (o.team_id is distinct from n.team_id) then jsonb_build_object('team_id', n.team_id) else '{}' end
                            || case when (o.contact_id is distinct from n.contact_id) then jsonb_build_object('contact_id', n.contact_id) else '{}' end
                            || case when (o.company_id is distinct from n.company_id) then jsonb_build_object('company_id', n.company_id) else '{}' end
                            || case when (o.deal_id is distinct from n.deal_id) then jsonb_build_object('deal_id', n.deal_id) else '{}' end
                            || case when (o.visibility is distinct from n.visibility) then jsonb_build_object('visibility', n.visibility) else '{}' end
                            || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
                            || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', n.created_by) else '{}' end
                            || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', n.updated_at) else '{}' end
                            || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', n.updated_by) else '{}' end
                            || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', n.row_version) else '{}' end
                            || case when (o.deleted_at is distinct from n.deleted_at) then jsonb_build_object('deleted_at', n.deleted_at) else '{}' end
                            || case when (o.deleted_by is distinct from n.deleted_by) then jsonb_build_object('deleted_by', n.deleted_by) else '{}' end
                    end,
                    case
                        when o.visibility <> 'private' and n.visibility <> 'private'
                            then substring(sha256(secret || uuid_send(n.id)) from 1 for 16)
                    end,
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
                    on n.agency_id = o.agency_id
                   and n.id = o.id;
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    old_values,
                    salt,
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
                    'crm',
                    'activities',
                    o.id,
                    'delete',
                    case
                        when o.visibility <> 'private'
                            then to_jsonb(o) - 'search'
                    end,
                    case
                        when o.visibility <> 'private'
                            then substring(sha256(secret || uuid_send(o.id)) from 1 for 16)
                    end,
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

        revoke all on function audit.record_crm_activities() from public;
        grant execute on function audit.record_crm_activities() to gardenos_owner;

        comment on function audit.record_crm_activities() is
        'Appends the changes of crm.activities to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of crm.calendar_events to the trail, with their values, private rows without.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_crm_calendar_events()
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
            secret bytea;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            secret := uuid_send(gen_random_uuid());
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    new_values,
                    salt,
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
                    'crm',
                    'calendar_events',
                    n.id,
                    'insert',
                    case
                        when n.visibility <> 'private'
                            then to_jsonb(n) - 'search'
                    end,
                    case
                        when n.visibility <> 'private'
                            then substring(sha256(secret || uuid_send(n.id)) from 1 for 16)
                    end,
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
                    changed,
                    old_values,
                    new_values,
                    salt,
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
                    'crm',
                    'calendar_events',
                    n.id,
                    'update',
                    case
                        when o.visibility <> 'private' and n.visibility <> 'private'
                            then array_remove(array[
                                case when (o.title is distinct from n.title) then 'title' end,
                                case when (o.description is distinct from n.description) then 'description' end,
                                case when (o.location is distinct from n.location) then 'location' end,
                                case when (o.starts_at is distinct from n.starts_at) then 'starts_at' end,
                                case when (o.ends_at is distinct from n.ends_at) then 'ends_at' end,
                                case when (o.all_day is distinct from n.all_day) then 'all_day' end,
                                case when (o.timezone is distinct from n.timezone) then 'timezone' end,
                                case when (o.calendar_key is distinct from n.calendar_key) then 'calendar_key' end,
                                case when (o.external_uid is distinct from n.external_uid) then 'external_uid' end,
                                case when (o.recurrence_id is distinct from n.recurrence_id) then 'recurrence_id' end,
                                case when (o.recurrence_rule is distinct from n.recurrence_rule) then 'recurrence_rule' end,
                                case when (o.owner_id is distinct from n.owner_id) then 'owner_id' end,
                                case when (o.team_id is distinct from n.team_id) then 'team_id' end,
                                case when (o.company_id is distinct from n.company_id) then 'company_id' end,
                                case when (o.deal_id is distinct from n.deal_id) then 'deal_id' end,
                                case when (o.visibility is distinct from n.visibility) then 'visibility' end,
                                case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                                case when (o.created_by is distinct from n.created_by) then 'created_by' end,
                                case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                                case when (o.updated_by is distinct from n.updated_by) then 'updated_by' end,
                                case when (o.row_version is distinct from n.row_version) then 'row_version' end,
                                case when (o.deleted_at is distinct from n.deleted_at) then 'deleted_at' end,
                                case when (o.deleted_by is distinct from n.deleted_by) then 'deleted_by' end
                            ], null)
                        else '{}'
                    end,
                    case
                        when o.visibility <> 'private' and n.visibility <> 'private'
                            then case when (o.title is distinct from n.title) then jsonb_build_object('title', o.title) else '{}' end
                            || case when (o.description is distinct from n.description) then jsonb_build_object('description', o.description) else '{}' end
                            || case when (o.location is distinct from n.location) then jsonb_build_object('location', o.location) else '{}' end
                            || case when (o.starts_at is distinct from n.starts_at) then jsonb_build_object('starts_at', o.starts_at) else '{}' end
                            || case when (o.ends_at is distinct from n.ends_at) then jsonb_build_object('ends_at', o.ends_at) else '{}' end
                            || case when (o.all_day is distinct from n.all_day) then jsonb_build_object('all_day', o.all_day) else '{}' end
                            || case when (o.timezone is distinct from n.timezone) then jsonb_build_object('timezone', o.timezone) else '{}' end
                            || case when (o.calendar_key is distinct from n.calendar_key) then jsonb_build_object('calendar_key', o.calendar_key) else '{}' end
                            || case when (o.external_uid is distinct from n.external_uid) then jsonb_build_object('external_uid', o.external_uid) else '{}' end
                            || case when (o.recurrence_id is distinct from n.recurrence_id) then jsonb_build_object('recurrence_id', o.recurrence_id) else '{}' end
                            || case when (o.recurrence_rule is distinct from n.recurrence_rule) then jsonb_build_object('recurrence_rule', o.recurrence_rule) else '{}' end
                            || case when (o.owner_id is distinct from n.owner_id) then jsonb_build_object('owner_id', o.owner_id) else '{}' end
                            || case when (o.team_id is distinct from n.team_id) then jsonb_build_object('team_id', o.team_id) else '{}' end
                            || case when (o.company_id is distinct from n.company_id) then jsonb_build_object('company_id', o.company_id) else '{}' end
                            || case when (o.deal_id is distinct from n.deal_id) then jsonb_build_object('deal_id', o.deal_id) else '{}' end
                            || case when (o.visibility is distinct from n.visibility) then jsonb_build_object('visibility', o.visibility) else '{}' end
                            || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
                            || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end
                            || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
                            || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', o.updated_by) else '{}' end
                            || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end
                            || case when (o.deleted_at is distinct from n.deleted_at) then jsonb_build_object('deleted_at', o.deleted_at) else '{}' end
                            || case when (o.deleted_by is distinct from n.deleted_by) then jsonb_build_object('deleted_by', o.deleted_by) else '{}' end
                    end,
                    case
                        when o.visibility <> 'private' and n.visibility <> 'private'
                            then case when (o.title is distinct from n.title) then jsonb_build_object('title', n.title) else '{}' end
                            || case when (o.description is distinct from n.description) then jsonb_build_object('description', n.description) else '{}' end
                            || case when (o.location is distinct from n.location) then jsonb_build_object('location', n.location) else '{}' end
                            || case when (o.starts_at is distinct from n.starts_at) then jsonb_build_object('starts_at', n.starts_at) else '{}' end
                            || case when (o.ends_at is distinct from n.ends_at) then jsonb_build_object('ends_at', n.ends_at) else '{}' end
                            || case when (o.all_day is distinct from n.all_day) then jsonb_build_object('all_day', n.all_day) else '{}' end
                            || case when (o.timezone is distinct from n.timezone) then jsonb_build_object('timezone', n.timezone) else '{}' end
                            || case when (o.calendar_key is distinct from n.calendar_key) then jsonb_build_object('calendar_key', n.calendar_key) else '{}' end
                            || case when (o.external_uid is distinct from n.external_uid) then jsonb_build_object('external_uid', n.external_uid) else '{}' end
                            || case when (o.recurrence_id is distinct from n.recurrence_id) then jsonb_build_object('recurrence_id', n.recurrence_id) else '{}' end
                            || case when (o.recurrence_rule is distinct from n.recurrence_rule) then jsonb_build_object('recurrence_rule', n.recurrence_rule) else '{}' end
                            || case when (o.owner_id is distinct from n.owner_id) then jsonb_build_object('owner_id', n.owner_id) else '{}' end
                            || case when (o.team_id is distinct from n.team_id) then jsonb_build_object('team_id', n.team_id) else '{}' end
                            || case when (o.company_id is distinct from n.company_id) then jsonb_build_object('company_id', n.company_id) else '{}' end
                            || case when (o.deal_id is distinct from n.deal_id) then jsonb_build_object('deal_id', n.deal_id) else '{}' end
                            || case when (o.visibility is distinct from n.visibility) then jsonb_build_object('visibility', n.visibility) else '{}' end
                            || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
                            || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', n.created_by) else '{}' end
                            || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', n.updated_at) else '{}' end
                            || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', n.updated_by) else '{}' end
                            || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', n.row_version) else '{}' end
                            || case when (o.deleted_at is distinct from n.deleted_at) then jsonb_build_object('deleted_at', n.deleted_at) else '{}' end
                            || case when (o.deleted_by is distinct from n.deleted_by) then jsonb_build_object('deleted_by', n.deleted_by) else '{}' end
                    end,
                    case
                        when o.visibility <> 'private' and n.visibility <> 'private'
                            then substring(sha256(secret || uuid_send(n.id)) from 1 for 16)
                    end,
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
                    on n.agency_id = o.agency_id
                   and n.id = o.id
                 where (
                    not (o.participant_ids is distinct from n.participant_ids)
                )
                or (o.agency_id is distinct from n.agency_id)
                or (o.id is distinct from n.id)
                or (o.title is distinct from n.title)
                or (o.description is distinct from n.description)
                or (o.location is distinct from n.location)
                or (o.starts_at is distinct from n.starts_at)
                or (o.ends_at is distinct from n.ends_at)
                or (o.all_day is distinct from n.all_day)
                or (o.timezone is distinct from n.timezone)
                or (o.calendar_key is distinct from n.calendar_key)
                or (o.external_uid is distinct from n.external_uid)
                or (o.recurrence_id is distinct from n.recurrence_id)
                or (o.recurrence_rule is distinct from n.recurrence_rule)
                or (o.owner_id is distinct from n.owner_id)
                or (o.team_id is distinct from n.team_id)
                or (o.company_id is distinct from n.company_id)
                or (o.deal_id is distinct from n.deal_id)
                or (o.visibility is distinct from n.visibility)
                or (o.created_at is distinct from n.created_at)
                or (o.created_by is distinct from n.created_by)
                or (o.updated_at is distinct from n.updated_at)
                or (o.updated_by is distinct from n.updated_by)
                or (o.row_version is distinct from n.row_version)
                or (o.deleted_at is distinct from n.deleted_at)
                or (o.deleted_by is distinct from n.deleted_by);
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    old_values,
                    salt,
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
                    'crm',
                    'calendar_events',
                    o.id,
                    'delete',
                    case
                        when o.visibility <> 'private'
                            then to_jsonb(o) - 'search'
                    end,
                    case
                        when o.visibility <> 'private'
                            then substring(sha256(secret || uuid_send(o.id)) from 1 for 16)
                    end,
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

        revoke all on function audit.record_crm_calendar_events() from public;
        grant execute on function audit.record_crm_calendar_events() to gardenos_owner;

        comment on function audit.record_crm_calendar_events() is
        'Appends the changes of crm.calendar_events to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of crm.companies to the trail, with their values.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_crm_companies()
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
            secret bytea;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            secret := uuid_send(gen_random_uuid());
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    new_values,
                    salt,
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
                    'crm',
                    'companies',
                    n.id,
                    'insert',
                    to_jsonb(n) - 'search',
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
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
                    changed,
                    old_values,
                    new_values,
                    salt,
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
                    'crm',
                    'companies',
                    n.id,
                    'update',
                    array_remove(array[
                        case when (o.name is distinct from n.name) then 'name' end,
                        case when (o.domain is distinct from n.domain) then 'domain' end,
                        case when (o.industry_id is distinct from n.industry_id) then 'industry_id' end,
                        case when (o.employees is distinct from n.employees) then 'employees' end,
                        case when (o.annual_revenue is distinct from n.annual_revenue) then 'annual_revenue' end,
                        case when (o.currency is distinct from n.currency) then 'currency' end,
                        case when (o.street is distinct from n.street) then 'street' end,
                        case when (o.city is distinct from n.city) then 'city' end,
                        case when (o.region is distinct from n.region) then 'region' end,
                        case when (o.postal_code is distinct from n.postal_code) then 'postal_code' end,
                        case when (o.country is distinct from n.country) then 'country' end,
                        case when (o.owner_id is distinct from n.owner_id) then 'owner_id' end,
                        case when (o.team_id is distinct from n.team_id) then 'team_id' end,
                        case when (o.merged_into_id is distinct from n.merged_into_id) then 'merged_into_id' end,
                        case when (o.custom is distinct from n.custom) then 'custom' end,
                        case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                        case when (o.created_by is distinct from n.created_by) then 'created_by' end,
                        case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                        case when (o.updated_by is distinct from n.updated_by) then 'updated_by' end,
                        case when (o.row_version is distinct from n.row_version) then 'row_version' end,
                        case when (o.deleted_at is distinct from n.deleted_at) then 'deleted_at' end,
                        case when (o.deleted_by is distinct from n.deleted_by) then 'deleted_by' end
                    ], null),
                    case when (o.name is distinct from n.name) then jsonb_build_object('name', o.name) else '{}' end
                    || case when (o.domain is distinct from n.domain) then jsonb_build_object('domain', o.domain) else '{}' end
                    || case when (o.industry_id is distinct from n.industry_id) then jsonb_build_object('industry_id', o.industry_id) else '{}' end
                    || case when (o.employees is distinct from n.employees) then jsonb_build_object('employees', o.employees) else '{}' end
                    || case when (o.annual_revenue is distinct from n.annual_revenue) then jsonb_build_object('annual_revenue', o.annual_revenue) else '{}' end
                    || case when (o.currency is distinct from n.currency) then jsonb_build_object('currency', o.currency) else '{}' end
                    || case when (o.street is distinct from n.street) then jsonb_build_object('street', o.street) else '{}' end
                    || case when (o.city is distinct from n.city) then jsonb_build_object('city', o.city) else '{}' end
                    || case when (o.region is distinct from n.region) then jsonb_build_object('region', o.region) else '{}' end
                    || case when (o.postal_code is distinct from n.postal_code) then jsonb_build_object('postal_code', o.postal_code) else '{}' end
                    || case when (o.country is distinct from n.country) then jsonb_build_object('country', o.country) else '{}' end
                    || case when (o.owner_id is distinct from n.owner_id) then jsonb_build_object('owner_id', o.owner_id) else '{}' end
                    || case when (o.team_id is distinct from n.team_id) then jsonb_build_object('team_id', o.team_id) else '{}' end
                    || case when (o.merged_into_id is distinct from n.merged_into_id) then jsonb_build_object('merged_into_id', o.merged_into_id) else '{}' end
                    || case when (o.custom is distinct from n.custom) then jsonb_build_object('custom', o.custom) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', o.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end
                    || case when (o.deleted_at is distinct from n.deleted_at) then jsonb_build_object('deleted_at', o.deleted_at) else '{}' end
                    || case when (o.deleted_by is distinct from n.deleted_by) then jsonb_build_object('deleted_by', o.deleted_by) else '{}' end,
                    case when (o.name is distinct from n.name) then jsonb_build_object('name', n.name) else '{}' end
                    || case when (o.domain is distinct from n.domain) then jsonb_build_object('domain', n.domain) else '{}' end
                    || case when (o.industry_id is distinct from n.industry_id) then jsonb_build_object('industry_id', n.industry_id) else '{}' end
                    || case when (o.employees is distinct from n.employees) then jsonb_build_object('employees', n.employees) else '{}' end
                    || case when (o.annual_revenue is distinct from n.annual_revenue) then jsonb_build_object('annual_revenue', n.annual_revenue) else '{}' end
                    || case when (o.currency is distinct from n.currency) then jsonb_build_object('currency', n.currency) else '{}' end
                    || case when (o.street is distinct from n.street) then jsonb_build_object('street', n.street) else '{}' end
                    || case when (o.city is distinct from n.city) then jsonb_build_object('city', n.city) else '{}' end
                    || case when (o.region is distinct from n.region) then jsonb_build_object('region', n.region) else '{}' end
                    || case when (o.postal_code is distinct from n.postal_code) then jsonb_build_object('postal_code', n.postal_code) else '{}' end
                    || case when (o.country is distinct from n.country) then jsonb_build_object('country', n.country) else '{}' end
                    || case when (o.owner_id is distinct from n.owner_id) then jsonb_build_object('owner_id', n.owner_id) else '{}' end
                    || case when (o.team_id is distinct from n.team_id) then jsonb_build_object('team_id', n.team_id) else '{}' end
                    || case when (o.merged_into_id is distinct from n.merged_into_id) then jsonb_build_object('merged_into_id', n.merged_into_id) else '{}' end
                    || case when (o.custom is distinct from n.custom) then jsonb_build_object('custom', n.custom) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', n.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', n.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', n.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', n.row_version) else '{}' end
                    || case when (o.deleted_at is distinct from n.deleted_at) then jsonb_build_object('deleted_at', n.deleted_at) else '{}' end
                    || case when (o.deleted_by is distinct from n.deleted_by) then jsonb_build_object('deleted_by', n.deleted_by) else '{}' end,
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
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
                    on n.agency_id = o.agency_id
                   and n.id = o.id;
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    old_values,
                    salt,
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
                    'crm',
                    'companies',
                    o.id,
                    'delete',
                    to_jsonb(o) - 'search',
                    substring(sha256(secret || uuid_send(o.id)) from 1 for 16),
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

        revoke all on function audit.record_crm_companies() from public;
        grant execute on function audit.record_crm_companies() to gardenos_owner;

        comment on function audit.record_crm_companies() is
        'Appends the changes of crm.companies to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of crm.consents to the trail, with their values.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_crm_consents()
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
            secret bytea;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            secret := uuid_send(gen_random_uuid());
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    new_values,
                    salt,
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
                    'crm',
                    'consents',
                    n.id,
                    'insert',
                    to_jsonb(n),
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
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
                    changed,
                    old_values,
                    new_values,
                    salt,
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
                    'crm',
                    'consents',
                    n.id,
                    'update',
                    array_remove(array[
                        case when (o.contact_id is distinct from n.contact_id) then 'contact_id' end,
                        case when (o.purpose is distinct from n.purpose) then 'purpose' end,
                        case when (o.lawful_basis is distinct from n.lawful_basis) then 'lawful_basis' end,
                        case when (o.status is distinct from n.status) then 'status' end,
                        case when (o.source is distinct from n.source) then 'source' end,
                        case when (o.evidence is distinct from n.evidence) then 'evidence' end,
                        case when (o.occurred_at is distinct from n.occurred_at) then 'occurred_at' end,
                        case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                        case when (o.created_by is distinct from n.created_by) then 'created_by' end
                    ], null),
                    case when (o.contact_id is distinct from n.contact_id) then jsonb_build_object('contact_id', o.contact_id) else '{}' end
                    || case when (o.purpose is distinct from n.purpose) then jsonb_build_object('purpose', o.purpose) else '{}' end
                    || case when (o.lawful_basis is distinct from n.lawful_basis) then jsonb_build_object('lawful_basis', o.lawful_basis) else '{}' end
                    || case when (o.status is distinct from n.status) then jsonb_build_object('status', o.status) else '{}' end
                    || case when (o.source is distinct from n.source) then jsonb_build_object('source', o.source) else '{}' end
                    || case when (o.evidence is distinct from n.evidence) then jsonb_build_object('evidence', o.evidence) else '{}' end
                    || case when (o.occurred_at is distinct from n.occurred_at) then jsonb_build_object('occurred_at', o.occurred_at) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end,
                    case when (o.contact_id is distinct from n.contact_id) then jsonb_build_object('contact_id', n.contact_id) else '{}' end
                    || case when (o.purpose is distinct from n.purpose) then jsonb_build_object('purpose', n.purpose) else '{}' end
                    || case when (o.lawful_basis is distinct from n.lawful_basis) then jsonb_build_object('lawful_basis', n.lawful_basis) else '{}' end
                    || case when (o.status is distinct from n.status) then jsonb_build_object('status', n.status) else '{}' end
                    || case when (o.source is distinct from n.source) then jsonb_build_object('source', n.source) else '{}' end
                    || case when (o.evidence is distinct from n.evidence) then jsonb_build_object('evidence', n.evidence) else '{}' end
                    || case when (o.occurred_at is distinct from n.occurred_at) then jsonb_build_object('occurred_at', n.occurred_at) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', n.created_by) else '{}' end,
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
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
                    on n.agency_id = o.agency_id
                   and n.id = o.id;
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    old_values,
                    salt,
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
                    'crm',
                    'consents',
                    o.id,
                    'delete',
                    to_jsonb(o),
                    substring(sha256(secret || uuid_send(o.id)) from 1 for 16),
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

        revoke all on function audit.record_crm_consents() from public;
        grant execute on function audit.record_crm_consents() to gardenos_owner;

        comment on function audit.record_crm_consents() is
        'Appends the changes of crm.consents to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of crm.contact_companies to the trail, with their values.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_crm_contact_companies()
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
            secret bytea;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            secret := uuid_send(gen_random_uuid());
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    new_values,
                    salt,
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
                    'crm',
                    'contact_companies',
                    n.id,
                    'insert',
                    to_jsonb(n),
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
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
                    changed,
                    old_values,
                    new_values,
                    salt,
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
                    'crm',
                    'contact_companies',
                    n.id,
                    'update',
                    array_remove(array[
                        case when (o.contact_id is distinct from n.contact_id) then 'contact_id' end,
                        case when (o.company_id is distinct from n.company_id) then 'company_id' end,
                        case when (o.role_title is distinct from n.role_title) then 'role_title' end,
                        case when (o.is_primary is distinct from n.is_primary) then 'is_primary' end,
                        case when (o.started_on is distinct from n.started_on) then 'started_on' end,
                        case when (o.ended_on is distinct from n.ended_on) then 'ended_on' end,
                        case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                        case when (o.created_by is distinct from n.created_by) then 'created_by' end,
                        case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                        case when (o.updated_by is distinct from n.updated_by) then 'updated_by' end,
                        case when (o.row_version is distinct from n.row_version) then 'row_version' end
                    ], null),
                    case when (o.contact_id is distinct from n.contact_id) then jsonb_build_object('contact_id', o.contact_id) else '{}' end
                    || case when (o.company_id is distinct from n.company_id) then jsonb_build_object('company_id', o.company_id) else '{}' end
                    || case when (o.role_title is distinct from n.role_title) then jsonb_build_object('role_title', o.role_title) else '{}' end
                    || case when (o.is_primary is distinct from n.is_primary) then jsonb_build_object('is_primary', o.is_primary) else '{}' end
                    || case when (o.started_on is distinct from n.started_on) then jsonb_build_object('started_on', o.started_on) else '{}' end
                    || case when (o.ended_on is distinct from n.ended_on) then jsonb_build_object('ended_on', o.ended_on) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', o.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end,
                    case when (o.contact_id is distinct from n.contact_id) then jsonb_build_object('contact_id', n.contact_id) else '{}' end
                    || case when (o.company_id is distinct from n.company_id) then jsonb_build_object('company_id', n.company_id) else '{}' end
                    || case when (o.role_title is distinct from n.role_title) then jsonb_build_object('role_title', n.role_title) else '{}' end
                    || case when (o.is_primary is distinct from n.is_primary) then jsonb_build_object('is_primary', n.is_primary) else '{}' end
                    || case when (o.started_on is distinct from n.started_on) then jsonb_build_object('started_on', n.started_on) else '{}' end
                    || case when (o.ended_on is distinct from n.ended_on) then jsonb_build_object('ended_on', n.ended_on) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', n.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', n.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', n.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', n.row_version) else '{}' end,
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
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
                    on n.agency_id = o.agency_id
                   and n.id = o.id;
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    old_values,
                    salt,
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
                    'crm',
                    'contact_companies',
                    o.id,
                    'delete',
                    to_jsonb(o),
                    substring(sha256(secret || uuid_send(o.id)) from 1 for 16),
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

        revoke all on function audit.record_crm_contact_companies() from public;
        grant execute on function audit.record_crm_contact_companies() to gardenos_owner;

        comment on function audit.record_crm_contact_companies() is
        'Appends the changes of crm.contact_companies to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of crm.contact_points to the trail, with their values.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_crm_contact_points()
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
            secret bytea;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            secret := uuid_send(gen_random_uuid());
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    new_values,
                    salt,
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
                    'crm',
                    'contact_points',
                    n.id,
                    'insert',
                    to_jsonb(n),
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
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
                    changed,
                    old_values,
                    new_values,
                    salt,
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
                    'crm',
                    'contact_points',
                    n.id,
                    'update',
                    array_remove(array[
                        case when (o.contact_id is distinct from n.contact_id) then 'contact_id' end,
                        case when (o.kind is distinct from n.kind) then 'kind' end,
                        case when (o.label is distinct from n.label) then 'label' end,
                        case when (o.value is distinct from n.value) then 'value' end,
                        case when (o.e164 is distinct from n.e164) then 'e164' end,
                        case when (o.is_primary is distinct from n.is_primary) then 'is_primary' end,
                        case when (o.is_shared is distinct from n.is_shared) then 'is_shared' end,
                        case when (o.verified_at is distinct from n.verified_at) then 'verified_at' end,
                        case when (o.bounced_at is distinct from n.bounced_at) then 'bounced_at' end,
                        case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                        case when (o.created_by is distinct from n.created_by) then 'created_by' end,
                        case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                        case when (o.updated_by is distinct from n.updated_by) then 'updated_by' end,
                        case when (o.row_version is distinct from n.row_version) then 'row_version' end,
                        case when (o.deleted_at is distinct from n.deleted_at) then 'deleted_at' end,
                        case when (o.deleted_by is distinct from n.deleted_by) then 'deleted_by' end,
                        case when (o.value_norm is distinct from n.value_norm) then 'value_norm' end
                    ], null),
                    case when (o.contact_id is distinct from n.contact_id) then jsonb_build_object('contact_id', o.contact_id) else '{}' end
                    || case when (o.kind is distinct from n.kind) then jsonb_build_object('kind', o.kind) else '{}' end
                    || case when (o.label is distinct from n.label) then jsonb_build_object('label', o.label) else '{}' end
                    || case when (o.value is distinct from n.value) then jsonb_build_object('value', o.value) else '{}' end
                    || case when (o.e164 is distinct from n.e164) then jsonb_build_object('e164', o.e164) else '{}' end
                    || case when (o.is_primary is distinct from n.is_primary) then jsonb_build_object('is_primary', o.is_primary) else '{}' end
                    || case when (o.is_shared is distinct from n.is_shared) then jsonb_build_object('is_shared', o.is_shared) else '{}' end
                    || case when (o.verified_at is distinct from n.verified_at) then jsonb_build_object('verified_at', o.verified_at) else '{}' end
                    || case when (o.bounced_at is distinct from n.bounced_at) then jsonb_build_object('bounced_at', o.bounced_at) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', o.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end
                    || case when (o.deleted_at is distinct from n.deleted_at) then jsonb_build_object('deleted_at', o.deleted_at) else '{}' end
                    || case when (o.deleted_by is distinct from n.deleted_by) then jsonb_build_object('deleted_by', o.deleted_by) else '{}' end
                    || case when (o.value_norm is distinct from n.value_norm) then jsonb_build_object('value_norm', o.value_norm) else '{}' end,
                    case when (o.contact_id is distinct from n.contact_id) then jsonb_build_object('contact_id', n.contact_id) else '{}' end
                    || case when (o.kind is distinct from n.kind) then jsonb_build_object('kind', n.kind) else '{}' end
                    || case when (o.label is distinct from n.label) then jsonb_build_object('label', n.label) else '{}' end
                    || case when (o.value is distinct from n.value) then jsonb_build_object('value', n.value) else '{}' end
                    || case when (o.e164 is distinct from n.e164) then jsonb_build_object('e164', n.e164) else '{}' end
                    || case when (o.is_primary is distinct from n.is_primary) then jsonb_build_object('is_primary', n.is_primary) else '{}' end
                    || case when (o.is_shared is distinct from n.is_shared) then jsonb_build_object('is_shared', n.is_shared) else '{}' end
                    || case when (o.verified_at is distinct from n.verified_at) then jsonb_build_object('verified_at', n.verified_at) else '{}' end
                    || case when (o.bounced_at is distinct from n.bounced_at) then jsonb_build_object('bounced_at', n.bounced_at) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', n.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', n.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', n.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', n.row_version) else '{}' end
                    || case when (o.deleted_at is distinct from n.deleted_at) then jsonb_build_object('deleted_at', n.deleted_at) else '{}' end
                    || case when (o.deleted_by is distinct from n.deleted_by) then jsonb_build_object('deleted_by', n.deleted_by) else '{}' end
                    || case when (o.value_norm is distinct from n.value_norm) then jsonb_build_object('value_norm', n.value_norm) else '{}' end,
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
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
                    on n.agency_id = o.agency_id
                   and n.id = o.id;
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    old_values,
                    salt,
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
                    'crm',
                    'contact_points',
                    o.id,
                    'delete',
                    to_jsonb(o),
                    substring(sha256(secret || uuid_send(o.id)) from 1 for 16),
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

        revoke all on function audit.record_crm_contact_points() from public;
        grant execute on function audit.record_crm_contact_points() to gardenos_owner;

        comment on function audit.record_crm_contact_points() is
        'Appends the changes of crm.contact_points to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of crm.contacts to the trail, with their values.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_crm_contacts()
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
            secret bytea;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            secret := uuid_send(gen_random_uuid());
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    new_values,
                    salt,
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
                    'crm',
                    'contacts',
                    n.id,
                    'insert',
                    to_jsonb(n) - 'search',
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
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
                    changed,
                    old_values,
                    new_values,
                    salt,
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
                    'crm',
                    'contacts',
                    n.id,
                    'update',
                    array_remove(array[
                        case when (o.full_name is distinct from n.full_name) then 'full_name' end,
                        case when (o.first_name is distinct from n.first_name) then 'first_name' end,
                        case when (o.last_name is distinct from n.last_name) then 'last_name' end,
                        case when (o.job_title is distinct from n.job_title) then 'job_title' end,
                        case when (o.lifecycle_id is distinct from n.lifecycle_id) then 'lifecycle_id' end,
                        case when (o.source_id is distinct from n.source_id) then 'source_id' end,
                        case when (o.locale is distinct from n.locale) then 'locale' end,
                        case when (o.timezone is distinct from n.timezone) then 'timezone' end,
                        case when (o.owner_id is distinct from n.owner_id) then 'owner_id' end,
                        case when (o.team_id is distinct from n.team_id) then 'team_id' end,
                        case when (o.do_not_contact is distinct from n.do_not_contact) then 'do_not_contact' end,
                        case when (o.merged_into_id is distinct from n.merged_into_id) then 'merged_into_id' end,
                        case when (o.anonymised_at is distinct from n.anonymised_at) then 'anonymised_at' end,
                        case when (o.custom is distinct from n.custom) then 'custom' end,
                        case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                        case when (o.created_by is distinct from n.created_by) then 'created_by' end,
                        case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                        case when (o.updated_by is distinct from n.updated_by) then 'updated_by' end,
                        case when (o.row_version is distinct from n.row_version) then 'row_version' end,
                        case when (o.deleted_at is distinct from n.deleted_at) then 'deleted_at' end,
                        case when (o.deleted_by is distinct from n.deleted_by) then 'deleted_by' end
                    ], null),
                    case when (o.full_name is distinct from n.full_name) then jsonb_build_object('full_name', o.full_name) else '{}' end
                    || case when (o.first_name is distinct from n.first_name) then jsonb_build_object('first_name', o.first_name) else '{}' end
                    || case when (o.last_name is distinct from n.last_name) then jsonb_build_object('last_name', o.last_name) else '{}' end
                    || case when (o.job_title is distinct from n.job_title) then jsonb_build_object('job_title', o.job_title) else '{}' end
                    || case when (o.lifecycle_id is distinct from n.lifecycle_id) then jsonb_build_object('lifecycle_id', o.lifecycle_id) else '{}' end
                    || case when (o.source_id is distinct from n.source_id) then jsonb_build_object('source_id', o.source_id) else '{}' end
                    || case when (o.locale is distinct from n.locale) then jsonb_build_object('locale', o.locale) else '{}' end
                    || case when (o.timezone is distinct from n.timezone) then jsonb_build_object('timezone', o.timezone) else '{}' end
                    || case when (o.owner_id is distinct from n.owner_id) then jsonb_build_object('owner_id', o.owner_id) else '{}' end
                    || case when (o.team_id is distinct from n.team_id) then jsonb_build_object('team_id', o.team_id) else '{}' end
                    || case when (o.do_not_contact is distinct from n.do_not_contact) then jsonb_build_object('do_not_contact', o.do_not_contact) else '{}' end
                    || case when (o.merged_into_id is distinct from n.merged_into_id) then jsonb_build_object('merged_into_id', o.merged_into_id) else '{}' end
                    || case when (o.anonymised_at is distinct from n.anonymised_at) then jsonb_build_object('anonymised_at', o.anonymised_at) else '{}' end
                    || case when (o.custom is distinct from n.custom) then jsonb_build_object('custom', o.custom) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', o.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end
                    || case when (o.deleted_at is distinct from n.deleted_at) then jsonb_build_object('deleted_at', o.deleted_at) else '{}' end
                    || case when (o.deleted_by is distinct from n.deleted_by) then jsonb_build_object('deleted_by', o.deleted_by) else '{}' end,
                    case when (o.full_name is distinct from n.full_name) then jsonb_build_object('full_name', n.full_name) else '{}' end
                    || case when (o.first_name is distinct from n.first_name) then jsonb_build_object('first_name', n.first_name) else '{}' end
                    || case when (o.last_name is distinct from n.last_name) then jsonb_build_object('last_name', n.last_name) else '{}' end
                    || case when (o.job_title is distinct from n.job_title) then jsonb_build_object('job_title', n.job_title) else '{}' end
                    || case when (o.lifecycle_id is distinct from n.lifecycle_id) then jsonb_build_object('lifecycle_id', n.lifecycle_id) else '{}' end
                    || case when (o.source_id is distinct from n.source_id) then jsonb_build_object('source_id', n.source_id) else '{}' end
                    || case when (o.locale is distinct from n.locale) then jsonb_build_object('locale', n.locale) else '{}' end
                    || case when (o.timezone is distinct from n.timezone) then jsonb_build_object('timezone', n.timezone) else '{}' end
                    || case when (o.owner_id is distinct from n.owner_id) then jsonb_build_object('owner_id', n.owner_id) else '{}' end
                    || case when (o.team_id is distinct from n.team_id) then jsonb_build_object('team_id', n.team_id) else '{}' end
                    || case when (o.do_not_contact is distinct from n.do_not_contact) then jsonb_build_object('do_not_contact', n.do_not_contact) else '{}' end
                    || case when (o.merged_into_id is distinct from n.merged_into_id) then jsonb_build_object('merged_into_id', n.merged_into_id) else '{}' end
                    || case when (o.anonymised_at is distinct from n.anonymised_at) then jsonb_build_object('anonymised_at', n.anonymised_at) else '{}' end
                    || case when (o.custom is distinct from n.custom) then jsonb_build_object('custom', n.custom) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', n.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', n.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', n.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', n.row_version) else '{}' end
                    || case when (o.deleted_at is distinct from n.deleted_at) then jsonb_build_object('deleted_at', n.deleted_at) else '{}' end
                    || case when (o.deleted_by is distinct from n.deleted_by) then jsonb_build_object('deleted_by', n.deleted_by) else '{}' end,
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
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
                    on n.agency_id = o.agency_id
                   and n.id = o.id;
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    old_values,
                    salt,
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
                    'crm',
                    'contacts',
                    o.id,
                    'delete',
                    to_jsonb(o) - 'search',
                    substring(sha256(secret || uuid_send(o.id)) from 1 for 16),
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

        revoke all on function audit.record_crm_contacts() from public;
        grant execute on function audit.record_crm_contacts() to gardenos_owner;

        comment on function audit.record_crm_contacts() is
        'Appends the changes of crm.contacts to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of crm.conversations to the trail, with their values, private rows without.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_crm_conversations()
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
            secret bytea;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            secret := uuid_send(gen_random_uuid());
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    new_values,
                    salt,
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
                    'crm',
                    'conversations',
                    n.id,
                    'insert',
                    case
                        when n.visibility <> 'private'
                            then to_jsonb(n)
                    end,
                    case
                        when n.visibility <> 'private'
                            then substring(sha256(secret || uuid_send(n.id)) from 1 for 16)
                    end,
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
                    changed,
                    old_values,
                    new_values,
                    salt,
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
                    'crm',
                    'conversations',
                    n.id,
                    'update',
                    case
                        when o.visibility <> 'private' and n.visibility <> 'private'
                            then array_remove(array[
                                case when (o.channel is distinct from n.channel) then 'channel' end,
                                case when (o.subject is distinct from n.subject) then 'subject' end,
                                case when (o.status is distinct from n.status) then 'status' end,
                                case when (o.contact_id is distinct from n.contact_id) then 'contact_id' end,
                                case when (o.deal_id is distinct from n.deal_id) then 'deal_id' end,
                                case when (o.owner_id is distinct from n.owner_id) then 'owner_id' end,
                                case when (o.assignee_id is distinct from n.assignee_id) then 'assignee_id' end,
                                case when (o.team_id is distinct from n.team_id) then 'team_id' end,
                                case when (o.visibility is distinct from n.visibility) then 'visibility' end,
                                case when (o.external_thread_id is distinct from n.external_thread_id) then 'external_thread_id' end,
                                case when (o.snoozed_until is distinct from n.snoozed_until) then 'snoozed_until' end,
                                case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                                case when (o.created_by is distinct from n.created_by) then 'created_by' end,
                                case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                                case when (o.updated_by is distinct from n.updated_by) then 'updated_by' end,
                                case when (o.row_version is distinct from n.row_version) then 'row_version' end,
                                case when (o.deleted_at is distinct from n.deleted_at) then 'deleted_at' end,
                                case when (o.deleted_by is distinct from n.deleted_by) then 'deleted_by' end
                            ], null)
                        else '{}'
                    end,
                    case
                        when o.visibility <> 'private' and n.visibility <> 'private'
                            then case when (o.channel is distinct from n.channel) then jsonb_build_object('channel', o.channel) else '{}' end
                            || case when (o.subject is distinct from n.subject) then jsonb_build_object('subject', o.subject) else '{}' end
                            || case when (o.status is distinct from n.status) then jsonb_build_object('status', o.status) else '{}' end
                            || case when (o.contact_id is distinct from n.contact_id) then jsonb_build_object('contact_id', o.contact_id) else '{}' end
                            || case when (o.deal_id is distinct from n.deal_id) then jsonb_build_object('deal_id', o.deal_id) else '{}' end
                            || case when (o.owner_id is distinct from n.owner_id) then jsonb_build_object('owner_id', o.owner_id) else '{}' end
                            || case when (o.assignee_id is distinct from n.assignee_id) then jsonb_build_object('assignee_id', o.assignee_id) else '{}' end
                            || case when (o.team_id is distinct from n.team_id) then jsonb_build_object('team_id', o.team_id) else '{}' end
                            || case when (o.visibility is distinct from n.visibility) then jsonb_build_object('visibility', o.visibility) else '{}' end
                            || case when (o.external_thread_id is distinct from n.external_thread_id) then jsonb_build_object('external_thread_id', o.external_thread_id) else '{}' end
                            || case when (o.snoozed_until is distinct from n.snoozed_until) then jsonb_build_object('snoozed_until', o.snoozed_until) else '{}' end
                            || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
                            || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end
                            || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
                            || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', o.updated_by) else '{}' end
                            || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end
                            || case when (o.deleted_at is distinct from n.deleted_at) then jsonb_build_object('deleted_at', o.deleted_at) else '{}' end
                            || case when (o.deleted_by is distinct from n.deleted_by) then jsonb_build_object('deleted_by', o.deleted_by) else '{}' end
                    end,
                    case
                        when o.visibility <> 'private' and n.visibility <> 'private'
                            then case when (o.channel is distinct from n.channel) then jsonb_build_object('channel', n.channel) else '{}' end
                            || case when (o.subject is distinct from n.subject) then jsonb_build_object('subject', n.subject) else '{}' end
                            || case when (o.status is distinct from n.status) then jsonb_build_object('status', n.status) else '{}' end
                            || case when (o.contact_id is distinct from n.contact_id) then jsonb_build_object('contact_id', n.contact_id) else '{}' end
                            || case when (o.deal_id is distinct from n.deal_id) then jsonb_build_object('deal_id', n.deal_id) else '{}' end
                            || case when (o.owner_id is distinct from n.owner_id) then jsonb_build_object('owner_id', n.owner_id) else '{}' end
                            || case when (o.assignee_id is distinct from n.assignee_id) then jsonb_build_object('assignee_id', n.assignee_id) else '{}' end
                            || case when (o.team_id is distinct from n.team_id) then jsonb_build_object('team_id', n.team_id) else '{}' end
                            || case when (o.visibility is distinct from n.visibility) then jsonb_build_object('visibility', n.visibility) else '{}' end
                            || case when (o.external_thread_id is distinct from n.external_thread_id) then jsonb_build_object('external_thread_id', n.external_thread_id) else '{}' end
                            || case when (o.snoozed_until is distinct from n.snoozed_until) then jsonb_build_object('snoozed_until', n.snoozed_until) else '{}' end
                            || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
                            || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', n.created_by) else '{}' end
                            || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', n.updated_at) else '{}' end
                            || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', n.updated_by) else '{}' end
                            || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', n.row_version) else '{}' end
                            || case when (o.deleted_at is distinct from n.deleted_at) then jsonb_build_object('deleted_at', n.deleted_at) else '{}' end
                            || case when (o.deleted_by is distinct from n.deleted_by) then jsonb_build_object('deleted_by', n.deleted_by) else '{}' end
                    end,
                    case
                        when o.visibility <> 'private' and n.visibility <> 'private'
                            then substring(sha256(secret || uuid_send(n.id)) from 1 for 16)
                    end,
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
                    on n.agency_id = o.agency_id
                   and n.id = o.id
                 where (
                    not (o.participant_ids is distinct from n.participant_ids)
                    and not (o.last_message_at is distinct from n.last_message_at)
                )
                or (o.agency_id is distinct from n.agency_id)
                or (o.id is distinct from n.id)
                or (o.channel is distinct from n.channel)
                or (o.subject is distinct from n.subject)
                or (o.status is distinct from n.status)
                or (o.contact_id is distinct from n.contact_id)
                or (o.deal_id is distinct from n.deal_id)
                or (o.owner_id is distinct from n.owner_id)
                or (o.assignee_id is distinct from n.assignee_id)
                or (o.team_id is distinct from n.team_id)
                or (o.visibility is distinct from n.visibility)
                or (o.external_thread_id is distinct from n.external_thread_id)
                or (o.snoozed_until is distinct from n.snoozed_until)
                or (o.created_at is distinct from n.created_at)
                or (o.created_by is distinct from n.created_by)
                or (o.updated_at is distinct from n.updated_at)
                or (o.updated_by is distinct from n.updated_by)
                or (o.row_version is distinct from n.row_version)
                or (o.deleted_at is distinct from n.deleted_at)
                or (o.deleted_by is distinct from n.deleted_by);
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    old_values,
                    salt,
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
                    'crm',
                    'conversations',
                    o.id,
                    'delete',
                    case
                        when o.visibility <> 'private'
                            then to_jsonb(o)
                    end,
                    case
                        when o.visibility <> 'private'
                            then substring(sha256(secret || uuid_send(o.id)) from 1 for 16)
                    end,
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

        revoke all on function audit.record_crm_conversations() from public;
        grant execute on function audit.record_crm_conversations() to gardenos_owner;

        comment on function audit.record_crm_conversations() is
        'Appends the changes of crm.conversations to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of crm.custom_field_defs to the trail, with their values.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_crm_custom_field_defs()
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
            secret bytea;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            secret := uuid_send(gen_random_uuid());
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    new_values,
                    salt,
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
                    'crm',
                    'custom_field_defs',
                    n.id,
                    'insert',
                    to_jsonb(n),
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
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
                    changed,
                    old_values,
                    new_values,
                    salt,
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
                    'crm',
                    'custom_field_defs',
                    n.id,
                    'update',
                    array_remove(array[
                        case when (o.entity is distinct from n.entity) then 'entity' end,
                        case when (o.key is distinct from n.key) then 'key' end,
                        case when (o.label is distinct from n.label) then 'label' end,
                        case when (o.data_type is distinct from n.data_type) then 'data_type' end,
                        case when (o.required is distinct from n.required) then 'required' end,
                        case when (o.options is distinct from n.options) then 'options' end,
                        case when (o.position is distinct from n.position) then 'position' end,
                        case when (o.agent_writable is distinct from n.agent_writable) then 'agent_writable' end,
                        case when (o.personal_data is distinct from n.personal_data) then 'personal_data' end,
                        case when (o.archived_at is distinct from n.archived_at) then 'archived_at' end,
                        case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                        case when (o.created_by is distinct from n.created_by) then 'created_by' end,
                        case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                        case when (o.updated_by is distinct from n.updated_by) then 'updated_by' end,
                        case when (o.row_version is distinct from n.row_version) then 'row_version' end
                    ], null),
                    case when (o.entity is distinct from n.entity) then jsonb_build_object('entity', o.entity) else '{}' end
                    || case when (o.key is distinct from n.key) then jsonb_build_object('key', o.key) else '{}' end
                    || case when (o.label is distinct from n.label) then jsonb_build_object('label', o.label) else '{}' end
                    || case when (o.data_type is distinct from n.data_type) then jsonb_build_object('data_type', o.data_type) else '{}' end
                    || case when (o.required is distinct from n.required) then jsonb_build_object('required', o.required) else '{}' end
                    || case when (o.options is distinct from n.options) then jsonb_build_object('options', o.options) else '{}' end
                    || case when (o.position is distinct from n.position) then jsonb_build_object('position', o.position) else '{}' end
                    || case when (o.agent_writable is distinct from n.agent_writable) then jsonb_build_object('agent_writable', o.agent_writable) else '{}' end
                    || case when (o.personal_data is distinct from n.personal_data) then jsonb_build_object('personal_data', o.personal_data) else '{}' end
                    || case when (o.archived_at is distinct from n.archived_at) then jsonb_build_object('archived_at', o.archived_at) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', o.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end,
                    case when (o.entity is distinct from n.entity) then jsonb_build_object('entity', n.entity) else '{}' end
                    || case when (o.key is distinct from n.key) then jsonb_build_object('key', n.key) else '{}' end
                    || case when (o.label is distinct from n.label) then jsonb_build_object('label', n.label) else '{}' end
                    || case when (o.data_type is distinct from n.data_type) then jsonb_build_object('data_type', n.data_type) else '{}' end
                    || case when (o.required is distinct from n.required) then jsonb_build_object('required', n.required) else '{}' end
                    || case when (o.options is distinct from n.options) then jsonb_build_object('options', n.options) else '{}' end
                    || case when (o.position is distinct from n.position) then jsonb_build_object('position', n.position) else '{}' end
                    || case when (o.agent_writable is distinct from n.agent_writable) then jsonb_build_object('agent_writable', n.agent_writable) else '{}' end
                    || case when (o.personal_data is distinct from n.personal_data) then jsonb_build_object('personal_data', n.personal_data) else '{}' end
                    || case when (o.archived_at is distinct from n.archived_at) then jsonb_build_object('archived_at', n.archived_at) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', n.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', n.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', n.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', n.row_version) else '{}' end,
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
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
                    on n.agency_id = o.agency_id
                   and n.id = o.id;
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    old_values,
                    salt,
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
                    'crm',
                    'custom_field_defs',
                    o.id,
                    'delete',
                    to_jsonb(o),
                    substring(sha256(secret || uuid_send(o.id)) from 1 for 16),
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

        revoke all on function audit.record_crm_custom_field_defs() from public;
        grant execute on function audit.record_crm_custom_field_defs() to gardenos_owner;

        comment on function audit.record_crm_custom_field_defs() is
        'Appends the changes of crm.custom_field_defs to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of crm.deal_contacts to the trail, with their values.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_crm_deal_contacts()
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
            secret bytea;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            secret := uuid_send(gen_random_uuid());
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    new_values,
                    salt,
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
                    'crm',
                    'deal_contacts',
                    n.id,
                    'insert',
                    to_jsonb(n),
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
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
                    changed,
                    old_values,
                    new_values,
                    salt,
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
                    'crm',
                    'deal_contacts',
                    n.id,
                    'update',
                    array_remove(array[
                        case when (o.deal_id is distinct from n.deal_id) then 'deal_id' end,
                        case when (o.contact_id is distinct from n.contact_id) then 'contact_id' end,
                        case when (o.role_title is distinct from n.role_title) then 'role_title' end,
                        case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                        case when (o.created_by is distinct from n.created_by) then 'created_by' end,
                        case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                        case when (o.updated_by is distinct from n.updated_by) then 'updated_by' end,
                        case when (o.row_version is distinct from n.row_version) then 'row_version' end
                    ], null),
                    case when (o.deal_id is distinct from n.deal_id) then jsonb_build_object('deal_id', o.deal_id) else '{}' end
                    || case when (o.contact_id is distinct from n.contact_id) then jsonb_build_object('contact_id', o.contact_id) else '{}' end
                    || case when (o.role_title is distinct from n.role_title) then jsonb_build_object('role_title', o.role_title) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', o.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end,
                    case when (o.deal_id is distinct from n.deal_id) then jsonb_build_object('deal_id', n.deal_id) else '{}' end
                    || case when (o.contact_id is distinct from n.contact_id) then jsonb_build_object('contact_id', n.contact_id) else '{}' end
                    || case when (o.role_title is distinct from n.role_title) then jsonb_build_object('role_title', n.role_title) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', n.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', n.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', n.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', n.row_version) else '{}' end,
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
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
                    on n.agency_id = o.agency_id
                   and n.id = o.id;
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    old_values,
                    salt,
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
                    'crm',
                    'deal_contacts',
                    o.id,
                    'delete',
                    to_jsonb(o),
                    substring(sha256(secret || uuid_send(o.id)) from 1 for 16),
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

        revoke all on function audit.record_crm_deal_contacts() from public;
        grant execute on function audit.record_crm_deal_contacts() to gardenos_owner;

        comment on function audit.record_crm_deal_contacts() is
        'Appends the changes of crm.deal_contacts to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of crm.deal_line_items to the trail, with their values.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_crm_deal_line_items()
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
            secret bytea;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            secret := uuid_send(gen_random_uuid());
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    new_values,
                    salt,
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
                    'crm',
                    'deal_line_items',
                    n.id,
                    'insert',
                    to_jsonb(n),
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
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
                    changed,
                    old_values,
                    new_values,
                    salt,
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
                    'crm',
                    'deal_line_items',
                    n.id,
                    'update',
                    array_remove(array[
                        case when (o.deal_id is distinct from n.deal_id) then 'deal_id' end,
                        case when (o.product_id is distinct from n.product_id) then 'product_id' end,
                        case when (o.position is distinct from n.position) then 'position' end,
                        case when (o.description is distinct from n.description) then 'description' end,
                        case when (o.quantity is distinct from n.quantity) then 'quantity' end,
                        case when (o.unit_price is distinct from n.unit_price) then 'unit_price' end,
                        case when (o.discount_pct is distinct from n.discount_pct) then 'discount_pct' end,
                        case when (o.tax_rate is distinct from n.tax_rate) then 'tax_rate' end,
                        case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                        case when (o.created_by is distinct from n.created_by) then 'created_by' end,
                        case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                        case when (o.updated_by is distinct from n.updated_by) then 'updated_by' end,
                        case when (o.row_version is distinct from n.row_version) then 'row_version' end,
                        case when (o.line_total is distinct from n.line_total) then 'line_total' end
                    ], null),
                    case when (o.deal_id is distinct from n.deal_id) then jsonb_build_object('deal_id', o.deal_id) else '{}' end
                    || case when (o.product_id is distinct from n.product_id) then jsonb_build_object('product_id', o.product_id) else '{}' end
                    || case when (o.position is distinct from n.position) then jsonb_build_object('position', o.position) else '{}' end
                    || case when (o.description is distinct from n.description) then jsonb_build_object('description', o.description) else '{}' end
                    || case when (o.quantity is distinct from n.quantity) then jsonb_build_object('quantity', o.quantity) else '{}' end
                    || case when (o.unit_price is distinct from n.unit_price) then jsonb_build_object('unit_price', o.unit_price) else '{}' end
                    || case when (o.discount_pct is distinct from n.discount_pct) then jsonb_build_object('discount_pct', o.discount_pct) else '{}' end
                    || case when (o.tax_rate is distinct from n.tax_rate) then jsonb_build_object('tax_rate', o.tax_rate) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', o.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end
                    || case when (o.line_total is distinct from n.line_total) then jsonb_build_object('line_total', o.line_total) else '{}' end,
                    case when (o.deal_id is distinct from n.deal_id) then jsonb_build_object('deal_id', n.deal_id) else '{}' end
                    || case when (o.product_id is distinct from n.product_id) then jsonb_build_object('product_id', n.product_id) else '{}' end
                    || case when (o.position is distinct from n.position) then jsonb_build_object('position', n.position) else '{}' end
                    || case when (o.description is distinct from n.description) then jsonb_build_object('description', n.description) else '{}' end
                    || case when (o.quantity is distinct from n.quantity) then jsonb_build_object('quantity', n.quantity) else '{}' end
                    || case when (o.unit_price is distinct from n.unit_price) then jsonb_build_object('unit_price', n.unit_price) else '{}' end
                    || case when (o.discount_pct is distinct from n.discount_pct) then jsonb_build_object('discount_pct', n.discount_pct) else '{}' end
                    || case when (o.tax_rate is distinct from n.tax_rate) then jsonb_build_object('tax_rate', n.tax_rate) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', n.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', n.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', n.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', n.row_version) else '{}' end
                    || case when (o.line_total is distinct from n.line_total) then jsonb_build_object('line_total', n.line_total) else '{}' end,
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
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
                    on n.agency_id = o.agency_id
                   and n.id = o.id;
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    old_values,
                    salt,
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
                    'crm',
                    'deal_line_items',
                    o.id,
                    'delete',
                    to_jsonb(o),
                    substring(sha256(secret || uuid_send(o.id)) from 1 for 16),
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

        revoke all on function audit.record_crm_deal_line_items() from public;
        grant execute on function audit.record_crm_deal_line_items() to gardenos_owner;

        comment on function audit.record_crm_deal_line_items() is
        'Appends the changes of crm.deal_line_items to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of crm.deals to the trail, with their values.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_crm_deals()
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
            secret bytea;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            secret := uuid_send(gen_random_uuid());
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    new_values,
                    salt,
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
                    'crm',
                    'deals',
                    n.id,
                    'insert',
                    to_jsonb(n) - 'search',
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
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
                    changed,
                    old_values,
                    new_values,
                    salt,
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
                    'crm',
                    'deals',
                    n.id,
                    'update',
                    array_remove(array[
                        case when (o.title is distinct from n.title) then 'title' end,
                        case when (o.pipeline_id is distinct from n.pipeline_id) then 'pipeline_id' end,
                        case when (o.stage_id is distinct from n.stage_id) then 'stage_id' end,
                        case when (o.status is distinct from n.status) then 'status' end,
                        case when (o.stage_entered_at is distinct from n.stage_entered_at) then 'stage_entered_at' end,
                        case when (o.company_id is distinct from n.company_id) then 'company_id' end,
                        case when (o.primary_contact_id is distinct from n.primary_contact_id) then 'primary_contact_id' end,
                        case when (o.amount is distinct from n.amount) then 'amount' end,
                        case when (o.currency is distinct from n.currency) then 'currency' end,
                        case when (o.expected_close_on is distinct from n.expected_close_on) then 'expected_close_on' end,
                        case when (o.closed_at is distinct from n.closed_at) then 'closed_at' end,
                        case when (o.lost_reason_id is distinct from n.lost_reason_id) then 'lost_reason_id' end,
                        case when (o.source_id is distinct from n.source_id) then 'source_id' end,
                        case when (o.owner_id is distinct from n.owner_id) then 'owner_id' end,
                        case when (o.team_id is distinct from n.team_id) then 'team_id' end,
                        case when (o.custom is distinct from n.custom) then 'custom' end,
                        case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                        case when (o.created_by is distinct from n.created_by) then 'created_by' end,
                        case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                        case when (o.updated_by is distinct from n.updated_by) then 'updated_by' end,
                        case when (o.row_version is distinct from n.row_version) then 'row_version' end,
                        case when (o.deleted_at is distinct from n.deleted_at) then 'deleted_at' end,
                        case when (o.deleted_by is distinct from n.deleted_by) then 'deleted_by' end
                    ], null),
                    case when (o.title is distinct from n.title) then jsonb_build_object('title', o.title) else '{}' end
                    || case when (o.pipeline_id is distinct from n.pipeline_id) then jsonb_build_object('pipeline_id', o.pipeline_id) else '{}' end
                    || case when (o.stage_id is distinct from n.stage_id) then jsonb_build_object('stage_id', o.stage_id) else '{}' end
                    || case when (o.status is distinct from n.status) then jsonb_build_object('status', o.status) else '{}' end
                    || case when (o.stage_entered_at is distinct from n.stage_entered_at) then jsonb_build_object('stage_entered_at', o.stage_entered_at) else '{}' end
                    || case when (o.company_id is distinct from n.company_id) then jsonb_build_object('company_id', o.company_id) else '{}' end
                    || case when (o.primary_contact_id is distinct from n.primary_contact_id) then jsonb_build_object('primary_contact_id', o.primary_contact_id) else '{}' end
                    || case when (o.amount is distinct from n.amount) then jsonb_build_object('amount', o.amount) else '{}' end
                    || case when (o.currency is distinct from n.currency) then jsonb_build_object('currency', o.currency) else '{}' end
                    || case when (o.expected_close_on is distinct from n.expected_close_on) then jsonb_build_object('expected_close_on', o.expected_close_on) else '{}' end
                    || case when (o.closed_at is distinct from n.closed_at) then jsonb_build_object('closed_at', o.closed_at) else '{}' end
                    || case when (o.lost_reason_id is distinct from n.lost_reason_id) then jsonb_build_object('lost_reason_id', o.lost_reason_id) else '{}' end
                    || case when (o.source_id is distinct from n.source_id) then jsonb_build_object('source_id', o.source_id) else '{}' end
                    || case when (o.owner_id is distinct from n.owner_id) then jsonb_build_object('owner_id', o.owner_id) else '{}' end
                    || case when (o.team_id is distinct from n.team_id) then jsonb_build_object('team_id', o.team_id) else '{}' end
                    || case when (o.custom is distinct from n.custom) then jsonb_build_object('custom', o.custom) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', o.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end
                    || case when (o.deleted_at is distinct from n.deleted_at) then jsonb_build_object('deleted_at', o.deleted_at) else '{}' end
                    || case when (o.deleted_by is distinct from n.deleted_by) then jsonb_build_object('deleted_by', o.deleted_by) else '{}' end,
                    case when (o.title is distinct from n.title) then jsonb_build_object('title', n.title) else '{}' end
                    || case when (o.pipeline_id is distinct from n.pipeline_id) then jsonb_build_object('pipeline_id', n.pipeline_id) else '{}' end
                    || case when (o.stage_id is distinct from n.stage_id) then jsonb_build_object('stage_id', n.stage_id) else '{}' end
                    || case when (o.status is distinct from n.status) then jsonb_build_object('status', n.status) else '{}' end
                    || case when (o.stage_entered_at is distinct from n.stage_entered_at) then jsonb_build_object('stage_entered_at', n.stage_entered_at) else '{}' end
                    || case when (o.company_id is distinct from n.company_id) then jsonb_build_object('company_id', n.company_id) else '{}' end
                    || case when (o.primary_contact_id is distinct from n.primary_contact_id) then jsonb_build_object('primary_contact_id', n.primary_contact_id) else '{}' end
                    || case when (o.amount is distinct from n.amount) then jsonb_build_object('amount', n.amount) else '{}' end
                    || case when (o.currency is distinct from n.currency) then jsonb_build_object('currency', n.currency) else '{}' end
                    || case when (o.expected_close_on is distinct from n.expected_close_on) then jsonb_build_object('expected_close_on', n.expected_close_on) else '{}' end
                    || case when (o.closed_at is distinct from n.closed_at) then jsonb_build_object('closed_at', n.closed_at) else '{}' end
                    || case when (o.lost_reason_id is distinct from n.lost_reason_id) then jsonb_build_object('lost_reason_id', n.lost_reason_id) else '{}' end
                    || case when (o.source_id is distinct from n.source_id) then jsonb_build_object('source_id', n.source_id) else '{}' end
                    || case when (o.owner_id is distinct from n.owner_id) then jsonb_build_object('owner_id', n.owner_id) else '{}' end
                    || case when (o.team_id is distinct from n.team_id) then jsonb_build_object('team_id', n.team_id) else '{}' end
                    || case when (o.custom is distinct from n.custom) then jsonb_build_object('custom', n.custom) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', n.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', n.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', n.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', n.row_version) else '{}' end
                    || case when (o.deleted_at is distinct from n.deleted_at) then jsonb_build_object('deleted_at', n.deleted_at) else '{}' end
                    || case when (o.deleted_by is distinct from n.deleted_by) then jsonb_build_object('deleted_by', n.deleted_by) else '{}' end,
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
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
                    on n.agency_id = o.agency_id
                   and n.id = o.id;
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    old_values,
                    salt,
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
                    'crm',
                    'deals',
                    o.id,
                    'delete',
                    to_jsonb(o) - 'search',
                    substring(sha256(secret || uuid_send(o.id)) from 1 for 16),
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

        revoke all on function audit.record_crm_deals() from public;
        grant execute on function audit.record_crm_deals() to gardenos_owner;

        comment on function audit.record_crm_deals() is
        'Appends the changes of crm.deals to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of crm.files to the trail, with their values, private rows without.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_crm_files()
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
            secret bytea;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            secret := uuid_send(gen_random_uuid());
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    new_values,
                    salt,
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
                    'crm',
                    'files',
                    n.id,
                    'insert',
                    case
                        when n.visibility <> 'private'
                            then to_jsonb(n)
                    end,
                    case
                        when n.visibility <> 'private'
                            then substring(sha256(secret || uuid_send(n.id)) from 1 for 16)
                    end,
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
                    changed,
                    old_values,
                    new_values,
                    salt,
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
                    'crm',
                    'files',
                    n.id,
                    'update',
                    case
                        when o.visibility <> 'private' and n.visibility <> 'private'
                            then array_remove(array[
                                case when (o.purpose is distinct from n.purpose) then 'purpose' end,
                                case when (o.provider is distinct from n.provider) then 'provider' end,
                                case when (o.bucket is distinct from n.bucket) then 'bucket' end,
                                case when (o.object_path is distinct from n.object_path) then 'object_path' end,
                                case when (o.file_name is distinct from n.file_name) then 'file_name' end,
                                case when (o.mime is distinct from n.mime) then 'mime' end,
                                case when (o.byte_size is distinct from n.byte_size) then 'byte_size' end,
                                case when (o.sha256 is distinct from n.sha256) then 'sha256' end,
                                case when (o.scan_status is distinct from n.scan_status) then 'scan_status' end,
                                case when (o.owner_id is distinct from n.owner_id) then 'owner_id' end,
                                case when (o.visibility is distinct from n.visibility) then 'visibility' end,
                                case when (o.contact_id is distinct from n.contact_id) then 'contact_id' end,
                                case when (o.company_id is distinct from n.company_id) then 'company_id' end,
                                case when (o.deal_id is distinct from n.deal_id) then 'deal_id' end,
                                case when (o.activity_id is distinct from n.activity_id) then 'activity_id' end,
                                case when (o.calendar_event_id is distinct from n.calendar_event_id) then 'calendar_event_id' end,
                                case when (o.message_id is distinct from n.message_id) then 'message_id' end,
                                case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                                case when (o.created_by is distinct from n.created_by) then 'created_by' end,
                                case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                                case when (o.updated_by is distinct from n.updated_by) then 'updated_by' end,
                                case when (o.row_version is distinct from n.row_version) then 'row_version' end,
                                case when (o.deleted_at is distinct from n.deleted_at) then 'deleted_at' end,
                                case when (o.deleted_by is distinct from n.deleted_by) then 'deleted_by' end
                            ], null)
                        else '{}'
                    end,
                    case
                        when o.visibility <> 'private' and n.visibility <> 'private'
                            then case when (o.purpose is distinct from n.purpose) then jsonb_build_object('purpose', o.purpose) else '{}' end
                            || case when (o.provider is distinct from n.provider) then jsonb_build_object('provider', o.provider) else '{}' end
                            || case when (o.bucket is distinct from n.bucket) then jsonb_build_object('bucket', o.bucket) else '{}' end
                            || case when (o.object_path is distinct from n.object_path) then jsonb_build_object('object_path', o.object_path) else '{}' end
                            || case when (o.file_name is distinct from n.file_name) then jsonb_build_object('file_name', o.file_name) else '{}' end
                            || case when (o.mime is distinct from n.mime) then jsonb_build_object('mime', o.mime) else '{}' end
                            || case when (o.byte_size is distinct from n.byte_size) then jsonb_build_object('byte_size', o.byte_size) else '{}' end
                            || case when (o.sha256 is distinct from n.sha256) then jsonb_build_object('sha256', o.sha256) else '{}' end
                            || case when (o.scan_status is distinct from n.scan_status) then jsonb_build_object('scan_status', o.scan_status) else '{}' end
                            || case when (o.owner_id is distinct from n.owner_id) then jsonb_build_object('owner_id', o.owner_id) else '{}' end
                            || case when (o.visibility is distinct from n.visibility) then jsonb_build_object('visibility', o.visibility) else '{}' end
                            || case when (o.contact_id is distinct from n.contact_id) then jsonb_build_object('contact_id', o.contact_id) else '{}' end
                            || case when (o.company_id is distinct from n.company_id) then jsonb_build_object('company_id', o.company_id) else '{}' end
                            || case when (o.deal_id is distinct from n.deal_id) then jsonb_build_object('deal_id', o.deal_id) else '{}' end
                            || case when (o.activity_id is distinct from n.activity_id) then jsonb_build_object('activity_id', o.activity_id) else '{}' end
                            || case when (o.calendar_event_id is distinct from n.calendar_event_id) then jsonb_build_object('calendar_event_id', o.calendar_event_id) else '{}' end
                            || case when (o.message_id is distinct from n.message_id) then jsonb_build_object('message_id', o.message_id) else '{}' end
                            || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
                            || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end
                            || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
                            || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', o.updated_by) else '{}' end
                            || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end
                            || case when (o.deleted_at is distinct from n.deleted_at) then jsonb_build_object('deleted_at', o.deleted_at) else '{}' end
                            || case when (o.deleted_by is distinct from n.deleted_by) then jsonb_build_object('deleted_by', o.deleted_by) else '{}' end
                    end,
                    case
                        when o.visibility <> 'private' and n.visibility <> 'private'
                            then case when (o.purpose is distinct from n.purpose) then jsonb_build_object('purpose', n.purpose) else '{}' end
                            || case when (o.provider is distinct from n.provider) then jsonb_build_object('provider', n.provider) else '{}' end
                            || case when (o.bucket is distinct from n.bucket) then jsonb_build_object('bucket', n.bucket) else '{}' end
                            || case when (o.object_path is distinct from n.object_path) then jsonb_build_object('object_path', n.object_path) else '{}' end
                            || case when (o.file_name is distinct from n.file_name) then jsonb_build_object('file_name', n.file_name) else '{}' end
                            || case when (o.mime is distinct from n.mime) then jsonb_build_object('mime', n.mime) else '{}' end
                            || case when (o.byte_size is distinct from n.byte_size) then jsonb_build_object('byte_size', n.byte_size) else '{}' end
                            || case when (o.sha256 is distinct from n.sha256) then jsonb_build_object('sha256', n.sha256) else '{}' end
                            || case when (o.scan_status is distinct from n.scan_status) then jsonb_build_object('scan_status', n.scan_status) else '{}' end
                            || case when (o.owner_id is distinct from n.owner_id) then jsonb_build_object('owner_id', n.owner_id) else '{}' end
                            || case when (o.visibility is distinct from n.visibility) then jsonb_build_object('visibility', n.visibility) else '{}' end
                            || case when (o.contact_id is distinct from n.contact_id) then jsonb_build_object('contact_id', n.contact_id) else '{}' end
                            || case when (o.company_id is distinct from n.company_id) then jsonb_build_object('company_id', n.company_id) else '{}' end
                            || case when (o.deal_id is distinct from n.deal_id) then jsonb_build_object('deal_id', n.deal_id) else '{}' end
                            || case when (o.activity_id is distinct from n.activity_id) then jsonb_build_object('activity_id', n.activity_id) else '{}' end
                            || case when (o.calendar_event_id is distinct from n.calendar_event_id) then jsonb_build_object('calendar_event_id', n.calendar_event_id) else '{}' end
                            || case when (o.message_id is distinct from n.message_id) then jsonb_build_object('message_id', n.message_id) else '{}' end
                            || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
                            || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', n.created_by) else '{}' end
                            || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', n.updated_at) else '{}' end
                            || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', n.updated_by) else '{}' end
                            || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', n.row_version) else '{}' end
                            || case when (o.deleted_at is distinct from n.deleted_at) then jsonb_build_object('deleted_at', n.deleted_at) else '{}' end
                            || case when (o.deleted_by is distinct from n.deleted_by) then jsonb_build_object('deleted_by', n.deleted_by) else '{}' end
                    end,
                    case
                        when o.visibility <> 'private' and n.visibility <> 'private'
                            then substring(sha256(secret || uuid_send(n.id)) from 1 for 16)
                    end,
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
                    on n.agency_id = o.agency_id
                   and n.id = o.id;
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    old_values,
                    salt,
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
                    'crm',
                    'files',
                    o.id,
                    'delete',
                    case
                        when o.visibility <> 'private'
                            then to_jsonb(o)
                    end,
                    case
                        when o.visibility <> 'private'
                            then substring(sha256(secret || uuid_send(o.id)) from 1 for 16)
                    end,
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

        revoke all on function audit.record_crm_files() from public;
        grant execute on function audit.record_crm_files() to gardenos_owner;

        comment on function audit.record_crm_files() is
        'Appends the changes of crm.files to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of crm.lookup_values to the trail, with their values.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_crm_lookup_values()
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
            secret bytea;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            secret := uuid_send(gen_random_uuid());
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    new_values,
                    salt,
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
                    'crm',
                    'lookup_values',
                    n.id,
                    'insert',
                    to_jsonb(n),
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
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
                    changed,
                    old_values,
                    new_values,
                    salt,
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
                    'crm',
                    'lookup_values',
                    n.id,
                    'update',
                    array_remove(array[
                        case when (o.kind is distinct from n.kind) then 'kind' end,
                        case when (o.label is distinct from n.label) then 'label' end,
                        case when (o.position is distinct from n.position) then 'position' end,
                        case when (o.archived_at is distinct from n.archived_at) then 'archived_at' end,
                        case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                        case when (o.created_by is distinct from n.created_by) then 'created_by' end,
                        case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                        case when (o.updated_by is distinct from n.updated_by) then 'updated_by' end,
                        case when (o.row_version is distinct from n.row_version) then 'row_version' end
                    ], null),
                    case when (o.kind is distinct from n.kind) then jsonb_build_object('kind', o.kind) else '{}' end
                    || case when (o.label is distinct from n.label) then jsonb_build_object('label', o.label) else '{}' end
                    || case when (o.position is distinct from n.position) then jsonb_build_object('position', o.position) else '{}' end
                    || case when (o.archived_at is distinct from n.archived_at) then jsonb_build_object('archived_at', o.archived_at) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', o.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end,
                    case when (o.kind is distinct from n.kind) then jsonb_build_object('kind', n.kind) else '{}' end
                    || case when (o.label is distinct from n.label) then jsonb_build_object('label', n.label) else '{}' end
                    || case when (o.position is distinct from n.position) then jsonb_build_object('position', n.position) else '{}' end
                    || case when (o.archived_at is distinct from n.archived_at) then jsonb_build_object('archived_at', n.archived_at) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', n.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', n.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', n.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', n.row_version) else '{}' end,
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
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
                    on n.agency_id = o.agency_id
                   and n.id = o.id;
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    old_values,
                    salt,
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
                    'crm',
                    'lookup_values',
                    o.id,
                    'delete',
                    to_jsonb(o),
                    substring(sha256(secret || uuid_send(o.id)) from 1 for 16),
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

        revoke all on function audit.record_crm_lookup_values() from public;
        grant execute on function audit.record_crm_lookup_values() to gardenos_owner;

        comment on function audit.record_crm_lookup_values() is
        'Appends the changes of crm.lookup_values to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of crm.merge_records to the trail, with their values.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_crm_merge_records()
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
            secret bytea;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            secret := uuid_send(gen_random_uuid());
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    new_values,
                    salt,
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
                    'crm',
                    'merge_records',
                    n.id,
                    'insert',
                    to_jsonb(n),
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
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
                    changed,
                    old_values,
                    new_values,
                    salt,
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
                    'crm',
                    'merge_records',
                    n.id,
                    'update',
                    array_remove(array[
                        case when (o.entity is distinct from n.entity) then 'entity' end,
                        case when (o.winner_contact_id is distinct from n.winner_contact_id) then 'winner_contact_id' end,
                        case when (o.loser_contact_id is distinct from n.loser_contact_id) then 'loser_contact_id' end,
                        case when (o.winner_company_id is distinct from n.winner_company_id) then 'winner_company_id' end,
                        case when (o.loser_company_id is distinct from n.loser_company_id) then 'loser_company_id' end,
                        case when (o.snapshot is distinct from n.snapshot) then 'snapshot' end,
                        case when (o.moved is distinct from n.moved) then 'moved' end,
                        case when (o.merged_by_id is distinct from n.merged_by_id) then 'merged_by_id' end,
                        case when (o.undo_until is distinct from n.undo_until) then 'undo_until' end,
                        case when (o.undone_at is distinct from n.undone_at) then 'undone_at' end,
                        case when (o.undone_by_id is distinct from n.undone_by_id) then 'undone_by_id' end,
                        case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                        case when (o.created_by is distinct from n.created_by) then 'created_by' end
                    ], null),
                    case when (o.entity is distinct from n.entity) then jsonb_build_object('entity', o.entity) else '{}' end
                    || case when (o.winner_contact_id is distinct from n.winner_contact_id) then jsonb_build_object('winner_contact_id', o.winner_contact_id) else '{}' end
                    || case when (o.loser_contact_id is distinct from n.loser_contact_id) then jsonb_build_object('loser_contact_id', o.loser_contact_id) else '{}' end
                    || case when (o.winner_company_id is distinct from n.winner_company_id) then jsonb_build_object('winner_company_id', o.winner_company_id) else '{}' end
                    || case when (o.loser_company_id is distinct from n.loser_company_id) then jsonb_build_object('loser_company_id', o.loser_company_id) else '{}' end
                    || case when (o.snapshot is distinct from n.snapshot) then jsonb_build_object('snapshot', o.snapshot) else '{}' end
                    || case when (o.moved is distinct from n.moved) then jsonb_build_object('moved', o.moved) else '{}' end
                    || case when (o.merged_by_id is distinct from n.merged_by_id) then jsonb_build_object('merged_by_id', o.merged_by_id) else '{}' end
                    || case when (o.undo_until is distinct from n.undo_until) then jsonb_build_object('undo_until', o.undo_until) else '{}' end
                    || case when (o.undone_at is distinct from n.undone_at) then jsonb_build_object('undone_at', o.undone_at) else '{}' end
                    || case when (o.undone_by_id is distinct from n.undone_by_id) then jsonb_build_object('undone_by_id', o.undone_by_id) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end,
                    case when (o.entity is distinct from n.entity) then jsonb_build_object('entity', n.entity) else '{}' end
                    || case when (o.winner_contact_id is distinct from n.winner_contact_id) then jsonb_build_object('winner_contact_id', n.winner_contact_id) else '{}' end
                    || case when (o.loser_contact_id is distinct from n.loser_contact_id) then jsonb_build_object('loser_contact_id', n.loser_contact_id) else '{}' end
                    || case when (o.winner_company_id is distinct from n.winner_company_id) then jsonb_build_object('winner_company_id', n.winner_company_id) else '{}' end
                    || case when (o.loser_company_id is distinct from n.loser_company_id) then jsonb_build_object('loser_company_id', n.loser_company_id) else '{}' end
                    || case when (o.snapshot is distinct from n.snapshot) then jsonb_build_object('snapshot', n.snapshot) else '{}' end
                    || case when (o.moved is distinct from n.moved) then jsonb_build_object('moved', n.moved) else '{}' end
                    || case when (o.merged_by_id is distinct from n.merged_by_id) then jsonb_build_object('merged_by_id', n.merged_by_id) else '{}' end
                    || case when (o.undo_until is distinct from n.undo_until) then jsonb_build_object('undo_until', n.undo_until) else '{}' end
                    || case when (o.undone_at is distinct from n.undone_at) then jsonb_build_object('undone_at', n.undone_at) else '{}' end
                    || case when (o.undone_by_id is distinct from n.undone_by_id) then jsonb_build_object('undone_by_id', n.undone_by_id) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', n.created_by) else '{}' end,
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
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
                    on n.agency_id = o.agency_id
                   and n.id = o.id;
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    old_values,
                    salt,
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
                    'crm',
                    'merge_records',
                    o.id,
                    'delete',
                    to_jsonb(o),
                    substring(sha256(secret || uuid_send(o.id)) from 1 for 16),
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

        revoke all on function audit.record_crm_merge_records() from public;
        grant execute on function audit.record_crm_merge_records() to gardenos_owner;

        comment on function audit.record_crm_merge_records() is
        'Appends the changes of crm.merge_records to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of crm.messages to the trail, with their values, private rows without.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_crm_messages()
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
            secret bytea;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            secret := uuid_send(gen_random_uuid());
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    new_values,
                    salt,
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
                    'crm',
                    'messages',
                    n.id,
                    'insert',
                    case
                        when app.is_open_conversation(n.agency_id, n.conversation_id)
                            then to_jsonb(n) - 'search'
                    end,
                    case
                        when app.is_open_conversation(n.agency_id, n.conversation_id)
                            then substring(sha256(secret || uuid_send(n.id)) from 1 for 16)
                    end,
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
                    changed,
                    old_values,
                    new_values,
                    salt,
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
                    'crm',
                    'messages',
                    n.id,
                    'update',
                    case
                        when app.is_open_conversation(n.agency_id, n.conversation_id)
                            then array_remove(array[
                                case when (o.conversation_id is distinct from n.conversation_id) then 'conversation_id' end,
                                case when (o.direction is distinct from n.direction) then 'direction' end,
                                case when (o.status is distinct from n.status) then 'status' end,
                                case when (o.sender_membership_id is distinct from n.sender_membership_id) then 'sender_membership_id' end,
                                case when (o.sender_contact_id is distinct from n.sender_contact_id) then 'sender_contact_id' end,
                                case when (o.sender_label is distinct from n.sender_label) then 'sender_label' end,
                                case when (o.body_text is distinct from n.body_text) then 'body_text' end,
                                case when (o.body_html_path is distinct from n.body_html_path) then 'body_html_path' end,
                                case when (o.sent_at is distinct from n.sent_at) then 'sent_at' end,
                                case when (o.external_id is distinct from n.external_id) then 'external_id' end,
                                case when (o.in_reply_to is distinct from n.in_reply_to) then 'in_reply_to' end,
                                case when (o.agent_run_id is distinct from n.agent_run_id) then 'agent_run_id' end,
                                case when (o.error is distinct from n.error) then 'error' end,
                                case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                                case when (o.created_by is distinct from n.created_by) then 'created_by' end,
                                case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                                case when (o.updated_by is distinct from n.updated_by) then 'updated_by' end,
                                case when (o.row_version is distinct from n.row_version) then 'row_version' end,
                                case when (o.deleted_at is distinct from n.deleted_at) then 'deleted_at' end,
                                case when (o.deleted_by is distinct from n.deleted_by) then 'deleted_by' end
                            ], null)
                        else '{}'
                    end,
                    case
                        when app.is_open_conversation(n.agency_id, n.conversation_id)
                            then case when (o.conversation_id is distinct from n.conversation_id) then jsonb_build_object('conversation_id', o.conversation_id) else '{}' end
                            || case when (o.direction is distinct from n.direction) then jsonb_build_object('direction', o.direction) else '{}' end
                            || case when (o.status is distinct from n.status) then jsonb_build_object('status', o.status) else '{}' end
                            || case when (o.sender_membership_id is distinct from n.sender_membership_id) then jsonb_build_object('sender_membership_id', o.sender_membership_id) else '{}' end
                            || case when (o.sender_contact_id is distinct from n.sender_contact_id) then jsonb_build_object('sender_contact_id', o.sender_contact_id) else '{}' end
                            || case when (o.sender_label is distinct from n.sender_label) then jsonb_build_object('sender_label', o.sender_label) else '{}' end
                            || case when (o.body_text is distinct from n.body_text) then jsonb_build_object('body_text', o.body_text) else '{}' end
                            || case when (o.body_html_path is distinct from n.body_html_path) then jsonb_build_object('body_html_path', o.body_html_path) else '{}' end
                            || case when (o.sent_at is distinct from n.sent_at) then jsonb_build_object('sent_at', o.sent_at) else '{}' end
                            || case when (o.external_id is distinct from n.external_id) then jsonb_build_object('external_id', o.external_id) else '{}' end
                            || case when (o.in_reply_to is distinct from n.in_reply_to) then jsonb_build_object('in_reply_to', o.in_reply_to) else '{}' end
                            || case when (o.agent_run_id is distinct from n.agent_run_id) then jsonb_build_object('agent_run_id', o.agent_run_id) else '{}' end
                            || case when (o.error is distinct from n.error) then jsonb_build_object('error', o.error) else '{}' end
                            || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
                            || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end
                            || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
                            || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', o.updated_by) else '{}' end
                            || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end
                            || case when (o.deleted_at is distinct from n.deleted_at) then jsonb_build_object('deleted_at', o.deleted_at) else '{}' end
                            || case when (o.deleted_by is distinct from n.deleted_by) then jsonb_build_object('deleted_by', o.deleted_by) else '{}' end
                    end,
                    case
                        when app.is_open_conversation(n.agency_id, n.conversation_id)
                            then case when (o.conversation_id is distinct from n.conversation_id) then jsonb_build_object('conversation_id', n.conversation_id) else '{}' end
                            || case when (o.direction is distinct from n.direction) then jsonb_build_object('direction', n.direction) else '{}' end
                            || case when (o.status is distinct from n.status) then jsonb_build_object('status', n.status) else '{}' end
                            || case when (o.sender_membership_id is distinct from n.sender_membership_id) then jsonb_build_object('sender_membership_id', n.sender_membership_id) else '{}' end
                            || case when (o.sender_contact_id is distinct from n.sender_contact_id) then jsonb_build_object('sender_contact_id', n.sender_contact_id) else '{}' end
                            || case when (o.sender_label is distinct from n.sender_label) then jsonb_build_object('sender_label', n.sender_label) else '{}' end
                            || case when (o.body_text is distinct from n.body_text) then jsonb_build_object('body_text', n.body_text) else '{}' end
                            || case when (o.body_html_path is distinct from n.body_html_path) then jsonb_build_object('body_html_path', n.body_html_path) else '{}' end
                            || case when (o.sent_at is distinct from n.sent_at) then jsonb_build_object('sent_at', n.sent_at) else '{}' end
                            || case when (o.external_id is distinct from n.external_id) then jsonb_build_object('external_id', n.external_id) else '{}' end
                            || case when (o.in_reply_to is distinct from n.in_reply_to) then jsonb_build_object('in_reply_to', n.in_reply_to) else '{}' end
                            || case when (o.agent_run_id is distinct from n.agent_run_id) then jsonb_build_object('agent_run_id', n.agent_run_id) else '{}' end
                            || case when (o.error is distinct from n.error) then jsonb_build_object('error', n.error) else '{}' end
                            || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
                            || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', n.created_by) else '{}' end
                            || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', n.updated_at) else '{}' end
                            || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', n.updated_by) else '{}' end
                            || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', n.row_version) else '{}' end
                            || case when (o.deleted_at is distinct from n.deleted_at) then jsonb_build_object('deleted_at', n.deleted_at) else '{}' end
                            || case when (o.deleted_by is distinct from n.deleted_by) then jsonb_build_object('deleted_by', n.deleted_by) else '{}' end
                    end,
                    case
                        when app.is_open_conversation(n.agency_id, n.conversation_id)
                            then substring(sha256(secret || uuid_send(n.id)) from 1 for 16)
                    end,
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
                    on n.agency_id = o.agency_id
                   and n.id = o.id;
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    old_values,
                    salt,
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
                    'crm',
                    'messages',
                    o.id,
                    'delete',
                    case
                        when app.is_open_conversation(o.agency_id, o.conversation_id)
                            then to_jsonb(o) - 'search'
                    end,
                    case
                        when app.is_open_conversation(o.agency_id, o.conversation_id)
                            then substring(sha256(secret || uuid_send(o.id)) from 1 for 16)
                    end,
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

        revoke all on function audit.record_crm_messages() from public;
        grant execute on function audit.record_crm_messages() to gardenos_owner;

        comment on function audit.record_crm_messages() is
        'Appends the changes of crm.messages to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of crm.participants to the trail, with their values.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_crm_participants()
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
            secret bytea;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            secret := uuid_send(gen_random_uuid());
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    new_values,
                    salt,
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
                    'crm',
                    'participants',
                    n.id,
                    'insert',
                    to_jsonb(n),
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
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
                    changed,
                    old_values,
                    new_values,
                    salt,
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
                    'crm',
                    'participants',
                    n.id,
                    'update',
                    array_remove(array[
                        case when (o.conversation_id is distinct from n.conversation_id) then 'conversation_id' end,
                        case when (o.calendar_event_id is distinct from n.calendar_event_id) then 'calendar_event_id' end,
                        case when (o.membership_id is distinct from n.membership_id) then 'membership_id' end,
                        case when (o.contact_id is distinct from n.contact_id) then 'contact_id' end,
                        case when (o.address is distinct from n.address) then 'address' end,
                        case when (o.role is distinct from n.role) then 'role' end,
                        case when (o.response is distinct from n.response) then 'response' end,
                        case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                        case when (o.created_by is distinct from n.created_by) then 'created_by' end
                    ], null),
                    case when (o.conversation_id is distinct from n.conversation_id) then jsonb_build_object('conversation_id', o.conversation_id) else '{}' end
                    || case when (o.calendar_event_id is distinct from n.calendar_event_id) then jsonb_build_object('calendar_event_id', o.calendar_event_id) else '{}' end
                    || case when (o.membership_id is distinct from n.membership_id) then jsonb_build_object('membership_id', o.membership_id) else '{}' end
                    || case when (o.contact_id is distinct from n.contact_id) then jsonb_build_object('contact_id', o.contact_id) else '{}' end
                    || case when (o.address is distinct from n.address) then jsonb_build_object('address', o.address) else '{}' end
                    || case when (o.role is distinct from n.role) then jsonb_build_object('role', o.role) else '{}' end
                    || case when (o.response is distinct from n.response) then jsonb_build_object('response', o.response) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end,
                    case when (o.conversation_id is distinct from n.conversation_id) then jsonb_build_object('conversation_id', n.conversation_id) else '{}' end
                    || case when (o.calendar_event_id is distinct from n.calendar_event_id) then jsonb_build_object('calendar_event_id', n.calendar_event_id) else '{}' end
                    || case when (o.membership_id is distinct from n.membership_id) then jsonb_build_object('membership_id', n.membership_id) else '{}' end
                    || case when (o.contact_id is distinct from n.contact_id) then jsonb_build_object('contact_id', n.contact_id) else '{}' end
                    || case when (o.address is distinct from n.address) then jsonb_build_object('address', n.address) else '{}' end
                    || case when (o.role is distinct from n.role) then jsonb_build_object('role', n.role) else '{}' end
                    || case when (o.response is distinct from n.response) then jsonb_build_object('response', n.response) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', n.created_by) else '{}' end,
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
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
                    on n.agency_id = o.agency_id
                   and n.id = o.id
                 where (
                    not (o.last_read_at is distinct from n.last_read_at)
                )
                or (o.agency_id is distinct from n.agency_id)
                or (o.id is distinct from n.id)
                or (o.conversation_id is distinct from n.conversation_id)
                or (o.calendar_event_id is distinct from n.calendar_event_id)
                or (o.membership_id is distinct from n.membership_id)
                or (o.contact_id is distinct from n.contact_id)
                or (o.address is distinct from n.address)
                or (o.role is distinct from n.role)
                or (o.response is distinct from n.response)
                or (o.created_at is distinct from n.created_at)
                or (o.created_by is distinct from n.created_by);
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    old_values,
                    salt,
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
                    'crm',
                    'participants',
                    o.id,
                    'delete',
                    to_jsonb(o),
                    substring(sha256(secret || uuid_send(o.id)) from 1 for 16),
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

        revoke all on function audit.record_crm_participants() from public;
        grant execute on function audit.record_crm_participants() to gardenos_owner;

        comment on function audit.record_crm_participants() is
        'Appends the changes of crm.participants to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of crm.pipeline_stages to the trail, with their values.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_crm_pipeline_stages()
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
            secret bytea;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            secret := uuid_send(gen_random_uuid());
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    new_values,
                    salt,
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
                    'crm',
                    'pipeline_stages',
                    n.id,
                    'insert',
                    to_jsonb(n),
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
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
                    changed,
                    old_values,
                    new_values,
                    salt,
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
                    'crm',
                    'pipeline_stages',
                    n.id,
                    'update',
                    array_remove(array[
                        case when (o.pipeline_id is distinct from n.pipeline_id) then 'pipeline_id' end,
                        case when (o.name is distinct from n.name) then 'name' end,
                        case when (o.position is distinct from n.position) then 'position' end,
                        case when (o.probability is distinct from n.probability) then 'probability' end,
                        case when (o.outcome is distinct from n.outcome) then 'outcome' end,
                        case when (o.rotten_after is distinct from n.rotten_after) then 'rotten_after' end,
                        case when (o.archived_at is distinct from n.archived_at) then 'archived_at' end,
                        case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                        case when (o.created_by is distinct from n.created_by) then 'created_by' end,
                        case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                        case when (o.updated_by is distinct from n.updated_by) then 'updated_by' end,
                        case when (o.row_version is distinct from n.row_version) then 'row_version' end
                    ], null),
                    case when (o.pipeline_id is distinct from n.pipeline_id) then jsonb_build_object('pipeline_id', o.pipeline_id) else '{}' end
                    || case when (o.name is distinct from n.name) then jsonb_build_object('name', o.name) else '{}' end
                    || case when (o.position is distinct from n.position) then jsonb_build_object('position', o.position) else '{}' end
                    || case when (o.probability is distinct from n.probability) then jsonb_build_object('probability', o.probability) else '{}' end
                    || case when (o.outcome is distinct from n.outcome) then jsonb_build_object('outcome', o.outcome) else '{}' end
                    || case when (o.rotten_after is distinct from n.rotten_after) then jsonb_build_object('rotten_after', o.rotten_after) else '{}' end
                    || case when (o.archived_at is distinct from n.archived_at) then jsonb_build_object('archived_at', o.archived_at) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', o.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end,
                    case when (o.pipeline_id is distinct from n.pipeline_id) then jsonb_build_object('pipeline_id', n.pipeline_id) else '{}' end
                    || case when (o.name is distinct from n.name) then jsonb_build_object('name', n.name) else '{}' end
                    || case when (o.position is distinct from n.position) then jsonb_build_object('position', n.position) else '{}' end
                    || case when (o.probability is distinct from n.probability) then jsonb_build_object('probability', n.probability) else '{}' end
                    || case when (o.outcome is distinct from n.outcome) then jsonb_build_object('outcome', n.outcome) else '{}' end
                    || case when (o.rotten_after is distinct from n.rotten_after) then jsonb_build_object('rotten_after', n.rotten_after) else '{}' end
                    || case when (o.archived_at is distinct from n.archived_at) then jsonb_build_object('archived_at', n.archived_at) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', n.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', n.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', n.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', n.row_version) else '{}' end,
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
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
                    on n.agency_id = o.agency_id
                   and n.id = o.id;
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    old_values,
                    salt,
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
                    'crm',
                    'pipeline_stages',
                    o.id,
                    'delete',
                    to_jsonb(o),
                    substring(sha256(secret || uuid_send(o.id)) from 1 for 16),
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

        revoke all on function audit.record_crm_pipeline_stages() from public;
        grant execute on function audit.record_crm_pipeline_stages() to gardenos_owner;

        comment on function audit.record_crm_pipeline_stages() is
        'Appends the changes of crm.pipeline_stages to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of crm.pipelines to the trail, with their values.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_crm_pipelines()
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
            secret bytea;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            secret := uuid_send(gen_random_uuid());
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    new_values,
                    salt,
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
                    'crm',
                    'pipelines',
                    n.id,
                    'insert',
                    to_jsonb(n),
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
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
                    changed,
                    old_values,
                    new_values,
                    salt,
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
                    'crm',
                    'pipelines',
                    n.id,
                    'update',
                    array_remove(array[
                        case when (o.name is distinct from n.name) then 'name' end,
                        case when (o.is_default is distinct from n.is_default) then 'is_default' end,
                        case when (o.position is distinct from n.position) then 'position' end,
                        case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                        case when (o.created_by is distinct from n.created_by) then 'created_by' end,
                        case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                        case when (o.updated_by is distinct from n.updated_by) then 'updated_by' end,
                        case when (o.row_version is distinct from n.row_version) then 'row_version' end,
                        case when (o.deleted_at is distinct from n.deleted_at) then 'deleted_at' end,
                        case when (o.deleted_by is distinct from n.deleted_by) then 'deleted_by' end
                    ], null),
                    case when (o.name is distinct from n.name) then jsonb_build_object('name', o.name) else '{}' end
                    || case when (o.is_default is distinct from n.is_default) then jsonb_build_object('is_default', o.is_default) else '{}' end
                    || case when (o.position is distinct from n.position) then jsonb_build_object('position', o.position) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', o.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end
                    || case when (o.deleted_at is distinct from n.deleted_at) then jsonb_build_object('deleted_at', o.deleted_at) else '{}' end
                    || case when (o.deleted_by is distinct from n.deleted_by) then jsonb_build_object('deleted_by', o.deleted_by) else '{}' end,
                    case when (o.name is distinct from n.name) then jsonb_build_object('name', n.name) else '{}' end
                    || case when (o.is_default is distinct from n.is_default) then jsonb_build_object('is_default', n.is_default) else '{}' end
                    || case when (o.position is distinct from n.position) then jsonb_build_object('position', n.position) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', n.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', n.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', n.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', n.row_version) else '{}' end
                    || case when (o.deleted_at is distinct from n.deleted_at) then jsonb_build_object('deleted_at', n.deleted_at) else '{}' end
                    || case when (o.deleted_by is distinct from n.deleted_by) then jsonb_build_object('deleted_by', n.deleted_by) else '{}' end,
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
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
                    on n.agency_id = o.agency_id
                   and n.id = o.id;
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    old_values,
                    salt,
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
                    'crm',
                    'pipelines',
                    o.id,
                    'delete',
                    to_jsonb(o),
                    substring(sha256(secret || uuid_send(o.id)) from 1 for 16),
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

        revoke all on function audit.record_crm_pipelines() from public;
        grant execute on function audit.record_crm_pipelines() to gardenos_owner;

        comment on function audit.record_crm_pipelines() is
        'Appends the changes of crm.pipelines to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of crm.products to the trail, with their values.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_crm_products()
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
            secret bytea;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            secret := uuid_send(gen_random_uuid());
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    new_values,
                    salt,
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
                    'crm',
                    'products',
                    n.id,
                    'insert',
                    to_jsonb(n),
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
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
                    changed,
                    old_values,
                    new_values,
                    salt,
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
                    'crm',
                    'products',
                    n.id,
                    'update',
                    array_remove(array[
                        case when (o.sku is distinct from n.sku) then 'sku' end,
                        case when (o.name is distinct from n.name) then 'name' end,
                        case when (o.description is distinct from n.description) then 'description' end,
                        case when (o.unit_price is distinct from n.unit_price) then 'unit_price' end,
                        case when (o.currency is distinct from n.currency) then 'currency' end,
                        case when (o.tax_rate is distinct from n.tax_rate) then 'tax_rate' end,
                        case when (o.is_active is distinct from n.is_active) then 'is_active' end,
                        case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                        case when (o.created_by is distinct from n.created_by) then 'created_by' end,
                        case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                        case when (o.updated_by is distinct from n.updated_by) then 'updated_by' end,
                        case when (o.row_version is distinct from n.row_version) then 'row_version' end,
                        case when (o.deleted_at is distinct from n.deleted_at) then 'deleted_at' end,
                        case when (o.deleted_by is distinct from n.deleted_by) then 'deleted_by' end
                    ], null),
                    case when (o.sku is distinct from n.sku) then jsonb_build_object('sku', o.sku) else '{}' end
                    || case when (o.name is distinct from n.name) then jsonb_build_object('name', o.name) else '{}' end
                    || case when (o.description is distinct from n.description) then jsonb_build_object('description', o.description) else '{}' end
                    || case when (o.unit_price is distinct from n.unit_price) then jsonb_build_object('unit_price', o.unit_price) else '{}' end
                    || case when (o.currency is distinct from n.currency) then jsonb_build_object('currency', o.currency) else '{}' end
                    || case when (o.tax_rate is distinct from n.tax_rate) then jsonb_build_object('tax_rate', o.tax_rate) else '{}' end
                    || case when (o.is_active is distinct from n.is_active) then jsonb_build_object('is_active', o.is_active) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', o.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end
                    || case when (o.deleted_at is distinct from n.deleted_at) then jsonb_build_object('deleted_at', o.deleted_at) else '{}' end
                    || case when (o.deleted_by is distinct from n.deleted_by) then jsonb_build_object('deleted_by', o.deleted_by) else '{}' end,
                    case when (o.sku is distinct from n.sku) then jsonb_build_object('sku', n.sku) else '{}' end
                    || case when (o.name is distinct from n.name) then jsonb_build_object('name', n.name) else '{}' end
                    || case when (o.description is distinct from n.description) then jsonb_build_object('description', n.description) else '{}' end
                    || case when (o.unit_price is distinct from n.unit_price) then jsonb_build_object('unit_price', n.unit_price) else '{}' end
                    || case when (o.currency is distinct from n.currency) then jsonb_build_object('currency', n.currency) else '{}' end
                    || case when (o.tax_rate is distinct from n.tax_rate) then jsonb_build_object('tax_rate', n.tax_rate) else '{}' end
                    || case when (o.is_active is distinct from n.is_active) then jsonb_build_object('is_active', n.is_active) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', n.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', n.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', n.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', n.row_version) else '{}' end
                    || case when (o.deleted_at is distinct from n.deleted_at) then jsonb_build_object('deleted_at', n.deleted_at) else '{}' end
                    || case when (o.deleted_by is distinct from n.deleted_by) then jsonb_build_object('deleted_by', n.deleted_by) else '{}' end,
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
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
                    on n.agency_id = o.agency_id
                   and n.id = o.id;
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    old_values,
                    salt,
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
                    'crm',
                    'products',
                    o.id,
                    'delete',
                    to_jsonb(o),
                    substring(sha256(secret || uuid_send(o.id)) from 1 for 16),
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

        revoke all on function audit.record_crm_products() from public;
        grant execute on function audit.record_crm_products() to gardenos_owner;

        comment on function audit.record_crm_products() is
        'Appends the changes of crm.products to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of crm.record_tags to the trail, with their values.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_crm_record_tags()
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
            secret bytea;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            secret := uuid_send(gen_random_uuid());
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    new_values,
                    salt,
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
                    'crm',
                    'record_tags',
                    n.id,
                    'insert',
                    to_jsonb(n),
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
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
                    changed,
                    old_values,
                    new_values,
                    salt,
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
                    'crm',
                    'record_tags',
                    n.id,
                    'update',
                    array_remove(array[
                        case when (o.tag_id is distinct from n.tag_id) then 'tag_id' end,
                        case when (o.contact_id is distinct from n.contact_id) then 'contact_id' end,
                        case when (o.company_id is distinct from n.company_id) then 'company_id' end,
                        case when (o.deal_id is distinct from n.deal_id) then 'deal_id' end,
                        case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                        case when (o.created_by is distinct from n.created_by) then 'created_by' end
                    ], null),
                    case when (o.tag_id is distinct from n.tag_id) then jsonb_build_object('tag_id', o.tag_id) else '{}' end
                    || case when (o.contact_id is distinct from n.contact_id) then jsonb_build_object('contact_id', o.contact_id) else '{}' end
                    || case when (o.company_id is distinct from n.company_id) then jsonb_build_object('company_id', o.company_id) else '{}' end
                    || case when (o.deal_id is distinct from n.deal_id) then jsonb_build_object('deal_id', o.deal_id) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end,
                    case when (o.tag_id is distinct from n.tag_id) then jsonb_build_object('tag_id', n.tag_id) else '{}' end
                    || case when (o.contact_id is distinct from n.contact_id) then jsonb_build_object('contact_id', n.contact_id) else '{}' end
                    || case when (o.company_id is distinct from n.company_id) then jsonb_build_object('company_id', n.company_id) else '{}' end
                    || case when (o.deal_id is distinct from n.deal_id) then jsonb_build_object('deal_id', n.deal_id) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', n.created_by) else '{}' end,
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
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
                    on n.agency_id = o.agency_id
                   and n.id = o.id;
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    old_values,
                    salt,
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
                    'crm',
                    'record_tags',
                    o.id,
                    'delete',
                    to_jsonb(o),
                    substring(sha256(secret || uuid_send(o.id)) from 1 for 16),
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

        revoke all on function audit.record_crm_record_tags() from public;
        grant execute on function audit.record_crm_record_tags() to gardenos_owner;

        comment on function audit.record_crm_record_tags() is
        'Appends the changes of crm.record_tags to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of crm.saved_views to the trail, with their values, private rows without.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_crm_saved_views()
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
            secret bytea;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            secret := uuid_send(gen_random_uuid());
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    new_values,
                    salt,
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
                    'crm',
                    'saved_views',
                    n.id,
                    'insert',
                    case
                        when n.visibility <> 'private'
                            then to_jsonb(n)
                    end,
                    case
                        when n.visibility <> 'private'
                            then substring(sha256(secret || uuid_send(n.id)) from 1 for 16)
                    end,
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
                    changed,
                    old_values,
                    new_values,
                    salt,
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
                    'crm',
                    'saved_views',
                    n.id,
                    'update',
                    case
                        when o.visibility <> 'private' and n.visibility <> 'private'
                            then array_remove(array[
                                case when (o.owner_id is distinct from n.owner_id) then 'owner_id' end,
                                case when (o.team_id is distinct from n.team_id) then 'team_id' end,
                                case when (o.visibility is distinct from n.visibility) then 'visibility' end,
                                case when (o.entity is distinct from n.entity) then 'entity' end,
                                case when (o.name is distinct from n.name) then 'name' end,
                                case when (o.filter is distinct from n.filter) then 'filter' end,
                                case when (o.columns is distinct from n.columns) then 'columns' end,
                                case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                                case when (o.created_by is distinct from n.created_by) then 'created_by' end,
                                case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                                case when (o.updated_by is distinct from n.updated_by) then 'updated_by' end,
                                case when (o.row_version is distinct from n.row_version) then 'row_version' end,
                                case when (o.deleted_at is distinct from n.deleted_at) then 'deleted_at' end,
                                case when (o.deleted_by is distinct from n.deleted_by) then 'deleted_by' end
                            ], null)
                        else '{}'
                    end,
                    case
                        when o.visibility <> 'private' and n.visibility <> 'private'
                            then case when (o.owner_id is distinct from n.owner_id) then jsonb_build_object('owner_id', o.owner_id) else '{}' end
                            || case when (o.team_id is distinct from n.team_id) then jsonb_build_object('team_id', o.team_id) else '{}' end
                            || case when (o.visibility is distinct from n.visibility) then jsonb_build_object('visibility', o.visibility) else '{}' end
                            || case when (o.entity is distinct from n.entity) then jsonb_build_object('entity', o.entity) else '{}' end
                            || case when (o.name is distinct from n.name) then jsonb_build_object('name', o.name) else '{}' end
                            || case when (o.filter is distinct from n.filter) then jsonb_build_object('filter', o.filter) else '{}' end
                            || case when (o.columns is distinct from n.columns) then jsonb_build_object('columns', o.columns) else '{}' end
                            || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
                            || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end
                            || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
                            || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', o.updated_by) else '{}' end
                            || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end
                            || case when (o.deleted_at is distinct from n.deleted_at) then jsonb_build_object('deleted_at', o.deleted_at) else '{}' end
                            || case when (o.deleted_by is distinct from n.deleted_by) then jsonb_build_object('deleted_by', o.deleted_by) else '{}' end
                    end,
                    case
                        when o.visibility <> 'private' and n.visibility <> 'private'
                            then case when (o.owner_id is distinct from n.owner_id) then jsonb_build_object('owner_id', n.owner_id) else '{}' end
                            || case when (o.team_id is distinct from n.team_id) then jsonb_build_object('team_id', n.team_id) else '{}' end
                            || case when (o.visibility is distinct from n.visibility) then jsonb_build_object('visibility', n.visibility) else '{}' end
                            || case when (o.entity is distinct from n.entity) then jsonb_build_object('entity', n.entity) else '{}' end
                            || case when (o.name is distinct from n.name) then jsonb_build_object('name', n.name) else '{}' end
                            || case when (o.filter is distinct from n.filter) then jsonb_build_object('filter', n.filter) else '{}' end
                            || case when (o.columns is distinct from n.columns) then jsonb_build_object('columns', n.columns) else '{}' end
                            || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
                            || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', n.created_by) else '{}' end
                            || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', n.updated_at) else '{}' end
                            || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', n.updated_by) else '{}' end
                            || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', n.row_version) else '{}' end
                            || case when (o.deleted_at is distinct from n.deleted_at) then jsonb_build_object('deleted_at', n.deleted_at) else '{}' end
                            || case when (o.deleted_by is distinct from n.deleted_by) then jsonb_build_object('deleted_by', n.deleted_by) else '{}' end
                    end,
                    case
                        when o.visibility <> 'private' and n.visibility <> 'private'
                            then substring(sha256(secret || uuid_send(n.id)) from 1 for 16)
                    end,
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
                    on n.agency_id = o.agency_id
                   and n.id = o.id;
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    old_values,
                    salt,
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
                    'crm',
                    'saved_views',
                    o.id,
                    'delete',
                    case
                        when o.visibility <> 'private'
                            then to_jsonb(o)
                    end,
                    case
                        when o.visibility <> 'private'
                            then substring(sha256(secret || uuid_send(o.id)) from 1 for 16)
                    end,
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

        revoke all on function audit.record_crm_saved_views() from public;
        grant execute on function audit.record_crm_saved_views() to gardenos_owner;

        comment on function audit.record_crm_saved_views() is
        'Appends the changes of crm.saved_views to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of crm.tags to the trail, with their values.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_crm_tags()
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
            secret bytea;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            secret := uuid_send(gen_random_uuid());
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    new_values,
                    salt,
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
                    'crm',
                    'tags',
                    n.id,
                    'insert',
                    to_jsonb(n),
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
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
                    changed,
                    old_values,
                    new_values,
                    salt,
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
                    'crm',
                    'tags',
                    n.id,
                    'update',
                    array_remove(array[
                        case when (o.name is distinct from n.name) then 'name' end,
                        case when (o.color is distinct from n.color) then 'color' end,
                        case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                        case when (o.created_by is distinct from n.created_by) then 'created_by' end,
                        case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                        case when (o.updated_by is distinct from n.updated_by) then 'updated_by' end,
                        case when (o.row_version is distinct from n.row_version) then 'row_version' end,
                        case when (o.deleted_at is distinct from n.deleted_at) then 'deleted_at' end,
                        case when (o.deleted_by is distinct from n.deleted_by) then 'deleted_by' end
                    ], null),
                    case when (o.name is distinct from n.name) then jsonb_build_object('name', o.name) else '{}' end
                    || case when (o.color is distinct from n.color) then jsonb_build_object('color', o.color) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', o.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end
                    || case when (o.deleted_at is distinct from n.deleted_at) then jsonb_build_object('deleted_at', o.deleted_at) else '{}' end
                    || case when (o.deleted_by is distinct from n.deleted_by) then jsonb_build_object('deleted_by', o.deleted_by) else '{}' end,
                    case when (o.name is distinct from n.name) then jsonb_build_object('name', n.name) else '{}' end
                    || case when (o.color is distinct from n.color) then jsonb_build_object('color', n.color) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', n.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', n.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', n.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', n.row_version) else '{}' end
                    || case when (o.deleted_at is distinct from n.deleted_at) then jsonb_build_object('deleted_at', n.deleted_at) else '{}' end
                    || case when (o.deleted_by is distinct from n.deleted_by) then jsonb_build_object('deleted_by', n.deleted_by) else '{}' end,
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
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
                    on n.agency_id = o.agency_id
                   and n.id = o.id;
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    old_values,
                    salt,
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
                    'crm',
                    'tags',
                    o.id,
                    'delete',
                    to_jsonb(o),
                    substring(sha256(secret || uuid_send(o.id)) from 1 for 16),
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

        revoke all on function audit.record_crm_tags() from public;
        grant execute on function audit.record_crm_tags() to gardenos_owner;

        comment on function audit.record_crm_tags() is
        'Appends the changes of crm.tags to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of governance.erasure_requests to the trail, with their values.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_governance_erasure_requests()
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
            secret bytea;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            secret := uuid_send(gen_random_uuid());
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    new_values,
                    salt,
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
                    'governance',
                    'erasure_requests',
                    n.id,
                    'insert',
                    to_jsonb(n),
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
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
                    changed,
                    old_values,
                    new_values,
                    salt,
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
                    'governance',
                    'erasure_requests',
                    n.id,
                    'update',
                    array_remove(array[
                        case when (o.subject_kind is distinct from n.subject_kind) then 'subject_kind' end,
                        case when (o.subject_id is distinct from n.subject_id) then 'subject_id' end,
                        case when (o.label_masked is distinct from n.label_masked) then 'label_masked' end,
                        case when (o.reason is distinct from n.reason) then 'reason' end,
                        case when (o.status is distinct from n.status) then 'status' end,
                        case when (o.legal_hold is distinct from n.legal_hold) then 'legal_hold' end,
                        case when (o.requested_at is distinct from n.requested_at) then 'requested_at' end,
                        case when (o.due_at is distinct from n.due_at) then 'due_at' end,
                        case when (o.requested_by_id is distinct from n.requested_by_id) then 'requested_by_id' end,
                        case when (o.approved_by_id is distinct from n.approved_by_id) then 'approved_by_id' end,
                        case when (o.executed_at is distinct from n.executed_at) then 'executed_at' end,
                        case when (o.report is distinct from n.report) then 'report' end,
                        case when (o.exported_at is distinct from n.exported_at) then 'exported_at' end,
                        case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                        case when (o.created_by is distinct from n.created_by) then 'created_by' end,
                        case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                        case when (o.updated_by is distinct from n.updated_by) then 'updated_by' end,
                        case when (o.row_version is distinct from n.row_version) then 'row_version' end
                    ], null),
                    case when (o.subject_kind is distinct from n.subject_kind) then jsonb_build_object('subject_kind', o.subject_kind) else '{}' end
                    || case when (o.subject_id is distinct from n.subject_id) then jsonb_build_object('subject_id', o.subject_id) else '{}' end
                    || case when (o.label_masked is distinct from n.label_masked) then jsonb_build_object('label_masked', o.label_masked) else '{}' end
                    || case when (o.reason is distinct from n.reason) then jsonb_build_object('reason', o.reason) else '{}' end
                    || case when (o.status is distinct from n.status) then jsonb_build_object('status', o.status) else '{}' end
                    || case when (o.legal_hold is distinct from n.legal_hold) then jsonb_build_object('legal_hold', o.legal_hold) else '{}' end
                    || case when (o.requested_at is distinct from n.requested_at) then jsonb_build_object('requested_at', o.requested_at) else '{}' end
                    || case when (o.due_at is distinct from n.due_at) then jsonb_build_object('due_at', o.due_at) else '{}' end
                    || case when (o.requested_by_id is distinct from n.requested_by_id) then jsonb_build_object('requested_by_id', o.requested_by_id) else '{}' end
                    || case when (o.approved_by_id is distinct from n.approved_by_id) then jsonb_build_object('approved_by_id', o.approved_by_id) else '{}' end
                    || case when (o.executed_at is distinct from n.executed_at) then jsonb_build_object('executed_at', o.executed_at) else '{}' end
                    || case when (o.report is distinct from n.report) then jsonb_build_object('report', o.report) else '{}' end
                    || case when (o.exported_at is distinct from n.exported_at) then jsonb_build_object('exported_at', o.exported_at) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', o.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end,
                    case when (o.subject_kind is distinct from n.subject_kind) then jsonb_build_object('subject_kind', n.subject_kind) else '{}' end
                    || case when (o.subject_id is distinct from n.subject_id) then jsonb_build_object('subject_id', n.subject_id) else '{}' end
                    || case when (o.label_masked is distinct from n.label_masked) then jsonb_build_object('label_masked', n.label_masked) else '{}' end
                    || case when (o.reason is distinct from n.reason) then jsonb_build_object('reason', n.reason) else '{}' end
                    || case when (o.status is distinct from n.status) then jsonb_build_object('status', n.status) else '{}' end
                    || case when (o.legal_hold is distinct from n.legal_hold) then jsonb_build_object('legal_hold', n.legal_hold) else '{}' end
                    || case when (o.requested_at is distinct from n.requested_at) then jsonb_build_object('requested_at', n.requested_at) else '{}' end
                    || case when (o.due_at is distinct from n.due_at) then jsonb_build_object('due_at', n.due_at) else '{}' end
                    || case when (o.requested_by_id is distinct from n.requested_by_id) then jsonb_build_object('requested_by_id', n.requested_by_id) else '{}' end
                    || case when (o.approved_by_id is distinct from n.approved_by_id) then jsonb_build_object('approved_by_id', n.approved_by_id) else '{}' end
                    || case when (o.executed_at is distinct from n.executed_at) then jsonb_build_object('executed_at', n.executed_at) else '{}' end
                    || case when (o.report is distinct from n.report) then jsonb_build_object('report', n.report) else '{}' end
                    || case when (o.exported_at is distinct from n.exported_at) then jsonb_build_object('exported_at', n.exported_at) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', n.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', n.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', n.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', n.row_version) else '{}' end,
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
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
                    on n.agency_id = o.agency_id
                   and n.id = o.id;
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    old_values,
                    salt,
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
                    'governance',
                    'erasure_requests',
                    o.id,
                    'delete',
                    to_jsonb(o),
                    substring(sha256(secret || uuid_send(o.id)) from 1 for 16),
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

        revoke all on function audit.record_governance_erasure_requests() from public;
        grant execute on function audit.record_governance_erasure_requests() to gardenos_owner;

        comment on function audit.record_governance_erasure_requests() is
        'Appends the changes of governance.erasure_requests to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of governance.retention_policies to the trail, with their values.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_governance_retention_policies()
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
            secret bytea;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            secret := uuid_send(gen_random_uuid());
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    new_values,
                    salt,
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
                    'governance',
                    'retention_policies',
                    n.id,
                    'insert',
                    to_jsonb(n),
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
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
                    changed,
                    old_values,
                    new_values,
                    salt,
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
                    'governance',
                    'retention_policies',
                    n.id,
                    'update',
                    array_remove(array[
                        case when (o.entity is distinct from n.entity) then 'entity' end,
                        case when (o.keep is distinct from n.keep) then 'keep' end,
                        case when (o.action is distinct from n.action) then 'action' end,
                        case when (o.legal_hold is distinct from n.legal_hold) then 'legal_hold' end,
                        case when (o.last_run_at is distinct from n.last_run_at) then 'last_run_at' end,
                        case when (o.last_run_rows is distinct from n.last_run_rows) then 'last_run_rows' end,
                        case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                        case when (o.created_by is distinct from n.created_by) then 'created_by' end,
                        case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                        case when (o.updated_by is distinct from n.updated_by) then 'updated_by' end,
                        case when (o.row_version is distinct from n.row_version) then 'row_version' end
                    ], null),
                    case when (o.entity is distinct from n.entity) then jsonb_build_object('entity', o.entity) else '{}' end
                    || case when (o.keep is distinct from n.keep) then jsonb_build_object('keep', o.keep) else '{}' end
                    || case when (o.action is distinct from n.action) then jsonb_build_object('action', o.action) else '{}' end
                    || case when (o.legal_hold is distinct from n.legal_hold) then jsonb_build_object('legal_hold', o.legal_hold) else '{}' end
                    || case when (o.last_run_at is distinct from n.last_run_at) then jsonb_build_object('last_run_at', o.last_run_at) else '{}' end
                    || case when (o.last_run_rows is distinct from n.last_run_rows) then jsonb_build_object('last_run_rows', o.last_run_rows) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', o.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end,
                    case when (o.entity is distinct from n.entity) then jsonb_build_object('entity', n.entity) else '{}' end
                    || case when (o.keep is distinct from n.keep) then jsonb_build_object('keep', n.keep) else '{}' end
                    || case when (o.action is distinct from n.action) then jsonb_build_object('action', n.action) else '{}' end
                    || case when (o.legal_hold is distinct from n.legal_hold) then jsonb_build_object('legal_hold', n.legal_hold) else '{}' end
                    || case when (o.last_run_at is distinct from n.last_run_at) then jsonb_build_object('last_run_at', n.last_run_at) else '{}' end
                    || case when (o.last_run_rows is distinct from n.last_run_rows) then jsonb_build_object('last_run_rows', n.last_run_rows) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', n.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', n.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', n.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', n.row_version) else '{}' end,
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
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
                    on n.agency_id = o.agency_id
                   and n.id = o.id;
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    old_values,
                    salt,
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
                    'governance',
                    'retention_policies',
                    o.id,
                    'delete',
                    to_jsonb(o),
                    substring(sha256(secret || uuid_send(o.id)) from 1 for 16),
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

        revoke all on function audit.record_governance_retention_policies() from public;
        grant execute on function audit.record_governance_retention_policies() to gardenos_owner;

        comment on function audit.record_governance_retention_policies() is
        'Appends the changes of governance.retention_policies to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of governance.suppressions to the trail, without their values.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_governance_suppressions()
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
                    'governance',
                    'suppressions',
                    n.id,
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
                    'governance',
                    'suppressions',
                    n.id,
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
                    on n.agency_id = o.agency_id
                   and n.id = o.id;
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
                    'governance',
                    'suppressions',
                    o.id,
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

        revoke all on function audit.record_governance_suppressions() from public;
        grant execute on function audit.record_governance_suppressions() to gardenos_owner;

        comment on function audit.record_governance_suppressions() is
        'Appends the changes of governance.suppressions to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of integration.import_jobs to the trail, with their values.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_integration_import_jobs()
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
            secret bytea;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            secret := uuid_send(gen_random_uuid());
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    new_values,
                    salt,
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
                    'integration',
                    'import_jobs',
                    n.id,
                    'insert',
                    to_jsonb(n),
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
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
                    changed,
                    old_values,
                    new_values,
                    salt,
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
                    'integration',
                    'import_jobs',
                    n.id,
                    'update',
                    array_remove(array[
                        case when (o.entity is distinct from n.entity) then 'entity' end,
                        case when (o.file_id is distinct from n.file_id) then 'file_id' end,
                        case when (o.mapping is distinct from n.mapping) then 'mapping' end,
                        case when (o.dedupe is distinct from n.dedupe) then 'dedupe' end,
                        case when (o.status is distinct from n.status) then 'status' end,
                        case when (o.owner_id is distinct from n.owner_id) then 'owner_id' end,
                        case when (o.team_id is distinct from n.team_id) then 'team_id' end,
                        case when (o.started_at is distinct from n.started_at) then 'started_at' end,
                        case when (o.finished_at is distinct from n.finished_at) then 'finished_at' end,
                        case when (o.reverted_at is distinct from n.reverted_at) then 'reverted_at' end,
                        case when (o.revert_until is distinct from n.revert_until) then 'revert_until' end,
                        case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                        case when (o.created_by is distinct from n.created_by) then 'created_by' end,
                        case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                        case when (o.updated_by is distinct from n.updated_by) then 'updated_by' end,
                        case when (o.row_version is distinct from n.row_version) then 'row_version' end
                    ], null),
                    case when (o.entity is distinct from n.entity) then jsonb_build_object('entity', o.entity) else '{}' end
                    || case when (o.file_id is distinct from n.file_id) then jsonb_build_object('file_id', o.file_id) else '{}' end
                    || case when (o.mapping is distinct from n.mapping) then jsonb_build_object('mapping', o.mapping) else '{}' end
                    || case when (o.dedupe is distinct from n.dedupe) then jsonb_build_object('dedupe', o.dedupe) else '{}' end
                    || case when (o.status is distinct from n.status) then jsonb_build_object('status', o.status) else '{}' end
                    || case when (o.owner_id is distinct from n.owner_id) then jsonb_build_object('owner_id', o.owner_id) else '{}' end
                    || case when (o.team_id is distinct from n.team_id) then jsonb_build_object('team_id', o.team_id) else '{}' end
                    || case when (o.started_at is distinct from n.started_at) then jsonb_build_object('started_at', o.started_at) else '{}' end
                    || case when (o.finished_at is distinct from n.finished_at) then jsonb_build_object('finished_at', o.finished_at) else '{}' end
                    || case when (o.reverted_at is distinct from n.reverted_at) then jsonb_build_object('reverted_at', o.reverted_at) else '{}' end
                    || case when (o.revert_until is distinct from n.revert_until) then jsonb_build_object('revert_until', o.revert_until) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', o.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end,
                    case when (o.entity is distinct from n.entity) then jsonb_build_object('entity', n.entity) else '{}' end
                    || case when (o.file_id is distinct from n.file_id) then jsonb_build_object('file_id', n.file_id) else '{}' end
                    || case when (o.mapping is distinct from n.mapping) then jsonb_build_object('mapping', n.mapping) else '{}' end
                    || case when (o.dedupe is distinct from n.dedupe) then jsonb_build_object('dedupe', n.dedupe) else '{}' end
                    || case when (o.status is distinct from n.status) then jsonb_build_object('status', n.status) else '{}' end
                    || case when (o.owner_id is distinct from n.owner_id) then jsonb_build_object('owner_id', n.owner_id) else '{}' end
                    || case when (o.team_id is distinct from n.team_id) then jsonb_build_object('team_id', n.team_id) else '{}' end
                    || case when (o.started_at is distinct from n.started_at) then jsonb_build_object('started_at', n.started_at) else '{}' end
                    || case when (o.finished_at is distinct from n.finished_at) then jsonb_build_object('finished_at', n.finished_at) else '{}' end
                    || case when (o.reverted_at is distinct from n.reverted_at) then jsonb_build_object('reverted_at', n.reverted_at) else '{}' end
                    || case when (o.revert_until is distinct from n.revert_until) then jsonb_build_object('revert_until', n.revert_until) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', n.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', n.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', n.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', n.row_version) else '{}' end,
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
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
                    on n.agency_id = o.agency_id
                   and n.id = o.id
                 where (
                    not (o.total_rows is distinct from n.total_rows)
                    and not (o.created_rows is distinct from n.created_rows)
                    and not (o.updated_rows is distinct from n.updated_rows)
                    and not (o.skipped_rows is distinct from n.skipped_rows)
                    and not (o.failed_rows is distinct from n.failed_rows)
                )
                or (o.agency_id is distinct from n.agency_id)
                or (o.id is distinct from n.id)
                or (o.entity is distinct from n.entity)
                or (o.file_id is distinct from n.file_id)
                or (o.mapping is distinct from n.mapping)
                or (o.dedupe is distinct from n.dedupe)
                or (o.status is distinct from n.status)
                or (o.owner_id is distinct from n.owner_id)
                or (o.team_id is distinct from n.team_id)
                or (o.started_at is distinct from n.started_at)
                or (o.finished_at is distinct from n.finished_at)
                or (o.reverted_at is distinct from n.reverted_at)
                or (o.revert_until is distinct from n.revert_until)
                or (o.created_at is distinct from n.created_at)
                or (o.created_by is distinct from n.created_by)
                or (o.updated_at is distinct from n.updated_at)
                or (o.updated_by is distinct from n.updated_by)
                or (o.row_version is distinct from n.row_version);
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    old_values,
                    salt,
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
                    'integration',
                    'import_jobs',
                    o.id,
                    'delete',
                    to_jsonb(o),
                    substring(sha256(secret || uuid_send(o.id)) from 1 for 16),
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

        revoke all on function audit.record_integration_import_jobs() from public;
        grant execute on function audit.record_integration_import_jobs() to gardenos_owner;

        comment on function audit.record_integration_import_jobs() is
        'Appends the changes of integration.import_jobs to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of integration.import_rows to the trail, without their values.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_integration_import_rows()
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
                    'integration',
                    'import_rows',
                    n.id,
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
                    'integration',
                    'import_rows',
                    n.id,
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
                    on n.agency_id = o.agency_id
                   and n.id = o.id;
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
                    'integration',
                    'import_rows',
                    o.id,
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

        revoke all on function audit.record_integration_import_rows() from public;
        grant execute on function audit.record_integration_import_rows() to gardenos_owner;

        comment on function audit.record_integration_import_rows() is
        'Appends the changes of integration.import_rows to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of integration.webhook_endpoints to the trail, with their values.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_integration_webhook_endpoints()
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
            secret bytea;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            secret := uuid_send(gen_random_uuid());
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    new_values,
                    salt,
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
                    'integration',
                    'webhook_endpoints',
                    n.id,
                    'insert',
                    to_jsonb(n),
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
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
                    changed,
                    old_values,
                    new_values,
                    salt,
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
                    'integration',
                    'webhook_endpoints',
                    n.id,
                    'update',
                    array_remove(array[
                        case when (o.name is distinct from n.name) then 'name' end,
                        case when (o.url is distinct from n.url) then 'url' end,
                        case when (o.event_types is distinct from n.event_types) then 'event_types' end,
                        case when (o.is_active is distinct from n.is_active) then 'is_active' end,
                        case when (o.disabled_at is distinct from n.disabled_at) then 'disabled_at' end,
                        case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                        case when (o.created_by is distinct from n.created_by) then 'created_by' end,
                        case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                        case when (o.updated_by is distinct from n.updated_by) then 'updated_by' end,
                        case when (o.row_version is distinct from n.row_version) then 'row_version' end,
                        case when (o.deleted_at is distinct from n.deleted_at) then 'deleted_at' end,
                        case when (o.deleted_by is distinct from n.deleted_by) then 'deleted_by' end
                    ], null),
                    case when (o.name is distinct from n.name) then jsonb_build_object('name', o.name) else '{}' end
                    || case when (o.url is distinct from n.url) then jsonb_build_object('url', o.url) else '{}' end
                    || case when (o.event_types is distinct from n.event_types) then jsonb_build_object('event_types', o.event_types) else '{}' end
                    || case when (o.is_active is distinct from n.is_active) then jsonb_build_object('is_active', o.is_active) else '{}' end
                    || case when (o.disabled_at is distinct from n.disabled_at) then jsonb_build_object('disabled_at', o.disabled_at) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', o.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end
                    || case when (o.deleted_at is distinct from n.deleted_at) then jsonb_build_object('deleted_at', o.deleted_at) else '{}' end
                    || case when (o.deleted_by is distinct from n.deleted_by) then jsonb_build_object('deleted_by', o.deleted_by) else '{}' end,
                    case when (o.name is distinct from n.name) then jsonb_build_object('name', n.name) else '{}' end
                    || case when (o.url is distinct from n.url) then jsonb_build_object('url', n.url) else '{}' end
                    || case when (o.event_types is distinct from n.event_types) then jsonb_build_object('event_types', n.event_types) else '{}' end
                    || case when (o.is_active is distinct from n.is_active) then jsonb_build_object('is_active', n.is_active) else '{}' end
                    || case when (o.disabled_at is distinct from n.disabled_at) then jsonb_build_object('disabled_at', n.disabled_at) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', n.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', n.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', n.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', n.row_version) else '{}' end
                    || case when (o.deleted_at is distinct from n.deleted_at) then jsonb_build_object('deleted_at', n.deleted_at) else '{}' end
                    || case when (o.deleted_by is distinct from n.deleted_by) then jsonb_build_object('deleted_by', n.deleted_by) else '{}' end,
                    substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
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
                    on n.agency_id = o.agency_id
                   and n.id = o.id;
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    old_values,
                    salt,
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
                    'integration',
                    'webhook_endpoints',
                    o.id,
                    'delete',
                    to_jsonb(o),
                    substring(sha256(secret || uuid_send(o.id)) from 1 for 16),
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

        revoke all on function audit.record_integration_webhook_endpoints() from public;
        grant execute on function audit.record_integration_webhook_endpoints() to gardenos_owner;

        comment on function audit.record_integration_webhook_endpoints() is
        'Appends the changes of integration.webhook_endpoints to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of integration.webhook_secrets to the trail, without their values.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_integration_webhook_secrets()
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
                    'integration',
                    'webhook_secrets',
                    n.id,
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
                    'integration',
                    'webhook_secrets',
                    n.id,
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
                    on n.agency_id = o.agency_id
                   and n.id = o.id;
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
                    'integration',
                    'webhook_secrets',
                    o.id,
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

        revoke all on function audit.record_integration_webhook_secrets() from public;
        grant execute on function audit.record_integration_webhook_secrets() to gardenos_owner;

        comment on function audit.record_integration_webhook_secrets() is
        'Appends the changes of integration.webhook_secrets to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        grant update (participant_ids) on table crm.calendar_events to gardenos_crm_writer;

        grant update (deleted_at) on table crm.contact_points to gardenos_crm_writer;

        grant update (last_message_at) on table crm.conversations to gardenos_crm_writer;

        grant update (participant_ids) on table crm.conversations to gardenos_crm_writer;

        grant update (left_at) on table crm.deal_stage_history to gardenos_crm_writer;

        grant update (amount) on table crm.deals to gardenos_crm_writer;

        grant update (outcome) on table crm.pipeline_stages to gardenos_crm_writer;
        """
    )


def downgrade() -> None:
    execute(
        r"""
        revoke update (outcome) on table crm.pipeline_stages from gardenos_crm_writer cascade;

        revoke update (amount) on table crm.deals from gardenos_crm_writer cascade;

        revoke update (left_at) on table crm.deal_stage_history from gardenos_crm_writer cascade;

        revoke update (participant_ids) on table crm.conversations from gardenos_crm_writer cascade;

        revoke update (last_message_at) on table crm.conversations from gardenos_crm_writer cascade;

        revoke update (deleted_at) on table crm.contact_points from gardenos_crm_writer cascade;

        revoke update (participant_ids) on table crm.calendar_events from gardenos_crm_writer cascade;

        set local role gardenos_audit_writer;

        drop function audit.record_integration_webhook_secrets();

        set local role gardenos_owner;

        set local role gardenos_audit_writer;

        drop function audit.record_integration_webhook_endpoints();

        set local role gardenos_owner;

        set local role gardenos_audit_writer;

        drop function audit.record_integration_import_rows();

        set local role gardenos_owner;

        set local role gardenos_audit_writer;

        drop function audit.record_integration_import_jobs();

        set local role gardenos_owner;

        set local role gardenos_audit_writer;

        drop function audit.record_governance_suppressions();

        set local role gardenos_owner;

        set local role gardenos_audit_writer;

        drop function audit.record_governance_retention_policies();

        set local role gardenos_owner;

        set local role gardenos_audit_writer;

        drop function audit.record_governance_erasure_requests();

        set local role gardenos_owner;

        set local role gardenos_audit_writer;

        drop function audit.record_crm_tags();

        set local role gardenos_owner;

        set local role gardenos_audit_writer;

        drop function audit.record_crm_saved_views();

        set local role gardenos_owner;

        set local role gardenos_audit_writer;

        drop function audit.record_crm_record_tags();

        set local role gardenos_owner;

        set local role gardenos_audit_writer;

        drop function audit.record_crm_products();

        set local role gardenos_owner;

        set local role gardenos_audit_writer;

        drop function audit.record_crm_pipelines();

        set local role gardenos_owner;

        set local role gardenos_audit_writer;

        drop function audit.record_crm_pipeline_stages();

        set local role gardenos_owner;

        set local role gardenos_audit_writer;

        drop function audit.record_crm_participants();

        set local role gardenos_owner;

        set local role gardenos_audit_writer;

        drop function audit.record_crm_messages();

        set local role gardenos_owner;

        set local role gardenos_audit_writer;

        drop function audit.record_crm_merge_records();

        set local role gardenos_owner;

        set local role gardenos_audit_writer;

        drop function audit.record_crm_lookup_values();

        set local role gardenos_owner;

        set local role gardenos_audit_writer;

        drop function audit.record_crm_files();

        set local role gardenos_owner;

        set local role gardenos_audit_writer;

        drop function audit.record_crm_deals();

        set local role gardenos_owner;

        set local role gardenos_audit_writer;

        drop function audit.record_crm_deal_line_items();

        set local role gardenos_owner;

        set local role gardenos_audit_writer;

        drop function audit.record_crm_deal_contacts();

        set local role gardenos_owner;

        set local role gardenos_audit_writer;

        drop function audit.record_crm_custom_field_defs();

        set local role gardenos_owner;

        set local role gardenos_audit_writer;

        drop function audit.record_crm_conversations();

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_audit_writer;

        drop function audit.record_crm_contacts();

        set local role gardenos_owner;

        set local role gardenos_audit_writer;

        drop function audit.record_crm_contact_points();

        set local role gardenos_owner;

        set local role gardenos_audit_writer;

        drop function audit.record_crm_contact_companies();

        set local role gardenos_owner;

        set local role gardenos_audit_writer;

        drop function audit.record_crm_consents();

        set local role gardenos_owner;

        set local role gardenos_audit_writer;

        drop function audit.record_crm_companies();

        set local role gardenos_owner;

        set local role gardenos_audit_writer;

        drop function audit.record_crm_calendar_events();

        set local role gardenos_owner;

        set local role gardenos_audit_writer;

        drop function audit.record_crm_activities();

        set local role gardenos_owner;

        revoke execute on function app.uuid_v7() from gardenos_crm_writer cascade;

        set local role gardenos_crm_writer;

        drop function app.total_deals();

        set local role gardenos_owner;

        drop function app.suppression_hash(agency uuid, kind app.point_kind, value_norm text);

        drop function app.restore_record(table_name text, record_id uuid);

        set local role gardenos_membership_reader;

        revoke execute on function app.proof() from gardenos_crm_writer cascade;

        set local role gardenos_owner;

        set local role gardenos_crm_writer;

        drop function app.place_deal();

        set local role gardenos_owner;

        set local role gardenos_crm_writer;

        drop function app.note_stage();

        set local role gardenos_owner;

        set local role gardenos_crm_writer;

        drop function app.note_participants();

        set local role gardenos_owner;

        set local role gardenos_crm_writer;

        drop function app.note_message();

        set local role gardenos_owner;

        revoke execute on function app.membership_id() from gardenos_crm_writer cascade;

        drop function app.live_twin(violated text, record_id uuid);

        drop function app.keep_participants();

        set local role gardenos_crm_writer;

        drop function app.keep_amount();

        set local role gardenos_owner;

        drop function app.is_value_of(data_type app.field_type, options jsonb, value jsonb);

        set local role gardenos_crm_writer;

        drop function app.is_open_conversation(agency uuid, conversation uuid);

        set local role gardenos_owner;

        set local role gardenos_crm_writer;

        drop function app.guard_stage();

        set local role gardenos_owner;

        drop function app.guard_message();

        drop function app.guard_consent();

        drop function app.guard_anonymised();

        drop function app.guard_agent();

        drop function app.forbid_removal();

        drop function app.forbid_redefinition();

        drop function app.forbid_change();

        set local role gardenos_crm_writer;

        drop function app.delete_points();

        set local role gardenos_owner;

        set local role gardenos_membership_reader;

        drop function app.default_team_id();

        set local role gardenos_owner;

        drop function app.default_team();

        drop function app.default_owner();

        set local role gardenos_crm_writer;

        drop function app.check_suppression();

        set local role gardenos_owner;

        set local role gardenos_crm_writer;

        drop function app.check_lookups();

        set local role gardenos_owner;

        drop function app.check_field_options();

        set local role gardenos_crm_writer;

        drop function app.check_custom();

        set local role gardenos_owner;
        """
    )
