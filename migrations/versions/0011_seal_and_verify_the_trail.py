"""Seal, verify and redact the trail

Reason:    a trail is evidence when nobody can change it unseen: batches of it are chained,
           verified and compared with what recorded them. Personal data in it can be erased.
Locks:     none on tables.
Duration:  milliseconds.
Way back:  drops the functions; the seals stay, and nothing new is sealed.
"""

from migrations.runner.execute import execute

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        -- The rows of the trail as sealing and verifying see them: the hash of every column, the values and their
        -- salt as a hash of their own, which stays when erasure empties them. One definition for both. No text here
        -- depends on a setting of the session. A column that is added later needs a new form, or old seals no
        -- longer match.
        create or replace view audit.row_hashes
        with (security_invoker = true)
        as
        select
            l.agency_id,
            l.id,
            l.epoch,
            l.timeline,
            l.seq,
            l.xid,
            l.tableoid as partition,
            sha256(
                convert_to(
                    json_build_array(
                        l.agency_id,
                        l.id,
                        l.seq,
                        extract(epoch from l.at),
                        l.schema_name,
                        l.table_name,
                        l.record_id,
                        l.op,
                        l.changed,
                        encode(coalesce(l.values_hash, v.computed), 'hex'),
                        l.actor_kind,
                        l.actor_user_id,
                        l.actor_membership_id,
                        l.on_behalf_of_id,
                        l.api_key_id,
                        l.agency_role,
                        l.db_role,
                        l.request_id,
                        l.ip,
                        l.xid::text,
                        l.epoch,
                        l.timeline
                    )::text,
                    'UTF8'
                )
            ) as row_hash,
            (l.salt is not null and l.values_hash is null)
            or (l.salt is null and l.old_values is null and l.new_values is null) as values_hold,
            l.salt is null and l.values_hash is not null as is_emptied
        from audit.log as l
        cross join lateral (
            values (audit.values_hash(l.salt, l.old_values, l.new_values))
        ) as v (computed);

        revoke all on table audit.row_hashes from public;
        grant select on table audit.row_hashes to
            authenticated,
            service_role,
            gardenos_auditor,
            gardenos_audit_sealer;

        comment on view audit.row_hashes is 'The trail, as hashes of its rows.';
        comment on column audit.row_hashes.agency_id is 'Of the row.';
        comment on column audit.row_hashes.id is 'Of the row.';
        comment on column audit.row_hashes.epoch is 'Of the row.';
        comment on column audit.row_hashes.timeline is 'Of the row.';
        comment on column audit.row_hashes.seq is 'Of the row.';
        comment on column audit.row_hashes.xid is 'Of the row.';
        comment on column audit.row_hashes.partition is 'The month that holds the row.';
        comment on column audit.row_hashes.row_hash is 'sha256 of every column, and of the hash of the values.';
        comment on column audit.row_hashes.values_hold is 'False when there are values that were not recorded.';
        comment on column audit.row_hashes.is_emptied is 'True when the values were erased; a redaction must say so.';
        """
    )
    execute(
        r"""
        -- The month that a partition of the trail holds, from its name; null when it has none.
        create or replace function audit.month_of(partition regclass)
        returns date
        language sql
        stable
        parallel safe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
            select to_date(right(partition::text, 7), 'YYYY_MM')
             where partition::text ~ '^audit\.log_[0-9]{4}_(0[1-9]|1[0-2])$';
        $function$;

        revoke all on function audit.month_of(regclass) from public;
        grant execute on function audit.month_of(regclass) to
            authenticated,
            service_role,
            gardenos_auditor,
            gardenos_audit_sealer;

        comment on function audit.month_of(regclass) is
        'The month of a partition of audit.log, or null.';
        """
    )
    execute(
        r"""
        -- The hash of a seal over every column but its id and itself. Nothing in it depends on a setting.
        create or replace function audit.seal_hash(seal audit.seals)
        returns bytea
        language sql
        stable
        parallel safe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
            select sha256(
                convert_to(
                    json_build_array(
                        seal.agency_id,
                        seal.seq,
                        to_char(seal.month, 'YYYY-MM-DD'),
                        seal.epoch,
                        seal.timeline,
                        seal.from_xid::text,
                        seal.to_xid::text,
                        seal.row_count,
                        encode(seal.rows_hash, 'hex'),
                        encode(seal.row_marks, 'hex'),
                        seal.revision,
                        encode(seal.machinery, 'hex'),
                        encode(seal.prev_hash, 'hex'),
                        extract(epoch from seal.sealed_at)
                    )::text,
                    'UTF8'
                )
            );
        $function$;

        revoke all on function audit.seal_hash(audit.seals) from public;
        grant execute on function audit.seal_hash(audit.seals) to
            authenticated,
            service_role,
            gardenos_auditor,
            gardenos_audit_sealer;

        comment on function audit.seal_hash(audit.seals) is
        'What seal_hash of this seal must be.';
        """
    )
    execute(
        r"""
        -- What records at this moment: every function of ours, every trigger, and whether the trail is protected,
        -- each as a hash of its definition. Each seal holds the hash of all, so that a function that was replaced
        -- or a trigger that was switched off for longer than one sealing stays visible.
        --
        -- SECURITY DEFINER, as the sealer: the revision stands in schema migration.
        set local role gardenos_audit_sealer;

        create or replace function audit.machinery(out machinery bytea, out revision text, out objects jsonb)
        language plpgsql
        stable
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            select jsonb_object_agg(o.name, encode(substring(sha256(convert_to(o.definition, 'UTF8')) from 1 for 8), 'hex'))
              into objects
              from (
                    select
                        'function ' || p.oid::regprocedure as name,
                        json_build_array(
                            p.prosrc,
                            p.proconfig,
                            p.prosecdef,
                            p.proowner::regrole,
                            p.prolang,
                            p.provolatile
                        )::text as definition
                      from pg_proc as p
                     where p.pronamespace in ('app'::regnamespace, 'audit'::regnamespace)
                    union all
                    select
                        format('trigger %I on %s', t.tgname, t.tgrelid::regclass),
                        json_build_array(
                            t.tgenabled,
                            t.tgtype,
                            t.tgfoid::regprocedure,
                            encode(t.tgargs, 'hex'),
                            t.tgattr::text,
                            t.tgoldtable,
                            t.tgnewtable,
                            t.tgqual is null
                        )::text
                      from pg_trigger as t
                      join pg_class as c
                        on c.oid = t.tgrelid
                      join pg_namespace as n
                        on n.oid = c.relnamespace
                     where n.nspname in (
                        'tenancy', 'crm', 'ai', 'langgraph', 'integration', 'governance', 'audit'
                     )
                       and not t.tgisinternal
                       and t.tgparentid = 0
                    union all
                    select
                        'table ' || c.oid::regclass,
                        json_build_array(c.relrowsecurity, c.relforcerowsecurity, c.relowner::regrole)::text
                      from pg_class as c
                     where c.oid in ('audit.log'::regclass, 'audit.seals'::regclass, 'audit.retired'::regclass)
              ) as o;
            machinery := sha256(convert_to(objects::text, 'UTF8'));
            select v.version_num
              into revision
              from migration.alembic_version as v;
            revision := coalesce(revision, '');
        end;
        $function$;

        revoke all on function audit.machinery() from public;
        grant execute on function audit.machinery() to
            authenticated,
            service_role,
            gardenos_auditor;

        comment on function audit.machinery() is
        'What records now: a hash of all functions and triggers, the revision, and the hash of each.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- What differs between two states of the machinery, by name. SECURITY DEFINER, as the sealer: the states
        -- stand in schema migration.
        set local role gardenos_audit_sealer;

        create or replace function audit.machinery_changes(earlier bytea, later bytea)
        returns text
        language plpgsql
        stable
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            present record := audit.machinery();
            before jsonb;
            after jsonb;
        begin
            select m.objects into before from migration.machinery as m where m.machinery = earlier;
            select m.objects into after from migration.machinery as m where m.machinery = later;
            if after is null and later = present.machinery then
                after := present.objects;
            end if;
            if before is null or after is null then
                return 'a state that was not kept';
            end if;
            return (
                select string_agg(
                    case
                        when a.key is null then b.key || ' is gone'
                        when b.key is null then a.key || ' is new'
                        else a.key || ' was changed'
                    end,
                    ', '
                    order by coalesce(a.key, b.key)
                )
                  from jsonb_each_text(before) as b
                  full join jsonb_each_text(after) as a
                    on a.key = b.key
                 where a.value is distinct from b.value
            );
        end;
        $function$;

        revoke all on function audit.machinery_changes(bytea, bytea) from public;
        grant execute on function audit.machinery_changes(bytea, bytea) to
            authenticated,
            service_role,
            gardenos_auditor;

        comment on function audit.machinery_changes(bytea, bytea) is
        'The functions and triggers that differ between two states of the machinery.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Every agency that the trail or its chain speaks of and that the caller sees, those that are gone
        -- included. Hops from one to the next in the index: the trail has many rows and few agencies.
        create or replace function audit.agencies()
        returns setof uuid
        language sql
        stable
        parallel safe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
            with recursive logged as (
                (select l.agency_id from audit.log as l order by l.agency_id limit 1)
                union all
                select (
                    select l.agency_id
                      from audit.log as l
                     where l.agency_id > p.agency_id
                     order by l.agency_id
                     limit 1
                )
                  from logged as p
                 where p.agency_id is not null
            ),
            sealed as (
                (select s.agency_id from audit.seals as s order by s.agency_id limit 1)
                union all
                select (
                    select s.agency_id
                      from audit.seals as s
                     where s.agency_id > p.agency_id
                     order by s.agency_id
                     limit 1
                )
                  from sealed as p
                 where p.agency_id is not null
            )
            select l.agency_id
              from logged as l
             where l.agency_id is not null
            union
            select s.agency_id
              from sealed as s
             where s.agency_id is not null
             order by 1;
        $function$;

        revoke all on function audit.agencies() from public;
        grant execute on function audit.agencies() to
            authenticated,
            service_role,
            gardenos_auditor,
            gardenos_audit_sealer;

        comment on function audit.agencies() is
        'Every agency with rows in the trail or seals, as far as the caller sees.';
        """
    )
    execute(
        r"""
        -- Which row of a sealed batch is the first that is not as it was: the marks of the seal, four bytes of each
        -- row's hash in their order, against the rows that are there. A row added looks like a row that was not
        -- sealed, a row deleted like a mark without its row; anything else is a change or another order.
        create or replace function audit.first_difference(
            sealed audit.seals,
            out log_id uuid,
            out problem text
        )
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            present bigint;
            place bigint;
            before uuid;
        begin
            if not exists (
                select 1
                  from pg_inherits as i
                 where i.inhparent = 'audit.log'::regclass
                   and audit.month_of(i.inhrelid) = sealed.month
            ) then
                problem := format('all %s rows are gone: %s was detached and not retired', sealed.row_count, sealed.month);
                return;
            end if;

            select count(*)
              into present
              from audit.row_hashes as r
             where r.agency_id = sealed.agency_id
               and r.epoch = sealed.epoch
               and r.xid >= sealed.from_xid
               and r.xid < sealed.to_xid
               and audit.month_of(r.partition) = sealed.month;
            if present = 0 then
                problem := format('all %s rows of %s are gone', sealed.row_count, sealed.month);
                return;
            end if;

            select f.id, f.place, f.before
              into log_id, place, before
              from (
                    select
                        r.id,
                        r.row_hash,
                        row_number() over in_order as place,
                        lag(r.id) over in_order as before
                      from audit.row_hashes as r
                     where r.agency_id = sealed.agency_id
                       and r.epoch = sealed.epoch
                       and r.xid >= sealed.from_xid
                       and r.xid < sealed.to_xid
                       and audit.month_of(r.partition) = sealed.month
                    window in_order as (order by r.timeline, r.seq)
              ) as f
             where substring(f.row_hash from 1 for 4)
                is distinct from nullif(substring(sealed.row_marks from (f.place * 4 - 3)::integer for 4), ''::bytea)
             order by f.place
             limit 1;
            if place is null then
                problem := format('the last %s of its %s rows are gone', sealed.row_count - present, sealed.row_count);
                return;
            end if;
            problem := case
                when present < sealed.row_count then
                    format('%s of its %s rows are gone, the first before this one', sealed.row_count - present, sealed.row_count)
                when present > sealed.row_count then
                    format('%s rows were added to its %s, this one first', present - sealed.row_count, sealed.row_count)
                else 'this row was changed, or is in another place'
            end;
        end;
        $function$;

        revoke all on function audit.first_difference(audit.seals) from public;
        grant execute on function audit.first_difference(audit.seals) to
            authenticated,
            service_role,
            gardenos_auditor,
            gardenos_audit_sealer;

        comment on function audit.first_difference(audit.seals) is
        'The first row of a sealed batch that is not as it was, and what is wrong with it.';
        """
    )
    execute(
        r"""
        -- What is wrong with the trail itself, at this moment, by name: a recorded table without one of its four
        -- triggers, a trail that is not protected, a month that is missing between two others. Read off the
        -- catalogue, so it needs no seal to compare with.
        create or replace function audit.defects()
        returns setof text
        language sql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
            select format('trigger %s on %s is %s', w.name, c.oid::regclass, case
                when t.oid is null then 'missing'
                when t.tgenabled <> 'O' then 'switched off'
                else 'not the one that records'
            end)
              from pg_class as c
              join pg_namespace as n
                on n.oid = c.relnamespace
              join pg_proc as p
                on p.proname = 'record_' || n.nspname || '_' || c.relname
             cross join (
                values ('audit_insert'), ('audit_update'), ('audit_delete'), ('audit_truncate')
             ) as w (name)
              left join pg_trigger as t
                on t.tgrelid = c.oid
               and t.tgname = w.name
             where p.pronamespace = 'audit'::regnamespace
               and c.relkind in ('r', 'p')
               and (
                   t.oid is null
                   or t.tgenabled <> 'O'
                   or t.tgfoid <> case
                       when w.name = 'audit_truncate' then 'audit.forbid_truncate()'::regprocedure::oid
                       else p.oid
                   end
               )
            union all
            select format('row-level security of %s is off or not forced', c.oid::regclass)
              from pg_class as c
             where c.relnamespace = 'audit'::regnamespace
               and c.relkind in ('r', 'p')
               and not (c.relrowsecurity and c.relforcerowsecurity)
            union all
            select format('trigger forbid_change of audit.%s is missing or switched off', w.name)
              from (
                values ('log'), ('seals'), ('retired')
              ) as w (name)
             where not exists (
                select 1
                  from pg_trigger as t
                 where t.tgrelid = ('audit.' || w.name)::regclass
                   and t.tgfoid = 'audit.forbid_change()'::regprocedure
                   and t.tgenabled = 'O'
             )
            union all
            select format('month %s is not attached to audit.log', to_char(g.month, 'YYYY-MM'))
              from (
                    select
                        min(audit.month_of(i.inhrelid)) as earliest,
                        max(audit.month_of(i.inhrelid)) as latest
                      from pg_inherits as i
                     where i.inhparent = 'audit.log'::regclass
              ) as m
             cross join generate_series(m.earliest::timestamp, m.latest::timestamp, '1 month') as g (month)
             where not exists (
                select 1
                  from pg_inherits as i
                 where i.inhparent = 'audit.log'::regclass
                   and audit.month_of(i.inhrelid) = g.month::date
             );
        $function$;

        revoke all on function audit.defects() from public;
        grant execute on function audit.defects() to
            authenticated,
            service_role,
            gardenos_auditor,
            gardenos_audit_sealer,
            gardenos_monitor;

        comment on function audit.defects() is
        'What is wrong with the trail itself: triggers, protection, months; no row when nothing is.';
        """
    )
    execute(
        r"""
        -- Seals what no transaction can add to any more: rows of transactions below the oldest one that still runs
        -- (pg_snapshot_xmin), whatever they wrote and in whatever order they committed. Of an epoch before the
        -- present one every transaction is over. Writers are never waited for and never wait; a transaction that
        -- stays open holds the seals back, not the writes.
        --
        -- One batch ends before more than batch_rows rows, where transactions allow, and lies in one month: a month
        -- can then leave with its seals. Two sealers at once: the unique rule lets one win, the other stops.
        set local role gardenos_audit_sealer;

        create or replace function audit.seal(agency uuid default null, batch_rows integer default 100000)
        returns bigint
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            horizon constant xid8 := pg_snapshot_xmin(pg_current_snapshot());
            present constant record := audit.machinery();
            this_epoch constant integer := (select max(e.epoch) from migration.epochs as e);
            one uuid;
            last audit.seals;
            next audit.seals;
            rows_epoch integer;
            first_xid xid8;
            end_xid xid8;
            part record;
            sealed bigint := 0;
        begin
            if batch_rows is null or batch_rows < 1 then
                raise exception 'A batch has at least one row, not %.', coalesce(batch_rows::text, 'null')
                    using errcode = '22023';
            end if;
            insert into migration.machinery (machinery, revision, objects)
            values (present.machinery, present.revision, present.objects)
            on conflict (machinery) do nothing;

            <<agencies>>
            for one in
                select a.id
                  from audit.agencies() as a (id)
                 where seal.agency is null
                    or a.id = seal.agency
            loop
                loop
                    last := null;
                    select *
                      into last
                      from audit.seals as s
                     where s.agency_id = one
                     order by s.seq desc
                     limit 1;

                    select l.epoch, l.xid
                      into rows_epoch, first_xid
                      from audit.log as l
                     where l.agency_id = one
                       and (
                           last.epoch is null
                           or l.epoch > last.epoch
                           or (l.epoch = last.epoch and l.xid >= last.to_xid)
                       )
                     order by l.epoch, l.xid
                     limit 1;
                    exit when first_xid is null or (rows_epoch = this_epoch and first_xid >= horizon);

                    select l.xid
                      into end_xid
                      from audit.log as l
                     where l.agency_id = one
                       and l.epoch = rows_epoch
                       and l.xid >= first_xid
                     order by l.xid
                    offset batch_rows
                     limit 1;
                    if end_xid = first_xid then
                        -- one transaction wrote more than a batch: it is sealed whole
                        select l.xid
                          into end_xid
                          from audit.log as l
                         where l.agency_id = one
                           and l.epoch = rows_epoch
                           and l.xid > first_xid
                         order by l.xid
                         limit 1;
                    end if;
                    if rows_epoch = this_epoch then
                        end_xid := least(end_xid, horizon);
                    elsif end_xid is null then
                        select (max(l.xid::text::bigint) + 1)::text::xid8
                          into end_xid
                          from audit.log as l
                         where l.agency_id = one
                           and l.epoch = rows_epoch;
                    end if;

                    next.agency_id := one;
                    next.epoch := rows_epoch;
                    next.timeline := ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::integer;
                    next.from_xid := case when last.epoch = rows_epoch then last.to_xid else '0' end;
                    next.to_xid := end_xid;
                    next.revision := present.revision;
                    next.machinery := present.machinery;
                    for part in
                        select
                            audit.month_of(r.partition) as month,
                            count(*) as row_count,
                            sha256(string_agg(r.row_hash, ''::bytea order by r.timeline, r.seq)) as rows_hash,
                            string_agg(substring(r.row_hash from 1 for 4), ''::bytea order by r.timeline, r.seq) as row_marks
                          from audit.row_hashes as r
                         where r.agency_id = one
                           and r.epoch = rows_epoch
                           and r.xid >= next.from_xid
                           and r.xid < next.to_xid
                         group by r.partition
                         order by 1
                    loop
                        next.id := app.uuid_v7();
                        next.seq := coalesce(last.seq, 0) + 1;
                        next.month := part.month;
                        next.row_count := part.row_count;
                        next.rows_hash := part.rows_hash;
                        next.row_marks := part.row_marks;
                        next.prev_hash := last.seal_hash;
                        next.sealed_at := clock_timestamp();
                        next.seal_hash := audit.seal_hash(next);
                        insert into audit.seals
                        select next.*
                        on conflict (agency_id, seq) do nothing;
                        if not found then
                            continue agencies;
                        end if;
                        last := next;
                        sealed := sealed + part.row_count;
                    end loop;
                end loop;
            end loop;
            return sealed;
        end;
        $function$;

        revoke all on function audit.seal(uuid, integer) from public;
        grant execute on function audit.seal(uuid, integer) to
            gardenos_worker;

        comment on function audit.seal(uuid, integer) is
        'Seals what no transaction can add to any more, of one agency or of all; returns how many rows it sealed.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Is the trail what was recorded? One row for each problem, none when it is. It reads every sealed row, so
        -- it takes as long as reading them; it writes nothing and runs on a replica. What it finds, and where:
        --
        --   a seal changed, gone, or not following the one before          the number of the seal
        --   rows changed, gone, added or in another order in a batch       the seal, and the first such row
        --   rows added to a range that was sealed without them             the row
        --   values changed, or emptied without a redaction                 the row
        --   a month detached or truncated without being retired            the month
        --   a trigger gone or off, a function replaced                     its name, now or at the seal that saw it
        --
        -- Whoever reads the trail may ask: the auditor of all agencies, owners and admins of their own. Who sees
        -- nothing is refused, for an empty answer would say that all is well. What was cut off at the end, seals
        -- included, only an anchor outside shows: see audit.head and audit.holds.
        create or replace function audit.verify(
            agency uuid default null,
            from_seal bigint default 1,
            to_seal bigint default null
        )
        returns table (agency_id uuid, seal bigint, log_id uuid, problem text)
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            present constant record := audit.machinery();
            one uuid;
            earlier audit.seals;
            this audit.seals;
            gone audit.retired;
            found_rows record;
            wanted bigint;
        begin
            if current_user = 'authenticated' then
                if not app.may('audit.log:select', 'owner', 'admin')
                    or coalesce(verify.agency, app.agency_id()) is distinct from app.agency_id() then
                    raise exception 'Only owners and admins verify the trail, and only that of their agency.'
                        using errcode = '42501';
                end if;
            elsif row_security_active('audit.log') and current_user not in ('gardenos_auditor', 'gardenos_audit_sealer') then
                raise exception '% sees no row of the trail, so it cannot verify it.', current_user
                    using errcode = '42501',
                    hint = 'Ask as gardenos_auditor.';
            end if;

            return query
                select null::uuid, null::bigint, null::uuid, d.problem
                  from audit.defects() as d (problem);

            for one in
                select a.id
                  from audit.agencies() as a (id)
                 where verify.agency is null
                    or a.id = verify.agency
            loop
                earlier := null;
                wanted := 0;
                select *
                  into earlier
                  from audit.seals as s
                 where s.agency_id = one
                   and s.seq = from_seal - 1;

                for this in
                    select *
                      from audit.seals as s
                     where s.agency_id = one
                       and s.seq >= from_seal
                       and (to_seal is null or s.seq <= to_seal)
                     order by s.seq
                loop
                    agency_id := one;
                    seal := this.seq;
                    log_id := null;
                    if this.seq <> coalesce(earlier.seq + 1, from_seal) then
                        problem := format('seal %s is missing', coalesce(earlier.seq + 1, from_seal));
                        return next;
                    elsif this.prev_hash is distinct from earlier.seal_hash then
                        problem := 'does not follow the seal before it';
                        return next;
                    elsif this.epoch < earlier.epoch
                        or this.from_xid <> (case when this.epoch = earlier.epoch then earlier.to_xid else '0' end)
                        and not (
                            this.epoch = earlier.epoch
                            and this.from_xid = earlier.from_xid
                            and this.to_xid = earlier.to_xid
                            and this.month > earlier.month
                        ) then
                        problem := 'does not begin where the seal before it ends';
                        return next;
                    end if;
                    if this.seal_hash is distinct from audit.seal_hash(this) then
                        problem := 'the seal itself was changed';
                        return next;
                    end if;
                    if this.machinery <> earlier.machinery and this.revision = earlier.revision then
                        problem := format(
                            'what records was changed before this seal, by no revision: %s',
                            audit.machinery_changes(earlier.machinery, this.machinery)
                        );
                        return next;
                    end if;

                    gone := null;
                    select *
                      into gone
                      from audit.retired as r
                     where r.agency_id = one
                       and r.month = this.month;
                    select
                        count(*) as row_count,
                        sha256(string_agg(r.row_hash, ''::bytea order by r.timeline, r.seq)) as rows_hash,
                        (array_agg(r.id order by r.timeline, r.seq) filter (where not r.values_hold))[1] as changed_values
                      into found_rows
                      from audit.row_hashes as r
                     where r.agency_id = one
                       and r.epoch = this.epoch
                       and r.xid >= this.from_xid
                       and r.xid < this.to_xid
                       and audit.month_of(r.partition) = this.month;
                    if gone.month is not null then
                        if found_rows.row_count > 0 then
                            problem := format('%s rows are there of %s, which was retired', found_rows.row_count, this.month);
                            return next;
                        end if;
                        if this.seq = gone.last_seal and this.seal_hash <> gone.head_hash
                            or this.seq not between gone.first_seal and gone.last_seal then
                            problem := format('is not as it was when %s was retired', this.month);
                            return next;
                        end if;
                    else
                        wanted := wanted + this.row_count;
                        if found_rows.row_count <> this.row_count or found_rows.rows_hash <> this.rows_hash then
                            select d.log_id, d.problem
                              into log_id, problem
                              from audit.first_difference(this) as d;
                            return next;
                            log_id := null;
                        end if;
                        if found_rows.changed_values is not null then
                            log_id := found_rows.changed_values;
                            problem := 'it holds values that were not recorded';
                            return next;
                            log_id := null;
                        end if;
                    end if;
                    earlier := this;
                end loop;

                continue when to_seal is not null;
                agency_id := one;
                seal := null;
                log_id := null;
                if from_seal > 1 and earlier.seq is null then
                    problem := format('there is no seal %s', from_seal);
                    return next;
                end if;
                if earlier.machinery <> present.machinery and earlier.revision = present.revision then
                    problem := format(
                        'what records was changed since the last seal, by no revision: %s',
                        audit.machinery_changes(earlier.machinery, present.machinery)
                    );
                    return next;
                end if;
                if from_seal = 1 and earlier.seq is not null and wanted <> (
                    select count(*)
                      from audit.log as l
                     where l.agency_id = one
                       and (l.epoch < earlier.epoch or (l.epoch = earlier.epoch and l.xid < earlier.to_xid))
                ) then
                    for log_id in
                        select r.id
                          from audit.row_hashes as r
                         where r.agency_id = one
                           and (r.epoch < earlier.epoch or (r.epoch = earlier.epoch and r.xid < earlier.to_xid))
                           and not exists (
                               select 1
                                 from audit.seals as s
                                where s.agency_id = one
                                  and s.month = audit.month_of(r.partition)
                                  and s.epoch = r.epoch
                                  and s.from_xid <= r.xid
                                  and s.to_xid > r.xid
                           )
                         order by r.epoch, r.timeline, r.seq
                         limit 1
                    loop
                        problem := 'was added to a range that was sealed without it';
                        return next;
                    end loop;
                end if;
                for log_id, problem in
                    select
                        r.id,
                        case
                            when r.values_hold then 'its values were emptied, and no redaction says so'
                            else 'it holds values that were not recorded (not sealed yet)'
                        end
                      from audit.row_hashes as r
                     where r.agency_id = one
                       and (
                           (
                               r.is_emptied
                               and not exists (
                                   select 1
                                     from audit.log as l
                                     join audit.log as m
                                       on m.agency_id = l.agency_id
                                      and m.schema_name = l.schema_name
                                      and m.table_name = l.table_name
                                      and m.record_id = l.record_id
                                    where l.agency_id = r.agency_id
                                      and l.id = r.id
                                      and m.op = 'redact'
                                      and (m.epoch, m.timeline, m.seq) > (l.epoch, l.timeline, l.seq)
                               )
                           )
                           or (
                               not r.values_hold
                               and not r.is_emptied
                               and (
                                   earlier.seq is null
                                   or r.epoch > earlier.epoch
                                   or (r.epoch = earlier.epoch and r.xid >= earlier.to_xid)
                               )
                           )
                       )
                     order by r.epoch, r.timeline, r.seq
                     limit 1
                loop
                    return next;
                end loop;
            end loop;
        end;
        $function$;

        revoke all on function audit.verify(uuid, bigint, bigint) from public;
        grant execute on function audit.verify(uuid, bigint, bigint) to
            authenticated,
            service_role,
            gardenos_auditor,
            gardenos_audit_sealer;

        comment on function audit.verify(uuid, bigint, bigint) is
        'Every problem of the trail of an agency, or of all; no row when it is what was recorded.';
        """
    )
    execute(
        r"""
        -- The end of a chain: export it to a place that the database cannot reach (a ledger, a notary, a mail to
        -- the customer), and nothing before it can be cut off or written anew unseen.
        create or replace function audit.head(
            agency uuid,
            out seal bigint,
            out seal_hash text,
            out sealed_at timestamptz
        )
        language sql
        stable
        parallel safe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
            select
                s.seq,
                encode(s.seal_hash, 'hex'),
                s.sealed_at
              from audit.seals as s
             where s.agency_id = head.agency
             order by s.seq desc
             limit 1;
        $function$;

        revoke all on function audit.head(uuid) from public;
        grant execute on function audit.head(uuid) to
            authenticated,
            service_role,
            gardenos_auditor;

        comment on function audit.head(uuid) is
        'The last seal of an agency: number, hash and time, to be kept outside.';
        """
    )
    execute(
        r"""
        -- Is a seal that was exported still there, as it was? False when the chain was cut off before it or written
        -- anew. audit.verify says whether the chain up to it holds.
        create or replace function audit.holds(agency uuid, seal bigint, seal_hash text)
        returns boolean
        language sql
        stable
        parallel safe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
            select exists (
                select 1
                  from audit.seals as s
                 where s.agency_id = holds.agency
                   and s.seq = holds.seal
                   and encode(s.seal_hash, 'hex') = holds.seal_hash
            );
        $function$;

        revoke all on function audit.holds(uuid, bigint, text) from public;
        grant execute on function audit.holds(uuid, bigint, text) to
            authenticated,
            service_role,
            gardenos_auditor;

        comment on function audit.holds(uuid, bigint, text) is
        'True when this seal, as exported by audit.head, is still in the chain.';
        """
    )
    execute(
        r"""
        -- Erases what the trail holds of one record: old and new values and their salt, without which the hash that
        -- is left in their place says nothing. Everything else stays, so every seal still holds, and a row "redact"
        -- says that it was done. It comes last in an erasure: the deletes before it leave rows too. Called again it
        -- finds nothing and records nothing.
        --
        -- SECURITY DEFINER, as the only role that may update the trail, and only those columns.
        set local role gardenos_audit_redactor;

        create or replace function audit.redact(agency uuid, record_table text, record uuid)
        returns bigint
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            emptied bigint;
            context constant record := audit.context();
        begin
            update audit.log as l
               set values_hash = audit.values_hash(l.salt, l.old_values, l.new_values),
                   old_values = null,
                   new_values = null,
                   salt = null
             where l.agency_id = redact.agency
               and l.schema_name = split_part(redact.record_table, '.', 1)
               and l.table_name = split_part(redact.record_table, '.', 2)
               and l.record_id = redact.record
               and l.salt is not null;
            get diagnostics emptied = row_count;
            if emptied > 0 then
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
                values (
                    redact.agency,
                    split_part(redact.record_table, '.', 1),
                    split_part(redact.record_table, '.', 2),
                    redact.record,
                    'redact',
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
                );
            end if;
            return emptied;
        end;
        $function$;

        revoke all on function audit.redact(uuid, text, uuid) from public;
        grant execute on function audit.redact(uuid, text, uuid) to
            service_role;

        comment on function audit.redact(uuid, text, uuid) is
        'Erases the values that the trail holds of one record, and records that; returns how many rows it emptied.';

        set local role gardenos_owner;
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop function audit.redact(uuid, text, uuid);
        drop function audit.holds(uuid, bigint, text);
        drop function audit.head(uuid);
        drop function audit.verify(uuid, bigint, bigint);
        drop function audit.seal(uuid, integer);
        drop function audit.defects();
        drop function audit.first_difference(audit.seals);
        drop function audit.agencies();
        drop function audit.machinery_changes(bytea, bytea);
        drop function audit.machinery();
        drop function audit.seal_hash(audit.seals);
        drop function audit.month_of(regclass);

        drop view audit.row_hashes;
        """
    )
