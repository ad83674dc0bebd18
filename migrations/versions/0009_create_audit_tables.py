"""Create the tables of the audit trail

Reason:    every change of a tenant row is to leave evidence: the trail in monthly partitions, the
           chain of seals over it, what was retired, and what did the recording.
Locks:     AccessExclusive on the new tables only; the grants on schema migration take none.
Duration:  a second, for 25 partitions.
Way back:  drops the trail and its seals: export them first.
"""

from migrations.runner.execute import execute

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        create type app.audit_op as enum (
            'insert',
            'update',
            'delete',
            'redact'
        );

        create type app.actor_kind as enum (
            'user',
            'agent',
            'api_key',
            'system'
        );

        comment on type app.audit_op is 'What happened to a row; redact: its values were erased from the trail.';
        comment on type app.actor_kind is 'Who changed a row: a person, an agent, a key, or a service.';
        """
    )
    execute(
        r"""
        -- The smallest uuid v7 of a millisecond: where a month of ids begins, for partitions and for conditions on
        -- time that the primary key can answer.
        create or replace function app.uuid_v7_floor(at timestamptz)
        returns uuid
        language sql
        immutable
        parallel safe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
            select encode(
                substring(int8send(floor(extract(epoch from at) * 1000)::bigint) from 3) || '\x70008000000000000000'::bytea,
                'hex'
            )::uuid;
        $function$;

        revoke all on function app.uuid_v7_floor(timestamptz) from public;
        grant execute on function app.uuid_v7_floor(timestamptz) to
            authenticated,
            service_role,
            gardenos_worker,
            gardenos_auditor,
            gardenos_audit_sealer,
            gardenos_audit_redactor;

        comment on function app.uuid_v7_floor(timestamptz) is
        'The smallest uuid version 7 of this millisecond.';
        """
    )
    execute(
        r"""
        -- An id of the trail is no secret: it is a uuid v7 like the others, but made without the system's
        -- random numbers, which cost a fifth of recording a row.
        create table audit.log (
            agency_id uuid not null,
            id uuid not null default (
                overlay(
                    lpad(to_hex((date_part('epoch', clock_timestamp()) * 4096000)::bigint), 15, '0')
                    placing '7' from 13 for 0
                )
                || to_hex(-9223372036854775808 + (random() * 4611686018427387904)::bigint)
            )::uuid,
            seq bigint not null generated always as identity,
            at timestamptz not null default statement_timestamp(),
            schema_name text not null,
            table_name text not null,
            record_id uuid not null,
            op app.audit_op not null,
            changed text[] not null default '{}',
            old_values jsonb,
            new_values jsonb,
            salt bytea,
            values_hash app.sha256,
            actor_kind app.actor_kind not null,
            actor_user_id uuid,
            actor_membership_id uuid,
            on_behalf_of_id uuid,
            api_key_id uuid,
            agency_role text,
            db_role text not null,
            request_id text,
            ip inet,
            xid xid8 not null,
            epoch integer not null,
            timeline integer not null,
            constraint log_pkey primary key (agency_id, id)
        ) partition by range (id);

        create index log_record_idx
            on audit.log (agency_id, table_name, record_id, epoch, timeline, seq);

        create index log_xid_idx
            on audit.log (agency_id, epoch, xid);

        create table audit.seals (
            agency_id uuid not null,
            id uuid not null default app.uuid_v7(),
            seq bigint not null,
            month date not null,
            epoch integer not null,
            timeline integer not null,
            from_xid xid8 not null,
            to_xid xid8 not null,
            row_count bigint not null,
            rows_hash app.sha256 not null,
            row_marks bytea not null,
            revision text not null,
            machinery app.sha256 not null,
            prev_hash app.sha256,
            seal_hash app.sha256 not null,
            sealed_at timestamptz not null default clock_timestamp(),
            constraint seals_pkey primary key (agency_id, id),
            constraint seals_seq_key unique (agency_id, seq),
            constraint seals_chain check ((seq = 1) = (prev_hash is null)),
            constraint seals_range check (from_xid < to_xid and row_count > 0),
            constraint seals_month_first check (extract(day from month) = 1),
            constraint seals_row_marks_length check (octet_length(row_marks) = 4 * row_count),
            constraint seals_revision_length check (octet_length(revision) <= 32)
        );

        create index seals_month_idx
            on audit.seals (agency_id, month, seq);

        create table audit.retired (
            agency_id uuid not null,
            id uuid not null default app.uuid_v7(),
            month date not null,
            row_count bigint not null,
            first_seal bigint not null,
            last_seal bigint not null,
            head_hash app.sha256 not null,
            export_rows bigint not null,
            export_sha256 app.sha256 not null,
            retired_at timestamptz not null default clock_timestamp(),
            retired_by text not null,
            constraint retired_pkey primary key (agency_id, id),
            constraint retired_month_key unique (agency_id, month),
            constraint retired_month_first check (extract(day from month) = 1),
            constraint retired_counts check (
                row_count > 0
                and export_rows >= row_count
                and first_seal between 1 and last_seal
            ),
            constraint retired_by_length check (octet_length(retired_by) <= 63)
        );

        create table migration.machinery (
            machinery app.sha256 not null,
            revision text not null,
            objects jsonb not null,
            seen_at timestamptz not null default now(),
            constraint machinery_pkey primary key (machinery)
        );

        comment on table audit.log is 'The trail: one row for each changed row, in the same transaction. Append-only, sealed, without foreign keys: it outlives everything.';
        comment on column audit.log.agency_id is 'The agency of the changed row; all zeros for a table that belongs to no agency.';
        comment on column audit.log.id is 'The id of the row, a uuid v7; its month is the partition.';
        comment on column audit.log.seq is 'With epoch and timeline, the order; gaps mean nothing.';
        comment on column audit.log.at is 'When the statement began, for people; never an order.';
        comment on column audit.log.schema_name is 'The schema of the changed row.';
        comment on column audit.log.table_name is 'The table of the changed row.';
        comment on column audit.log.record_id is 'The id of the changed row.';
        comment on column audit.log.op is 'What happened.';
        comment on column audit.log.changed is 'The columns that an update changed.';
        comment on column audit.log.old_values is 'personal: What the row held: all columns for a delete, the changed ones for an update; null at level keys and after redaction.';
        comment on column audit.log.new_values is 'personal: What the row holds: all columns for an insert, the changed ones for an update; null at level keys and after redaction.';
        comment on column audit.log.salt is 'Keeps the hash of the values from being guessed; goes with them.';
        comment on column audit.log.values_hash is 'sha256 of salt, old and new values, left in their place by redaction; null before.';
        comment on column audit.log.actor_kind is 'Who changed the row, by database role first.';
        comment on column audit.log.actor_user_id is 'The user, or the agent.';
        comment on column audit.log.actor_membership_id is 'Their membership in the agency that they acted in.';
        comment on column audit.log.on_behalf_of_id is 'The user whom an agent acted for.';
        comment on column audit.log.api_key_id is 'The key that they came with.';
        comment on column audit.log.agency_role is 'The role that the membership had then.';
        comment on column audit.log.db_role is 'The database role that the statement ran as.';
        comment on column audit.log.request_id is 'The id that the gateway gave the request; a client can choose it.';
        comment on column audit.log.ip is 'The address of the client, as the gateway saw it.';
        comment on column audit.log.xid is 'The transaction.';
        comment on column audit.log.epoch is 'The life of the data that the transaction belongs to; see migration.epochs.';
        comment on column audit.log.timeline is 'The timeline of the primary that wrote it.';

        comment on table audit.seals is 'The chain over the trail, one for each agency: a row for each batch that no transaction can add to.';
        comment on column audit.seals.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column audit.seals.id is 'The id of the row, a uuid v7.';
        comment on column audit.seals.seq is '1, 2, 3 … without a gap.';
        comment on column audit.seals.month is 'The month of audit.log that its rows lie in.';
        comment on column audit.seals.epoch is 'Of its rows; both ends are transactions of this epoch.';
        comment on column audit.seals.timeline is 'Of the primary that sealed.';
        comment on column audit.seals.from_xid is 'The first transaction of the batch.';
        comment on column audit.seals.to_xid is 'The first transaction after the batch.';
        comment on column audit.seals.row_count is 'How many rows the batch has.';
        comment on column audit.seals.rows_hash is 'sha256 over the hashes of its rows, in their order.';
        comment on column audit.seals.row_marks is 'The first four bytes of the hash of each row: they say which row was touched.';
        comment on column audit.seals.revision is 'The revision of the database when it sealed.';
        comment on column audit.seals.machinery is 'What recorded then: the hash of functions and triggers, see migration.machinery.';
        comment on column audit.seals.prev_hash is 'The seal before.';
        comment on column audit.seals.seal_hash is 'sha256 of all of these but id.';
        comment on column audit.seals.sealed_at is 'When it sealed.';

        comment on table audit.retired is 'Months of an agency that left the trail after export; their seals stay.';
        comment on column audit.retired.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column audit.retired.id is 'The id of the row, a uuid v7.';
        comment on column audit.retired.month is 'The month of audit.log that left.';
        comment on column audit.retired.row_count is 'How many rows of the agency left with it.';
        comment on column audit.retired.first_seal is 'The number of the first seal of that month.';
        comment on column audit.retired.last_seal is 'The number of the last seal of that month.';
        comment on column audit.retired.head_hash is 'The hash of its last seal.';
        comment on column audit.retired.export_rows is 'How many rows the exported file has, of all agencies.';
        comment on column audit.retired.export_sha256 is 'sha256 of the exported file.';
        comment on column audit.retired.retired_at is 'When it left.';
        comment on column audit.retired.retired_by is 'The login that retired it.';

        comment on table migration.machinery is 'What recorded the trail: each state of functions and triggers that sealing found.';
        comment on column migration.machinery.machinery is 'sha256 of objects.';
        comment on column migration.machinery.revision is 'The revision at which it was first seen.';
        comment on column migration.machinery.objects is 'Name to hash, of each function and trigger.';
        comment on column migration.machinery.seen_at is 'When it was first seen.';
        """
    )
    execute(
        r"""
        -- The trail. Owners and admins read that of their agency; nobody writes but the triggers (as the audit
        -- writer), and nobody changes a row but redaction, which leaves a hash in place of the values. No role
        -- deletes.
        alter table audit.log enable row level security;
        alter table audit.log force row level security;

        create policy "tenant floor"
        on audit.log
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );

        create policy "owners and admins read the trail of their agency"
        on audit.log
        as permissive
        for select
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.may('audit.log:select', 'owner', 'admin'))
        );

        create policy "the triggers append"
        on audit.log
        as permissive
        for insert
        to gardenos_audit_writer
        with check (
            true
        );

        create policy "sealing reads"
        on audit.log
        as permissive
        for select
        to gardenos_audit_sealer
        using (
            true
        );

        create policy "redaction reads"
        on audit.log
        as permissive
        for select
        to gardenos_audit_redactor
        using (
            true
        );

        create policy "redaction is recorded"
        on audit.log
        as permissive
        for insert
        to gardenos_audit_redactor
        with check (
            op = 'redact'
        );

        create policy "redaction empties values"
        on audit.log
        as permissive
        for update
        to gardenos_audit_redactor
        using (
            true
        )
        with check (
            old_values is null
            and new_values is null
            and salt is null
        );

        create policy "the auditor reads everything"
        on audit.log
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select on table audit.log to
            authenticated,
            service_role,
            gardenos_auditor,
            gardenos_audit_sealer,
            gardenos_audit_redactor;

        grant insert on table audit.log to gardenos_audit_writer, gardenos_audit_redactor;

        grant update (
            old_values,
            new_values,
            salt,
            values_hash
        ) on table audit.log to gardenos_audit_redactor;
        """
    )
    execute(
        r"""
        -- Months that left the trail after export. Owners and admins read those of their agency; only sealing
        -- appends, and nobody changes or deletes a row.
        alter table audit.retired enable row level security;
        alter table audit.retired force row level security;

        create policy "tenant floor"
        on audit.retired
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );

        create policy "owners and admins read what was retired of their agency"
        on audit.retired
        as permissive
        for select
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.may('audit.retired:select', 'owner', 'admin'))
        );

        create policy "sealing reads and appends"
        on audit.retired
        as permissive
        for all
        to gardenos_audit_sealer
        using (
            true
        )
        with check (
            true
        );

        create policy "the auditor reads everything"
        on audit.retired
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select on table audit.retired to
            authenticated,
            service_role,
            gardenos_auditor,
            gardenos_audit_sealer;

        grant insert on table audit.retired to gardenos_audit_sealer;
        """
    )
    execute(
        r"""
        -- The chain over the trail. Owners and admins read that of their agency, so that they can verify it; only
        -- sealing appends, and nobody changes or deletes a seal.
        alter table audit.seals enable row level security;
        alter table audit.seals force row level security;

        create policy "tenant floor"
        on audit.seals
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );

        create policy "owners and admins read the seals of their agency"
        on audit.seals
        as permissive
        for select
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.may('audit.seals:select', 'owner', 'admin'))
        );

        create policy "sealing reads and appends"
        on audit.seals
        as permissive
        for all
        to gardenos_audit_sealer
        using (
            true
        )
        with check (
            true
        );

        create policy "the auditor reads everything"
        on audit.seals
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select on table audit.seals to
            authenticated,
            service_role,
            gardenos_auditor,
            gardenos_audit_sealer;

        grant insert on table audit.seals to gardenos_audit_sealer;
        """
    )
    execute(
        r"""
        -- Sealing notes at which revision it found the machinery that records.
        grant select on table migration.alembic_version to gardenos_audit_sealer;
        """
    )
    execute(
        r"""
        -- The epoch stands in every row of the trail and in every seal. No row-level security: it is nobody's data,
        -- and the restore procedure writes it as the owner.
        grant select on table migration.epochs to
            gardenos_audit_writer,
            gardenos_audit_sealer,
            gardenos_audit_redactor;
        """
    )
    execute(
        r"""
        -- What recorded the trail, as sealing found it. No row-level security: it is nobody's data.
        grant select, insert on table migration.machinery to gardenos_audit_sealer;
        """
    )
    execute(
        r"""
        grant execute on function app.uuid_v7() to gardenos_audit_writer, gardenos_audit_sealer, gardenos_audit_redactor;
        """
    )
    execute(
        r"""
        -- Makes the months of audit.log: this one and as many ahead as asked. A job calls it; without a partition a
        -- write fails loudly, so two years are made at once. A month is made alone and then attached, which blocks
        -- no writer. It never makes a month that has passed: a month that is gone was retired.
        --
        -- A partition has row-level security, no policy and no grant: nobody reads or writes it but through
        -- audit.log. SECURITY DEFINER, as the owner: only the owner of a table attaches partitions to it.
        create or replace function audit.make_partitions(months integer default 24)
        returns integer
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            this_month timestamp := date_trunc('month', now() at time zone 'UTC');
            month timestamp;
            partition text;
            made integer := 0;
        begin
            if months is null or months not between 0 and 120 then
                raise exception 'Between 0 and 120 months can be made ahead, not %.', coalesce(months::text, 'null')
                    using errcode = '22023';
            end if;
            for month in
                select generate_series(this_month, this_month + make_interval(months => make_partitions.months), '1 month')
            loop
                partition := to_char(month, '"log_"YYYY_MM');
                continue when exists (
                    select 1
                      from pg_inherits as i
                     where i.inhparent = 'audit.log'::regclass
                       and i.inhrelid = to_regclass('audit.' || partition)
                );
                if to_regclass('audit.' || partition) is not null then
                    raise exception 'audit.% is there, but is no partition of audit.log.', partition
                        using errcode = '55000',
                        hint = 'Attach it again, or rename it.';
                end if;
                execute format(
                    'create table audit.%I (like audit.log including defaults including constraints'
                    || ' including storage including comments)',
                    partition
                );
                execute format('alter table audit.%I enable row level security', partition);
                execute format('alter table audit.%I force row level security', partition);
                execute format('comment on table audit.%I is %L', partition, 'A month of audit.log, for nobody to touch.');
                execute format(
                    'alter table audit.log attach partition audit.%I for values from (%L) to (%L)',
                    partition,
                    app.uuid_v7_floor(month at time zone 'UTC'),
                    app.uuid_v7_floor((month + interval '1 month') at time zone 'UTC')
                );
                made := made + 1;
            end loop;
            return made;
        end;
        $function$;

        revoke all on function audit.make_partitions(integer) from public;
        grant execute on function audit.make_partitions(integer) to
            gardenos_worker;

        comment on function audit.make_partitions(integer) is
        'Makes the months of audit.log that are missing, this one and so many ahead; returns how many it made.';
        """
    )
    execute(
        r"""
        -- How many months after this one have their partition, without a gap: monitoring alarms below six. -1 when
        -- even this month has none, and every audited write fails.
        create or replace function audit.months_ahead()
        returns integer
        language sql
        stable
        parallel safe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
            with recursive present as (
                select date_trunc('month', now() at time zone 'UTC') as month
                union all
                select p.month + interval '1 month'
                  from present as p
                 where exists (
                    select 1
                      from pg_inherits as i
                     where i.inhparent = 'audit.log'::regclass
                       and not i.inhdetachpending
                       and i.inhrelid = to_regclass(to_char(p.month, '"audit.log_"YYYY_MM'))
                 )
            )
            select count(*)::integer - 2
              from present;
        $function$;

        revoke all on function audit.months_ahead() from public;
        grant execute on function audit.months_ahead() to
            gardenos_worker,
            gardenos_auditor,
            gardenos_monitor;

        comment on function audit.months_ahead() is
        'How many months ahead audit.log has partitions for; below 6 is an alarm, -1 means that writes fail now.';
        """
    )
    execute(
        r"""
        select audit.make_partitions(24);
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop function audit.months_ahead();
        drop function audit.make_partitions(integer);

        revoke select on table migration.epochs from gardenos_audit_writer, gardenos_audit_sealer, gardenos_audit_redactor;
        revoke select on table migration.alembic_version from gardenos_audit_sealer;

        revoke execute on function app.uuid_v7() from gardenos_audit_writer, gardenos_audit_sealer, gardenos_audit_redactor;

        drop table migration.machinery;
        drop table audit.retired;
        drop table audit.seals;
        drop table audit.log;

        drop function app.uuid_v7_floor(timestamptz);

        drop type app.actor_kind;
        drop type app.audit_op;
        """
    )
