"""Tell what happens

Reason:    events of the outbox, the functions that publish them, and webhooks: made, signed,
           delivered, given up. Nothing calls them yet.
Locks:     none on tables.
Duration:  milliseconds.
Way back:  drops the functions; the triggers that call them are gone by then.
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
        -- The deliveries of the bound agency that are due, each ready to be sent: address, body, signature. They are
        -- leased: their next attempt is set to the end of the lease, and a worker that dies is followed by the next
        -- one then, with the same webhook-id. Commit before sending, so that no transaction is open meanwhile.
        --
        -- Order is kept for each record and endpoint: a delivery waits until the one before it of the same record
        -- was delivered or given up. The endpoint is locked while its heads are looked for, and skipped by others, so
        -- two workers do not lease the same ones. `attempt` tells a worker that outlived its lease from the next one.
        --
        -- The body has no value of the row, and the signature is that of Standard Webhooks: HMAC-SHA256 of
        -- "<webhook-id>.<webhook-timestamp>.<body>", one for each secret that is valid.
        create or replace function app.claim_deliveries(batch integer default 20, lease interval default '1 minute')
        returns table (
            delivery_id uuid,
            attempt integer,
            url text,
            webhook_id uuid,
            webhook_timestamp bigint,
            webhook_signature text,
            body text
        )
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        #variable_conflict use_column
        declare
            agency constant uuid := app.agency_id();
            this_second constant bigint := extract(epoch from clock_timestamp())::bigint;
            endpoints uuid[];
        begin
            if agency is null then
                raise exception 'No agency is bound: a delivery belongs to one.'
                    using errcode = '42501',
                    hint = 'Begin with: select app.bind_worker(agency).';
            end if;
            if batch is null or batch not between 1 and 1000 then
                raise exception 'A batch has between 1 and 1000 deliveries, not %.', coalesce(batch::text, 'null')
                    using errcode = '22023';
            end if;
            if lease is null or lease not between interval '5 seconds' and interval '1 hour' then
                raise exception 'A lease lasts between 5 seconds and 1 hour, not %.', coalesce(lease::text, 'null')
                    using errcode = '22023';
            end if;
            endpoints := array(
                select w.id
                  from integration.webhook_endpoints as w
                 where w.agency_id = agency
                   and w.is_active
                   and w.deleted_at is null
                 order by w.id
                   for no key update skip locked
            );
            return query
                with head as (
                    select distinct on (d.endpoint_id, e.aggregate, e.aggregate_id)
                        d.id,
                        d.next_attempt_at
                      from integration.webhook_deliveries as d
                      join integration.outbox_events as e
                        on e.agency_id = d.agency_id
                       and e.id = d.event_id
                     where d.agency_id = agency
                       and d.endpoint_id = any(endpoints)
                       and d.status in ('pending', 'failed')
                     order by d.endpoint_id, e.aggregate, e.aggregate_id, e.epoch, e.timeline, e.seq
                ),
                due as (
                    select h.id
                      from head as h
                     where h.next_attempt_at <= now()
                     order by h.next_attempt_at, h.id
                     limit batch
                ),
                leased as (
                    update integration.webhook_deliveries as d
                       set attempts = d.attempts + 1,
                           next_attempt_at = now() + lease
                      from due
                     where d.agency_id = agency
                       and d.id = due.id
                    returning d.*
                ),
                message as (
                    select
                        l.id,
                        l.endpoint_id,
                        l.attempts::integer as attempt,
                        e.id as event_id,
                        e.epoch,
                        e.timeline,
                        e.seq,
                        (
                            jsonb_build_object(
                                'id', e.id,
                                'type', e.type,
                                'agency_id', e.agency_id,
                                'record_id', e.aggregate_id,
                                'occurred_at', e.occurred_at
                            )
                            || (e.payload - array['provider', 'bucket', 'object_path'])
                        )::text as body
                      from leased as l
                      join integration.outbox_events as e
                        on e.agency_id = l.agency_id
                       and e.id = l.event_id
                )
                select
                    m.id,
                    m.attempt,
                    w.url::text,
                    m.event_id,
                    this_second,
                    concat_ws(
                        ' ',
                        app.webhook_signature(s.agency_id, s.secret_ref, signed.text),
                        case
                            when s.previous_until > now()
                                then app.webhook_signature(s.agency_id, s.previous_ref, signed.text)
                        end
                    ),
                    m.body
                  from message as m
                 cross join lateral (
                      select m.event_id::text || '.' || this_second::text || '.' || m.body
                  ) as signed (text)
                  join integration.webhook_endpoints as w
                    on w.agency_id = agency
                   and w.id = m.endpoint_id
                  join integration.webhook_secrets as s
                    on s.agency_id = agency
                   and s.endpoint_id = m.endpoint_id
                 order by m.epoch, m.timeline, m.seq;
        end;
        $function$;

        revoke all on function app.claim_deliveries(integer, interval) from public;
        grant execute on function app.claim_deliveries(integer, interval) to
            gardenos_worker;

        comment on function app.claim_deliveries(integer, interval) is
        'Leases the deliveries of the bound agency that are due, ready to be sent and signed.';
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
        -- An address that is told what happens in the agency, and the secret that its signatures are checked with,
        -- answered once. Made by owners and admins in person: what a key or an agent makes would tell on after it was
        -- revoked.
        --
        -- SECURITY DEFINER: it writes to a table that no API role reaches.
        set local role gardenos_publisher;

        create or replace function app.create_webhook(
            name text,
            url text,
            event_types text[] default '{}',
            out endpoint_id uuid,
            out secret text
        )
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            proof record := app.proof();
            reference text := app.new_webhook_ref();
            odd text;
        begin
            if not app.may('integration.webhook_endpoints:insert', 'owner', 'admin')
                or proof.api_key_id is not null
                or not proof.is_person then
                raise exception 'You may not make a webhook: only an owner or admin of the agency may, in person.'
                    using errcode = '42501';
            end if;
            if create_webhook.url is null or create_webhook.url !~ '^https://[^\s/@]+(/\S*)?$' then
                raise exception 'A webhook has an address that begins with https:// and holds no password.'
                    using errcode = '22023';
            end if;
            select e.type
              into odd
              from unnest(create_webhook.event_types) as e (type)
             where e.type is null
                or e.type !~ '^[a-z_]+\.[a-z_]+\.(created|updated|deleted|restored|removed)$'
             limit 1;
            if found then
                raise exception 'There are no events of the type %.', coalesce(quote_literal(odd), 'null')
                    using errcode = '22023',
                    hint = 'A type is a table and what happened: crm.deals.created, updated, deleted, restored or removed.';
            end if;
            insert into integration.webhook_endpoints as w (agency_id, name, url, event_types)
            values (
                proof.agency_id,
                create_webhook.name,
                create_webhook.url,
                coalesce(create_webhook.event_types, '{}')
            )
            returning w.id into endpoint_id;
            insert into integration.webhook_secrets (agency_id, endpoint_id, secret_ref)
            values (proof.agency_id, create_webhook.endpoint_id, reference);
            secret := app.webhook_secret(proof.agency_id, reference);
        end;
        $function$;

        revoke all on function app.create_webhook(text, text, text[]) from public;
        grant execute on function app.create_webhook(text, text, text[]) to
            authenticated;

        comment on function app.create_webhook(text, text, text[]) is
        'Makes a webhook and answers its id and its secret, once. No types: all events.';

        set local role gardenos_owner;
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
        grant execute on function app.may(action text, VARIADIC roles app.agency_role[]) to gardenos_publisher;
        """
    )
    execute(
        r"""
        grant execute on function app.membership_id() to gardenos_publisher;
        """
    )
    execute(
        r"""
        -- The name of a new secret: the key of the database that it is made of, and chance. What stands in
        -- webhook_secrets is this name; the secret itself is nowhere.
        --
        -- SECURITY DEFINER: the sealer alone reads the keys.
        set local role gardenos_sealer;

        create or replace function app.new_webhook_ref()
        returns text
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            return (
                select k.id::text || '/' || gen_random_uuid()::text
                  from migration.seal_keys as k
                 where k.login = 'webhooks'
                   and k.expires_at is null
            );
        end;
        $function$;

        revoke all on function app.new_webhook_ref() from public;
        grant execute on function app.new_webhook_ref() to
            gardenos_publisher;

        comment on function app.new_webhook_ref() is
        'A name for a new secret of a webhook.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- What came of an attempt. An answer from 200 to 299 is a delivery. Anything else is tried again after 30
        -- seconds, then twice as long each time, at most 6 hours, give or take a fifth, so that an endpoint that
        -- comes back is not met by all of them at once. After 15 attempts, some two days, the delivery is dead.
        --
        -- An endpoint whose deliveries die, and which has taken none for a day, is switched off, and at once when it
        -- answers 410 Gone. What it still had to get waits until an owner or admin switches it on again.
        --
        -- An attempt that is not the last one, of a worker that outlived its lease, changes nothing and gets null.
        create or replace function app.note_delivery(
            delivery_id uuid,
            attempt integer,
            response_code integer default null,
            response_ms integer default null,
            error text default null
        )
        returns app.delivery_status
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            max_attempts constant integer := 15;
            outcome constant app.delivery_status := case
                when note_delivery.response_code between 200 and 299 then 'delivered'
                when note_delivery.attempt >= max_attempts or note_delivery.response_code = 410 then 'dead'
                else 'failed'
            end;
            pause constant interval := least(
                interval '30 seconds' * power(2, least(note_delivery.attempt, 20) - 1),
                interval '6 hours'
            ) * (0.8 + 0.4 * random());
            endpoint uuid;
        begin
            update integration.webhook_deliveries as d
               set status = outcome,
                   response_code = note_delivery.response_code,
                   response_ms = note_delivery.response_ms,
                   last_error = left(note_delivery.error, 1000),
                   next_attempt_at = case when outcome = 'failed' then clock_timestamp() + pause else d.next_attempt_at end,
                   delivered_at = case when outcome = 'delivered' then clock_timestamp() end
             where d.agency_id = app.agency_id()
               and d.id = note_delivery.delivery_id
               and d.attempts = note_delivery.attempt
               and d.status in ('pending', 'failed')
            returning d.endpoint_id into endpoint;
            if endpoint is null then
                return null;
            end if;
            if outcome = 'dead' then
                update integration.webhook_endpoints as w
                   set is_active = false,
                       disabled_at = now()
                 where w.agency_id = app.agency_id()
                   and w.id = endpoint
                   and w.is_active
                   and (
                       note_delivery.response_code = 410
                       or not exists (
                           select 1
                             from integration.webhook_deliveries as d
                            where d.agency_id = w.agency_id
                              and d.endpoint_id = w.id
                              and d.delivered_at > now() - interval '1 day'
                       )
                   );
            end if;
            return outcome;
        end;
        $function$;

        revoke all on function app.note_delivery(uuid, integer, integer, integer, text) from public;
        grant execute on function app.note_delivery(uuid, integer, integer, integer, text) to
            gardenos_worker;

        comment on function app.note_delivery(uuid, integer, integer, integer, text) is
        'Notes what came of an attempt: delivered, failed (tried again) or dead; null when it was not the last.';
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
        set local role gardenos_membership_reader;

        grant execute on function app.proof() to gardenos_publisher;

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
        -- Removes what was delivered or given up, and what an endpoint that is switched off or deleted did not take,
        -- 30 days after it was due; at most so many at a time. Answers how many it removed: call it until that is 0.
        create or replace function app.purge_deliveries(batch integer default 10000)
        returns integer
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            removed integer;
        begin
            if batch is null or batch < 1 then
                raise exception 'A batch has at least one delivery, not %.', coalesce(batch::text, 'null')
                    using errcode = '22023';
            end if;
            delete from integration.webhook_deliveries as d
             where d.agency_id = app.agency_id()
               and d.id in (
                   select o.id
                     from integration.webhook_deliveries as o
                     join integration.webhook_endpoints as w
                       on w.agency_id = o.agency_id
                      and w.id = o.endpoint_id
                    where o.agency_id = app.agency_id()
                      and coalesce(o.delivered_at, o.next_attempt_at) < now() - interval '30 days'
                      and (o.status in ('delivered', 'dead') or not w.is_active or w.deleted_at is not null)
                    limit batch
               );
            get diagnostics removed = row_count;
            return removed;
        end;
        $function$;

        revoke all on function app.purge_deliveries(integer) from public;
        grant execute on function app.purge_deliveries(integer) to
            gardenos_worker;

        comment on function app.purge_deliveries(integer) is
        'Removes deliveries of the bound agency that are done, or never will be, after 30 days; returns how many.';
        """
    )
    execute(
        r"""
        -- A new key for a service login, shown once: put it into the service's environment. The older keys of that
        -- login go on for the overlap, so that no instance fails while the new key is rolled out. 'database'
        -- rotates the key of the seals themselves, which nobody needs to know: the answer is then null. So it is for
        -- 'webhooks', the key that the secrets of webhooks are made of: those that are older end with it.
        --
        -- SECURITY DEFINER: the sealer alone writes the keys. Called by the DBA after SET ROLE gardenos_owner.
        set local role gardenos_sealer;

        create or replace function app.rotate_seal_key(login text, overlap interval default '1 hour')
        returns text
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            new_key bytea := sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
        begin
            if login is null or login not in ('database', 'webhooks', 'gardenos_app') then
                raise exception 'No key for login %: there are keys for gardenos_app, ''database'' and ''webhooks''.',
                    coalesce(quote_ident(login), 'null')
                    using errcode = '22023';
            end if;
            if overlap is null or overlap < interval '0' or overlap > interval '7 days' then
                raise exception 'The overlap of old and new key must be between 0 and 7 days.'
                    using errcode = '22023';
            end if;
            update migration.seal_keys as k
               set expires_at = clock_timestamp() + overlap
             where k.login = rotate_seal_key.login
               and k.expires_at is null;
            insert into migration.seal_keys as k (login, inner_key, outer_key)
            values (rotate_seal_key.login, app.padded_key(new_key, 54), app.padded_key(new_key, 92));
            delete from migration.seal_keys as k
             where k.expires_at < clock_timestamp() - interval '1 day';
            return case when login = 'gardenos_app' then encode(new_key, 'hex') end;
        end;
        $function$;

        revoke all on function app.rotate_seal_key(text, interval) from public;
        grant execute on function app.rotate_seal_key(text, interval) to
            gardenos_owner;

        comment on function app.rotate_seal_key(text, interval) is
        'Makes a new signing key for a service login and returns it once, as hex; old keys expire after the overlap.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- A new secret for a webhook, answered once. Messages carry both signatures until the overlap is over, so
        -- that the receiver can change its secret in between. For those who may make webhooks.
        --
        -- SECURITY DEFINER: it writes to a table that no API role reaches.
        set local role gardenos_publisher;

        create or replace function app.rotate_webhook_secret(endpoint_id uuid, overlap interval default '1 day')
        returns text
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            proof record := app.proof();
            reference text := app.new_webhook_ref();
        begin
            if not app.may('integration.webhook_endpoints:update', 'owner', 'admin')
                or proof.api_key_id is not null
                or not proof.is_person then
                raise exception 'You may not change the secret of a webhook: only an owner or admin of the agency may, in person.'
                    using errcode = '42501';
            end if;
            if overlap is null or overlap not between interval '0' and interval '7 days' then
                raise exception 'The overlap of old and new secret must be between 0 and 7 days.'
                    using errcode = '22023';
            end if;
            update integration.webhook_secrets as s
               set previous_ref = s.secret_ref,
                   previous_until = clock_timestamp() + overlap,
                   secret_ref = reference
              from integration.webhook_endpoints as w
             where w.agency_id = proof.agency_id
               and w.id = rotate_webhook_secret.endpoint_id
               and w.deleted_at is null
               and s.agency_id = w.agency_id
               and s.endpoint_id = w.id;
            if not found then
                raise exception 'There is no webhook % in this agency.', coalesce(endpoint_id::text, 'null')
                    using errcode = 'P0002';
            end if;
            return app.webhook_secret(proof.agency_id, reference);
        end;
        $function$;

        revoke all on function app.rotate_webhook_secret(uuid, interval) from public;
        grant execute on function app.rotate_webhook_secret(uuid, interval) to
            authenticated;

        comment on function app.rotate_webhook_secret(uuid, interval) is
        'Gives a webhook a new secret and answers it, once; the old one signs too until the overlap is over.';

        set local role gardenos_owner;
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
        -- The secret that a name stands for: HMAC of agency and name under the key of the database. Nothing has to
        -- be stored that a dump of the table, a replica or a worker could give away, and a name means nothing in
        -- another agency. Null when the key is gone.
        --
        -- SECURITY DEFINER: the sealer alone reads the keys.
        set local role gardenos_sealer;

        create or replace function app.webhook_secret(agency_id uuid, secret_ref text)
        returns text
        language plpgsql
        stable
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            return (
                select
                    'whsec_' || encode(
                        app.hmac_sha256(
                            k.inner_key,
                            k.outer_key,
                            webhook_secret.agency_id::text || '|' || webhook_secret.secret_ref
                        ),
                        'base64'
                    )
                  from migration.seal_keys as k
                 where k.login = 'webhooks'
                   and k.id::text = split_part(webhook_secret.secret_ref, '/', 1)
                   and (k.expires_at is null or k.expires_at > clock_timestamp())
            );
        end;
        $function$;

        revoke all on function app.webhook_secret(uuid, text) from public;
        grant execute on function app.webhook_secret(uuid, text) to
            gardenos_publisher;

        comment on function app.webhook_secret(uuid, text) is
        'The secret of a webhook, by its name.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Signs a message with the secret that a name stands for, as Standard Webhooks has it: the worker signs and
        -- never learns a secret. Null when the key of the database that the secret was made of is gone.
        --
        -- SECURITY DEFINER: only the sealer makes secrets of names.
        set local role gardenos_sealer;

        create or replace function app.webhook_signature(agency_id uuid, secret_ref text, message text)
        returns text
        language plpgsql
        stable
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            key constant bytea := decode(
                substr(app.webhook_secret(webhook_signature.agency_id, webhook_signature.secret_ref), 7),
                'base64'
            );
        begin
            return 'v1,' || encode(
                app.hmac_sha256(app.padded_key(key, 54), app.padded_key(key, 92), webhook_signature.message),
                'base64'
            );
        end;
        $function$;

        revoke all on function app.webhook_signature(uuid, text, text) from public;
        grant execute on function app.webhook_signature(uuid, text, text) to
            gardenos_worker;

        comment on function app.webhook_signature(uuid, text, text) is
        'The signature of a message under the secret that a name stands for.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        grant execute on function audit.context() to gardenos_publisher;
        """
    )
    execute(
        r"""
        grant execute on function audit.request() to gardenos_publisher;
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
        grant update (previous_ref) on table integration.webhook_secrets to gardenos_publisher;
        """
    )
    execute(
        r"""
        grant update (previous_until) on table integration.webhook_secrets to gardenos_publisher;
        """
    )
    execute(
        r"""
        grant update (secret_ref) on table integration.webhook_secrets to gardenos_publisher;
        """
    )


def downgrade() -> None:
    execute(
        r"""
        revoke update (secret_ref) on table integration.webhook_secrets from gardenos_publisher cascade;
        """
    )
    execute(
        r"""
        revoke update (previous_until) on table integration.webhook_secrets from gardenos_publisher cascade;
        """
    )
    execute(
        r"""
        revoke update (previous_ref) on table integration.webhook_secrets from gardenos_publisher cascade;
        """
    )
    execute(
        r"""
        drop function integration.drop_drained();
        """
    )
    execute(
        r"""
        revoke execute on function audit.request() from gardenos_publisher cascade;
        """
    )
    execute(
        r"""
        revoke execute on function audit.context() from gardenos_publisher cascade;
        """
    )
    execute(
        r"""
        set local role gardenos_sealer;

        drop function app.webhook_signature(agency_id uuid, secret_ref text, message text);

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_sealer;

        drop function app.webhook_secret(agency_id uuid, secret_ref text);

        set local role gardenos_owner;
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
        set local role gardenos_publisher;

        drop function app.rotate_webhook_secret(endpoint_id uuid, overlap interval);

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_sealer;

        CREATE OR REPLACE FUNCTION app.rotate_seal_key(login text, overlap interval DEFAULT '01:00:00'::interval)
         RETURNS text
         LANGUAGE plpgsql
         SECURITY DEFINER
         SET search_path TO 'pg_catalog', 'pg_temp'
        AS $function$
        declare
            new_key bytea := sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
        begin
            if login is null or login not in ('database', 'gardenos_app') then
                raise exception 'No key for login %: there are keys for gardenos_app and for ''database''.',
                    coalesce(quote_ident(login), 'null')
                    using errcode = '22023';
            end if;
            if overlap is null or overlap < interval '0' or overlap > interval '7 days' then
                raise exception 'The overlap of old and new key must be between 0 and 7 days.'
                    using errcode = '22023';
            end if;
            update migration.seal_keys as k
               set expires_at = clock_timestamp() + overlap
             where k.login = rotate_seal_key.login
               and k.expires_at is null;
            insert into migration.seal_keys as k (login, inner_key, outer_key)
            values (rotate_seal_key.login, app.padded_key(new_key, 54), app.padded_key(new_key, 92));
            delete from migration.seal_keys as k
             where k.expires_at < clock_timestamp() - interval '1 day';
            return case when login <> 'database' then encode(new_key, 'hex') end;
        end;
        $function$;

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        drop function app.purge_deliveries(batch integer);
        """
    )
    execute(
        r"""
        drop function app.publish_events(events uuid[]);
        """
    )
    execute(
        r"""
        set local role gardenos_membership_reader;

        revoke execute on function app.proof() from gardenos_publisher cascade;

        set local role gardenos_owner;
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
        drop function app.note_delivery(delivery_id uuid, attempt integer, response_code integer, response_ms integer, error text);
        """
    )
    execute(
        r"""
        set local role gardenos_sealer;

        drop function app.new_webhook_ref();

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        revoke execute on function app.membership_id() from gardenos_publisher cascade;
        """
    )
    execute(
        r"""
        revoke execute on function app.may(action text, VARIADIC roles app.agency_role[]) from gardenos_publisher cascade;
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
        set local role gardenos_publisher;

        drop function app.create_webhook(name text, url text, event_types text[]);

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
        drop function app.claim_deliveries(batch integer, lease interval);
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
