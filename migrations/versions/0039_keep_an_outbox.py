"""Keep an outbox

Reason:    functions that write what happened, say how far it is safe, claim it in its order and mark
           it published; gardenos_publisher, which owns those that run for everybody, reaches the
           tables they need. Nothing calls them yet.
Locks:     AccessExclusive on integration.outbox_events, and on migration.epochs for an instant.
Duration:  milliseconds.
Way back:  drops the functions; the triggers that call them are gone by then. Events stay.
"""

from migrations.runner.execute import execute

revision = "0039"
down_revision = "0038"
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
        -- event without a commit. Statement trigger of every table that has events. A change is what raises
        -- row_version: what triggers and workers touch often does not, and is no event.
        --
        -- Columns are compared by name, table by table: taking rows apart as JSON cost two and a half times as much.
        -- Each branch is planned when it first runs, so a table pays for its own only. A new column gets a line
        -- here, a new table a branch and three triggers; a test names what is missing.
        --
        -- The payload has ids, row_version and names of columns, never a value: whoever delivers reads the row then,
        -- with the rights it has then. One exception, because the row is gone by then: a file that was removed says
        -- where its object lies, and so does a message whose original is in storage.
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
            aggregate constant app.label := tg_table_schema || '.' || tg_table_name;
            context record;
            headers app.json_object;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            -- visible before it is written, it could be published and lost: app.safe_horizon asks for what is written
            if current_setting('synchronous_commit') = 'off' then
                perform set_config('synchronous_commit', 'local', true);
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
                if tg_table_name = 'consents' then
                    insert into integration.outbox_events (
                        agency_id, aggregate, aggregate_id, type, payload, headers, txid, epoch, timeline
                    )
                    select
                        n.agency_id,
                        aggregate,
                        n.id,
                        aggregate || '.created',
                        '{}',
                        headers,
                        context.xid,
                        context.epoch,
                        context.timeline
                      from new_rows as n;
                else
                    insert into integration.outbox_events (
                        agency_id, aggregate, aggregate_id, type, payload, headers, txid, epoch, timeline
                    )
                    select
                        n.agency_id,
                        aggregate,
                        n.id,
                        aggregate || '.created',
                        jsonb_build_object('row_version', n.row_version),
                        headers,
                        context.xid,
                        context.epoch,
                        context.timeline
                      from new_rows as n;
                end if;
            elsif tg_op = 'UPDATE' then
                case tg_table_name
                when 'activities' then
                    insert into integration.outbox_events (
                        agency_id, aggregate, aggregate_id, type, payload, headers, txid, epoch, timeline
                    )
                    select
                        n.agency_id,
                        aggregate,
                        n.id,
                        aggregate || case
                            when o.deleted_at is null and n.deleted_at is not null then '.deleted'
                            when o.deleted_at is not null and n.deleted_at is null then '.restored'
                            else '.updated'
                        end,
                        jsonb_build_object(
                            'row_version', n.row_version,
                            'changed', to_jsonb(array_remove(array[
                                case when n.kind is distinct from o.kind then 'kind' end,
                                case when n.type_id is distinct from o.type_id then 'type_id' end,
                                case when n.subject is distinct from o.subject then 'subject' end,
                                case when n.body is distinct from o.body then 'body' end,
                                case when n.occurred_at is distinct from o.occurred_at then 'occurred_at' end,
                                case when n.due_at is distinct from o.due_at then 'due_at' end,
                                case when n.completed_at is distinct from o.completed_at then 'completed_at' end,
                                case when n.owner_id is distinct from o.owner_id then 'owner_id' end,
                                case when n.assignee_id is distinct from o.assignee_id then 'assignee_id' end,
                                case when n.team_id is distinct from o.team_id then 'team_id' end,
                                case when n.contact_id is distinct from o.contact_id then 'contact_id' end,
                                case when n.company_id is distinct from o.company_id then 'company_id' end,
                                case when n.deal_id is distinct from o.deal_id then 'deal_id' end,
                                case when n.visibility is distinct from o.visibility then 'visibility' end,
                                case when n.deleted_at is distinct from o.deleted_at then 'deleted_at' end,
                                case when n.deleted_by is distinct from o.deleted_by then 'deleted_by' end
                            ], null))
                        ),
                        headers,
                        context.xid,
                        context.epoch,
                        context.timeline
                      from old_rows as o
                      join new_rows as n
                        on n.agency_id = o.agency_id
                       and n.id = o.id
                     where n.row_version <> o.row_version;
                when 'calendar_events' then
                    insert into integration.outbox_events (
                        agency_id, aggregate, aggregate_id, type, payload, headers, txid, epoch, timeline
                    )
                    select
                        n.agency_id,
                        aggregate,
                        n.id,
                        aggregate || case
                            when o.deleted_at is null and n.deleted_at is not null then '.deleted'
                            when o.deleted_at is not null and n.deleted_at is null then '.restored'
                            else '.updated'
                        end,
                        jsonb_build_object(
                            'row_version', n.row_version,
                            'changed', to_jsonb(array_remove(array[
                                case when n.title is distinct from o.title then 'title' end,
                                case when n.description is distinct from o.description then 'description' end,
                                case when n.location is distinct from o.location then 'location' end,
                                case when n.starts_at is distinct from o.starts_at then 'starts_at' end,
                                case when n.ends_at is distinct from o.ends_at then 'ends_at' end,
                                case when n.all_day is distinct from o.all_day then 'all_day' end,
                                case when n.timezone is distinct from o.timezone then 'timezone' end,
                                case when n.calendar_key is distinct from o.calendar_key then 'calendar_key' end,
                                case when n.external_uid is distinct from o.external_uid then 'external_uid' end,
                                case when n.recurrence_id is distinct from o.recurrence_id then 'recurrence_id' end,
                                case when n.recurrence_rule is distinct from o.recurrence_rule then 'recurrence_rule' end,
                                case when n.owner_id is distinct from o.owner_id then 'owner_id' end,
                                case when n.team_id is distinct from o.team_id then 'team_id' end,
                                case when n.company_id is distinct from o.company_id then 'company_id' end,
                                case when n.deal_id is distinct from o.deal_id then 'deal_id' end,
                                case when n.visibility is distinct from o.visibility then 'visibility' end,
                                case when n.deleted_at is distinct from o.deleted_at then 'deleted_at' end,
                                case when n.deleted_by is distinct from o.deleted_by then 'deleted_by' end
                            ], null))
                        ),
                        headers,
                        context.xid,
                        context.epoch,
                        context.timeline
                      from old_rows as o
                      join new_rows as n
                        on n.agency_id = o.agency_id
                       and n.id = o.id
                     where n.row_version <> o.row_version;
                when 'companies' then
                    insert into integration.outbox_events (
                        agency_id, aggregate, aggregate_id, type, payload, headers, txid, epoch, timeline
                    )
                    select
                        n.agency_id,
                        aggregate,
                        n.id,
                        aggregate || case
                            when o.deleted_at is null and n.deleted_at is not null then '.deleted'
                            when o.deleted_at is not null and n.deleted_at is null then '.restored'
                            else '.updated'
                        end,
                        jsonb_build_object(
                            'row_version', n.row_version,
                            'changed', to_jsonb(array_remove(array[
                                case when n.name is distinct from o.name then 'name' end,
                                case when n.domain is distinct from o.domain then 'domain' end,
                                case when n.industry_id is distinct from o.industry_id then 'industry_id' end,
                                case when n.employees is distinct from o.employees then 'employees' end,
                                case when n.annual_revenue is distinct from o.annual_revenue then 'annual_revenue' end,
                                case when n.currency is distinct from o.currency then 'currency' end,
                                case when n.street is distinct from o.street then 'street' end,
                                case when n.city is distinct from o.city then 'city' end,
                                case when n.region is distinct from o.region then 'region' end,
                                case when n.postal_code is distinct from o.postal_code then 'postal_code' end,
                                case when n.country is distinct from o.country then 'country' end,
                                case when n.owner_id is distinct from o.owner_id then 'owner_id' end,
                                case when n.team_id is distinct from o.team_id then 'team_id' end,
                                case when n.merged_into_id is distinct from o.merged_into_id then 'merged_into_id' end,
                                case when n.custom is distinct from o.custom then 'custom' end,
                                case when n.deleted_at is distinct from o.deleted_at then 'deleted_at' end,
                                case when n.deleted_by is distinct from o.deleted_by then 'deleted_by' end
                            ], null))
                        ),
                        headers,
                        context.xid,
                        context.epoch,
                        context.timeline
                      from old_rows as o
                      join new_rows as n
                        on n.agency_id = o.agency_id
                       and n.id = o.id
                     where n.row_version <> o.row_version;
                when 'consents' then
                    insert into integration.outbox_events (
                        agency_id, aggregate, aggregate_id, type, payload, headers, txid, epoch, timeline
                    )
                    select
                        n.agency_id,
                        aggregate,
                        n.id,
                        aggregate || '.updated',
                        jsonb_build_object(
                            'changed', to_jsonb(array_remove(array[
                                case when n.contact_id is distinct from o.contact_id then 'contact_id' end,
                                case when n.purpose is distinct from o.purpose then 'purpose' end,
                                case when n.lawful_basis is distinct from o.lawful_basis then 'lawful_basis' end,
                                case when n.status is distinct from o.status then 'status' end,
                                case when n.source is distinct from o.source then 'source' end,
                                case when n.evidence is distinct from o.evidence then 'evidence' end,
                                case when n.occurred_at is distinct from o.occurred_at then 'occurred_at' end
                            ], null))
                        ),
                        headers,
                        context.xid,
                        context.epoch,
                        context.timeline
                      from old_rows as o
                      join new_rows as n
                        on n.agency_id = o.agency_id
                       and n.id = o.id;
                when 'contacts' then
                    insert into integration.outbox_events (
                        agency_id, aggregate, aggregate_id, type, payload, headers, txid, epoch, timeline
                    )
                    select
                        n.agency_id,
                        aggregate,
                        n.id,
                        aggregate || case
                            when o.deleted_at is null and n.deleted_at is not null then '.deleted'
                            when o.deleted_at is not null and n.deleted_at is null then '.restored'
                            else '.updated'
                        end,
                        jsonb_build_object(
                            'row_version', n.row_version,
                            'changed', to_jsonb(array_remove(array[
                                case when n.full_name is distinct from o.full_name then 'full_name' end,
                                case when n.first_name is distinct from o.first_name then 'first_name' end,
                                case when n.last_name is distinct from o.last_name then 'last_name' end,
                                case when n.job_title is distinct from o.job_title then 'job_title' end,
                                case when n.lifecycle_id is distinct from o.lifecycle_id then 'lifecycle_id' end,
                                case when n.source_id is distinct from o.source_id then 'source_id' end,
                                case when n.locale is distinct from o.locale then 'locale' end,
                                case when n.timezone is distinct from o.timezone then 'timezone' end,
                                case when n.owner_id is distinct from o.owner_id then 'owner_id' end,
                                case when n.team_id is distinct from o.team_id then 'team_id' end,
                                case when n.do_not_contact is distinct from o.do_not_contact then 'do_not_contact' end,
                                case when n.merged_into_id is distinct from o.merged_into_id then 'merged_into_id' end,
                                case when n.anonymised_at is distinct from o.anonymised_at then 'anonymised_at' end,
                                case when n.custom is distinct from o.custom then 'custom' end,
                                case when n.deleted_at is distinct from o.deleted_at then 'deleted_at' end,
                                case when n.deleted_by is distinct from o.deleted_by then 'deleted_by' end
                            ], null))
                        ),
                        headers,
                        context.xid,
                        context.epoch,
                        context.timeline
                      from old_rows as o
                      join new_rows as n
                        on n.agency_id = o.agency_id
                       and n.id = o.id
                     where n.row_version <> o.row_version;
                when 'conversations' then
                    insert into integration.outbox_events (
                        agency_id, aggregate, aggregate_id, type, payload, headers, txid, epoch, timeline
                    )
                    select
                        n.agency_id,
                        aggregate,
                        n.id,
                        aggregate || case
                            when o.deleted_at is null and n.deleted_at is not null then '.deleted'
                            when o.deleted_at is not null and n.deleted_at is null then '.restored'
                            else '.updated'
                        end,
                        jsonb_build_object(
                            'row_version', n.row_version,
                            'changed', to_jsonb(array_remove(array[
                                case when n.channel is distinct from o.channel then 'channel' end,
                                case when n.subject is distinct from o.subject then 'subject' end,
                                case when n.status is distinct from o.status then 'status' end,
                                case when n.contact_id is distinct from o.contact_id then 'contact_id' end,
                                case when n.deal_id is distinct from o.deal_id then 'deal_id' end,
                                case when n.owner_id is distinct from o.owner_id then 'owner_id' end,
                                case when n.assignee_id is distinct from o.assignee_id then 'assignee_id' end,
                                case when n.team_id is distinct from o.team_id then 'team_id' end,
                                case when n.visibility is distinct from o.visibility then 'visibility' end,
                                case when n.external_thread_id is distinct from o.external_thread_id then 'external_thread_id' end,
                                case when n.snoozed_until is distinct from o.snoozed_until then 'snoozed_until' end,
                                case when n.deleted_at is distinct from o.deleted_at then 'deleted_at' end,
                                case when n.deleted_by is distinct from o.deleted_by then 'deleted_by' end
                            ], null))
                        ),
                        headers,
                        context.xid,
                        context.epoch,
                        context.timeline
                      from old_rows as o
                      join new_rows as n
                        on n.agency_id = o.agency_id
                       and n.id = o.id
                     where n.row_version <> o.row_version;
                when 'deals' then
                    insert into integration.outbox_events (
                        agency_id, aggregate, aggregate_id, type, payload, headers, txid, epoch, timeline
                    )
                    select
                        n.agency_id,
                        aggregate,
                        n.id,
                        aggregate || case
                            when o.deleted_at is null and n.deleted_at is not null then '.deleted'
                            when o.deleted_at is not null and n.deleted_at is null then '.restored'
                            else '.updated'
                        end,
                        jsonb_build_object(
                            'row_version', n.row_version,
                            'changed', to_jsonb(array_remove(array[
                                case when n.title is distinct from o.title then 'title' end,
                                case when n.pipeline_id is distinct from o.pipeline_id then 'pipeline_id' end,
                                case when n.stage_id is distinct from o.stage_id then 'stage_id' end,
                                case when n.status is distinct from o.status then 'status' end,
                                case when n.stage_entered_at is distinct from o.stage_entered_at then 'stage_entered_at' end,
                                case when n.company_id is distinct from o.company_id then 'company_id' end,
                                case when n.primary_contact_id is distinct from o.primary_contact_id then 'primary_contact_id' end,
                                case when n.amount is distinct from o.amount then 'amount' end,
                                case when n.currency is distinct from o.currency then 'currency' end,
                                case when n.expected_close_on is distinct from o.expected_close_on then 'expected_close_on' end,
                                case when n.closed_at is distinct from o.closed_at then 'closed_at' end,
                                case when n.lost_reason_id is distinct from o.lost_reason_id then 'lost_reason_id' end,
                                case when n.source_id is distinct from o.source_id then 'source_id' end,
                                case when n.owner_id is distinct from o.owner_id then 'owner_id' end,
                                case when n.team_id is distinct from o.team_id then 'team_id' end,
                                case when n.custom is distinct from o.custom then 'custom' end,
                                case when n.deleted_at is distinct from o.deleted_at then 'deleted_at' end,
                                case when n.deleted_by is distinct from o.deleted_by then 'deleted_by' end
                            ], null))
                        ),
                        headers,
                        context.xid,
                        context.epoch,
                        context.timeline
                      from old_rows as o
                      join new_rows as n
                        on n.agency_id = o.agency_id
                       and n.id = o.id
                     where n.row_version <> o.row_version;
                when 'files' then
                    insert into integration.outbox_events (
                        agency_id, aggregate, aggregate_id, type, payload, headers, txid, epoch, timeline
                    )
                    select
                        n.agency_id,
                        aggregate,
                        n.id,
                        aggregate || case
                            when o.deleted_at is null and n.deleted_at is not null then '.deleted'
                            when o.deleted_at is not null and n.deleted_at is null then '.restored'
                            else '.updated'
                        end,
                        jsonb_build_object(
                            'row_version', n.row_version,
                            'changed', to_jsonb(array_remove(array[
                                case when n.purpose is distinct from o.purpose then 'purpose' end,
                                case when n.provider is distinct from o.provider then 'provider' end,
                                case when n.bucket is distinct from o.bucket then 'bucket' end,
                                case when n.object_path is distinct from o.object_path then 'object_path' end,
                                case when n.file_name is distinct from o.file_name then 'file_name' end,
                                case when n.mime is distinct from o.mime then 'mime' end,
                                case when n.byte_size is distinct from o.byte_size then 'byte_size' end,
                                case when n.sha256 is distinct from o.sha256 then 'sha256' end,
                                case when n.scan_status is distinct from o.scan_status then 'scan_status' end,
                                case when n.owner_id is distinct from o.owner_id then 'owner_id' end,
                                case when n.visibility is distinct from o.visibility then 'visibility' end,
                                case when n.contact_id is distinct from o.contact_id then 'contact_id' end,
                                case when n.company_id is distinct from o.company_id then 'company_id' end,
                                case when n.deal_id is distinct from o.deal_id then 'deal_id' end,
                                case when n.activity_id is distinct from o.activity_id then 'activity_id' end,
                                case when n.calendar_event_id is distinct from o.calendar_event_id then 'calendar_event_id' end,
                                case when n.message_id is distinct from o.message_id then 'message_id' end,
                                case when n.deleted_at is distinct from o.deleted_at then 'deleted_at' end,
                                case when n.deleted_by is distinct from o.deleted_by then 'deleted_by' end
                            ], null))
                        ),
                        headers,
                        context.xid,
                        context.epoch,
                        context.timeline
                      from old_rows as o
                      join new_rows as n
                        on n.agency_id = o.agency_id
                       and n.id = o.id
                     where n.row_version <> o.row_version;
                when 'messages' then
                    insert into integration.outbox_events (
                        agency_id, aggregate, aggregate_id, type, payload, headers, txid, epoch, timeline
                    )
                    select
                        n.agency_id,
                        aggregate,
                        n.id,
                        aggregate || case
                            when o.deleted_at is null and n.deleted_at is not null then '.deleted'
                            when o.deleted_at is not null and n.deleted_at is null then '.restored'
                            else '.updated'
                        end,
                        jsonb_build_object(
                            'row_version', n.row_version,
                            'changed', to_jsonb(array_remove(array[
                                case when n.conversation_id is distinct from o.conversation_id then 'conversation_id' end,
                                case when n.direction is distinct from o.direction then 'direction' end,
                                case when n.status is distinct from o.status then 'status' end,
                                case when n.sender_membership_id is distinct from o.sender_membership_id then 'sender_membership_id' end,
                                case when n.sender_contact_id is distinct from o.sender_contact_id then 'sender_contact_id' end,
                                case when n.sender_label is distinct from o.sender_label then 'sender_label' end,
                                case when n.body_text is distinct from o.body_text then 'body_text' end,
                                case when n.body_html_path is distinct from o.body_html_path then 'body_html_path' end,
                                case when n.sent_at is distinct from o.sent_at then 'sent_at' end,
                                case when n.external_id is distinct from o.external_id then 'external_id' end,
                                case when n.in_reply_to is distinct from o.in_reply_to then 'in_reply_to' end,
                                case when n.agent_run_id is distinct from o.agent_run_id then 'agent_run_id' end,
                                case when n.error is distinct from o.error then 'error' end,
                                case when n.deleted_at is distinct from o.deleted_at then 'deleted_at' end,
                                case when n.deleted_by is distinct from o.deleted_by then 'deleted_by' end
                            ], null))
                        ),
                        headers,
                        context.xid,
                        context.epoch,
                        context.timeline
                      from old_rows as o
                      join new_rows as n
                        on n.agency_id = o.agency_id
                       and n.id = o.id
                     where n.row_version <> o.row_version;
                end case;
            elsif tg_table_name = 'consents' then
                insert into integration.outbox_events (
                    agency_id, aggregate, aggregate_id, type, payload, headers, txid, epoch, timeline
                )
                select
                    o.agency_id,
                    aggregate,
                    o.id,
                    aggregate || '.removed',
                    '{}',
                    headers,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from old_rows as o;
            elsif tg_table_name = 'files' then
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
                            'row_version', o.row_version,
                            'provider', o.provider,
                            'bucket', o.bucket,
                            'object_path', o.object_path
                        )
                    ),
                    headers,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from old_rows as o;
            elsif tg_table_name = 'messages' then
                insert into integration.outbox_events (
                    agency_id, aggregate, aggregate_id, type, payload, headers, txid, epoch, timeline
                )
                select
                    o.agency_id,
                    aggregate,
                    o.id,
                    aggregate || '.removed',
                    jsonb_strip_nulls(
                        jsonb_build_object('row_version', o.row_version, 'object_path', o.body_html_path)
                    ),
                    headers,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from old_rows as o;
            else
                insert into integration.outbox_events (
                    agency_id, aggregate, aggregate_id, type, payload, headers, txid, epoch, timeline
                )
                select
                    o.agency_id,
                    aggregate,
                    o.id,
                    aggregate || '.removed',
                    jsonb_build_object('row_version', o.row_version),
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
