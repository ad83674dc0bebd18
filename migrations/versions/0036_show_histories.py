"""Show the history of a record to who reads it

Reason:    who reads a record may know what became of it; the trail itself is for owners and
           admins.
Locks:     none on tables.
Duration:  milliseconds.
Way back:  drops the view and the functions.
"""

from migrations.runner.execute import execute

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        -- Whether the caller can read this record now: a plain SELECT on its table, so that row-level security
        -- answers and no rule is written twice. SECURITY INVOKER for that reason alone. Null and unknown tables: no.
        create or replace function app.can_read(schema_name text, table_name text, record_id uuid)
        returns boolean
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            agency uuid := app.agency_id();
        begin
            return case can_read.schema_name || '.' || can_read.table_name
                when 'crm.companies' then exists (
                    select 1 from crm.companies as r where r.agency_id = agency and r.id = can_read.record_id
                )
                when 'crm.contacts' then exists (
                    select 1 from crm.contacts as r where r.agency_id = agency and r.id = can_read.record_id
                )
                when 'crm.contact_points' then exists (
                    select 1 from crm.contact_points as r where r.agency_id = agency and r.id = can_read.record_id
                )
                when 'crm.deals' then exists (
                    select 1 from crm.deals as r where r.agency_id = agency and r.id = can_read.record_id
                )
                when 'crm.deal_line_items' then exists (
                    select 1 from crm.deal_line_items as r where r.agency_id = agency and r.id = can_read.record_id
                )
                when 'crm.activities' then exists (
                    select 1 from crm.activities as r where r.agency_id = agency and r.id = can_read.record_id
                )
                when 'crm.conversations' then exists (
                    select 1 from crm.conversations as r where r.agency_id = agency and r.id = can_read.record_id
                )
                when 'crm.calendar_events' then exists (
                    select 1 from crm.calendar_events as r where r.agency_id = agency and r.id = can_read.record_id
                )
                when 'crm.files' then exists (
                    select 1 from crm.files as r where r.agency_id = agency and r.id = can_read.record_id
                )
                when 'crm.products' then exists (
                    select 1 from crm.products as r where r.agency_id = agency and r.id = can_read.record_id
                )
                else false
            end;
        end;
        $function$;

        revoke all on function app.can_read(text, text, uuid) from public;
        grant execute on function app.can_read(text, text, uuid) to
            authenticated;

        comment on function app.can_read(text, text, uuid) is
        'True when the caller can read this record of crm now; false for tables without a history for everybody.';
        """
    )
    execute(
        r"""
        -- A record that the caller can read now as it was at a moment: the row of today with every later change
        -- taken back, as audit.as_of does it for owners and admins. Null when it did not exist then, and when it is
        -- out of reach. A time from which values are not for the caller (audit.record_entries) is refused: a row
        -- half of today and half of then would be a lie. Columns whose changes nobody records are absent.
        create or replace function app.record_as_of(in_table text, record_id uuid, moment timestamptz)
        returns jsonb
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        set plan_cache_mode = force_custom_plan
        as $function$
        declare
            left_out constant text[] := array['search', 'participant_ids', 'last_message_at'];
            its_agency uuid := app.agency_id();
            its_schema text := split_part(in_table, '.', 1);
            its_table text := split_part(in_table, '.', 2);
            state jsonb;
            change record;
        begin
            if moment is null then
                raise exception 'Say which moment: it is null.'
                    using errcode = '22004';
            end if;
            if not app.can_read(its_schema, its_table, record_as_of.record_id)
                or not app.may('audit.log:select', 'owner', 'admin', 'manager', 'member', 'viewer') then
                return null;
            end if;
            execute format('select to_jsonb(r) from %I.%I as r where r.agency_id = $1 and r.id = $2', its_schema, its_table)
               into state
              using its_agency, record_as_of.record_id;
            for change in
                select e.op, e.at, e.changed, e.old_values, e.is_before, e.is_redacted
                  from audit.record_entries as e
                 where e.agency_id = its_agency
                   and e.schema_name = its_schema
                   and e.table_name = its_table
                   and e.record_id = record_as_of.record_id
                   and e.op <> 'redact'
                 order by e.epoch desc, e.timeline desc, e.seq desc
            loop
                exit when change.at <= moment;
                if change.op = 'insert' then
                    return null;
                end if;
                if change.is_before then
                    raise exception 'This record was shared otherwise at that time, so it is not shown as it was.'
                        using errcode = '22023',
                        hint = 'Ask for a later time, or an owner or admin of the agency.';
                end if;
                state := state - change.changed || coalesce(change.old_values, '{}');
            end loop;
            if (state ->> 'created_at')::timestamptz > moment then
                return null;
            end if;
            return state - left_out;
        end;
        $function$;

        revoke all on function app.record_as_of(text, uuid, timestamptz) from public;
        grant execute on function app.record_as_of(text, uuid, timestamptz) to
            authenticated;

        comment on function app.record_as_of(text, uuid, timestamptz) is
        'A record (in_table: schema.table) that the caller can read now, as it was then; null when it was not there.';
        """
    )
    execute(
        r"""
        -- The life of one record, newest change first, for everybody who can read it now: when, who, for whom, and
        -- what became of what. `before` is the id of the last row of the page before. What is left out, and why it
        -- is safe, says audit.record_entries. No row when the record is out of reach or nothing is recorded of its
        -- table: a search for ids learns nothing.
        --
        -- Owners and admins have audit.history besides, also of what is gone.
        create or replace function app.record_history(
            in_table text,
            record_id uuid,
            before uuid default null,
            page_size integer default 100
        )
        returns table (
            id uuid,
            at timestamptz,
            actor_kind app.actor_kind,
            actor_membership_id uuid,
            actor_name text,
            on_behalf_of_name text,
            op app.audit_op,
            changes jsonb,
            summary text,
            is_redacted boolean
        )
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        set plan_cache_mode = force_custom_plan
        as $function$
        declare
            its_agency uuid := app.agency_id();
            its_schema text := split_part(in_table, '.', 1);
            its_table text := split_part(in_table, '.', 2);
            page_limit integer := audit.page_limit(page_size);
            from_epoch integer := 2147483647;
            from_timeline integer := 2147483647;
            from_seq bigint := 9223372036854775807;
        begin
            if not app.can_read(its_schema, its_table, record_history.record_id) then
                return;
            end if;
            if before is not null then
                select e.epoch, e.timeline, e.seq
                  into from_epoch, from_timeline, from_seq
                  from audit.record_entries as e
                 where e.agency_id = its_agency
                   and e.schema_name = its_schema
                   and e.table_name = its_table
                   and e.record_id = record_history.record_id
                   and e.id = record_history.before;
                if not found then
                    raise exception 'before is %, which is no row of the history of this record.', before
                        using errcode = '22023';
                end if;
            end if;
            return query
                select
                    e.id,
                    e.at,
                    e.actor_kind,
                    e.actor_membership_id,
                    a.display_name::text,
                    b.display_name::text,
                    e.op,
                    c.changes,
                    audit.summary(e.op, c.changes, e.is_redacted),
                    e.is_redacted
                  from audit.record_entries as e
                 cross join lateral (
                     select audit.changes(e.old_values, e.new_values)
                 ) as c (changes)
                  left join tenancy.memberships as a
                    on a.agency_id = its_agency
                   and a.user_id = e.actor_user_id
                  left join tenancy.memberships as b
                    on b.agency_id = its_agency
                   and b.user_id = e.on_behalf_of_id
                 where e.agency_id = its_agency
                   and e.schema_name = its_schema
                   and e.table_name = its_table
                   and e.record_id = record_history.record_id
                   and (e.epoch, e.timeline, e.seq) < (from_epoch, from_timeline, from_seq)
                 order by e.epoch desc, e.timeline desc, e.seq desc
                 limit page_limit;
        end;
        $function$;

        revoke all on function app.record_history(text, uuid, uuid, integer) from public;
        grant execute on function app.record_history(text, uuid, uuid, integer) to
            authenticated;

        comment on function app.record_history(text, uuid, uuid, integer) is
        'The changes of a record (in_table: schema.table) that the caller can read now, newest first.';
        """
    )
    execute(
        r"""
        set local role gardenos_audit_sealer;

        create or replace view audit.record_entries
        with (security_barrier = true)
        as
        select
            e.agency_id,
            e.schema_name,
            e.table_name,
            e.record_id,
            e.id,
            e.epoch,
            e.timeline,
            e.seq,
            e.at,
            e.actor_kind,
            e.actor_membership_id,
            e.actor_user_id,
            e.on_behalf_of_id,
            e.op,
            e.changed,
            e.is_before,
            case when not e.is_before then e.old_values end as old_values,
            case when not e.is_before then e.new_values end as new_values,
            e.salt is null and e.values_hash is not null as is_redacted
        from (
            select
                l.*,
                bool_or(
                    'visibility' = any(l.changed)
                    or (l.op in ('insert', 'update') and l.salt is null and l.values_hash is null)
                ) over life as is_before,
                count(*) filter (where l.op = 'insert') over (
                    life rows between unbounded preceding and 1 preceding
                ) > 0 as is_of_another
            from audit.log as l
            window life as (
                partition by l.agency_id, l.schema_name, l.table_name, l.record_id
                order by l.epoch desc, l.timeline desc, l.seq desc
            )
        ) as e
        where
            e.agency_id = (select app.agency_id())
            and not e.is_of_another
            and (select app.may('audit.log:select', 'owner', 'admin', 'manager', 'member', 'viewer'))
            and app.can_read(e.schema_name, e.table_name, e.record_id);

        grant select on table audit.record_entries to authenticated;

        comment on view audit.record_entries is
        'What became of the records that the caller can read now.';

        comment on column audit.record_entries.agency_id is 'Of the record.';
        comment on column audit.record_entries.schema_name is 'Of the table of the record.';
        comment on column audit.record_entries.table_name is 'The table of the record.';
        comment on column audit.record_entries.record_id is 'The record.';
        comment on column audit.record_entries.id is 'Of the entry.';
        comment on column audit.record_entries.epoch is 'First part of the order.';
        comment on column audit.record_entries.timeline is 'Second part of the order.';
        comment on column audit.record_entries.seq is 'Third part of the order.';
        comment on column audit.record_entries.at is 'When the statement began; for people, never an order.';
        comment on column audit.record_entries.actor_kind is 'A user, an agent, a key or the system.';
        comment on column audit.record_entries.actor_membership_id is 'Who did it, as a member.';
        comment on column audit.record_entries.actor_user_id is 'Who did it.';
        comment on column audit.record_entries.on_behalf_of_id is 'For whom an agent did it.';
        comment on column audit.record_entries.op is 'What was done.';
        comment on column audit.record_entries.changed is 'Which columns changed.';
        comment on column audit.record_entries.old_values is 'Values before; null when they are not for the caller.';
        comment on column audit.record_entries.new_values is 'Values after; null when they are not for the caller.';
        comment on column audit.record_entries.is_redacted is 'True when the values were erased.';
        comment on column audit.record_entries.is_before is 'True when the record was shared otherwise after this.';

        set local role gardenos_owner;
        """
    )


def downgrade() -> None:
    execute(
        r"""
        set local role gardenos_audit_sealer;
        drop view audit.record_entries;
        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        drop function app.record_history(in_table text, record_id uuid, before uuid, page_size integer);
        """
    )
    execute(
        r"""
        drop function app.record_as_of(in_table text, record_id uuid, moment timestamp with time zone);
        """
    )
    execute(
        r"""
        drop function app.can_read(schema_name text, table_name text, record_id uuid);
        """
    )
