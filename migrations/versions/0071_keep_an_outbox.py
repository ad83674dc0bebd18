"""Keep an outbox

Reason:    functions that write what happened, say how far it is safe, claim it in its order and mark
           it published; gardenos_publisher, which owns those that run for everybody, reaches the
           tables they need. Nothing calls them yet.
Locks:     AccessExclusive on integration.outbox_events, and on migration.epochs for an instant.
Duration:  milliseconds.
Way back:  drops the functions; the triggers that call them are gone by then. Events stay.
"""

from migrations.runner.execute import execute

revision = "0071"
down_revision = "0070"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        set local role gardenos_membership_reader;

        grant execute on function app.actor() to gardenos_publisher;

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Which agencies have events to publish or deliveries that are due: what a worker that knows no agency asks
        -- before it binds to one. Ids, nothing else. Hops from one agency to the next in the indexes of what is not
        -- done: there are many events and few agencies.
        --
        -- SECURITY DEFINER: a worker sees one agency at a time, and only when it is bound.
        set local role gardenos_publisher;

        create or replace function app.agencies_with_work()
        returns setof uuid
        language sql
        stable
        parallel safe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
            with recursive publishing as (
                (
                    select e.agency_id
                      from integration.outbox_events as e
                     where e.published_at is null
                     order by e.agency_id
                     limit 1
                )
                union all
                select (
                    select e.agency_id
                      from integration.outbox_events as e
                     where e.agency_id > p.agency_id
                       and e.published_at is null
                     order by e.agency_id
                     limit 1
                )
                  from publishing as p
                 where p.agency_id is not null
            ),
            delivering as (
                (
                    select d.agency_id
                      from integration.webhook_deliveries as d
                     where d.status in ('pending', 'failed')
                     order by d.agency_id
                     limit 1
                )
                union all
                select (
                    select d.agency_id
                      from integration.webhook_deliveries as d
                     where d.agency_id > p.agency_id
                       and d.status in ('pending', 'failed')
                     order by d.agency_id
                     limit 1
                )
                  from delivering as p
                 where p.agency_id is not null
            )
            select p.agency_id
              from publishing as p
             where p.agency_id is not null
            union
            select w.agency_id
              from delivering as w
             where exists (
                select 1
                  from integration.webhook_deliveries as d
                 where d.agency_id = w.agency_id
                   and d.status in ('pending', 'failed')
                   and d.next_attempt_at <= now()
             );
        $function$;

        revoke all on function app.agencies_with_work() from public;
        grant execute on function app.agencies_with_work() to
            gardenos_worker;

        comment on function app.agencies_with_work() is
        'The agencies with events to publish or deliveries that are due.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Claims the outbox of the agency that the transaction is bound to, until it ends, and answers its next
        -- events in their order (epoch, timeline, seq). Nobody else gets an event of the stream meanwhile, so two
        -- workers cannot break the order; a worker that dies loses the claim with its transaction.
        --
        -- The claim is a lock on the first event that is not published, skipped when another has it. It is asked for
        -- by id: a search that skips would go on to the second event, and that would be a second claim. Only events
        -- within app.safe_horizon are answered, asked before the lock, because a lock takes a transaction id and
        -- would hold back the horizon of everybody. It stops at the first event beyond: a transaction that began
        -- early may have changed a record last, and would overtake the one that changed it first.
        create or replace function app.claim_outbox_stream(
            batch integer default 500,
            patience interval default '5 seconds'
        )
        returns setof integration.outbox_events
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            agency constant uuid := app.agency_id();
            horizon record;
            head uuid;
            event integration.outbox_events;
        begin
            if agency is null then
                raise exception 'No agency is bound: a stream belongs to one.'
                    using errcode = '42501',
                    hint = 'Begin with: select app.bind_worker(agency).';
            end if;
            if batch is null or batch not between 1 and 10000 then
                raise exception 'A batch has between 1 and 10000 events, not %.', coalesce(batch::text, 'null')
                    using errcode = '22023';
            end if;
            horizon := app.safe_horizon(patience);
            if horizon.txid is null then
                return;
            end if;
            select e.id
              into head
              from integration.outbox_events as e
             where e.agency_id = agency
               and e.published_at is null
             order by e.epoch, e.timeline, e.seq
             limit 1;
            perform 1
               from integration.outbox_events as e
              where e.agency_id = agency
                and e.id = head
                and e.published_at is null
                for no key update skip locked;
            if not found then
                return;
            end if;
            for event in
                select *
                  from integration.outbox_events as e
                 where e.agency_id = agency
                   and e.published_at is null
                 order by e.epoch, e.timeline, e.seq
                 limit batch
            loop
                exit when event.epoch = horizon.epoch and event.txid >= horizon.txid;
                return next event;
            end loop;
        end;
        $function$;

        revoke all on function app.claim_outbox_stream(integer, interval) from public;
        grant execute on function app.claim_outbox_stream(integer, interval) to
            gardenos_worker;

        comment on function app.claim_outbox_stream(integer, interval) is
        'Claims the outbox of the bound agency for this transaction; its next events, none when it is taken.';
        """
    )
    execute(
        r"""
        -- Has everything that happened between these ids been published, and does no delivery wait for it? A delivery
        -- to an endpoint that is switched off waits as well, until app.purge_deliveries removes it.
        --
        -- SECURITY DEFINER: the owner, who drops months, sees no row.
        set local role gardenos_publisher;

        create or replace function app.is_drained(from_id uuid, to_id uuid)
        returns boolean
        language sql
        stable
        parallel safe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
            select not exists (
                select 1
                  from integration.outbox_events as e
                 where e.id >= from_id
                   and e.id < to_id
                   and e.published_at is null
            )
            and not exists (
                select 1
                  from integration.webhook_deliveries as d
                 where d.event_id >= from_id
                   and d.event_id < to_id
                   and d.status in ('pending', 'failed')
            );
        $function$;

        revoke all on function app.is_drained(uuid, uuid) from public;
        grant execute on function app.is_drained(uuid, uuid) to
            gardenos_owner;

        comment on function app.is_drained(uuid, uuid) is
        'True when all events between two ids are published and no delivery waits for one of them.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Tells of each changed row of a table, once, in the transaction of the change: no commit, no event; no
        -- event without a commit. Statement trigger of every table that has events; the same for all of them, so a
        -- new table needs three triggers and no function. Rows are taken apart as JSON for the names of what
        -- changed: twice the cost of a function for each table, and nothing to keep in step.
        --
        -- The payload has ids, row_version and names of columns, never a value: whoever delivers reads the row then,
        -- with the rights it has then. One exception, because the row is gone by then: a file that was removed says
        -- where its object lies. What triggers and workers touch often is no change of the row, and no event.
        --
        -- SECURITY DEFINER: nobody who changes a record writes the outbox. enable_nestloop: one statement may touch
        -- one row and the next ten thousand.
        set local role gardenos_publisher;

        create or replace function app.note_event()
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
            aggregate constant text := tg_table_schema || '.' || tg_table_name;
            context record;
            headers jsonb;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            headers := jsonb_strip_nulls(
                jsonb_build_object(
                    'request_id', context.request_id,
                    'actor_kind', context.actor_kind,
                    'actor_id', context.actor_membership_id
                )
            );
            if tg_op = 'INSERT' then
                insert into integration.outbox_events (
                    agency_id, aggregate, aggregate_id, type, payload, headers, txid, epoch, timeline
                )
                select
                    n.agency_id,
                    aggregate,
                    n.id,
                    aggregate || '.created',
                    jsonb_strip_nulls(jsonb_build_object('row_version', to_jsonb(n) -> 'row_version')),
                    headers,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from new_rows as n;
            elsif tg_op = 'UPDATE' then
                insert into integration.outbox_events (
                    agency_id, aggregate, aggregate_id, type, payload, headers, txid, epoch, timeline
                )
                select
                    r.agency_id,
                    aggregate,
                    r.id,
                    aggregate || case
                        when r.before -> 'deleted_at' = 'null' and r.after -> 'deleted_at' <> 'null' then '.deleted'
                        when r.before -> 'deleted_at' <> 'null' and r.after -> 'deleted_at' = 'null' then '.restored'
                        else '.updated'
                    end,
                    jsonb_strip_nulls(
                        jsonb_build_object(
                            'row_version', r.after -> 'row_version',
                            'changed', to_jsonb(
                                array(
                                    select c.name
                                      from unnest(changes.names) as c (name)
                                     where c.name not in ('updated_at', 'updated_by', 'row_version')
                                )
                            )
                        )
                    ),
                    headers,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from (
                      select
                          n.agency_id,
                          n.id,
                          to_jsonb(o) as before,
                          to_jsonb(n) as after
                        from old_rows as o
                        join new_rows as n
                          on n.agency_id = o.agency_id
                         and n.id = o.id
                        -- without it each row is made JSON again for each of its columns
                      offset 0
                  ) as r
                 cross join lateral (
                      select array_agg(e.key order by e.key)
                        from jsonb_each(r.after) as e
                       where r.before -> e.key <> e.value
                         and e.key not in ('search', 'participant_ids', 'last_message_at', 'last_read_at')
                  ) as changes (names)
                 where changes.names is not null;
            else
                insert into integration.outbox_events (
                    agency_id, aggregate, aggregate_id, type, payload, headers, txid, epoch, timeline
                )
                select
                    o.agency_id,
                    aggregate,
                    o.id,
                    aggregate || '.removed',
                    jsonb_strip_nulls(
                        jsonb_build_object(
                            'row_version', to_jsonb(o) -> 'row_version',
                            'provider', to_jsonb(o) -> 'provider',
                            'bucket', to_jsonb(o) -> 'bucket',
                            'object_path', to_jsonb(o) -> 'object_path'
                        )
                    ),
                    headers,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from old_rows as o;
            end if;
            return null;
        end;
        $function$;

        revoke all on function app.note_event() from public;
        grant execute on function app.note_event() to
            gardenos_owner;

        comment on function app.note_event() is
        'Writes one event of the outbox for each row that a statement changed.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Marks events of a claimed stream as published, and queues them for the webhooks that want them, in one
        -- transaction: all or nothing, and the same event is queued once for an endpoint whatever is retried.
        -- Answers how many it published. A transaction that would not wait for its standby is refused, because what
        -- is queued here is sent by others.
        create or replace function app.publish_events(events uuid[])
        returns integer
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            agency constant uuid := app.agency_id();
            published integer;
        begin
            if current_setting('synchronous_commit') not in ('on', 'remote_apply') then
                raise exception 'Events are not published with synchronous_commit %.', current_setting('synchronous_commit')
                    using errcode = '55000',
                    hint = 'Set synchronous_commit to on.';
            end if;
            insert into integration.webhook_deliveries (agency_id, endpoint_id, event_id, event_type)
            select e.agency_id, w.id, e.id, e.type
              from integration.outbox_events as e
              join integration.webhook_endpoints as w
                on w.agency_id = e.agency_id
               and w.is_active
               and w.deleted_at is null
               and (w.event_types = '{}' or e.type = any(w.event_types))
             where e.agency_id = agency
               and e.id = any(publish_events.events)
               and e.published_at is null
             order by e.epoch, e.timeline, e.seq
            on conflict (agency_id, endpoint_id, event_id) do nothing;
            update integration.outbox_events as e
               set published_at = clock_timestamp()
             where e.agency_id = agency
               and e.id = any(publish_events.events)
               and e.published_at is null;
            get diagnostics published = row_count;
            return published;
        end;
        $function$;

        revoke all on function app.publish_events(uuid[]) from public;
        grant execute on function app.publish_events(uuid[]) to
            gardenos_worker;

        comment on function app.publish_events(uuid[]) is
        'Marks claimed events as published and queues them for webhooks; returns how many.';
        """
    )
    execute(
        r"""
        -- Up to where events may leave the house: of this epoch, those of transactions below txid. Every one of them
        -- is over, so no event can appear among them any more, and all of them are on a second node: a transaction
        -- whose wait for the standby was cancelled is visible here and may be lost in a failover (the cancel hole).
        --
        -- Notes the oldest transaction that still runs, then how far the log is written, and waits until as many
        -- synchronous standbys as are configured have flushed that far. Where none is configured it answers at once.
        -- Both columns are null when they have not within the patience: ask again. The caller has no transaction id
        -- yet while it waits, so that it holds nobody back.
        --
        -- SECURITY DEFINER: the epoch, and what standbys have flushed, are not for everybody (pg_read_all_stats).
        -- pg_stat_replication would answer from the statistics that a transaction reads once.
        set local role gardenos_publisher;

        create or replace function app.safe_horizon(
            patience interval default '5 seconds',
            out epoch integer,
            out txid xid8
        )
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            standbys constant text := current_setting('synchronous_standby_names');
            -- FIRST 2 (a, b, c), ANY 1 (a, b), 2 (a, b), a, *
            wanted constant integer := coalesce(
                (regexp_match(standbys, '^\s*(?:(?:first|any)\s+)?(\d+)\s*\(', 'i'))[1]::integer,
                1
            );
            oldest constant xid8 := pg_snapshot_xmin(pg_current_snapshot());
            written pg_lsn;
            deadline constant timestamptz := clock_timestamp() + patience;
        begin
            if patience is null or patience not between interval '0' and interval '1 minute' then
                raise exception 'The patience is between 0 and 1 minute, not %.', coalesce(patience::text, 'null')
                    using errcode = '22023';
            end if;
            written := pg_current_wal_lsn();
            while btrim(standbys) <> '' loop
                exit when wanted <= (
                    select count(*)
                      from pg_stat_get_wal_senders() as s
                     where s.sync_state in ('sync', 'quorum')
                       and s.flush_lsn >= written
                );
                if clock_timestamp() >= deadline then
                    return;
                end if;
                perform pg_sleep(0.01);
            end loop;
            epoch := (select max(e.epoch) from migration.epochs as e);
            txid := oldest;
        end;
        $function$;

        revoke all on function app.safe_horizon(interval) from public;
        grant execute on function app.safe_horizon(interval) to
            gardenos_worker;

        comment on function app.safe_horizon(interval) is
        'The epoch, and the transaction below which its events are final and flushed by a standby; null: not yet.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        grant execute on function app.uuid_v7() to gardenos_publisher;
        """
    )
    execute(
        r"""
        grant execute on function audit.context() to gardenos_publisher;
        """
    )
    execute(
        r"""
        -- Drops the months of integration.outbox_events that have passed and are drained: all published, nothing
        -- awaited by a delivery. Answers how many it dropped. A month that a transaction still writes to is locked,
        -- so it is refused after two seconds (55P03) and nothing is dropped: call it again.
        --
        -- SECURITY DEFINER, as the owner: only the owner of a table drops its partitions. Whether they are drained
        -- app.is_drained says, asked when the month is locked: the owner sees no row.
        create or replace function integration.drop_drained()
        returns integer
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        set lock_timeout = '2s'
        as $function$
        declare
            old record;
            dropped integer := 0;
        begin
            for old in
                select c.relname::text as partition, to_date(c.relname, '"outbox_events_"YYYY_MM')::timestamp as month
                  from pg_inherits as i
                  join pg_class as c on c.oid = i.inhrelid
                 where i.inhparent = 'integration.outbox_events'::regclass
                   and c.relname ~ '^outbox_events_[0-9]{4}_[0-9]{2}$'
                   and to_date(c.relname, '"outbox_events_"YYYY_MM') + interval '1 month' <= now() at time zone 'UTC'
                 order by c.relname
            loop
                continue when not app.is_drained(
                    app.uuid_v7_floor(old.month at time zone 'UTC'),
                    app.uuid_v7_floor((old.month + interval '1 month') at time zone 'UTC')
                );
                lock table only integration.outbox_events in access exclusive mode;
                execute format('lock table integration.%I in access exclusive mode', old.partition);
                if app.is_drained(
                    app.uuid_v7_floor(old.month at time zone 'UTC'),
                    app.uuid_v7_floor((old.month + interval '1 month') at time zone 'UTC')
                ) then
                    execute format('drop table integration.%I', old.partition);
                    dropped := dropped + 1;
                end if;
            end loop;
            return dropped;
        end;
        $function$;

        revoke all on function integration.drop_drained() from public;
        grant execute on function integration.drop_drained() to
            gardenos_worker;

        comment on function integration.drop_drained() is
        'Drops the months of outbox_events that have passed and are drained; returns how many.';
        """
    )
    execute(
        r"""
        grant select, insert on table integration.outbox_events to gardenos_publisher;
        """
    )
    execute(
        r"""
        create policy "the publisher looks for work"
        on integration.outbox_events
        as permissive
        for select
        to gardenos_publisher
        using (
            true
        );
        """
    )
    execute(
        r"""
        create policy "triggers add what happened"
        on integration.outbox_events
        as permissive
        for insert
        to gardenos_publisher
        with check (
            true
        );
        """
    )
    execute(
        r"""
        grant select on table migration.epochs to gardenos_publisher;
        """
    )


def downgrade() -> None:
    execute(
        r"""
        revoke select on table migration.epochs from gardenos_publisher cascade;
        """
    )
    execute(
        r"""
        drop policy "triggers add what happened" on integration.outbox_events;
        """
    )
    execute(
        r"""
        drop policy "the publisher looks for work" on integration.outbox_events;
        """
    )
    execute(
        r"""
        revoke select, insert on table integration.outbox_events from gardenos_publisher cascade;
        """
    )
    execute(
        r"""
        drop function integration.drop_drained();
        """
    )
    execute(
        r"""
        revoke execute on function audit.context() from gardenos_publisher cascade;
        """
    )
    execute(
        r"""
        revoke execute on function app.uuid_v7() from gardenos_publisher cascade;
        """
    )
    execute(
        r"""
        set local role gardenos_publisher;

        drop function app.safe_horizon(patience interval);

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        drop function app.publish_events(events uuid[]);
        """
    )
    execute(
        r"""
        set local role gardenos_publisher;

        drop function app.note_event();

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_publisher;

        drop function app.is_drained(from_id uuid, to_id uuid);

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        drop function app.claim_outbox_stream(batch integer, patience interval);
        """
    )
    execute(
        r"""
        set local role gardenos_publisher;

        drop function app.agencies_with_work();

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_membership_reader;

        revoke execute on function app.actor() from gardenos_publisher cascade;

        set local role gardenos_owner;
        """
    )
