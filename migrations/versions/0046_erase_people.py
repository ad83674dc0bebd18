"""Erase people

Reason:    app.execute_erasure takes a person out of an agency: its own rows, mentions in what others
           wrote, the trail. app.run_retention removes what an agency no longer keeps. Their role
           reaches the rows of the agency that the transaction is bound to, and logins that no agency
           has as a member any more. New agencies begin with a pipeline and retention policies.
Locks:     AccessExclusive on each table that may hold data about people, for its policy.
Duration:  milliseconds.
Way back:  drops the functions and policies: nobody is erased any more, and who was stays erased.
"""

from migrations.runner.execute import execute

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        -- A pattern that finds addresses and phones in texts: whole ones only, so that mia@x.test is not found in
        -- anna.mia@x.test. A phone is found however its digits are grouped, with +, 00 or without; a number of a
        -- country code of one to three digits also as it is dialled at home. A loose pattern finds more than is
        -- meant, for texts with escapes (JSON): what it finds is looked at again.
        create or replace function app.address_pattern(addresses text[], phones text[], loose boolean default false)
        returns text
        language plpgsql
        immutable
        parallel safe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            gap constant text := '[ ()./\u00a0-]{0,3}';
            found text[] := '{}';
            address text;
            digits text;
            home text;
        begin
            foreach address in array coalesce(addresses, '{}') loop
                found := found || (
                    case when loose then '' else '(?<![[:alnum:].%_+-])' end
                    || regexp_replace(address, '([^[:alnum:]@_-])', '\\\1', 'g')
                    || case when loose then '' else '(?![[:alnum:]_-])(?!\.[[:alnum:]])' end
                );
            end loop;
            foreach digits in array coalesce(phones, '{}') loop
                home := '';
                if starts_with(digits, '+') then
                    digits := substr(digits, 2);
                    for cut in 1..3 loop
                        if length(digits) - cut >= 8 then
                            home := home || '|0' || gap || array_to_string(
                                regexp_split_to_array(substr(digits, cut + 1), ''), gap
                            );
                        end if;
                    end loop;
                    if starts_with(digits, '1') and length(digits) = 11 then
                        home := home || '|' || array_to_string(regexp_split_to_array(substr(digits, 2), ''), gap);
                    end if;
                end if;
                found := found || (
                    case when loose then '' else '(?<![0-9])' end
                    || '(?:(?:\+|00)?' || gap || array_to_string(regexp_split_to_array(digits, ''), gap) || home || ')'
                    || case when loose then '' else '(?![0-9])' end
                );
            end loop;
            return nullif(array_to_string(found, '|'), '');
        end;
        $function$;

        revoke all on function app.address_pattern(text[], text[], boolean) from public;
        grant execute on function app.address_pattern(text[], text[], boolean) to
            gardenos_eraser;

        comment on function app.address_pattern(text[], text[], boolean) is
        'A regular expression that finds these addresses and phones in a text; null when there is none.';
        """
    )
    execute(
        r"""
        grant execute on function app.agency_id() to gardenos_eraser;
        """
    )
    execute(
        r"""
        -- The second pair of eyes: an owner or admin other than the one who asked approves a request to be forgotten,
        -- in person. The table refuses an approval by whoever asked, whichever way it is written.
        --
        -- SECURITY DEFINER: an admin approves, but may not change a request otherwise.
        set local role gardenos_eraser;

        create or replace function app.approve_erasure(request uuid)
        returns void
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            proof record := app.proof();
            asked governance.erasure_requests;
        begin
            if not app.may('governance.erasure_requests:update', 'owner', 'admin')
                or not proof.is_person or proof.api_key_id is not null then
                raise exception 'You may not approve an erasure: only an owner or admin of the agency may, in person.'
                    using errcode = '42501';
            end if;
            select * into asked
              from governance.erasure_requests as r
             where r.agency_id = proof.agency_id
               and r.id = request
               for update;
            if asked.id is null then
                raise exception 'There is no request % in this agency.', coalesce(request::text, 'null')
                    using errcode = '22023';
            end if;
            if asked.requested_by_id = proof.membership_id then
                raise exception 'Nobody approves the erasure that they asked for themselves.'
                    using errcode = '42501',
                    hint = 'Ask another owner or admin of the agency.';
            end if;
            if asked.legal_hold then
                raise exception 'Nothing is erased under a legal hold.'
                    using errcode = 'PT409',
                    hint = 'Lift legal_hold of the request first.';
            end if;
            if asked.status <> 'requested' then
                raise exception 'The request is % already.', asked.status
                    using errcode = 'PT409';
            end if;
            update governance.erasure_requests as r
               set status = 'approved',
                   approved_by_id = proof.membership_id
             where r.agency_id = proof.agency_id
               and r.id = request;
        end;
        $function$;

        revoke all on function app.approve_erasure(uuid) from public;
        grant execute on function app.approve_erasure(uuid) to
            authenticated;

        comment on function app.approve_erasure(uuid) is
        'Approves a request to be forgotten; not for the person who made it.';

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
                    hint = 'Name a table of records, imports or deliveries, as schema.table.';
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
        -- Decides mentions of an erased person, as the report lists them: {"table": …, "column": …, "id": …, "erase":
        -- true} takes the name out of that text and out of the trail of that record, false leaves both, because it
        -- is somebody else. When none is open any more the request is done and the hashes of the name go. Answers
        -- how many are open.
        --
        -- The name itself is gone: it is found in the text by its hash. SECURITY DEFINER, as app.execute_erasure.
        set local role gardenos_eraser;

        create or replace function app.confirm_erasure_hits(request uuid, hits jsonb)
        returns integer
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            proof record := app.proof();
            agency uuid := proof.agency_id;
            asked governance.erasure_requests;
            open_hits jsonb;
            left_open jsonb;
            confirmed jsonb;
            kept bigint;
            hit record;
            found_text text;
        begin
            if not app.may('governance.erasure_requests:update', 'owner', 'admin')
                or not proof.is_person or proof.api_key_id is not null then
                raise exception 'You may not decide mentions: only an owner or admin of the agency may, in person.'
                    using errcode = '42501';
            end if;
            select * into asked
              from governance.erasure_requests as r
             where r.agency_id = agency
               and r.id = request
               for update;
            if asked.id is null then
                raise exception 'There is no request % in this agency.', coalesce(request::text, 'null')
                    using errcode = '22023';
            end if;
            if jsonb_typeof(hits) is distinct from 'array' then
                raise exception 'hits is an array of {"table", "column", "id", "erase"}.'
                    using errcode = '22023';
            end if;
            open_hits := coalesce(asked.report -> 'hits', '[]');
            confirmed := coalesce(asked.report -> 'confirmed', '[]');
            kept := coalesce((asked.report ->> 'kept')::bigint, 0);
            for hit in
                select h ->> 'table' as place, h ->> 'column' as field, (h ->> 'id')::uuid as id, h -> 'erase' as erase
                  from jsonb_array_elements(hits) as h
            loop
                left_open := app.without_hit(open_hits, hit.place, hit.field, hit.id);
                if left_open = open_hits or jsonb_typeof(hit.erase) is distinct from 'boolean' then
                    raise exception 'There is nothing to decide at % of % %, or "erase" is missing.',
                        coalesce(hit.field, 'null'), coalesce(hit.place, 'null'), coalesce(hit.id::text, 'null')
                        using errcode = '22023',
                        hint = 'Open mentions stand in report -> hits of the request.';
                end if;
                open_hits := left_open;
                if hit.erase::boolean then
                    if hit.field <> 'trail' then
                        execute format(
                            'select c.%I::text from %s as c where c.agency_id = $1 and c.id = $2', hit.field, hit.place
                        )
                            into found_text
                            using agency, hit.id;
                        found_text := case
                            when starts_with(found_text, '{') or starts_with(found_text, '[')
                                then regexp_replace(found_text, '\\[bfnrt]', ' ', 'g')
                            else found_text
                        end;
                    end if;
                    perform app.settle_mention(
                        agency,
                        hit.place,
                        hit.field,
                        hit.id,
                        app.name_pattern(
                            app.named_in(
                                concat_ws(e'\n', found_text, audit.texts_of(agency, hit.place, hit.id)),
                                request,
                                coalesce(asked.report -> 'names', '[]')
                            )
                        )
                    );
                    confirmed := confirmed || jsonb_build_object('table', hit.place, 'column', hit.field, 'id', hit.id);
                else
                    kept := kept + 1;
                end if;
            end loop;
            update governance.erasure_requests as r
               set status = (case when open_hits = '[]' then 'done' else 'running' end)::app.erasure_status,
                   report = (case when open_hits = '[]' then r.report - 'names' else r.report end)
                       || jsonb_build_object('hits', open_hits, 'confirmed', confirmed, 'kept', kept)
             where r.agency_id = agency
               and r.id = request;
            perform app.tell_erasure(agency, request);
            return (select coalesce(sum(jsonb_array_length(h -> 'ids')), 0) from jsonb_array_elements(open_hits) as h);
        end;
        $function$;

        revoke all on function app.confirm_erasure_hits(uuid, jsonb) from public;
        grant execute on function app.confirm_erasure_hits(uuid, jsonb) to
            authenticated;

        comment on function app.confirm_erasure_hits(uuid, jsonb) is
        'Decides mentions of an erased person, to be replaced or left; answers how many are open.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- How many rows are kept for too long, as the caller sees them. SECURITY INVOKER on purpose: the job counts
        -- as the worker and removes as another role, so that a policy that hides rows from one of the two is noticed.
        create or replace function app.count_due(entity text, keep interval)
        returns bigint
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            due bigint;
        begin
            execute 'select count(*) ' || app.due_rows(entity) into due using app.agency_id(), keep;
            return due;
        end;
        $function$;

        revoke all on function app.count_due(text, interval) from public;
        grant execute on function app.count_due(text, interval) to
            gardenos_worker;

        comment on function app.count_due(text, interval) is
        'How many rows of a table are kept for longer than this, as the caller sees them.';
        """
    )
    execute(
        r"""
        -- A new tenant, with its first owner, a pipeline and retention policies, in one transaction: an agency
        -- without an owner could never be entered. SECURITY DEFINER, for service_role only: people are members by
        -- invitation, and this is the one exception.
        set local role gardenos_tenancy_writer;

        create or replace function app.create_agency(
            name text,
            slug text,
            owner_user_id uuid,
            owner_display_name text default null
        )
        returns uuid
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            new_agency_id uuid := app.uuid_v7();
            owner_name app.label;
        begin
            select coalesce(create_agency.owner_display_name, u.full_name::text, split_part(u.email::text, '@', 1))
              into owner_name
              from tenancy.users as u
             where u.id = create_agency.owner_user_id
               and u.kind = 'person'
               and u.status = 'active';
            if not found then
                raise exception 'No agency was created: owner_user_id % is not an active person.',
                    coalesce(create_agency.owner_user_id::text, 'null')
                    using errcode = '22023',
                    hint = 'Insert the person into tenancy.users first.';
            end if;
            insert into tenancy.agencies (id, name, slug)
            values (new_agency_id, create_agency.name, create_agency.slug);
            insert into tenancy.memberships (agency_id, user_id, role, record_scope, display_name)
            values (new_agency_id, create_agency.owner_user_id, 'owner', 'all', owner_name);
            perform app.furnish_agency(new_agency_id);
            return new_agency_id;
        end;
        $function$;

        revoke all on function app.create_agency(text, text, uuid, text) from public;
        grant execute on function app.create_agency(text, text, uuid, text) to
            service_role;

        comment on function app.create_agency(text, text, uuid, text) is
        'Creates an agency, its first owner, a pipeline and retention policies; answers the id of the agency.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Which rows of a table are kept for longer than an agency wants, as the text of a query with the agency as
        -- $1 and the time as $2: the one definition for counting them and for removing them. What was deleted is kept
        -- from then on; lines of imports and attempts to deliver from their end. What belongs to a person on legal
        -- hold is never due, nor is a contact that was merged: it goes with the one that is left. Null for a table
        -- that retention does not know.
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
                when entity = 'integration.import_rows'
                    then 'num_nonnulls(t.raw, t.before, t.error_message) > 0 and exists (select 1'
                        || ' from integration.import_jobs as j where j.agency_id = t.agency_id and j.id = t.job_id'
                        || ' and j.finished_at < now() - $2 and (j.revert_until is null or j.revert_until < now()))'
                when entity = 'integration.import_jobs'
                    then 't.finished_at < now() - $2 and (t.revert_until is null or t.revert_until < now())'
                when entity = 'integration.webhook_deliveries'
                    then 't.status in (''delivered'', ''dead'')'
                        || ' and coalesce(t.delivered_at, t.next_attempt_at) < now() - $2'
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
        -- Takes a person out of the tables of an agency, and answers who it was, for the search in everybody else's
        -- texts, and what was done. A contact and those that were merged into it are one person.
        --
        --   the contact                     stays, frozen, as a place that consents and history point to
        --   what a foreign key deletes      deleted: addresses, activities, files, conversations, links, invitations
        --   consents                        stay as proof, their evidence is emptied
        --   lines of imports                raw and before are emptied
        --   client                          membership removed and without name; the login too if it was its last
        --
        -- The list of children is read off the foreign keys, so that a table that comes later is not forgotten. With
        -- a request each address leaves a hash that keeps machines from bringing it back. An address that others
        -- share is theirs too: it is not searched for elsewhere.
        create or replace function app.erase_contact(agency uuid, contact uuid, request uuid default null)
        returns jsonb
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            person uuid := contact;
            people uuid[];
            addresses text[];
            phones text[];
            names text[];
            logins uuid[];
            records jsonb;
            done jsonb := '{}';
            touched bigint;
            place record;
        begin
            select coalesce(c.merged_into_id, c.id)
              into person
              from crm.contacts as c
             where c.agency_id = agency
               and c.id = contact;
            perform 1
               from crm.contacts as c
              where c.agency_id = agency
                and person in (c.id, c.merged_into_id)
              order by c.id
                for update;
            people := array(
                select c.id
                  from crm.contacts as c
                 where c.agency_id = agency
                   and person in (c.id, c.merged_into_id)
                 order by c.id
            );

            select
                -- a handle that is one word may be a word
                array_agg(distinct p.value_norm) filter (where p.kind <> 'phone' and p.value_norm ~ '[^[:alpha:]]'),
                array_agg(distinct v.number) filter (where p.kind = 'phone' and length(v.number) >= 7)
              into addresses, phones
              from crm.contact_points as p
             cross join lateral (
                 values (p.value_norm), (regexp_replace(p.value, '[^0-9+]', '', 'g'))
             ) as v (number)
             where p.agency_id = agency
               and p.contact_id = any(people)
               and not p.is_shared
               and length(p.value_norm) >= 5
               and not exists (
                   select 1
                     from crm.contact_points as o
                    where o.agency_id = agency
                      and o.kind = p.kind
                      and o.value_norm = p.value_norm
                      and o.contact_id <> all(people)
                      and o.deleted_at is null
               );
            names := array(
                select distinct n.name
                  from crm.contacts as c
                 cross join lateral (
                     values
                     (c.full_name::text),
                     (c.first_name || ' ' || c.last_name),
                     (c.last_name || ' ' || c.first_name),
                     (coalesce(c.last_name, substring(c.full_name from '\S\s+(\S+)\s*$')))
                 ) as n (name)
                 where c.agency_id = agency
                   and c.id = any(people)
                   and c.anonymised_at is null
                   and length(n.name) >= 3
            );

            if request is not null then
                insert into governance.suppressions (agency_id, erasure_id, kind, value_hash)
                select distinct
                    agency,
                    request,
                    p.kind,
                    app.suppression_hash(agency, p.kind, p.value_norm)
                  from crm.contact_points as p
                 where p.agency_id = agency
                    and p.contact_id = any(people)
                    and not p.is_shared
                    and not exists (
                        select 1
                          from crm.contact_points as o
                         where o.agency_id = agency
                           and o.kind = p.kind
                           and o.value_norm = p.value_norm
                           and o.contact_id <> all(people)
                           and o.deleted_at is null
                    )
                     on conflict do nothing;
            end if;

            update crm.messages as m
               set sender_label = 'erased'
             where m.agency_id = agency
               and m.sender_contact_id = any(people)
               and m.sender_label is not null;
            update integration.import_rows as r
               set raw = null,
                   before = null,
                   error_message = null
             where r.agency_id = agency
               and r.contact_id = any(people)
               and num_nonnulls(r.raw, r.before, r.error_message) > 0;
            get diagnostics touched = row_count;
            done := done || jsonb_build_object('integration.import_rows', touched);
            update crm.consents as c
               set evidence = '{}'
             where c.agency_id = agency
               and c.contact_id = any(people)
               and c.evidence <> '{}';
            get diagnostics touched = row_count;
            done := done || jsonb_build_object('crm.consents', touched);

            logins := array(
                select m.user_id
                  from tenancy.memberships as m
                 where m.agency_id = agency
                   and m.contact_id = any(people)
            );
            select coalesce(jsonb_agg(jsonb_build_object('table', 'tenancy.memberships', 'id', m.id)), '[]')
              into records
              from tenancy.memberships as m
             where m.agency_id = agency
               and m.contact_id = any(people);
            update tenancy.memberships as m
               set status = 'removed',
                   display_name = 'erased',
                   job_title = null,
                   work_email = null,
                   avatar_path = null,
                   contact_id = null
             where m.agency_id = agency
               and m.contact_id = any(people);
            done := done || app.erase_logins(logins);

            for place in
                select c.conrelid::regclass::text as table_name, a.attname::text as column_name
                  from pg_constraint as c
                  join pg_attribute as a
                    on a.attrelid = c.conrelid
                   and a.attnum = any(c.conkey)
                   and a.attname <> 'agency_id'
                 where c.contype = 'f'
                   and c.confrelid = 'crm.contacts'::regclass
                   and c.confdeltype = 'c'
                   and c.conparentid = 0
                 order by 1, 2
            loop
                execute format(
                    'delete from %s as c where c.agency_id = $1 and c.%I = any($2)', place.table_name, place.column_name
                )
                    using agency, people;
                get diagnostics touched = row_count;
                if touched > 0 then
                    done := done || jsonb_build_object(
                        place.table_name, touched + coalesce((done ->> place.table_name)::bigint, 0)
                    );
                end if;
            end loop;

            update crm.contacts as c
               set full_name = 'erased',
                   first_name = null,
                   last_name = null,
                   job_title = null,
                   locale = null,
                   timezone = null,
                   custom = coalesce(
                       (
                           select jsonb_object_agg(f.key, f.value)
                             from jsonb_each(c.custom) as f
                             join crm.custom_field_defs as d
                               on d.agency_id = c.agency_id
                              and d.entity = 'contact'
                              and d.key = f.key
                              and not d.personal_data
                       ),
                       '{}'
                   ),
                   do_not_contact = true,
                   anonymised_at = now()
             where c.agency_id = agency
               and c.id = any(people)
               and c.anonymised_at is null;
            get diagnostics touched = row_count;
            return jsonb_build_object(
                'people', people,
                'addresses', coalesce(addresses, '{}'),
                'phones', coalesce(phones, '{}'),
                'names', names,
                'logins', logins,
                'records', records || coalesce(
                    (
                        select jsonb_agg(jsonb_build_object('table', 'crm.contacts', 'id', p.id))
                          from unnest(people) as p (id)
                    ),
                    '[]'
                ),
                'rows', done || jsonb_build_object('crm.contacts', touched)
            );
        end;
        $function$;

        revoke all on function app.erase_contact(uuid, uuid, uuid) from public;
        grant execute on function app.erase_contact(uuid, uuid, uuid) to
            gardenos_eraser;

        comment on function app.erase_contact(uuid, uuid, uuid) is
        'Takes a contact out of the tables of its agency; answers what it was known by, and what was done.';
        """
    )
    execute(
        r"""
        -- The logins of people who were erased, as far as no agency has them as a member any more: without address
        -- and name, and without the identities by which they signed in. Their rows stay: history points to them.
        create or replace function app.erase_logins(logins uuid[])
        returns jsonb
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            gone uuid[] := array(
                select u.id
                  from tenancy.users as u
                 where u.id = any(logins)
                   and not exists (
                       select 1
                         from tenancy.memberships as m
                        where m.user_id = u.id
                          and m.status <> 'removed'
                   )
            );
            known uuid[];
        begin
            with deleted as (
                delete from tenancy.user_identities as i
                 where i.user_id = any(gone)
                returning i.id
            )
            select array_agg(d.id) into known from deleted as d;
            update tenancy.users as u
               set status = 'erased',
                   email = null,
                   full_name = null,
                   avatar_path = null,
                   locale = null,
                   timezone = null,
                   active_agency_id = null
             where u.id = any(gone);
            -- global tables: their trail is that of no agency
            perform audit.erase(
                '00000000-0000-0000-0000-000000000000',
                9223372036854775807,
                '{}',
                (
                    select coalesce(jsonb_agg(jsonb_build_object('table', r.table_name, 'id', r.id)), '[]')
                      from (
                          select 'tenancy.users' as table_name, unnest(gone) as id
                          union all
                          select 'tenancy.user_identities', unnest(known)
                      ) as r
                ),
                null,
                null
            );
            return jsonb_build_object('tenancy.users', cardinality(gone));
        end;
        $function$;

        revoke all on function app.erase_logins(uuid[]) from public;
        grant execute on function app.erase_logins(uuid[]) to
            gardenos_eraser;

        comment on function app.erase_logins(uuid[]) is
        'Erases logins that no agency has as a member any more; answers how many.';
        """
    )
    execute(
        r"""
        -- Takes a former member out of the tables of an agency: the row stays, because history points to it, without
        -- a name. Records that it wrote are the agency's. Answers as app.erase_contact does.
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
                'rows', jsonb_build_object('tenancy.memberships', touched) || app.erase_logins(array[known.user_id])
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
        -- The erasures of an agency as they are kept outside of the database, one line each: ids and hashes only.
        -- app.replay_erasures does them again after a restore. For the auditor, of all agencies, and a bound worker:
        -- SECURITY INVOKER, policies decide.
        create or replace function app.erasure_ledger()
        returns setof jsonb
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            return query
            select jsonb_build_object(
                'agency_id', r.agency_id,
                'id', r.id,
                'subject_kind', r.subject_kind,
                'subject_id', r.subject_id,
                'requested_at', r.requested_at,
                'executed_at', r.executed_at,
                'requested_by_id', r.requested_by_id,
                'approved_by_id', r.approved_by_id,
                'confirmed', coalesce(r.report -> 'confirmed', '[]'),
                'suppressions', coalesce(
                    (
                        select jsonb_agg(
                            jsonb_build_object('kind', s.kind, 'hash', encode(s.value_hash, 'hex')) order by s.id
                        )
                          from governance.suppressions as s
                         where s.agency_id = r.agency_id
                           and s.erasure_id = r.id
                    ),
                    '[]'
                )
            )
              from governance.erasure_requests as r
             where r.executed_at is not null
             order by r.executed_at, r.agency_id, r.id;
        end;
        $function$;

        revoke all on function app.erasure_ledger() from public;
        grant execute on function app.erasure_ledger() to
            gardenos_worker,
            gardenos_auditor;

        comment on function app.erasure_ledger() is
        'The erasures that were executed, as they are kept outside of the database: ids and hashes.';
        """
    )
    execute(
        r"""
        -- Executes a request to be forgotten that a second person has approved. People may, who may approve, and the
        -- worker, which has the time that a large agency takes; an executed request is answered with its report.
        -- Refused while anything of the agency is on legal hold: the request, another request about the same
        -- person, or a table (governance.retention_policies).
        --
        -- SECURITY DEFINER: it reaches every row of the agency, whoever may see it, and of no other.
        set local role gardenos_eraser;

        create or replace function app.execute_erasure(request uuid)
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
            asked governance.erasure_requests;
            held text;
        begin
            if agency is null
                or session_user <> 'gardenos_worker'
                and not (app.may('governance.erasure_requests:update', 'owner', 'admin') and proof.is_person) then
                raise exception 'You may not carry out an erasure: an owner or admin of the agency may, or a bound worker.'
                    using errcode = '42501';
            end if;
            select * into asked
              from governance.erasure_requests as r
             where r.agency_id = agency
               and r.id = request
               for update;
            if asked.id is null then
                raise exception 'There is no request % in this agency.', coalesce(request::text, 'null')
                    using errcode = '22023';
            end if;
            if asked.status in ('running', 'done') then
                return asked.report - 'names';
            end if;
            select string_agg(distinct h.what, ', ')
              into held
              from (
                  select 'the person' as what
                    from governance.erasure_requests as r
                   where r.agency_id = agency
                     and r.subject_kind = asked.subject_kind
                     and r.subject_id = asked.subject_id
                     and r.legal_hold
                  union all
                  select p.entity
                    from governance.retention_policies as p
                   where p.agency_id = agency
                     and p.legal_hold
              ) as h;
            if held is not null then
                raise exception 'Nothing is erased under a legal hold: % is held.', held
                    using errcode = 'PT409',
                    hint = 'Lift legal_hold first, in governance.erasure_requests or governance.retention_policies.';
            end if;
            if asked.status <> 'approved' then
                raise exception 'The request is %, not approved.', asked.status
                    using errcode = 'PT409',
                    hint = 'Another owner or admin than the one who asked approves it with app.approve_erasure.';
            end if;
            if asked.subject_kind = 'contact' and not exists (
                select 1 from crm.contacts as c where c.agency_id = agency and c.id = asked.subject_id
            ) or asked.subject_kind = 'member' and not exists (
                select 1 from tenancy.memberships as m where m.agency_id = agency and m.id = asked.subject_id
            ) then
                raise exception 'There is no % % in this agency.', asked.subject_kind, asked.subject_id
                    using errcode = '22023',
                    hint = 'Refuse the request, and make one for the right id.';
            end if;
            return app.perform_erasure(agency, request);
        end;
        $function$;

        revoke all on function app.execute_erasure(uuid) from public;
        grant execute on function app.execute_erasure(uuid) to
            authenticated,
            gardenos_worker;

        comment on function app.execute_erasure(uuid) is
        'Executes an approved request to be forgotten; answers the report: rows, and mentions to decide.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Every column of the agency that may hold data about people, searched for a pattern: {"table": …, "column":
        -- …, "ids": […]} for each that has some. A text is found by the loose pattern and looked at by the exact one.
        create or replace function app.find_mentions(agency uuid, pattern text, loose text)
        returns table (place text, field text, ids uuid[])
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            one record;
        begin
            for one in
                select c.*
                  from app.personal_columns() as c
                 where (c.table_name, c.column_name) not in (
                     ('governance.suppressions', 'value_hash'),
                     ('governance.erasure_requests', 'label_masked')
                 )
            loop
                execute format(
                    'select array_agg(c.id order by c.id) from %s as c'
                    ' where c.agency_id = $1 and c.%2$I::text ~* $2 and %3$s ~* $3',
                    one.table_name,
                    one.column_name,
                    format(case when one.is_json then 'app.plain_text(c.%I)' else 'c.%I::text' end, one.column_name)
                )
                    into ids
                    using agency, case when one.is_json then loose else pattern end, pattern;
                if ids is not null then
                    place := one.table_name;
                    field := one.column_name;
                    return next;
                end if;
            end loop;
        end;
        $function$;

        revoke all on function app.find_mentions(uuid, text, text) from public;
        grant execute on function app.find_mentions(uuid, text, text) to
            gardenos_eraser;

        comment on function app.find_mentions(uuid, text, text) is
        'The records of an agency that match a pattern in a column that may hold data about people.';
        """
    )
    execute(
        r"""
        -- An event that was published keeps no path of an object: the object is gone, and its path may be a name.
        create or replace function app.forget_path()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            new.payload := new.payload - 'object_path';
            return new;
        end;
        $function$;

        revoke all on function app.forget_path() from public;

        comment on function app.forget_path() is
        'Takes the path of the object out of an event that was published.';
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
            (agency, 'integration.import_rows', '90 days', 'anonymise'),
            (agency, 'integration.webhook_deliveries', '30 days', 'delete');
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
        -- No escalation through a key that is already out. It acts as one membership for life; nobody touches a key
        -- that acts as a role above their own, or widens a key that acts as another; and what is revoked stays so.
        create or replace function app.guard_api_key()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            actor_role app.agency_role;
        begin
            if new.acts_as_id <> old.acts_as_id then
                raise exception 'An API key acts as the same membership for life.'
                    using errcode = 'PT403';
            end if;
            if current_user in ('service_role', 'gardenos_owner', 'gardenos_tenancy_writer', 'gardenos_eraser') then
                return new;
            end if;
            select m.role
              into actor_role
              from tenancy.memberships as m
             where m.agency_id = old.agency_id
               and m.id = old.acts_as_id;
            if app.outranks_me(actor_role) then
                raise exception 'Your role does not allow you to touch the API key of a(n) %.', actor_role
                    using errcode = '42501';
            end if;
            if (app.proof()).api_key_id is not null and new.revoked_at is null then
                raise exception 'An API key changes no API key, except to revoke it.'
                    using errcode = '42501';
            end if;
            if old.acts_as_id <> app.membership_id() and actor_role <> 'ai_agent'
                and (new.scopes, new.expires_at) is distinct from (old.scopes, old.expires_at) then
                raise exception 'Only its maker changes what an API key may do; you may revoke it.'
                    using errcode = '42501';
            end if;
            if old.revoked_at is not null and new.revoked_at is distinct from old.revoked_at then
                raise exception 'A revoked API key stays revoked; make a new one.'
                    using errcode = '42501';
            end if;
            return new;
        end;
        $function$;

        revoke all on function app.guard_api_key() from public;

        comment on function app.guard_api_key() is
        'Refuses to touch an API key above the own role, to widen another''s, or to revive a revoked one.';
        """
    )
    execute(
        r"""
        -- What a request to be forgotten may say of itself: it begins as requested, by whoever writes it, about a
        -- name that is masked. Who approved it, what was done and how far it is, functions write; a request may be
        -- refused until it is executed. Back office may bring in what was done elsewhere; that it had a second
        -- approver, the table checks.
        create or replace function app.guard_erasure()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            if current_user not in ('authenticated', 'service_role', 'gardenos_worker') then
                return new;
            end if;
            if tg_op = 'INSERT' then
                if current_user <> 'service_role' and (
                    new.status <> 'requested'
                    or num_nonnulls(new.approved_by_id, new.executed_at, new.exported_at) > 0 or new.report <> '{}'
                ) then
                    raise exception 'A request to be forgotten begins as requested.'
                        using errcode = '42501',
                        hint = 'app.approve_erasure and app.execute_erasure take it on.';
                end if;
                new.requested_by_id := coalesce(new.requested_by_id, app.membership_id());
                new.label_masked := app.masked_name(
                    coalesce(
                        case new.subject_kind
                            when 'contact' then (
                                select c.full_name::text
                                  from crm.contacts as c
                                 where c.agency_id = new.agency_id
                                   and c.id = new.subject_id
                            )
                            when 'member' then (
                                select m.display_name::text
                                  from tenancy.memberships as m
                                 where m.agency_id = new.agency_id
                                   and m.id = new.subject_id
                            )
                        end,
                        new.label_masked
                    )
                );
                return new;
            end if;
            if (
                new.subject_kind, new.subject_id, new.requested_at, new.requested_by_id, new.approved_by_id,
                new.executed_at, new.report
            ) is distinct from (
                old.subject_kind, old.subject_id, old.requested_at, old.requested_by_id, old.approved_by_id,
                old.executed_at, old.report
            ) then
                raise exception 'Whom a request is about, who asked and approved, and what was done does not change.'
                    using errcode = '42501';
            end if;
            if new.status <> old.status and (new.status <> 'refused' or old.status in ('running', 'done')) then
                raise exception 'A request that is % cannot be made %.', old.status, new.status
                    using errcode = '42501',
                    hint = 'app.approve_erasure approves, app.execute_erasure executes; before that it can be refused.';
            end if;
            new.label_masked := app.masked_name(new.label_masked);
            return new;
        end;
        $function$;

        revoke all on function app.guard_erasure() from public;

        comment on function app.guard_erasure() is
        'Refuses that a request to be forgotten approves or executes itself.';
        """
    )
    execute(
        r"""
        -- No escalation. It asks the live role, not the token, and holds for every update, because "touch" includes
        -- a display name. Exempt are those who answer for the rank themselves: service_role, the functions of the
        -- tenancy writer, merges, which move a client to the contact that is left, erasures, and the owner of the
        -- table, as which foreign keys clear a reference. What a membership is made of holds for all.
        --
        -- Who may be added is asked AFTER the insert: an upsert that ends as an update never gets there, while its
        -- BEFORE INSERT triggers have run.
        create or replace function app.guard_membership()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            if tg_when = 'BEFORE' then
                if tg_op = 'UPDATE' and new.user_id <> old.user_id then
                    raise exception 'A membership stays with its user.'
                        using errcode = 'PT403';
                end if;
                if (tg_op = 'INSERT' or new.role <> old.role)
                    and (new.role = 'ai_agent') <> app.is_agent(new.user_id) then
                    raise exception 'The role ai_agent is for users of kind agent, and they have no other.'
                        using errcode = '23514';
                end if;
                new.suspended_at := case when new.status = 'suspended' then coalesce(new.suspended_at, now()) end;
                new.removed_at := case when new.status = 'removed' then coalesce(new.removed_at, now()) end;
            end if;

            if current_user = 'gardenos_tenancy_writer' or (tg_op = 'INSERT' and tg_when = 'BEFORE') then
                return new;
            end if;
            if tg_op = 'INSERT' and new.role <> 'ai_agent' then
                raise exception 'People become members by invitation only.'
                    using errcode = '42501',
                    hint = 'Use app.invite; the first owner is made by app.create_agency.';
            end if;
            if current_user in ('service_role', 'gardenos_owner', 'gardenos_merger', 'gardenos_eraser') then
                return new;
            end if;

            if app.outranks_me(new.role) then
                raise exception 'Your role does not allow you to give the role %.', new.role
                    using errcode = '42501';
            end if;
            if tg_op = 'INSERT' then
                return new;
            end if;
            if app.outranks_me(old.role) then
                raise exception 'Your role does not allow you to touch the membership of a(n) %.', old.role
                    using errcode = '42501';
            end if;
            if old.id = app.membership_id()
                and (new.role, new.record_scope, new.capabilities, new.status)
                is distinct from (old.role, old.record_scope, old.capabilities, old.status) then
                raise exception 'Nobody changes their own role, scope, capabilities or status.'
                    using errcode = '42501',
                    hint = 'Ask another owner or admin; to leave, call app.leave_agency().';
            end if;
            return new;
        end;
        $function$;

        revoke all on function app.guard_membership() from public;

        comment on function app.guard_membership() is
        'Refuses that anybody raises a role above their own, or touches one above it.';
        """
    )
    execute(
        r"""
        set local role gardenos_membership_reader;

        grant execute on function app.is_agent(candidate_id uuid) to gardenos_eraser;

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- A name as a request to be forgotten shows it: the first letter of each word. Masking twice is masking once.
        create or replace function app.masked_name(name text)
        returns text
        language plpgsql
        immutable
        parallel safe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            return coalesce(
                (
                    select string_agg(left(w.word, 1) || '…', ' ' order by w.place)
                      from regexp_split_to_table(btrim(name), '[\s…]+') with ordinality as w (word, place)
                     where w.word <> ''
                       and w.place <= 5
                ),
                '…'
            );
        end;
        $function$;

        revoke all on function app.masked_name(text) from public;
        grant execute on function app.masked_name(text) to
            authenticated,
            service_role,
            gardenos_worker,
            gardenos_eraser;

        comment on function app.masked_name(text) is
        'A name, masked: the first letter of each word.';
        """
    )
    execute(
        r"""
        grant execute on function app.may(action text, VARIADIC roles app.agency_role[]) to gardenos_eraser;
        """
    )
    execute(
        r"""
        grant execute on function app.membership_id() to gardenos_eraser;
        """
    )
    execute(
        r"""
        -- How the name of an erased person is kept until somebody has looked at each mention of it: salted with the
        -- request, not to be read, only to be found again.
        create or replace function app.name_hash(request uuid, name text)
        returns text
        language plpgsql
        immutable
        parallel safe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            return encode(sha256(convert_to(request || '|' || array_to_string(app.name_words(name), ' '), 'UTF8')), 'hex');
        end;
        $function$;

        revoke all on function app.name_hash(uuid, text) from public;
        grant execute on function app.name_hash(uuid, text) to
            gardenos_eraser;

        comment on function app.name_hash(uuid, text) is
        'The hash of a name, as the report of an erasure keeps it while mentions are open.';
        """
    )
    execute(
        r"""
        -- A pattern that finds names in texts, whole words only, whatever stands between them. A loose one finds the
        -- longest word of each name anywhere: what it finds is looked at again.
        create or replace function app.name_pattern(names text[], loose boolean default false)
        returns text
        language plpgsql
        immutable
        parallel safe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            words text[];
            found text[] := '{}';
            name text;
        begin
            foreach name in array coalesce(names, '{}') loop
                words := app.name_words(name);
                continue when words = '{}';
                if loose then
                    found := found || (select w.word from unnest(words) as w (word) order by length(w.word) desc limit 1);
                else
                    found := found || (
                        '(?<![[:alnum:]])' || array_to_string(words, '[^[:alnum:]]+') || '(?![[:alnum:]])'
                    );
                end if;
            end loop;
            return nullif(array_to_string(array(select distinct f from unnest(found) as f order by f desc), '|'), '');
        end;
        $function$;

        revoke all on function app.name_pattern(text[], boolean) from public;
        grant execute on function app.name_pattern(text[], boolean) to
            gardenos_eraser;

        comment on function app.name_pattern(text[], boolean) is
        'A regular expression that finds these names in a text; null when there is none.';
        """
    )
    execute(
        r"""
        -- The words of a text as names are compared: letters and digits, lower case.
        create or replace function app.name_words(value text)
        returns text[]
        language plpgsql
        immutable
        parallel safe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            return array(select lower(m.word [1]) from regexp_matches(value, '[[:alnum:]]+', 'g') as m (word));
        end;
        $function$;

        revoke all on function app.name_words(text) from public;
        grant execute on function app.name_words(text) to
            gardenos_eraser;

        comment on function app.name_words(text) is
        'The words of a text: letters and digits, lower case.';
        """
    )
    execute(
        r"""
        -- The names in a text whose hashes are those of the report: {"words": 2, "hash": "…"} each.
        create or replace function app.named_in(value text, request uuid, hashes jsonb)
        returns text[]
        language plpgsql
        immutable
        parallel safe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            words constant text[] := app.name_words(value);
        begin
            return array(
                select distinct array_to_string(words [place:place + size - 1], ' ')
                  from (select distinct (h ->> 'words')::integer as size from jsonb_array_elements(hashes) as h) as s
                 cross join lateral generate_series(1, cardinality(words) - size + 1) as p (place)
                 where hashes @> jsonb_build_array(
                     jsonb_build_object(
                         'hash', app.name_hash(request, array_to_string(words [place:place + size - 1], ' '))
                     )
                 )
            );
        end;
        $function$;

        revoke all on function app.named_in(text, uuid, jsonb) from public;
        grant execute on function app.named_in(text, uuid, jsonb) to
            gardenos_eraser;

        comment on function app.named_in(text, uuid, jsonb) is
        'The names in a text that an erasure knows by their hashes.';
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
        -- database makes of other columns follows them.
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
        -- The texts inside a JSON value, one a line: what a person would read in it.
        create or replace function app.plain_text(value jsonb)
        returns text
        language plpgsql
        immutable
        parallel safe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            return (
                select string_agg(p.leaf #>> '{}', e'\n')
                  from jsonb_path_query(value, 'strict $.** ? (@.type() == "string")') as p (leaf)
            );
        end;
        $function$;

        revoke all on function app.plain_text(jsonb) from public;
        grant execute on function app.plain_text(jsonb) to
            gardenos_eraser,
            gardenos_audit_redactor;

        comment on function app.plain_text(jsonb) is
        'The texts inside a JSON value, one a line.';
        """
    )
    execute(
        r"""
        set local role gardenos_membership_reader;

        grant execute on function app.proof() to gardenos_eraser;

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Removes at most so many rows that are kept for too long, of the agency that the worker is bound to.
        -- Contacts are emptied, with all that hangs on them and their trail, because consents point to them; so are
        -- lines of imports, unless the policy says to delete them. The policy is read here again: a caller cannot
        -- shorten it, and nothing is touched under a legal hold.
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
        -- Does erasures again, after a restore to a time before them: of the agency that the worker is bound to, as
        -- app.erasure_ledger wrote them down. The request itself may be lost, so it is written again; who asked and
        -- who approved is kept as far as they are members there. Addresses stay suppressed. A contact that was made
        -- after the time of the restore is not there, and nothing is done about it; one that somebody added by hand
        -- later is another row. Done twice it is done once. Answers how many it did.
        --
        -- SECURITY DEFINER, as app.execute_erasure. Legal holds are not asked: what was erased stays erased.
        set local role gardenos_eraser;

        create or replace function app.replay_erasures(ledger jsonb)
        returns integer
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            agency uuid := app.agency_id();
            entry jsonb;
            request uuid;
            there boolean;
            done integer := 0;
        begin
            if agency is null or session_user <> 'gardenos_worker' then
                raise exception 'Erasures are done again by a worker that is bound to the agency.'
                    using errcode = '42501',
                    hint = 'python -m migrations.erasures replay does it for every agency of a file.';
            end if;
            for entry in select e from jsonb_array_elements(ledger) as e where (e ->> 'agency_id')::uuid = agency loop
                request := (entry ->> 'id')::uuid;
                insert into governance.erasure_requests (
                    agency_id, id, subject_kind, subject_id, label_masked, status, requested_at, requested_by_id,
                    approved_by_id, executed_at, report
                )
                select
                    agency,
                    request,
                    entry ->> 'subject_kind',
                    (entry ->> 'subject_id')::uuid,
                    '…',
                    'done',
                    (entry ->> 'requested_at')::timestamptz,
                    (
                        select m.id
                          from tenancy.memberships as m
                         where m.agency_id = agency
                           and m.id = (entry ->> 'requested_by_id')::uuid
                    ),
                    (
                        select m.id
                          from tenancy.memberships as m
                         where m.agency_id = agency
                           and m.id = (entry ->> 'approved_by_id')::uuid
                    ),
                    (entry ->> 'executed_at')::timestamptz,
                    '{"replayed": true}'
                    on conflict (agency_id, id) do update
                       set report = erasure_requests.report || '{"replayed": true}',
                           legal_hold = false,
                           status = 'done',
                           approved_by_id = coalesce(erasure_requests.approved_by_id, excluded.approved_by_id),
                           executed_at = coalesce(erasure_requests.executed_at, excluded.executed_at)
                     where erasure_requests.status not in ('running', 'done');
                insert into governance.suppressions (agency_id, erasure_id, kind, value_hash)
                select agency, request, (s ->> 'kind')::app.point_kind, decode(s ->> 'hash', 'hex')
                  from jsonb_array_elements(entry -> 'suppressions') as s
                    on conflict do nothing;
                there := case entry ->> 'subject_kind'
                    when 'contact' then exists (
                        select 1
                          from crm.contacts as c
                         where c.agency_id = agency
                           and c.id = (entry ->> 'subject_id')::uuid
                    )
                    else exists (
                        select 1
                          from tenancy.memberships as m
                         where m.agency_id = agency
                           and m.id = (entry ->> 'subject_id')::uuid
                    )
                end;
                if there then
                    if entry ->> 'subject_kind' = 'member' then
                        update tenancy.memberships as m
                           set status = 'removed'
                         where m.agency_id = agency
                           and m.id = (entry ->> 'subject_id')::uuid
                           and m.status <> 'removed';
                    end if;
                    perform app.perform_erasure(agency, request, coalesce(entry -> 'confirmed', '[]'));
                    done := done + 1;
                end if;
            end loop;
            return done;
        end;
        $function$;

        revoke all on function app.replay_erasures(jsonb) from public;
        grant execute on function app.replay_erasures(jsonb) to
            gardenos_worker;

        comment on function app.replay_erasures(jsonb) is
        'Does the erasures of a ledger again after a restore, for the agency bound; answers how many.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- The job that keeps to the retention policies of the agency that is bound: one line for each, with what was
        -- due and what was removed, at most so many rows of a table at a time; it is called again while more is due.
        -- Tables on legal hold are left alone.
        --
        -- A job that row-level security filters to nothing would report success. So it counts before and after, as
        -- the worker, and another role removes: when what was due is still there, or when more is removed than was
        -- seen, the job fails and nothing is removed. In an agency that is not active the worker sees no records,
        -- and only what was removed is reported. SECURITY INVOKER for the same reason.
        create or replace function app.run_retention(max_rows integer default 10000)
        returns table (entity text, due bigint, removed bigint, held boolean)
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            agency uuid := app.agency_id();
            is_active boolean := app.is_agency_active();
            policy governance.retention_policies;
            left_over bigint;
        begin
            if agency is null then
                raise exception 'Retention runs in one agency: none is bound.'
                    using errcode = '42501',
                    hint = 'begin; select app.bind_worker(''<agency>''); select * from app.run_retention(); commit;';
            end if;
            if max_rows is null or max_rows < 1 then
                raise exception 'max_rows is %: give a number above zero.', coalesce(max_rows::text, 'null')
                    using errcode = '22023';
            end if;
            for policy in
                select p.*
                  from governance.retention_policies as p
                 where p.agency_id = agency
                   and app.due_rows(p.entity) is not null
                 order by p.entity
            loop
                entity := policy.entity;
                held := policy.legal_hold;
                due := app.count_due(policy.entity, policy.keep);
                removed := app.remove_due(policy.entity, max_rows);
                left_over := app.count_due(policy.entity, policy.keep);
                if is_active and not held and (left_over > greatest(due - max_rows, 0) or removed > due) then
                    raise exception 'Retention has failed: % rows of % were due, % were removed and % are left.',
                        due, policy.entity, removed, left_over
                        using errcode = '55000',
                        hint = 'A policy hides rows from gardenos_worker, who counts, or gardenos_eraser, who removes.';
                end if;
                update governance.retention_policies as p
                   set last_run_at = now(),
                       last_run_rows = removed
                 where p.agency_id = agency
                   and p.id = policy.id
                   and not p.legal_hold;
                return next;
            end loop;
        end;
        $function$;

        revoke all on function app.run_retention(integer) from public;
        grant execute on function app.run_retention(integer) to
            gardenos_worker;

        comment on function app.run_retention(integer) is
        'Removes what the retention policies of the agency no longer keep; answers what was due and removed.';
        """
    )
    execute(
        r"""
        -- A JSON value in which what the pattern matches is replaced, keys included. Numbers stay numbers.
        create or replace function app.scrubbed(value jsonb, pattern text, mark text)
        returns jsonb
        language plpgsql
        immutable
        parallel safe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            return case jsonb_typeof(value)
                when 'string' then to_jsonb(regexp_replace(value #>> '{}', pattern, mark, 'gi'))
                when 'array' then (
                    select coalesce(jsonb_agg(app.scrubbed(e.item, pattern, mark) order by e.place), '[]')
                      from jsonb_array_elements(value) with ordinality as e (item, place)
                )
                when 'object' then (
                    select coalesce(
                        jsonb_object_agg(regexp_replace(e.key, pattern, mark, 'gi'), app.scrubbed(e.value, pattern, mark)),
                        '{}'
                    )
                      from jsonb_each(value) as e
                )
                else value
            end;
        end;
        $function$;

        revoke all on function app.scrubbed(jsonb, text, text) from public;
        grant execute on function app.scrubbed(jsonb, text, text) to
            gardenos_eraser;

        comment on function app.scrubbed(jsonb, text, text) is
        'A JSON value in which what a pattern matches is replaced.';
        """
    )
    execute(
        r"""
        -- Takes a mention out that is one of an erased person: of this column of this record, and of its trail. A
        -- row that is nothing but the datum goes; the path of an object is not changed, so its file goes, and with it
        -- the object. Answers whether there was anything left to do.
        create or replace function app.settle_mention(
            agency uuid,
            place text,
            field text,
            record uuid,
            pattern text
        )
        returns boolean
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            found_text text;
            known record;
            changed bigint := 0;
        begin
            select * into known
              from app.personal_columns() as c
             where c.table_name = place
               and c.column_name = field;
            if known.table_name is not null then
                execute format('select c.%I::text from %s as c where c.agency_id = $1 and c.id = $2 for update', field, place)
                    into found_text
                    using agency, record;
            end if;
            if found_text is null then
                changed := 0;
            elsif (place, field) in (
                ('crm.files', 'object_path'), ('crm.messages', 'body_html_path'), ('crm.contact_points', 'value'),
                ('crm.contact_points', 'e164'), ('tenancy.invitations', 'email'), ('crm.participants', 'address')
            ) then
                execute format('delete from %s as c where c.agency_id = $1 and c.id = $2', place)
                    using agency, record;
                changed := 1;
            elsif (place, field) in (('tenancy.memberships', 'work_email'), ('tenancy.memberships', 'avatar_path')) then
                execute format('update %s as c set %I = null where c.agency_id = $1 and c.id = $2', place, field)
                    using agency, record;
                changed := 1;
            elsif known.is_json then
                if app.plain_text(found_text::jsonb) ~* pattern then
                    execute format('update %s as c set %I = $3 where c.agency_id = $1 and c.id = $2', place, field)
                        using agency, record, app.scrubbed(found_text::jsonb, pattern, 'erased');
                    changed := 1;
                end if;
            elsif found_text ~* pattern then
                execute format('update %s as c set %I = $3 where c.agency_id = $1 and c.id = $2', place, field)
                    using agency, record, left(
                        regexp_replace(
                            found_text, pattern, case when known.is_unique then 'erased ' || record else 'erased' end, 'gi'
                        ),
                        greatest(length(found_text), 50)
                    );
                changed := 1;
            end if;
            if pattern is not null then
                changed := changed + audit.redact_matching(agency, place, record, pattern);
            end if;
            return changed > 0;
        end;
        $function$;

        revoke all on function app.settle_mention(uuid, text, text, uuid, text) from public;
        grant execute on function app.settle_mention(uuid, text, text, uuid, text) to
            gardenos_eraser;

        comment on function app.settle_mention(uuid, text, text, uuid, text) is
        'Takes a mention of an erased person out of a column and out of the trail of its record.';
        """
    )
    execute(
        r"""
        grant execute on function app.suppression_hash(agency uuid, kind app.point_kind, value_norm text) to gardenos_eraser;
        """
    )
    execute(
        r"""
        -- An erasure was done, or more of it: the event that makes the exporter read app.erasure_ledger and write it
        -- to the store outside the database. It holds the id of the request, nothing else.
        create or replace function app.tell_erasure(agency uuid, request uuid)
        returns void
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            insert into integration.outbox_events (agency_id, aggregate, aggregate_id, type, epoch, timeline)
            values (
                agency,
                'governance.erasure_requests',
                request,
                'governance.erasure_requests.executed',
                (select max(e.epoch) from migration.epochs as e),
                ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::integer
            );
        end;
        $function$;

        revoke all on function app.tell_erasure(uuid, uuid) from public;
        grant execute on function app.tell_erasure(uuid, uuid) to
            gardenos_eraser;

        comment on function app.tell_erasure(uuid, uuid) is
        'Writes the event that a request to be forgotten was executed.';
        """
    )
    execute(
        r"""
        grant execute on function app.uuid_v7() to gardenos_eraser;
        """
    )
    execute(
        r"""
        -- The open mentions of an erasure without one that was decided.
        create or replace function app.without_hit(hits jsonb, place text, field text, record uuid)
        returns jsonb
        language plpgsql
        immutable
        parallel safe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            return (
                select coalesce(jsonb_agg(o.hit order by o.place) filter (where o.hit -> 'ids' <> '[]'), '[]')
                  from (
                      select
                          h.place,
                          case
                              when h.hit ->> 'table' = without_hit.place and h.hit ->> 'column' = without_hit.field
                                  then h.hit || jsonb_build_object('ids', (h.hit -> 'ids') - record::text)
                              else h.hit
                          end as hit
                        from jsonb_array_elements(hits) with ordinality as h (hit, place)
                  ) as o
            );
        end;
        $function$;

        revoke all on function app.without_hit(jsonb, text, text, uuid) from public;
        grant execute on function app.without_hit(jsonb, text, text, uuid) to
            gardenos_eraser;

        comment on function app.without_hit(jsonb, text, text, uuid) is
        'The open mentions of an erasure without one of them.';
        """
    )
    execute(
        r"""
        -- What an erasure does to the trail of an agency, last of all, because the deletes before it leave rows too.
        -- It empties
        --
        --   all rows of the records named, and of those that this transaction deleted after the row "since";
        --   all rows that were ever about one of these people: an address or a note that was deleted long ago;
        --   every other row that holds an address of them (pattern), whatever it is about.
        --
        -- Called again it finds nothing. SECURITY DEFINER: who erases does not read the trail.
        set local role gardenos_audit_redactor;

        create or replace function audit.erase(
            agency uuid,
            since bigint,
            people uuid[],
            records jsonb,
            pattern text,
            loose text
        )
        returns bigint
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            return audit.redact_rows(
                erase.agency,
                array(
                    select l.id
                      from audit.log as l
                      join (
                          select
                              split_part(r ->> 'table', '.', 1) as schema_name,
                              split_part(r ->> 'table', '.', 2) as table_name,
                              (r ->> 'id')::uuid as record_id
                            from jsonb_array_elements(erase.records) as r
                          union
                          select d.schema_name, d.table_name, d.record_id
                            from audit.log as d
                           where d.agency_id = erase.agency
                             and d.epoch = (select max(e.epoch) from migration.epochs as e)
                             and d.xid = pg_current_xact_id()
                             and d.seq > erase.since
                             and d.op = 'delete'
                          union
                          select p.schema_name, p.table_name, p.record_id
                            from audit.log as p
                           where p.agency_id = erase.agency
                             and p.salt is not null
                             and p.schema_name in ('crm', 'tenancy')
                             and (
                                 p.new_values ->> 'contact_id' = any(erase.people::text[])
                                 or p.old_values ->> 'contact_id' = any(erase.people::text[])
                             )
                      ) as whole
                        on whole.schema_name = l.schema_name
                       and whole.table_name = l.table_name
                       and whole.record_id = l.record_id
                     where l.agency_id = erase.agency
                       and l.salt is not null
                    union
                    select l.id
                      from audit.log as l
                     where l.agency_id = erase.agency
                       and l.salt is not null
                       and concat_ws(' ', l.old_values, l.new_values) ~* erase.loose
                       and concat_ws(e'\n', app.plain_text(l.old_values), app.plain_text(l.new_values)) ~* erase.pattern
                )
            );
        end;
        $function$;

        revoke all on function audit.erase(uuid, bigint, uuid[], jsonb, text, text) from public;
        grant execute on function audit.erase(uuid, bigint, uuid[], jsonb, text, text) to
            gardenos_eraser;

        comment on function audit.erase(uuid, bigint, uuid[], jsonb, text, text) is
        'Empties what the trail of an agency holds of erased people; returns how many rows it emptied.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Where the trail of this transaction stands: an erasure notes it before it deletes, and so knows afterwards
        -- which records went, cascades included. SECURITY DEFINER: who erases does not read the trail.
        set local role gardenos_audit_redactor;

        create or replace function audit.last_change(agency uuid)
        returns bigint
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            return (
                select coalesce(max(l.seq), 0)
                  from audit.log as l
                 where l.agency_id = last_change.agency
                   and l.epoch = (select max(e.epoch) from migration.epochs as e)
                   and l.xid = pg_current_xact_id()
            );
        end;
        $function$;

        revoke all on function audit.last_change(uuid) from public;
        grant execute on function audit.last_change(uuid) to
            gardenos_eraser;

        comment on function audit.last_change(uuid) is
        'The number of the last row that this transaction left in the trail of an agency.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Which records of an agency have a text in the trail that matches a pattern, or, asked about one record,
        -- whether it has. SECURITY DEFINER: who erases does not read the trail.
        set local role gardenos_audit_redactor;

        create or replace function audit.mentions(agency uuid, pattern text, loose text)
        returns table (record_table text, record_id uuid)
        language plpgsql
        stable
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            return query
            select distinct l.schema_name || '.' || l.table_name, l.record_id
              from audit.log as l
             where l.agency_id = mentions.agency
               and l.salt is not null
               and concat_ws(' ', l.old_values, l.new_values) ~* mentions.loose
               and concat_ws(e'\n', app.plain_text(l.old_values), app.plain_text(l.new_values)) ~* mentions.pattern;
        end;
        $function$;

        revoke all on function audit.mentions(uuid, text, text) from public;
        grant execute on function audit.mentions(uuid, text, text) to
            gardenos_eraser;

        comment on function audit.mentions(uuid, text, text) is
        'The records whose trail has a text that matches a pattern.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Erases those rows of the trail of one record whose texts match a pattern: a mention that a person has
        -- confirmed. The rest of its trail stays. SECURITY DEFINER: who erases does not read the trail.
        set local role gardenos_audit_redactor;

        create or replace function audit.redact_matching(agency uuid, record_table text, record uuid, pattern text)
        returns bigint
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            return audit.redact_rows(
                redact_matching.agency,
                array(
                    select l.id
                      from audit.log as l
                     where l.agency_id = redact_matching.agency
                       and l.schema_name = split_part(redact_matching.record_table, '.', 1)
                       and l.table_name = split_part(redact_matching.record_table, '.', 2)
                       and l.record_id = redact_matching.record
                       and l.salt is not null
                       and concat_ws(e'\n', app.plain_text(l.old_values), app.plain_text(l.new_values))
                           ~* redact_matching.pattern
                )
            );
        end;
        $function$;

        revoke all on function audit.redact_matching(uuid, text, uuid, text) from public;
        grant execute on function audit.redact_matching(uuid, text, uuid, text) to
            gardenos_eraser;

        comment on function audit.redact_matching(uuid, text, uuid, text) is
        'Erases the rows of the trail of one record that match a pattern; returns how many.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Erases the values of these rows of the trail, and records that once for each record. The hash that is left
        -- says nothing without the salt; every seal still holds. SECURITY DEFINER, as the only role that may update
        -- the trail, and only those columns; the functions of erasure call it.
        set local role gardenos_audit_redactor;

        create or replace function audit.redact_rows(agency uuid, log_ids uuid[])
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
            with emptied_rows as (
                update audit.log as l
                   set values_hash = audit.values_hash(l.salt, l.old_values, l.new_values),
                       old_values = null,
                       new_values = null,
                       salt = null
                 where l.agency_id = redact_rows.agency
                   and l.id = any(redact_rows.log_ids)
                   and l.salt is not null
                returning l.schema_name, l.table_name, l.record_id
            ),
            recorded as (
                insert into audit.log (
                    agency_id, schema_name, table_name, record_id, op, actor_kind, actor_user_id, actor_membership_id,
                    on_behalf_of_id, api_key_id, agency_role, db_role, request_id, ip, xid, epoch, timeline
                )
                select distinct
                    redact_rows.agency,
                    e.schema_name,
                    e.table_name,
                    e.record_id,
                    'redact'::app.audit_op,
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
                  from emptied_rows as e
            )
            select count(*) into emptied from emptied_rows;
            return emptied;
        end;
        $function$;

        revoke all on function audit.redact_rows(uuid, uuid[]) from public;

        comment on function audit.redact_rows(uuid, uuid[]) is
        'Erases the values of rows of the trail, and records that; returns how many it emptied.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- All that the trail has of one record, as text: an erasure finds in it the names that it knows by their
        -- hashes only. SECURITY DEFINER: who erases does not read the trail.
        set local role gardenos_audit_redactor;

        create or replace function audit.texts_of(agency uuid, record_table text, record uuid)
        returns text
        language plpgsql
        stable
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            return (
                select string_agg(
                    concat_ws(e'\n', app.plain_text(l.old_values), app.plain_text(l.new_values)), e'\n'
                )
                  from audit.log as l
                 where l.agency_id = texts_of.agency
                   and l.schema_name = split_part(texts_of.record_table, '.', 1)
                   and l.table_name = split_part(texts_of.record_table, '.', 2)
                   and l.record_id = texts_of.record
                   and l.salt is not null
            );
        end;
        $function$;

        revoke all on function audit.texts_of(uuid, text, uuid) from public;
        grant execute on function audit.texts_of(uuid, text, uuid) to
            gardenos_eraser;

        comment on function audit.texts_of(uuid, text, uuid) is
        'The texts that the trail has of one record.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        grant update (evidence) on table crm.consents to gardenos_eraser;
        """
    )
    execute(
        r"""
        grant update (avatar_path) on table tenancy.memberships to gardenos_eraser;
        """
    )
    execute(
        r"""
        grant update (contact_id) on table tenancy.memberships to gardenos_eraser;
        """
    )
    execute(
        r"""
        grant update (display_name) on table tenancy.memberships to gardenos_eraser;
        """
    )
    execute(
        r"""
        grant update (job_title) on table tenancy.memberships to gardenos_eraser;
        """
    )
    execute(
        r"""
        grant update (status) on table tenancy.memberships to gardenos_eraser;
        """
    )
    execute(
        r"""
        grant update (work_email) on table tenancy.memberships to gardenos_eraser;
        """
    )
    execute(
        r"""
        grant update (active_agency_id) on table tenancy.users to gardenos_eraser;
        """
    )
    execute(
        r"""
        grant update (avatar_path) on table tenancy.users to gardenos_eraser;
        """
    )
    execute(
        r"""
        grant update (email) on table tenancy.users to gardenos_eraser;
        """
    )
    execute(
        r"""
        grant update (full_name) on table tenancy.users to gardenos_eraser;
        """
    )
    execute(
        r"""
        grant update (locale) on table tenancy.users to gardenos_eraser;
        """
    )
    execute(
        r"""
        grant update (status) on table tenancy.users to gardenos_eraser;
        """
    )
    execute(
        r"""
        grant update (timezone) on table tenancy.users to gardenos_eraser;
        """
    )
    execute(
        r"""
        grant select, update, delete on table crm.activities to gardenos_eraser;
        """
    )
    execute(
        r"""
        create policy "erasure reaches the agency it is bound to"
        on crm.activities
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
        grant select, update, delete on table crm.calendar_events to gardenos_eraser;
        """
    )
    execute(
        r"""
        create policy "erasure reaches the agency it is bound to"
        on crm.calendar_events
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
        grant select, update, delete on table crm.companies to gardenos_eraser;
        """
    )
    execute(
        r"""
        create policy "erasure reaches the agency it is bound to"
        on crm.companies
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
        grant select on table crm.consents to gardenos_eraser;
        """
    )
    execute(
        r"""
        create policy "erasure reaches the agency it is bound to"
        on crm.consents
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
        grant select, update, delete on table crm.contact_companies to gardenos_eraser;
        """
    )
    execute(
        r"""
        create policy "erasure reaches the agency it is bound to"
        on crm.contact_companies
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
        grant select, update, delete on table crm.contact_points to gardenos_eraser;
        """
    )
    execute(
        r"""
        create policy "erasure reaches the agency it is bound to"
        on crm.contact_points
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
        grant select, update, delete on table crm.contacts to gardenos_eraser;
        """
    )
    execute(
        r"""
        create policy "erasure reaches the agency it is bound to"
        on crm.contacts
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
        grant select, update, delete on table crm.conversations to gardenos_eraser;
        """
    )
    execute(
        r"""
        create policy "erasure reaches the agency it is bound to"
        on crm.conversations
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
        grant select on table crm.custom_field_defs to gardenos_eraser;
        """
    )
    execute(
        r"""
        create policy "erasure reads"
        on crm.custom_field_defs
        as permissive
        for select
        to gardenos_eraser
        using (
            agency_id = (select app.agency_id())
        );
        """
    )
    execute(
        r"""
        grant select, update, delete on table crm.deal_contacts to gardenos_eraser;
        """
    )
    execute(
        r"""
        create policy "erasure reaches the agency it is bound to"
        on crm.deal_contacts
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
        grant select, update, delete on table crm.deal_line_items to gardenos_eraser;
        """
    )
    execute(
        r"""
        create policy "erasure reaches the agency it is bound to"
        on crm.deal_line_items
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
        grant select, update, delete on table crm.deals to gardenos_eraser;
        """
    )
    execute(
        r"""
        create policy "erasure reaches the agency it is bound to"
        on crm.deals
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
        grant select, update, delete on table crm.files to gardenos_eraser;
        """
    )
    execute(
        r"""
        create policy "erasure reaches the agency it is bound to"
        on crm.files
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
        grant select, update, delete on table crm.lookup_values to gardenos_eraser;
        """
    )
    execute(
        r"""
        create policy "erasure reaches the agency it is bound to"
        on crm.lookup_values
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
        create or replace trigger keep_definition
        before update on crm.merge_records
        for each row
        when (
            old.entity is distinct from new.entity
            or old.winner_contact_id is distinct from new.winner_contact_id
            or old.loser_contact_id is distinct from new.loser_contact_id
            or old.winner_company_id is distinct from new.winner_company_id
            or old.loser_company_id is distinct from new.loser_company_id
            -- erasure takes people out of them
            or (
                (old.snapshot, old.moved) is distinct from (new.snapshot, new.moved)
                and current_user <> 'gardenos_eraser'
            )
            or old.merged_by_id is distinct from new.merged_by_id
            or old.undo_until is distinct from new.undo_until
        )
        execute function app.forbid_redefinition(
            'entity',
            'winner_contact_id',
            'loser_contact_id',
            'winner_company_id',
            'loser_company_id',
            'snapshot',
            'moved',
            'merged_by_id',
            'undo_until'
        );
        """
    )
    execute(
        r"""
        grant select, update, delete on table crm.merge_records to gardenos_eraser;
        """
    )
    execute(
        r"""
        create policy "erasure reaches the agency it is bound to"
        on crm.merge_records
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
        grant select, update, delete on table crm.messages to gardenos_eraser;
        """
    )
    execute(
        r"""
        create policy "erasure reaches the agency it is bound to"
        on crm.messages
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
        grant select, update, delete on table crm.participants to gardenos_eraser;
        """
    )
    execute(
        r"""
        create policy "erasure reaches the agency it is bound to"
        on crm.participants
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
        grant insert on table crm.pipeline_stages to gardenos_tenancy_writer;
        """
    )
    execute(
        r"""
        create policy "tenancy functions furnish new agencies"
        on crm.pipeline_stages
        as permissive
        for insert
        to gardenos_tenancy_writer
        with check (
            true
        );
        """
    )
    execute(
        r"""
        grant insert on table crm.pipelines to gardenos_tenancy_writer;
        """
    )
    execute(
        r"""
        create policy "tenancy functions furnish new agencies"
        on crm.pipelines
        as permissive
        for insert
        to gardenos_tenancy_writer
        with check (
            true
        );
        """
    )
    execute(
        r"""
        grant select, update, delete on table crm.products to gardenos_eraser;
        """
    )
    execute(
        r"""
        create policy "erasure reaches the agency it is bound to"
        on crm.products
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
        grant select, update, delete on table crm.record_tags to gardenos_eraser;
        """
    )
    execute(
        r"""
        create policy "erasure reaches the agency it is bound to"
        on crm.record_tags
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
        grant select, update, delete on table crm.saved_views to gardenos_eraser;
        """
    )
    execute(
        r"""
        create policy "erasure reaches the agency it is bound to"
        on crm.saved_views
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
        grant select, update, delete on table crm.tags to gardenos_eraser;
        """
    )
    execute(
        r"""
        create policy "erasure reaches the agency it is bound to"
        on crm.tags
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
        create or replace trigger guard
        before insert or update on governance.erasure_requests
        for each row
        execute function app.guard_erasure();
        """
    )
    execute(
        r"""
        grant select, insert, update on table governance.erasure_requests to gardenos_eraser;
        """
    )
    execute(
        r"""
        create policy "erasure reaches the agency it is bound to"
        on governance.erasure_requests
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
        create or replace trigger check_retention
        before insert or update of entity, action on governance.retention_policies
        for each row
        execute function app.check_retention();
        """
    )
    execute(
        r"""
        grant select on table governance.retention_policies to gardenos_eraser;

        grant insert on table governance.retention_policies to gardenos_tenancy_writer;
        """
    )
    execute(
        r"""
        create policy "erasure reads"
        on governance.retention_policies
        as permissive
        for select
        to gardenos_eraser
        using (
            agency_id = (select app.agency_id())
        );
        """
    )
    execute(
        r"""
        create policy "tenancy functions furnish new agencies"
        on governance.retention_policies
        as permissive
        for insert
        to gardenos_tenancy_writer
        with check (
            true
        );
        """
    )
    execute(
        r"""
        grant select, insert on table governance.suppressions to gardenos_eraser;
        """
    )
    execute(
        r"""
        create policy "erasure reaches the agency it is bound to"
        on governance.suppressions
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
        grant select, update, delete on table integration.import_jobs to gardenos_eraser;
        """
    )
    execute(
        r"""
        create policy "erasure reaches the agency it is bound to"
        on integration.import_jobs
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
        grant select, update, delete on table integration.import_rows to gardenos_eraser;
        """
    )
    execute(
        r"""
        create policy "erasure reaches the agency it is bound to"
        on integration.import_rows
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
        create or replace trigger forget_path
        before update on integration.outbox_events
        for each row
        when (
            old.published_at is null
            and new.published_at is not null
        )
        execute function app.forget_path();
        """
    )
    execute(
        r"""
        grant insert on table integration.outbox_events to gardenos_eraser;
        """
    )
    execute(
        r"""
        create policy "erasure tells of it"
        on integration.outbox_events
        as permissive
        for insert
        to gardenos_eraser
        with check (
            agency_id = (select app.agency_id())
        );
        """
    )
    execute(
        r"""
        grant select, delete on table integration.webhook_deliveries to gardenos_eraser;
        """
    )
    execute(
        r"""
        create policy "erasure reaches the agency it is bound to"
        on integration.webhook_deliveries
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
        grant select, update on table integration.webhook_endpoints to gardenos_eraser;
        """
    )
    execute(
        r"""
        create policy "erasure reaches the agency it is bound to"
        on integration.webhook_endpoints
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
        grant select on table migration.epochs to gardenos_eraser;
        """
    )
    execute(
        r"""
        grant select, update on table tenancy.api_keys to gardenos_eraser;
        """
    )
    execute(
        r"""
        create policy "erasure reaches the agency it is bound to"
        on tenancy.api_keys
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
        grant select, update, delete on table tenancy.invitations to gardenos_eraser;
        """
    )
    execute(
        r"""
        create policy "erasure reaches the agency it is bound to"
        on tenancy.invitations
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
        grant select on table tenancy.memberships to gardenos_eraser;
        """
    )
    execute(
        r"""
        create policy "erasure empties the memberships of its agency"
        on tenancy.memberships
        as permissive
        for update
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
        create policy "erasure sees where a login is still a member"
        on tenancy.memberships
        as permissive
        for select
        to gardenos_eraser
        using (
            true
        );
        """
    )
    execute(
        r"""
        grant select, update on table tenancy.teams to gardenos_eraser;
        """
    )
    execute(
        r"""
        create policy "erasure reaches the agency it is bound to"
        on tenancy.teams
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
        grant select, delete on table tenancy.user_identities to gardenos_eraser;
        """
    )
    execute(
        r"""
        create policy "erasure deletes identities"
        on tenancy.user_identities
        as permissive
        for all
        to gardenos_eraser
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
        grant select on table tenancy.users to gardenos_eraser;
        """
    )
    execute(
        r"""
        create policy "erasure empties logins"
        on tenancy.users
        as permissive
        for update
        to gardenos_eraser
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
        create policy "erasure reads logins"
        on tenancy.users
        as permissive
        for select
        to gardenos_eraser
        using (
            true
        );
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop policy "erasure reads logins" on tenancy.users;
        """
    )
    execute(
        r"""
        drop policy "erasure empties logins" on tenancy.users;
        """
    )
    execute(
        r"""
        revoke select on table tenancy.users from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        drop policy "erasure deletes identities" on tenancy.user_identities;
        """
    )
    execute(
        r"""
        revoke select, delete on table tenancy.user_identities from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        drop policy "erasure reaches the agency it is bound to" on tenancy.teams;
        """
    )
    execute(
        r"""
        revoke select, update on table tenancy.teams from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        drop policy "erasure sees where a login is still a member" on tenancy.memberships;
        """
    )
    execute(
        r"""
        drop policy "erasure empties the memberships of its agency" on tenancy.memberships;
        """
    )
    execute(
        r"""
        revoke select on table tenancy.memberships from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        drop policy "erasure reaches the agency it is bound to" on tenancy.invitations;
        """
    )
    execute(
        r"""
        revoke select, update, delete on table tenancy.invitations from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        drop policy "erasure reaches the agency it is bound to" on tenancy.api_keys;
        """
    )
    execute(
        r"""
        revoke select, update on table tenancy.api_keys from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        revoke select on table migration.epochs from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        drop policy "erasure reaches the agency it is bound to" on integration.webhook_endpoints;
        """
    )
    execute(
        r"""
        revoke select, update on table integration.webhook_endpoints from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        drop policy "erasure reaches the agency it is bound to" on integration.webhook_deliveries;
        """
    )
    execute(
        r"""
        revoke select, delete on table integration.webhook_deliveries from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        drop policy "erasure tells of it" on integration.outbox_events;
        """
    )
    execute(
        r"""
        revoke insert on table integration.outbox_events from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        drop trigger forget_path on integration.outbox_events;
        """
    )
    execute(
        r"""
        drop policy "erasure reaches the agency it is bound to" on integration.import_rows;
        """
    )
    execute(
        r"""
        revoke select, update, delete on table integration.import_rows from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        drop policy "erasure reaches the agency it is bound to" on integration.import_jobs;
        """
    )
    execute(
        r"""
        revoke select, update, delete on table integration.import_jobs from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        drop policy "erasure reaches the agency it is bound to" on governance.suppressions;
        """
    )
    execute(
        r"""
        revoke select, insert on table governance.suppressions from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        drop policy "tenancy functions furnish new agencies" on governance.retention_policies;
        """
    )
    execute(
        r"""
        drop policy "erasure reads" on governance.retention_policies;
        """
    )
    execute(
        r"""
        revoke select on table governance.retention_policies from gardenos_eraser cascade;

        revoke insert on table governance.retention_policies from gardenos_tenancy_writer cascade;
        """
    )
    execute(
        r"""
        drop trigger check_retention on governance.retention_policies;
        """
    )
    execute(
        r"""
        drop policy "erasure reaches the agency it is bound to" on governance.erasure_requests;
        """
    )
    execute(
        r"""
        revoke select, insert, update on table governance.erasure_requests from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        drop trigger guard on governance.erasure_requests;
        """
    )
    execute(
        r"""
        drop policy "erasure reaches the agency it is bound to" on crm.tags;
        """
    )
    execute(
        r"""
        revoke select, update, delete on table crm.tags from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        drop policy "erasure reaches the agency it is bound to" on crm.saved_views;
        """
    )
    execute(
        r"""
        revoke select, update, delete on table crm.saved_views from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        drop policy "erasure reaches the agency it is bound to" on crm.record_tags;
        """
    )
    execute(
        r"""
        revoke select, update, delete on table crm.record_tags from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        drop policy "erasure reaches the agency it is bound to" on crm.products;
        """
    )
    execute(
        r"""
        revoke select, update, delete on table crm.products from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        drop policy "tenancy functions furnish new agencies" on crm.pipelines;
        """
    )
    execute(
        r"""
        revoke insert on table crm.pipelines from gardenos_tenancy_writer cascade;
        """
    )
    execute(
        r"""
        drop policy "tenancy functions furnish new agencies" on crm.pipeline_stages;
        """
    )
    execute(
        r"""
        revoke insert on table crm.pipeline_stages from gardenos_tenancy_writer cascade;
        """
    )
    execute(
        r"""
        drop policy "erasure reaches the agency it is bound to" on crm.participants;
        """
    )
    execute(
        r"""
        revoke select, update, delete on table crm.participants from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        drop policy "erasure reaches the agency it is bound to" on crm.messages;
        """
    )
    execute(
        r"""
        revoke select, update, delete on table crm.messages from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        drop policy "erasure reaches the agency it is bound to" on crm.merge_records;
        """
    )
    execute(
        r"""
        revoke select, update, delete on table crm.merge_records from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        create or replace trigger keep_definition BEFORE UPDATE ON crm.merge_records FOR EACH ROW WHEN (((old.entity IS DISTINCT FROM new.entity) OR (old.winner_contact_id IS DISTINCT FROM new.winner_contact_id) OR (old.loser_contact_id IS DISTINCT FROM new.loser_contact_id) OR (old.winner_company_id IS DISTINCT FROM new.winner_company_id) OR (old.loser_company_id IS DISTINCT FROM new.loser_company_id) OR (old.snapshot IS DISTINCT FROM new.snapshot) OR (old.moved IS DISTINCT FROM new.moved) OR (old.merged_by_id IS DISTINCT FROM new.merged_by_id) OR (old.undo_until IS DISTINCT FROM new.undo_until))) EXECUTE FUNCTION app.forbid_redefinition('entity', 'winner_contact_id', 'loser_contact_id', 'winner_company_id', 'loser_company_id', 'snapshot', 'moved', 'merged_by_id', 'undo_until');
        """
    )
    execute(
        r"""
        drop policy "erasure reaches the agency it is bound to" on crm.lookup_values;
        """
    )
    execute(
        r"""
        revoke select, update, delete on table crm.lookup_values from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        drop policy "erasure reaches the agency it is bound to" on crm.files;
        """
    )
    execute(
        r"""
        revoke select, update, delete on table crm.files from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        drop policy "erasure reaches the agency it is bound to" on crm.deals;
        """
    )
    execute(
        r"""
        revoke select, update, delete on table crm.deals from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        drop policy "erasure reaches the agency it is bound to" on crm.deal_line_items;
        """
    )
    execute(
        r"""
        revoke select, update, delete on table crm.deal_line_items from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        drop policy "erasure reaches the agency it is bound to" on crm.deal_contacts;
        """
    )
    execute(
        r"""
        revoke select, update, delete on table crm.deal_contacts from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        drop policy "erasure reads" on crm.custom_field_defs;
        """
    )
    execute(
        r"""
        revoke select on table crm.custom_field_defs from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        drop policy "erasure reaches the agency it is bound to" on crm.conversations;
        """
    )
    execute(
        r"""
        revoke select, update, delete on table crm.conversations from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        drop policy "erasure reaches the agency it is bound to" on crm.contacts;
        """
    )
    execute(
        r"""
        revoke select, update, delete on table crm.contacts from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        drop policy "erasure reaches the agency it is bound to" on crm.contact_points;
        """
    )
    execute(
        r"""
        revoke select, update, delete on table crm.contact_points from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        drop policy "erasure reaches the agency it is bound to" on crm.contact_companies;
        """
    )
    execute(
        r"""
        revoke select, update, delete on table crm.contact_companies from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        drop policy "erasure reaches the agency it is bound to" on crm.consents;
        """
    )
    execute(
        r"""
        revoke select on table crm.consents from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        drop policy "erasure reaches the agency it is bound to" on crm.companies;
        """
    )
    execute(
        r"""
        revoke select, update, delete on table crm.companies from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        drop policy "erasure reaches the agency it is bound to" on crm.calendar_events;
        """
    )
    execute(
        r"""
        revoke select, update, delete on table crm.calendar_events from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        drop policy "erasure reaches the agency it is bound to" on crm.activities;
        """
    )
    execute(
        r"""
        revoke select, update, delete on table crm.activities from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        revoke update (timezone) on table tenancy.users from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        revoke update (status) on table tenancy.users from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        revoke update (locale) on table tenancy.users from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        revoke update (full_name) on table tenancy.users from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        revoke update (email) on table tenancy.users from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        revoke update (avatar_path) on table tenancy.users from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        revoke update (active_agency_id) on table tenancy.users from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        revoke update (work_email) on table tenancy.memberships from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        revoke update (status) on table tenancy.memberships from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        revoke update (job_title) on table tenancy.memberships from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        revoke update (display_name) on table tenancy.memberships from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        revoke update (contact_id) on table tenancy.memberships from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        revoke update (avatar_path) on table tenancy.memberships from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        revoke update (evidence) on table crm.consents from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        set local role gardenos_audit_redactor;

        drop function audit.texts_of(agency uuid, record_table text, record uuid);

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_audit_redactor;

        drop function audit.redact_rows(agency uuid, log_ids uuid[]);

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_audit_redactor;

        drop function audit.redact_matching(agency uuid, record_table text, record uuid, pattern text);

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_audit_redactor;

        drop function audit.mentions(agency uuid, pattern text, loose text);

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_audit_redactor;

        drop function audit.last_change(agency uuid);

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_audit_redactor;

        drop function audit.erase(agency uuid, since bigint, people uuid[], records jsonb, pattern text, loose text);

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        drop function app.without_hit(hits jsonb, place text, field text, record uuid);
        """
    )
    execute(
        r"""
        revoke execute on function app.uuid_v7() from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        drop function app.tell_erasure(agency uuid, request uuid);
        """
    )
    execute(
        r"""
        revoke execute on function app.suppression_hash(agency uuid, kind app.point_kind, value_norm text) from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        drop function app.settle_mention(agency uuid, place text, field text, record uuid, pattern text);
        """
    )
    execute(
        r"""
        drop function app.scrubbed(value jsonb, pattern text, mark text);
        """
    )
    execute(
        r"""
        drop function app.run_retention(max_rows integer);
        """
    )
    execute(
        r"""
        set local role gardenos_eraser;

        drop function app.replay_erasures(ledger jsonb);

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_eraser;

        drop function app.remove_due(entity text, max_rows integer);

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_membership_reader;

        revoke execute on function app.proof() from gardenos_eraser cascade;

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        drop function app.plain_text(value jsonb);
        """
    )
    execute(
        r"""
        drop function app.personal_columns();
        """
    )
    execute(
        r"""
        drop function app.perform_erasure(agency uuid, request uuid, confirmed jsonb);
        """
    )
    execute(
        r"""
        drop function app.named_in(value text, request uuid, hashes jsonb);
        """
    )
    execute(
        r"""
        drop function app.name_words(value text);
        """
    )
    execute(
        r"""
        drop function app.name_pattern(names text[], loose boolean);
        """
    )
    execute(
        r"""
        drop function app.name_hash(request uuid, name text);
        """
    )
    execute(
        r"""
        revoke execute on function app.membership_id() from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        revoke execute on function app.may(action text, VARIADIC roles app.agency_role[]) from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        drop function app.masked_name(name text);
        """
    )
    execute(
        r"""
        set local role gardenos_membership_reader;

        revoke execute on function app.is_agent(candidate_id uuid) from gardenos_eraser cascade;

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        CREATE OR REPLACE FUNCTION app.guard_membership()
         RETURNS trigger
         LANGUAGE plpgsql
         SET search_path TO 'pg_catalog', 'pg_temp'
        AS $function$
        begin
            if tg_when = 'BEFORE' then
                if tg_op = 'UPDATE' and new.user_id <> old.user_id then
                    raise exception 'A membership stays with its user.'
                        using errcode = 'PT403';
                end if;
                if (tg_op = 'INSERT' or new.role <> old.role)
                    and (new.role = 'ai_agent') <> app.is_agent(new.user_id) then
                    raise exception 'The role ai_agent is for users of kind agent, and they have no other.'
                        using errcode = '23514';
                end if;
                new.suspended_at := case when new.status = 'suspended' then coalesce(new.suspended_at, now()) end;
                new.removed_at := case when new.status = 'removed' then coalesce(new.removed_at, now()) end;
            end if;

            if current_user = 'gardenos_tenancy_writer' or (tg_op = 'INSERT' and tg_when = 'BEFORE') then
                return new;
            end if;
            if tg_op = 'INSERT' and new.role <> 'ai_agent' then
                raise exception 'People become members by invitation only.'
                    using errcode = '42501',
                    hint = 'Use app.invite; the first owner is made by app.create_agency.';
            end if;
            if current_user in ('service_role', 'gardenos_owner', 'gardenos_merger') then
                return new;
            end if;

            if app.outranks_me(new.role) then
                raise exception 'Your role does not allow you to give the role %.', new.role
                    using errcode = '42501';
            end if;
            if tg_op = 'INSERT' then
                return new;
            end if;
            if app.outranks_me(old.role) then
                raise exception 'Your role does not allow you to touch the membership of a(n) %.', old.role
                    using errcode = '42501';
            end if;
            if old.id = app.membership_id()
                and (new.role, new.record_scope, new.capabilities, new.status)
                is distinct from (old.role, old.record_scope, old.capabilities, old.status) then
                raise exception 'Nobody changes their own role, scope, capabilities or status.'
                    using errcode = '42501',
                    hint = 'Ask another owner or admin; to leave, call app.leave_agency().';
            end if;
            return new;
        end;
        $function$;
        """
    )
    execute(
        r"""
        drop function app.guard_erasure();
        """
    )
    execute(
        r"""
        CREATE OR REPLACE FUNCTION app.guard_api_key()
         RETURNS trigger
         LANGUAGE plpgsql
         SET search_path TO 'pg_catalog', 'pg_temp'
        AS $function$
        declare
            actor_role app.agency_role;
        begin
            if new.acts_as_id <> old.acts_as_id then
                raise exception 'An API key acts as the same membership for life.'
                    using errcode = 'PT403';
            end if;
            if current_user in ('service_role', 'gardenos_owner', 'gardenos_tenancy_writer') then
                return new;
            end if;
            select m.role
              into actor_role
              from tenancy.memberships as m
             where m.agency_id = old.agency_id
               and m.id = old.acts_as_id;
            if app.outranks_me(actor_role) then
                raise exception 'Your role does not allow you to touch the API key of a(n) %.', actor_role
                    using errcode = '42501';
            end if;
            if (app.proof()).api_key_id is not null and new.revoked_at is null then
                raise exception 'An API key changes no API key, except to revoke it.'
                    using errcode = '42501';
            end if;
            if old.acts_as_id <> app.membership_id() and actor_role <> 'ai_agent'
                and (new.scopes, new.expires_at) is distinct from (old.scopes, old.expires_at) then
                raise exception 'Only its maker changes what an API key may do; you may revoke it.'
                    using errcode = '42501';
            end if;
            if old.revoked_at is not null and new.revoked_at is distinct from old.revoked_at then
                raise exception 'A revoked API key stays revoked; make a new one.'
                    using errcode = '42501';
            end if;
            return new;
        end;
        $function$;
        """
    )
    execute(
        r"""
        drop function app.furnish_agency(agency uuid);
        """
    )
    execute(
        r"""
        drop function app.forget_path();
        """
    )
    execute(
        r"""
        drop function app.find_mentions(agency uuid, pattern text, loose text);
        """
    )
    execute(
        r"""
        set local role gardenos_eraser;

        drop function app.execute_erasure(request uuid);

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        drop function app.erasure_ledger();
        """
    )
    execute(
        r"""
        drop function app.erase_member(agency uuid, member uuid);
        """
    )
    execute(
        r"""
        drop function app.erase_logins(logins uuid[]);
        """
    )
    execute(
        r"""
        drop function app.erase_contact(agency uuid, contact uuid, request uuid);
        """
    )
    execute(
        r"""
        drop function app.due_rows(entity text);
        """
    )
    execute(
        r"""
        set local role gardenos_tenancy_writer;

        CREATE OR REPLACE FUNCTION app.create_agency(name text, slug text, owner_user_id uuid, owner_display_name text DEFAULT NULL::text)
         RETURNS uuid
         LANGUAGE plpgsql
         SECURITY DEFINER
         SET search_path TO 'pg_catalog', 'pg_temp'
        AS $function$
        declare
            new_agency_id uuid := app.uuid_v7();
            owner_name app.label;
        begin
            select coalesce(create_agency.owner_display_name, u.full_name::text, split_part(u.email::text, '@', 1))
              into owner_name
              from tenancy.users as u
             where u.id = create_agency.owner_user_id
               and u.kind = 'person'
               and u.status = 'active';
            if not found then
                raise exception 'No agency was created: owner_user_id % is not an active person.',
                    coalesce(create_agency.owner_user_id::text, 'null')
                    using errcode = '22023',
                    hint = 'Insert the person into tenancy.users first.';
            end if;
            insert into tenancy.agencies (id, name, slug)
            values (new_agency_id, create_agency.name, create_agency.slug);
            insert into tenancy.memberships (agency_id, user_id, role, record_scope, display_name)
            values (new_agency_id, create_agency.owner_user_id, 'owner', 'all', owner_name);
            return new_agency_id;
        end;
        $function$;

        comment on function app.create_agency(name text, slug text, owner_user_id uuid, owner_display_name text) is
        'Creates an agency and its first owner; answers the id of the agency.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        drop function app.count_due(entity text, keep interval);
        """
    )
    execute(
        r"""
        set local role gardenos_eraser;

        drop function app.confirm_erasure_hits(request uuid, hits jsonb);

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        drop function app.check_retention();
        """
    )
    execute(
        r"""
        set local role gardenos_eraser;

        drop function app.approve_erasure(request uuid);

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        revoke execute on function app.agency_id() from gardenos_eraser cascade;
        """
    )
    execute(
        r"""
        drop function app.address_pattern(addresses text[], phones text[], loose boolean);
        """
    )
