"""Deliver to webhooks

Reason:    owners and admins make webhooks, workers sign and deliver what was published, retry and
           give up; keys of webhooks are rotated with the others.
Locks:     AccessExclusive on integration.webhook_deliveries, webhook_endpoints and webhook_secrets,
           for an instant.
Duration:  milliseconds.
Way back:  drops the functions: no webhook is made or delivered. Endpoints and deliveries stay.
"""

from migrations.runner.execute import execute

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
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
        set local role gardenos_membership_reader;

        grant execute on function app.proof() to gardenos_publisher;

        set local role gardenos_owner;
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
        grant execute on function audit.request() to gardenos_publisher;
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
    execute(
        r"""
        grant select on table integration.webhook_deliveries to gardenos_publisher;
        """
    )
    execute(
        r"""
        create policy "the publisher looks for work"
        on integration.webhook_deliveries
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
        grant select, insert on table integration.webhook_endpoints to gardenos_publisher;
        """
    )
    execute(
        r"""
        create policy "webhook functions add"
        on integration.webhook_endpoints
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
        create policy "webhook functions read"
        on integration.webhook_endpoints
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
        grant select, insert on table integration.webhook_secrets to gardenos_publisher;
        """
    )
    execute(
        r"""
        create policy "webhook functions read and write"
        on integration.webhook_secrets
        as permissive
        for all
        to gardenos_publisher
        using (
            true
        )
        with check (
            true
        );
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop policy "webhook functions read and write" on integration.webhook_secrets;
        """
    )
    execute(
        r"""
        revoke select, insert on table integration.webhook_secrets from gardenos_publisher cascade;
        """
    )
    execute(
        r"""
        drop policy "webhook functions read" on integration.webhook_endpoints;
        """
    )
    execute(
        r"""
        drop policy "webhook functions add" on integration.webhook_endpoints;
        """
    )
    execute(
        r"""
        revoke select, insert on table integration.webhook_endpoints from gardenos_publisher cascade;
        """
    )
    execute(
        r"""
        drop policy "the publisher looks for work" on integration.webhook_deliveries;
        """
    )
    execute(
        r"""
        revoke select on table integration.webhook_deliveries from gardenos_publisher cascade;
        """
    )
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
        revoke execute on function audit.request() from gardenos_publisher cascade;
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
        set local role gardenos_membership_reader;

        revoke execute on function app.proof() from gardenos_publisher cascade;

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

        drop function app.create_webhook(name text, url text, event_types text[]);

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        drop function app.claim_deliveries(batch integer, lease interval);
        """
    )
