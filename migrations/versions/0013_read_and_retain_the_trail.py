"""Read and retain the audit trail

Reason:    who reads the trail asks for a record's life, a moment or a page, and is told when it may
           not; months leave the trail exported, verified and noted; monitoring sees numbers.
Locks:     none on tables.
Duration:  milliseconds.
Way back:  drops the functions; the trail, and what was retired, stays as it is.
"""

from migrations.runner.execute import execute

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        -- What happened in an agency, newest first, a page at a time: for people, in the order of ids, which is
        -- the order of the writers' clocks. `before` is the id of the last row of the page before. A cursor, not
        -- an OFFSET: the thousandth page costs what the first one does, and a row that is written meanwhile moves
        -- nothing.
        --
        -- The primary key (agency, id) serves the page and prunes the months outside of since and until; an actor
        -- has an index of its own; a table that is rarely written is found by the index of records. So that the
        -- planner sees which conditions there are, each call is planned for its values.
        --
        -- `at` is when the statement began, an id when the row was written: later, by as long as the statement
        -- ran.
        create or replace function audit.activity(
            actor uuid default null,
            in_table text default null,
            of_op app.audit_op default null,
            since timestamptz default null,
            until timestamptz default null,
            before uuid default null,
            page_size integer default 50,
            agency uuid default null
        )
        returns table (
            id uuid,
            at timestamptz,
            actor_kind app.actor_kind,
            actor_user_id uuid,
            actor_name text,
            on_behalf_of_id uuid,
            on_behalf_of_name text,
            api_key_id uuid,
            agency_role text,
            op app.audit_op,
            table_name text,
            record_id uuid,
            changed text[],
            request_id text,
            ip inet
        )
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        set plan_cache_mode = force_custom_plan
        as $function$
        declare
            longest_statement constant interval := '1 day';
            its_agency uuid := audit.reader_agency(agency);
            its_schema text;
            its_table text;
            first_id uuid := app.uuid_v7_floor(coalesce(since, timestamptz '1970-01-01 00:00:00+00'));
            end_id uuid := app.uuid_v7_floor(coalesce(until, now()) + longest_statement);
            page_limit integer := audit.page_limit(page_size);
        begin
            if in_table is not null then
                select t.schema_name, t.table_name
                  into its_schema, its_table
                  from audit.audited_table(its_agency, in_table) as t;
            end if;
            end_id := least(end_id, before);
            return query
                with page as materialized (
                    select
                        l.id,
                        l.at,
                        l.actor_kind,
                        l.actor_user_id,
                        l.on_behalf_of_id,
                        l.api_key_id,
                        l.agency_role,
                        l.op,
                        l.schema_name,
                        l.table_name,
                        l.record_id,
                        l.changed,
                        l.request_id,
                        l.ip
                      from audit.log as l
                     where l.agency_id = its_agency
                       and l.id >= first_id
                       and l.id < end_id
                       and (activity.since is null or l.at >= activity.since)
                       and (activity.until is null or l.at < activity.until)
                       and (activity.actor is null or l.actor_user_id = activity.actor)
                       and (its_table is null or (l.table_name = its_table and l.schema_name = its_schema))
                       and (activity.of_op is null or l.op = activity.of_op)
                     order by l.id desc
                     limit page_limit
                )
                select
                    p.id,
                    p.at,
                    p.actor_kind,
                    p.actor_user_id,
                    a.display_name::text,
                    p.on_behalf_of_id,
                    b.display_name::text,
                    p.api_key_id,
                    p.agency_role,
                    p.op,
                    p.schema_name || '.' || p.table_name,
                    p.record_id,
                    p.changed,
                    p.request_id,
                    p.ip
                  from page as p
                  left join tenancy.memberships as a
                    on a.agency_id = its_agency
                   and a.user_id = p.actor_user_id
                  left join tenancy.memberships as b
                    on b.agency_id = its_agency
                   and b.user_id = p.on_behalf_of_id
                 order by p.id desc;
        end;
        $function$;

        revoke all on function audit.activity(
            uuid, text, app.audit_op, timestamptz, timestamptz, uuid, integer, uuid
        ) from public;
        grant execute on function audit.activity(
            uuid, text, app.audit_op, timestamptz, timestamptz, uuid, integer, uuid
        ) to
            authenticated,
            service_role,
            gardenos_auditor;

        comment on function audit.activity(uuid, text, app.audit_op, timestamptz, timestamptz, uuid, integer, uuid) is
        'A page of what happened, newest first; before is the id of the last row seen. For owners and admins.';
        """
    )
    execute(
        r"""
        -- A record as it was at a moment: the row of today, or what its deletion removed, with every later change
        -- taken back. Going back from today needs no change before that moment, so it works for records that are
        -- older than the trail and after months were retired. Null when the record did not exist then.
        --
        -- A statement counts from when it began. Where clocks disagree (after a failover) the order of the trail
        -- decides: all changes up to the last one that began by then.
        --
        -- Nothing is invented. A column whose value was erased from the trail is absent, and so are the columns
        -- whose changes nobody records (schema.md 2.3). A record without kept values is refused.
        --
        -- Typed: select * from jsonb_populate_record(null::tenancy.teams, audit.as_of('tenancy.teams', …, …)).
        create or replace function audit.as_of(
            in_table text,
            record_id uuid,
            moment timestamptz,
            agency uuid default null
        )
        returns jsonb
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        set plan_cache_mode = force_custom_plan
        as $function$
        declare
            not_recorded constant text[] := array[
                'last_used_at', 'last_accessed_at', 'access_count', 'last_read_at', 'last_message_at', 'participant_ids',
                'attempts', 'locked_by', 'locked_until', 'tier'
            ];
            its_agency uuid := audit.reader_agency(agency);
            its_schema text;
            its_table text;
            its_key text;
            change record;
            state jsonb;
            is_known boolean := false;
            is_traced boolean := false;
        begin
            if moment is null then
                raise exception 'Say which moment: it is null.'
                    using errcode = '22004';
            end if;
            select t.schema_name, t.table_name
              into its_schema, its_table
              from audit.audited_table(its_agency, in_table) as t;

            -- the row of today, as far as the caller may see it
            its_key := (
                select string_agg(format('t.%I = $%s', a.attname, case a.attname when 'id' then 1 else 2 end), ' and ')
                  from pg_namespace as n
                  join pg_class as c on c.relnamespace = n.oid
                  join pg_attribute as a on a.attrelid = c.oid
                 where n.nspname = its_schema
                   and c.relname = its_table
                   and a.attname in ('id', 'agency_id')
                   and has_table_privilege(c.oid, 'select')
            );
            if its_key is not null then
                execute format('select to_jsonb(t) from %I.%I as t where %s', its_schema, its_table, its_key)
                   into state
                  using record_id, its_agency;
                is_known := state is not null;
            end if;

            for change in
                select l.op, l.at, l.changed, l.old_values, l.salt, l.values_hash
                  from audit.log as l
                 where l.agency_id = its_agency
                   and l.table_name = its_table
                   and l.record_id = as_of.record_id
                   and l.schema_name = its_schema
                   and l.op <> 'redact'
                 order by l.epoch desc, l.timeline desc, l.seq desc
            loop
                is_traced := true;
                exit when change.at <= moment;
                if change.salt is null and change.values_hash is null and change.op <> 'insert' then
                    raise exception 'The trail of this record of % keeps no values, so it cannot be rebuilt.', in_table
                        using errcode = '22023';
                end if;
                case change.op
                    when 'insert' then
                        state := null;
                        is_known := true;
                    when 'delete' then
                        state := coalesce(change.old_values, '{}');
                        is_known := true;
                    else
                        state := state - change.changed || coalesce(change.old_values, '{}');
                end case;
            end loop;

            if not is_known and not (is_traced and change.op = 'delete' and change.at <= moment) then
                raise exception 'Nothing is known of such a record of % at that time.', in_table
                    using errcode = 'PT404';
            end if;
            if (state ->> 'created_at')::timestamptz > moment then
                return null;
            end if;
            return state - not_recorded;
        end;
        $function$;

        revoke all on function audit.as_of(text, uuid, timestamptz, uuid) from public;
        grant execute on function audit.as_of(text, uuid, timestamptz, uuid) to
            authenticated,
            service_role,
            gardenos_auditor;

        comment on function audit.as_of(text, uuid, timestamptz, uuid) is
        'A record of a table (schema.table) as it was at a moment; null when it did not exist then.';
        """
    )
    execute(
        r"""
        -- A table by its name, schema.table, or one sentence that it has no trail. A misspelt name must not look
        -- like a record without a history. A table that was dropped, or is audited no more, keeps the history it
        -- had.
        create or replace function audit.audited_table(
            agency uuid,
            name text,
            out schema_name text,
            out table_name text
        )
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            schema_name := split_part(name, '.', 1);
            table_name := substr(name, length(schema_name) + 2);
            if exists (
                select 1
                  from pg_namespace as n
                  join pg_class as c on c.relnamespace = n.oid
                  join pg_trigger as t on t.tgrelid = c.oid
                  join pg_proc as p on p.oid = t.tgfoid
                  join pg_namespace as h on h.oid = p.pronamespace
                 where n.nspname = audited_table.schema_name
                   and c.relname = audited_table.table_name
                   and h.nspname = 'audit'
                   and starts_with(p.proname, 'record_')
            ) or exists (
                select 1
                  from audit.log as l
                 where l.agency_id = agency
                   and l.table_name = audited_table.table_name
                   and l.schema_name = audited_table.schema_name
            ) then
                return;
            end if;
            raise exception 'There is no audited table %: give its name as schema.table.',
                coalesce(quote_literal(name), 'null')
                using errcode = '42P01';
        end;
        $function$;

        revoke all on function audit.audited_table(uuid, text) from public;
        grant execute on function audit.audited_table(uuid, text) to
            authenticated,
            service_role,
            gardenos_auditor;

        comment on function audit.audited_table(uuid, text) is
        'Schema and name of an audited table given as schema.table; 42P01 when there is none of that name.';
        """
    )
    execute(
        r"""
        -- What one entry of the trail changed, column by column: [{"column", "from", "to"}, …], by name. An
        -- insert comes from null, a delete goes to null. Null where no values are kept: private rows, secrets,
        -- and what was erased.
        create or replace function audit.changes(old_values jsonb, new_values jsonb)
        returns jsonb
        language plpgsql
        immutable
        parallel safe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            if old_values is null and new_values is null then
                return null;
            end if;
            return (
                select coalesce(
                    jsonb_agg(
                        jsonb_build_object(
                            'column', c.name,
                            'from', coalesce(old_values -> c.name, 'null'),
                            'to', coalesce(new_values -> c.name, 'null')
                        )
                        order by c.name
                    ),
                    '[]'
                )
                  from (
                      select jsonb_object_keys(old_values)
                      union
                      select jsonb_object_keys(new_values)
                  ) as c (name)
                 where old_values -> c.name is distinct from new_values -> c.name
            );
        end;
        $function$;

        revoke all on function audit.changes(jsonb, jsonb) from public;
        grant execute on function audit.changes(jsonb, jsonb) to
            authenticated,
            service_role,
            gardenos_auditor;

        comment on function audit.changes(jsonb, jsonb) is
        'The changes of one audit row as [{"column", "from", "to"}, …]; null where no values are kept.';
        """
    )
    execute(
        r"""
        -- Drops the table of a month that left the trail, when nobody has missed it for a week. A table that is
        -- still part of the trail, or was detached in any other way, is refused.
        --
        -- SECURITY INVOKER, for the owner alone. Whether the month was retired the sealer says: the owner sees no
        -- row.
        create or replace function audit.drop_retired(month date)
        returns void
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        set lock_timeout = '2s'
        as $function$
        declare
            table_name text := to_char(month, '"log_"YYYY_MM');
        begin
            if table_name is null or to_regclass('audit.' || table_name) is null then
                raise exception 'There is no table of the month %.', coalesce(month::text, 'null')
                    using errcode = '42P01';
            end if;
            if exists (select 1 from audit.months() as m where m.partition_name = table_name) then
                raise exception 'Month % is still part of the trail: retire it first.', month
                    using errcode = '55000';
            end if;
            if coalesce(
                audit.retired_at(month) > now() - interval '7 days',
                pg_relation_size('audit.' || table_name) > 0
            ) then
                raise exception 'Month % is not dropped: it was not retired by audit.retire, or less than a week ago.', month
                    using errcode = '55000';
            end if;
            execute format('drop table audit.%I', table_name);
        end;
        $function$;

        revoke all on function audit.drop_retired(date) from public;

        comment on function audit.drop_retired(date) is
        'Drops the detached table of a month that was retired a week ago or earlier. For the owner.';
        """
    )
    execute(
        r"""
        -- How sealing and verifying are doing, in numbers: monitoring sees no row of the trail. Of each agency
        -- that wrote in this month or the one before, the rows behind its last seal are counted up to 1 000: an
        -- alarm needs to know that there are many, not how many. Agencies are found by leaping over the primary
        -- key, not by reading the rows.
        --
        -- SECURITY DEFINER: the sealer reads every trail.
        set local role gardenos_audit_sealer;

        create or replace function audit.health(
            out agencies_unsealed bigint,
            out rows_unsealed bigint,
            out unsealed_seconds double precision,
            out verified_seconds double precision,
            out agencies_broken bigint
        )
        language plpgsql
        stable
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            most constant integer := 1000;
            first_id uuid := app.uuid_v7_floor(
                (date_trunc('month', now() at time zone 'UTC') - interval '1 month') at time zone 'UTC'
            );
            end_id uuid := app.uuid_v7_floor(now() + interval '1 day');
        begin
            with recursive agency as (
                (
                    select l.agency_id
                      from audit.log as l
                     where l.id >= first_id
                       and l.id < end_id
                     order by l.agency_id
                     limit 1
                )
                union all
                select (
                    select l.agency_id
                      from audit.log as l
                     where l.agency_id > a.agency_id
                       and l.id >= first_id
                       and l.id < end_id
                     order by l.agency_id
                     limit 1
                )
                  from agency as a
                 where a.agency_id is not null
            )
            select
                count(*) filter (where u.row_count > 0),
                coalesce(sum(u.row_count), 0),
                coalesce(extract(epoch from now() - min(u.oldest)), 0),
                coalesce(extract(epoch from now() - min(coalesce(v.verified_at, f.at))), 0),
                count(*) filter (where v.problems > 0)
              into agencies_unsealed, rows_unsealed, unsealed_seconds, verified_seconds, agencies_broken
              from agency as a
              left join lateral (
                  select e.epoch, e.to_xid
                    from audit.seals as e
                   where e.agency_id = a.agency_id
                   order by e.seq desc
                   limit 1
              ) as s on true
              left join lateral (
                  select e.verified_at, e.problems
                    from audit.verifications as e
                   where e.agency_id = a.agency_id
                   order by e.id desc
                   limit 1
              ) as v on true
             cross join lateral (
                  select l.at
                    from audit.log as l
                   where l.agency_id = a.agency_id
                     and l.id >= first_id
                     and l.id < end_id
                   order by l.id
                   limit 1
             ) as f
             cross join lateral (
                  select count(*) as row_count, min(b.at) as oldest
                    from (
                        select l.at
                          from audit.log as l
                         where l.agency_id = a.agency_id
                           and l.id >= first_id
                           and l.id < end_id
                           and (l.epoch, l.xid) >= (coalesce(s.epoch, 0), coalesce(s.to_xid, '0'))
                         order by l.epoch, l.xid
                         limit most
                    ) as b
             ) as u
             where a.agency_id is not null;
        end;
        $function$;

        revoke all on function audit.health() from public;
        grant execute on function audit.health() to
            gardenos_auditor,
            gardenos_monitor;

        comment on function audit.health() is
        'Rows that wait for their seal and for how long, the oldest verification, how many agencies failed theirs.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- The life of one record, newest change first: when, who, on whose behalf, and what became of what. In
        -- the order of the trail (epoch, timeline, seq), never of a clock. `before` is the id of the last row of
        -- the page before.
        --
        -- The same id may be a record of two agencies: a history is always that of one.
        create or replace function audit.history(
            in_table text,
            record_id uuid,
            before uuid default null,
            page_size integer default 100,
            agency uuid default null
        )
        returns table (
            id uuid,
            at timestamptz,
            actor_kind app.actor_kind,
            actor_user_id uuid,
            actor_name text,
            on_behalf_of_id uuid,
            on_behalf_of_name text,
            api_key_id uuid,
            agency_role text,
            op app.audit_op,
            changes jsonb,
            summary text,
            is_redacted boolean,
            request_id text,
            ip inet
        )
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        set plan_cache_mode = force_custom_plan
        as $function$
        declare
            its_agency uuid := audit.reader_agency(agency);
            its_schema text;
            its_table text;
            from_epoch integer := 2147483647;
            from_timeline integer := 2147483647;
            from_seq bigint := 9223372036854775807;
            end_id uuid := app.uuid_v7_floor(now() + interval '1 day');
            page_limit integer := audit.page_limit(page_size);
        begin
            select t.schema_name, t.table_name
              into its_schema, its_table
              from audit.audited_table(its_agency, in_table) as t;
            if before is not null then
                select l.epoch, l.timeline, l.seq
                  into from_epoch, from_timeline, from_seq
                  from audit.log as l
                 where l.agency_id = its_agency
                   and l.id = history.before
                   and l.record_id = history.record_id;
                if not found then
                    raise exception 'before is %, which is no row of the history of this record.', before
                        using errcode = '22023';
                end if;
            end if;
            return query
                with page as materialized (
                    select *
                      from audit.log as l
                     where l.agency_id = its_agency
                       and l.table_name = its_table
                       and l.record_id = history.record_id
                       and l.schema_name = its_schema
                       and l.id < end_id
                       and (l.epoch, l.timeline, l.seq) < (from_epoch, from_timeline, from_seq)
                     order by l.epoch desc, l.timeline desc, l.seq desc
                     limit page_limit
                )
                select
                    p.id,
                    p.at,
                    p.actor_kind,
                    p.actor_user_id,
                    a.display_name::text,
                    p.on_behalf_of_id,
                    b.display_name::text,
                    p.api_key_id,
                    p.agency_role,
                    p.op,
                    c.changes,
                    audit.summary(p.op, c.changes, c.is_redacted),
                    c.is_redacted,
                    p.request_id,
                    p.ip
                  from page as p
                  cross join lateral (
                      select
                          audit.changes(p.old_values, p.new_values),
                          p.values_hash is not null
                  ) as c (changes, is_redacted)
                  left join tenancy.memberships as a
                    on a.agency_id = its_agency
                   and a.user_id = p.actor_user_id
                  left join tenancy.memberships as b
                    on b.agency_id = its_agency
                   and b.user_id = p.on_behalf_of_id
                 order by p.epoch desc, p.timeline desc, p.seq desc;
        end;
        $function$;

        revoke all on function audit.history(text, uuid, uuid, integer, uuid) from public;
        grant execute on function audit.history(text, uuid, uuid, integer, uuid) to
            authenticated,
            service_role,
            gardenos_auditor;

        comment on function audit.history(text, uuid, uuid, integer, uuid) is
        'The changes of one record (in_table: schema.table), newest first, and who made them. For owners and admins.';
        """
    )
    execute(
        r"""
        grant execute on function audit.month_of(partition regclass) to gardenos_monitor;
        """
    )
    execute(
        r"""
        -- The months that audit.log has now, past and ahead, read off the catalogue: no row of the trail is
        -- touched, so monitoring and the owner, who see none, may ask. row_estimate is what ANALYZE last found.
        create or replace function audit.months()
        returns table (
            month date,
            partition_name text,
            row_estimate bigint,
            bytes bigint
        )
        language plpgsql
        stable
        parallel safe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            return query
                select
                    to_date(c.relname, '"log_"YYYY_MM'),
                    c.relname::text,
                    greatest(c.reltuples, 0)::bigint,
                    pg_total_relation_size(c.oid)
                  from pg_inherits as i
                  join pg_class as c on c.oid = i.inhrelid
                 where i.inhparent = 'audit.log'::regclass
                   and not i.inhdetachpending
                 order by c.relname;
        end;
        $function$;

        revoke all on function audit.months() from public;
        grant execute on function audit.months() to
            gardenos_worker,
            gardenos_auditor,
            gardenos_monitor,
            gardenos_audit_sealer;

        comment on function audit.months() is
        'The months of audit.log, past and ahead, with their sizes in bytes.';
        """
    )
    execute(
        r"""
        -- Verifies the trails of all agencies, or of one, and notes what was found; answers how many places do not
        -- verify. The note is what monitoring and the agency see: that somebody looked, when, up to which seal. It
        -- does not raise on a finding, which would take the note back: the job that calls it fails on any answer but
        -- 0, and monitoring alarms. What is wrong with the trail itself (audit.defects) counts in every agency.
        --
        -- Reads the whole trail: at night, or an agency at a time. audit.verify answers the same on a replica, but
        -- notes nothing.
        --
        -- SECURITY DEFINER: the sealer reads the trail and appends the note.
        set local role gardenos_audit_sealer;

        create or replace function audit.note_verification(agency uuid default null)
        returns bigint
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            one uuid;
            head record;
            found_now record;
            problems bigint := 0;
        begin
            for one in
                select a.id
                  from audit.agencies() as a (id)
                 where note_verification.agency is null
                    or a.id = note_verification.agency
            loop
                select s.seq, s.seal_hash
                  into head
                  from audit.seals as s
                 where s.agency_id = one
                 order by s.seq desc
                 limit 1;
                select
                    count(*) as problems,
                    (array_agg(concat_ws(', ', 'seal ' || v.seal, 'row ' || v.log_id, v.problem)))[1] as first_problem
                  into found_now
                  from audit.verify(one) as v;
                insert into audit.verifications (agency_id, last_seal, head_hash, problems, first_problem)
                values (one, head.seq, head.seal_hash, found_now.problems, left(found_now.first_problem, 1000));
                problems := problems + found_now.problems;
            end loop;
            return problems;
        end;
        $function$;

        revoke all on function audit.note_verification(uuid) from public;
        grant execute on function audit.note_verification(uuid) to
            gardenos_worker;

        comment on function audit.note_verification(uuid) is
        'Verifies the trails, notes for each agency what was found, and returns the number of problems.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- How many rows a page has. A limit that is out of range is refused, not bent: a client that counts on 5
        -- 000 rows and gets 1 000 would believe that it has seen them all.
        create or replace function audit.page_limit(page_size integer)
        returns integer
        language plpgsql
        immutable
        parallel safe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            if page_size is null or page_size not between 1 and 1000 then
                raise exception 'page_size must be between 1 and 1000, not %.', coalesce(page_size::text, 'null')
                    using errcode = '22023';
            end if;
            return page_size;
        end;
        $function$;

        revoke all on function audit.page_limit(integer) from public;
        grant execute on function audit.page_limit(integer) to
            authenticated,
            service_role,
            gardenos_auditor;

        comment on function audit.page_limit(integer) is
        'The rows of a page, 1 to 1000; 22023 for anything else.';
        """
    )
    execute(
        r"""
        -- Whose trail the caller reads, or one sentence why not. Row-level security would answer no rows to
        -- everybody else, and "nothing happened" is a dangerous answer to somebody who only lacks the right to
        -- know.
        --
        -- The auditor and service_role belong to no agency, so they name one.
        create or replace function audit.reader_agency(agency uuid)
        returns uuid
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            if current_user <> 'authenticated' then
                if agency is null then
                    raise exception 'Say which agency: % belongs to none.', current_user
                        using errcode = '22004';
                end if;
                return agency;
            end if;
            if not app.may('audit.log:select', 'owner', 'admin')
                or agency <> app.agency_id() then
                raise exception 'You may not read this audit trail: only owners and admins of the agency may.'
                    using errcode = '42501';
            end if;
            return app.agency_id();
        end;
        $function$;

        revoke all on function audit.reader_agency(uuid) from public;
        grant execute on function audit.reader_agency(uuid) to
            authenticated,
            service_role,
            gardenos_auditor;

        comment on function audit.reader_agency(uuid) is
        'The agency whose audit trail the caller may read; 42501 when it may not, 22004 when it must name one.';
        """
    )
    execute(
        r"""
        -- Before a month leaves the trail: is it whole, sealed, verified and exported? If so this notes, agency
        -- by agency, what leaves and which seals stay for it; if not it says what is wrong and nothing is noted.
        -- audit.retire calls it and then detaches the month, in one transaction.
        --
        -- SECURITY DEFINER: the sealer reads the whole trail and alone appends to audit.retired. The owner, who
        -- detaches, sees no row of it: FORCE ROW LEVEL SECURITY. A check that runs as the owner would find an
        -- empty month, and agree.
        set local role gardenos_audit_sealer;

        create or replace function audit.record_retirement(month date, export_rows bigint, export_sha256 app.sha256)
        returns bigint
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            first_id uuid := app.uuid_v7_floor(record_retirement.month::timestamp at time zone 'UTC');
            end_id uuid := app.uuid_v7_floor((record_retirement.month + interval '1 month') at time zone 'UTC');
            unsealed record;
            left_rows bigint;
            chain record;
            broken record;
        begin
            select
                coalesce(l.agency_id, s.agency_id) as agency_id,
                coalesce(l.row_count, 0) as present,
                coalesce(s.row_count, 0) as sealed
              into unsealed
              from (
                  select e.agency_id, count(*) as row_count
                    from audit.log as e
                   where e.id >= first_id
                     and e.id < end_id
                   group by e.agency_id
              ) as l
              full join (
                  select e.agency_id, sum(e.row_count) as row_count
                    from audit.seals as e
                   where e.month = record_retirement.month
                   group by e.agency_id
              ) as s
                on s.agency_id = l.agency_id
             where l.row_count is distinct from s.row_count
             order by 1
             limit 1;
            if found then
                raise exception 'Month % cannot leave the trail: agency % has % rows in it, and % are sealed.',
                    to_char(record_retirement.month, 'YYYY-MM'), unsealed.agency_id, unsealed.present, unsealed.sealed
                    using errcode = '55000',
                    hint = 'Seal first; where more are sealed than present, audit.verify says which are missing.';
            end if;

            left_rows := (
                select coalesce(sum(s.row_count), 0)
                  from audit.seals as s
                 where s.month = record_retirement.month
            );
            if left_rows is distinct from export_rows then
                raise exception 'Month % cannot leave the trail: it has % rows, and % were exported.',
                    to_char(record_retirement.month, 'YYYY-MM'), left_rows, coalesce(export_rows::text, 'no number of')
                    using errcode = '55000',
                    hint = 'Export it again, and give the number of rows that the export printed.';
            end if;

            for chain in
                select s.agency_id, min(s.seq) as first_seal, max(s.seq) as last_seal
                  from audit.seals as s
                 where s.month = record_retirement.month
                 group by s.agency_id
            loop
                for broken in
                    select v.seal, v.log_id, v.problem
                      from audit.verify(chain.agency_id, chain.first_seal, chain.last_seal) as v
                loop
                    raise exception 'Month % cannot leave the trail, for it does not verify: agency %, seal %, row %: %.',
                        to_char(record_retirement.month, 'YYYY-MM'),
                        chain.agency_id,
                        coalesce(broken.seal::text, 'none'),
                        coalesce(broken.log_id::text, 'none'),
                        broken.problem
                        using errcode = '55000',
                        hint = 'What leaves is evidence of nothing once its rows are gone: find out first.';
                end loop;
            end loop;

            insert into audit.retired (
                agency_id, month, row_count, first_seal, last_seal, head_hash, export_rows, export_sha256, retired_by
            )
            select
                s.agency_id,
                record_retirement.month,
                sum(s.row_count),
                min(s.seq),
                max(s.seq),
                (array_agg(s.seal_hash order by s.seq desc))[1],
                export_rows,
                export_sha256,
                session_user
              from audit.seals as s
             where s.month = record_retirement.month
             group by s.agency_id;
            return left_rows;
        end;
        $function$;

        revoke all on function audit.record_retirement(date, bigint, app.sha256) from public;
        grant execute on function audit.record_retirement(date, bigint, app.sha256) to
            gardenos_owner;

        comment on function audit.record_retirement(date, bigint, app.sha256) is
        'Checks a month that is to leave the trail and notes it for each agency; returns its rows. For audit.retire.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- The last step of the retention job: raises when a month is still in the trail that should have left it.
        -- Under FORCE ROW LEVEL SECURITY a job can touch nothing and look well; this looks at the catalogue, not
        -- at rows, and not at what the job says of itself. Answers how many months of the past remain.
        create or replace function audit.require_retention(keep interval)
        returns bigint
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            overdue text;
        begin
            if keep is null or keep < interval '1 month' then
                raise exception 'The trail is kept for a month at least, not for %.', coalesce(keep::text, 'null')
                    using errcode = '22023';
            end if;
            overdue := (
                select string_agg(to_char(m.month, 'YYYY-MM'), ', ' order by m.month)
                  from audit.months() as m
                 where (m.month + interval '1 month') at time zone 'UTC' <= now() - keep
            );
            if overdue is not null then
                raise exception 'Retention has failed: % should have left the trail, which is kept for %.', overdue, keep
                    using errcode = '55000';
            end if;
            return (
                select count(*)
                  from audit.months() as m
                 where (m.month + interval '1 month') at time zone 'UTC' <= now()
            );
        end;
        $function$;

        revoke all on function audit.require_retention(interval) from public;
        grant execute on function audit.require_retention(interval) to
            gardenos_worker,
            gardenos_auditor,
            gardenos_monitor;

        comment on function audit.require_retention(interval) is
        'Raises 55000 while a month is in the trail that ended longer ago than keep; else the number of past months.';
        """
    )
    execute(
        r"""
        -- Takes the oldest month out of the trail after it was exported. Its seals stay, so what remains still
        -- verifies, and audit.retired says for each agency what left; that row is audited like any other. The
        -- table of the month stays too, detached, until audit.drop_retired: a mistake costs nothing.
        --
        -- Oldest first, so that the trail never has a hole. One transaction: never detached without a note, never
        -- noted without being detached. Only the lock on the month is held while it is checked; audit.log is
        -- locked at the end and for an instant. Where that lock is not to be had in two seconds everything is
        -- rolled back (55P03): try again.
        --
        -- SECURITY INVOKER, for the owner alone: only an owner detaches.
        create or replace function audit.retire(month date, export_rows bigint, export_sha256 text)
        returns bigint
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        set lock_timeout = '2s'
        as $function$
        declare
            oldest record;
            retired bigint;
        begin
            select m.month, m.partition_name
              into oldest
              from audit.months() as m
             order by m.month
             limit 1;
            if retire.month is distinct from oldest.month then
                raise exception 'Month % cannot leave the trail: the oldest one that is there, %, goes first.',
                    coalesce(retire.month::text, 'null'), coalesce(oldest.month::text, 'none')
                    using errcode = '22023';
            end if;
            if retire.month + interval '2 months' > now() at time zone 'UTC' then
                raise exception 'Month % cannot leave the trail: it ended less than a month ago.', retire.month
                    using errcode = '22023';
            end if;
            if export_sha256 is null or export_sha256 !~ '^[0-9a-f]{64}$' then
                raise exception 'export_sha256 is the sha256 of the exported file, 64 digits in hexadecimal.'
                    using errcode = '22023';
            end if;

            execute format('lock table only audit.%I in share mode', oldest.partition_name);
            retired := audit.record_retirement(retire.month, export_rows, decode(export_sha256, 'hex'));
            if retired = 0 and pg_relation_size(format('audit.%I', oldest.partition_name)) > 0 then
                raise exception 'Month % cannot leave the trail: no row of it is seen, but it is not empty.', retire.month
                    using errcode = '55000',
                    hint = 'Row-level security may hide them: audit.record_retirement must run as gardenos_audit_sealer.';
            end if;
            execute format('alter table audit.log detach partition audit.%I', oldest.partition_name);
            return retired;
        end;
        $function$;

        revoke all on function audit.retire(date, bigint, text) from public;

        comment on function audit.retire(date, bigint, text) is
        'Detaches the oldest month of the trail after its export, notes it in audit.retired; returns its rows.';
        """
    )
    execute(
        r"""
        -- When a month left the trail, for the owner, who sees no row of audit.retired. SECURITY DEFINER for that
        -- reason; it tells no agency's business.
        set local role gardenos_audit_sealer;

        create or replace function audit.retired_at(month date)
        returns timestamptz
        language plpgsql
        stable
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            return (
                select max(r.retired_at)
                  from audit.retired as r
                 where r.month = retired_at.month
            );
        end;
        $function$;

        revoke all on function audit.retired_at(date) from public;
        grant execute on function audit.retired_at(date) to
            gardenos_owner;

        comment on function audit.retired_at(date) is
        'When a month was retired; null when it was not, or held no row.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- One entry of the trail as a person reads it: name: "North" -> "South"; description: null -> "cold". The
        -- stamps that every write leaves are left out, and so are empty columns of a new or deleted row.
        create or replace function audit.summary(op app.audit_op, changes jsonb, is_redacted boolean)
        returns text
        language plpgsql
        immutable
        parallel safe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            longest constant integer := 80;
        begin
            if op = 'redact' then
                return 'values of this record were erased from the trail';
            elsif is_redacted then
                return op || ' (its values were erased)';
            elsif changes is null then
                return op || ' (no values are recorded)';
            end if;
            return op || coalesce(
                ': ' || (
                    select string_agg(
                        concat(
                            c.entry ->> 'column',
                            case
                                when op = 'update' then ': ' || left((c.entry -> 'from')::text, longest) || ' ->'
                                else ' ='
                            end,
                            ' ',
                            left((c.entry -> case when op = 'delete' then 'from' else 'to' end)::text, longest)
                        ),
                        '; ' order by c.place
                    )
                      from jsonb_array_elements(changes) with ordinality as c (entry, place)
                     where c.entry ->> 'column' not in (
                         'agency_id', 'id', 'created_at', 'created_by', 'updated_at', 'updated_by', 'row_version'
                     )
                       and c.entry -> 'from' <> c.entry -> 'to'
                ),
                ''
            );
        end;
        $function$;

        revoke all on function audit.summary(app.audit_op, jsonb, boolean) from public;
        grant execute on function audit.summary(app.audit_op, jsonb, boolean) to
            authenticated,
            service_role,
            gardenos_auditor;

        comment on function audit.summary(app.audit_op, jsonb, boolean) is
        'One audit row in words, from what audit.changes makes of it.';
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop function audit.summary(op app.audit_op, changes jsonb, is_redacted boolean);
        """
    )
    execute(
        r"""
        set local role gardenos_audit_sealer;

        drop function audit.retired_at(month date);

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        drop function audit.retire(month date, export_rows bigint, export_sha256 text);
        """
    )
    execute(
        r"""
        drop function audit.require_retention(keep interval);
        """
    )
    execute(
        r"""
        set local role gardenos_audit_sealer;

        drop function audit.record_retirement(month date, export_rows bigint, export_sha256 app.sha256);

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        drop function audit.reader_agency(agency uuid);
        """
    )
    execute(
        r"""
        drop function audit.page_limit(page_size integer);
        """
    )
    execute(
        r"""
        set local role gardenos_audit_sealer;

        drop function audit.note_verification(agency uuid);

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        drop function audit.months();
        """
    )
    execute(
        r"""
        revoke execute on function audit.month_of(partition regclass) from gardenos_monitor cascade;
        """
    )
    execute(
        r"""
        drop function audit.history(in_table text, record_id uuid, before uuid, page_size integer, agency uuid);
        """
    )
    execute(
        r"""
        set local role gardenos_audit_sealer;

        drop function audit.health();

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        drop function audit.drop_retired(month date);
        """
    )
    execute(
        r"""
        drop function audit.changes(old_values jsonb, new_values jsonb);
        """
    )
    execute(
        r"""
        drop function audit.audited_table(agency uuid, name text);
        """
    )
    execute(
        r"""
        drop function audit.as_of(in_table text, record_id uuid, moment timestamp with time zone, agency uuid);
        """
    )
    execute(
        r"""
        drop function audit.activity(actor uuid, in_table text, of_op app.audit_op, since timestamp with time zone, until timestamp with time zone, before uuid, page_size integer, agency uuid);
        """
    )
