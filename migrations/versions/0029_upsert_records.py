"""Write records by their natural keys

Reason:    an address, a domain or a number is unique among live rows only, and such an index
           cannot be named by a client that upserts.
Locks:     none on tables.
Duration:  milliseconds.
Way back:  drops the functions.
"""

from migrations.runner.execute import execute

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        -- An upsert takes a record as JSON. A key that it does not know is a mistake of the client, and silence would
        -- lose what was sent; so is the lack of a natural key.
        create or replace function app.check_keys(record_table text, data jsonb, known text[], required text[])
        returns void
        language plpgsql
        immutable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            named text;
        begin
            if jsonb_typeof(data) is distinct from 'object' then
                raise exception 'A row of % is sent as an object of its columns.', record_table
                    using errcode = '22023';
            end if;
            select k.key
              into named
              from jsonb_object_keys(data) as k (key)
             where k.key <> all(known)
             order by 1
             limit 1;
            if named is not null then
                raise exception '"%" is not written by an upsert of %.', named, record_table
                    using errcode = '22023',
                    hint = 'It takes ' || array_to_string(known, ', ') || '.';
            end if;
            select r.key
              into named
              from unnest(required) as r (key)
             where data ->> r.key is null
             limit 1;
            if named is not null then
                raise exception 'An upsert of % finds the row by %, and that is missing.', record_table, named
                    using errcode = '22023';
            end if;
        end;
        $function$;

        revoke all on function app.check_keys(text, jsonb, text[], text[]) from public;
        grant execute on function app.check_keys(text, jsonb, text[], text[]) to
            authenticated,
            service_role;

        comment on function app.check_keys(text, jsonb, text[], text[]) is
        'Refuses an upsert with an unknown key, or without what it finds the row by: 22023.';
        """
    )
    execute(
        r"""
        -- The normalised form of an address, as crm.contact_points.value_norm has it: for looking one up before it is
        -- written.
        create or replace function app.normal_point(kind app.point_kind, value text, e164 text default null)
        returns text
        language plpgsql
        immutable
        parallel safe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            return case kind
                when 'phone' then coalesce(e164, regexp_replace(value, '[^0-9+]', '', 'g'))
                else lower(btrim(value))
            end;
        end;
        $function$;

        revoke all on function app.normal_point(app.point_kind, text, text) from public;
        grant execute on function app.normal_point(app.point_kind, text, text) to
            authenticated,
            service_role;

        comment on function app.normal_point(app.point_kind, text, text) is
        'The normalised form of an address, as crm.contact_points.value_norm has it.';
        """
    )
    execute(
        r"""
        -- Puts a tag on a contact, a company or a deal; once there it stays as it is, however often it is put. Name
        -- one of the three.
        create or replace function app.tag_record(
            tag_id uuid,
            contact_id uuid default null,
            company_id uuid default null,
            deal_id uuid default null,
            agency_id uuid default app.agency_id()
        )
        returns uuid
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            found uuid;
        begin
            if num_nonnulls(tag_record.contact_id, tag_record.company_id, tag_record.deal_id) <> 1 then
                raise exception 'A tag is put on one record: a contact, a company or a deal.'
                    using errcode = '22023';
            end if;
            insert into crm.record_tags as r (agency_id, tag_id, contact_id, company_id, deal_id)
            values (
                tag_record.agency_id,
                tag_record.tag_id,
                tag_record.contact_id,
                tag_record.company_id,
                tag_record.deal_id
            )
            on conflict do nothing
            returning r.id into found;
            if found is null then
                select r.id into found
                  from crm.record_tags as r
                 where r.agency_id = tag_record.agency_id
                   and r.tag_id = tag_record.tag_id
                   and (
                       r.contact_id = tag_record.contact_id
                       or r.company_id = tag_record.company_id
                       or r.deal_id = tag_record.deal_id
                   );
            end if;
            return found;
        end;
        $function$;

        revoke all on function app.tag_record(uuid, uuid, uuid, uuid, uuid) from public;
        grant execute on function app.tag_record(uuid, uuid, uuid, uuid, uuid) to
            authenticated,
            service_role;

        comment on function app.tag_record(uuid, uuid, uuid, uuid, uuid) is
        'Puts a tag on one record, if it has it not already; answers the id of the link.';
        """
    )
    execute(
        r"""
        -- As app.upsert_company, by owner, calendar, UID and occurrence. The owner is the caller unless another one
        -- is named.
        create or replace function app.upsert_calendar_event(data jsonb)
        returns uuid
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            sent crm.calendar_events := jsonb_populate_record(null::crm.calendar_events, data);
            found uuid;
        begin
            perform app.check_keys(
                'crm.calendar_events',
                data,
                array[
                    'agency_id', 'id', 'title', 'description', 'location', 'starts_at', 'ends_at', 'all_day',
                    'timezone', 'calendar_key', 'external_uid', 'recurrence_id', 'recurrence_rule', 'owner_id',
                    'team_id', 'company_id', 'deal_id', 'visibility', 'row_version'
                ],
                array['external_uid']
            );
            insert into crm.calendar_events as r (
                agency_id, id, title, description, location, starts_at, ends_at, all_day, timezone, calendar_key,
                external_uid, recurrence_id, recurrence_rule, owner_id, team_id, company_id, deal_id, visibility
            )
            values (
                coalesce(sent.agency_id, app.agency_id()),
                coalesce(sent.id, app.uuid_v7()),
                sent.title,
                sent.description,
                sent.location,
                sent.starts_at,
                sent.ends_at,
                coalesce(sent.all_day, false),
                sent.timezone,
                coalesce(sent.calendar_key, 'default'),
                sent.external_uid,
                coalesce(sent.recurrence_id, '-'),
                sent.recurrence_rule,
                coalesce(sent.owner_id, app.membership_id()),
                sent.team_id,
                sent.company_id,
                sent.deal_id,
                coalesce(sent.visibility, 'agency')
            )
            on conflict (agency_id, owner_id, calendar_key, external_uid, recurrence_id) where deleted_at is null do update
               set (
                   title, description, location, starts_at, ends_at, all_day, timezone, calendar_key, external_uid,
                   recurrence_id, recurrence_rule, owner_id, team_id, company_id, deal_id, visibility, row_version
               ) = (
                   select
                       p.title, p.description, p.location, p.starts_at, p.ends_at, p.all_day, p.timezone,
                       p.calendar_key, p.external_uid, p.recurrence_id, p.recurrence_rule, p.owner_id, p.team_id,
                       p.company_id, p.deal_id, p.visibility, p.row_version
                     from jsonb_populate_record(r, data) as p
               )
            returning r.id into found;
            return found;
        end;
        $function$;

        revoke all on function app.upsert_calendar_event(jsonb) from public;
        grant execute on function app.upsert_calendar_event(jsonb) to
            authenticated,
            service_role;

        comment on function app.upsert_calendar_event(jsonb) is
        'Adds the event with this UID, or changes the live one; answers its id.';
        """
    )
    execute(
        r"""
        -- A company by its domain, as a webhook or a form sends it: added, or, when a live one has the domain,
        -- changed in the columns that were sent and no others. PostgREST cannot name a partial index (42P10), so this
        -- does. What a new row must have is sent each time, because PostgreSQL asks for it before it looks for the
        -- other row. With row_version the change is refused when somebody was faster. SECURITY INVOKER: whoever may
        -- add and change companies may do it so, and one that the caller may not change is refused with 42501.
        create or replace function app.upsert_company(data jsonb)
        returns uuid
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            sent crm.companies := jsonb_populate_record(null::crm.companies, data);
            found uuid;
        begin
            perform app.check_keys(
                'crm.companies',
                data,
                array[
                    'agency_id', 'id', 'name', 'domain', 'industry_id', 'employees', 'annual_revenue', 'currency',
                    'street', 'city', 'region', 'postal_code', 'country', 'owner_id', 'team_id', 'custom',
                    'row_version'
                ],
                array['domain']
            );
            insert into crm.companies as r (
                agency_id, id, name, domain, industry_id, employees, annual_revenue, currency, street, city, region,
                postal_code, country, owner_id, team_id, custom
            )
            values (
                coalesce(sent.agency_id, app.agency_id()),
                coalesce(sent.id, app.uuid_v7()),
                sent.name,
                sent.domain,
                sent.industry_id,
                sent.employees,
                sent.annual_revenue,
                sent.currency,
                sent.street,
                sent.city,
                sent.region,
                sent.postal_code,
                sent.country,
                sent.owner_id,
                sent.team_id,
                coalesce(sent.custom, '{}')
            )
            on conflict (agency_id, domain) where deleted_at is null do update
               set (
                   name, domain, industry_id, employees, annual_revenue, currency, street, city, region, postal_code,
                   country, owner_id, team_id, custom, row_version
               ) = (
                   select
                       p.name, p.domain, p.industry_id, p.employees, p.annual_revenue, p.currency, p.street, p.city,
                       p.region, p.postal_code, p.country, p.owner_id, p.team_id, p.custom, p.row_version
                     from jsonb_populate_record(r, data) as p
               )
            returning r.id into found;
            return found;
        end;
        $function$;

        revoke all on function app.upsert_company(jsonb) from public;
        grant execute on function app.upsert_company(jsonb) to
            authenticated,
            service_role;

        comment on function app.upsert_company(jsonb) is
        'Adds the company with this domain, or changes the live one; answers its id.';
        """
    )
    execute(
        r"""
        -- As app.upsert_company, for a person by e-mail or phone: besides the columns of a contact, "email" and
        -- "phone". A live contact that has one of them is changed and gets the other; otherwise a new one gets both.
        -- An address that is shared names nobody. When the two belong to two people it fails with 23505 and names
        -- them, so that an interface can offer to merge.
        --
        -- Two that come at the same moment find nobody, and the second meets the address of the first: it then looks
        -- again. Where the address belongs to somebody whom the caller does not see, that look finds nobody either.
        create or replace function app.upsert_contact(data jsonb)
        returns uuid
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            own jsonb := data - '{email,phone}'::text[];
            sent crm.contacts := jsonb_populate_record(null::crm.contacts, own);
            agency uuid := coalesce(sent.agency_id, app.agency_id());
            points jsonb := jsonb_build_array(
                jsonb_build_object('kind', 'email', 'value', data ->> 'email'),
                jsonb_build_object('kind', 'phone', 'value', data ->> 'phone')
            );
            people uuid[];
            person uuid;
            point record;
            is_last boolean := false;
        begin
            perform app.check_keys(
                'crm.contacts',
                data,
                array[
                    'agency_id', 'id', 'full_name', 'first_name', 'last_name', 'job_title', 'lifecycle_id', 'source_id',
                    'locale', 'timezone', 'owner_id', 'team_id', 'do_not_contact', 'custom', 'row_version', 'email',
                    'phone'
                ],
                '{}'
            );
            if data ->> 'email' is null and data ->> 'phone' is null then
                raise exception 'An upsert of crm.contacts finds the person by email or phone, and both are missing.'
                    using errcode = '22023';
            end if;
            loop
                people := array(
                    select distinct p.contact_id
                      from jsonb_to_recordset(points) as s (kind app.point_kind, value text)
                      join crm.contact_points as p
                        on p.agency_id = agency
                       and p.value_norm = app.normal_point(s.kind, s.value)
                       and p.kind = s.kind
                       and p.deleted_at is null
                       and not p.is_shared
                );
                if cardinality(people) > 1 then
                    raise exception 'The e-mail address and the number belong to two contacts.'
                        using errcode = '23505',
                        detail = jsonb_build_object('live_ids', people)::text,
                        hint = 'Merge the two, or send one of both.';
                end if;
                begin
                    person := people[1];
                    if person is null then
                        insert into crm.contacts as r (
                            agency_id, id, full_name, first_name, last_name, job_title, lifecycle_id, source_id, locale,
                            timezone, owner_id, team_id, do_not_contact, custom
                        )
                        values (
                            agency,
                            coalesce(sent.id, app.uuid_v7()),
                            sent.full_name,
                            sent.first_name,
                            sent.last_name,
                            sent.job_title,
                            sent.lifecycle_id,
                            sent.source_id,
                            sent.locale,
                            sent.timezone,
                            sent.owner_id,
                            sent.team_id,
                            coalesce(sent.do_not_contact, false),
                            coalesce(sent.custom, '{}')
                        )
                        returning r.id into person;
                    else
                        update crm.contacts as r
                           set (
                               full_name, first_name, last_name, job_title, lifecycle_id, source_id, locale, timezone,
                               owner_id, team_id, do_not_contact, custom, row_version
                           ) = (
                               select
                                   p.full_name, p.first_name, p.last_name, p.job_title, p.lifecycle_id, p.source_id,
                                   p.locale, p.timezone, p.owner_id, p.team_id, p.do_not_contact, p.custom, p.row_version
                                 from jsonb_populate_record(r, own) as p
                           )
                         where r.agency_id = agency
                           and r.id = person;
                        if not found then
                            raise exception 'You may not change the contact who has this address.'
                                using errcode = '42501';
                        end if;
                    end if;
                    for point in
                        select s.kind, s.value
                          from jsonb_to_recordset(points) as s (kind app.point_kind, value text)
                         where s.value is not null
                           and not exists (
                               select 1
                                 from crm.contact_points as p
                                where p.agency_id = agency
                                  and p.contact_id = person
                                  and p.kind = s.kind
                                  and p.value_norm = app.normal_point(s.kind, s.value)
                                  and p.deleted_at is null
                           )
                    loop
                        insert into crm.contact_points (agency_id, contact_id, kind, value, is_primary)
                        values (
                            agency,
                            person,
                            point.kind,
                            point.value,
                            not exists (
                                select 1
                                  from crm.contact_points as p
                                 where p.agency_id = agency
                                   and p.contact_id = person
                                   and p.kind = point.kind
                                   and p.is_primary
                                   and p.deleted_at is null
                            )
                        );
                    end loop;
                    return person;
                exception
                    when unique_violation then
                        if is_last then
                            raise;
                        end if;
                        is_last := true;
                end;
            end loop;
        end;
        $function$;

        revoke all on function app.upsert_contact(jsonb) from public;
        grant execute on function app.upsert_contact(jsonb) to
            authenticated,
            service_role;

        comment on function app.upsert_contact(jsonb) is
        'Adds the person with this email or phone, or changes the live one; answers the id of the contact.';
        """
    )
    execute(
        r"""
        -- As app.upsert_company, for an employment by contact and company, as long as it has not ended. With ended_on
        -- it ends the one that there is; when there is none, an employment that is over is added.
        create or replace function app.upsert_contact_company(data jsonb)
        returns uuid
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            sent crm.contact_companies := jsonb_populate_record(null::crm.contact_companies, data);
            agency uuid := coalesce(sent.agency_id, app.agency_id());
            changed uuid;
        begin
            perform app.check_keys(
                'crm.contact_companies',
                data,
                array[
                    'agency_id', 'id', 'contact_id', 'company_id', 'role_title', 'is_primary', 'started_on', 'ended_on',
                    'row_version'
                ],
                array['contact_id', 'company_id']
            );
            if sent.ended_on is not null then
                update crm.contact_companies as r
                   set (role_title, is_primary, started_on, ended_on, row_version) = (
                       select p.role_title, p.is_primary, p.started_on, p.ended_on, p.row_version
                         from jsonb_populate_record(r, data) as p
                   )
                 where r.agency_id = agency
                   and r.contact_id = sent.contact_id
                   and r.company_id = sent.company_id
                   and r.ended_on is null
                returning r.id into changed;
                if changed is not null then
                    return changed;
                end if;
            end if;
            insert into crm.contact_companies as r (
                agency_id, id, contact_id, company_id, role_title, is_primary, started_on, ended_on
            )
            values (
                agency,
                coalesce(sent.id, app.uuid_v7()),
                sent.contact_id,
                sent.company_id,
                sent.role_title,
                coalesce(sent.is_primary, false),
                sent.started_on,
                sent.ended_on
            )
            on conflict (agency_id, contact_id, company_id) where ended_on is null do update
               set (role_title, is_primary, started_on, row_version) = (
                   select p.role_title, p.is_primary, p.started_on, p.row_version
                     from jsonb_populate_record(r, data) as p
               )
            returning r.id into changed;
            return changed;
        end;
        $function$;

        revoke all on function app.upsert_contact_company(jsonb) from public;
        grant execute on function app.upsert_contact_company(jsonb) to
            authenticated,
            service_role;

        comment on function app.upsert_contact_company(jsonb) is
        'Adds the employment of a person at a company, or changes the one that has not ended; answers its id.';
        """
    )
    execute(
        r"""
        -- As app.upsert_company, for an address of a person by kind and normalised value. One that belongs to
        -- somebody else is not taken away: 23505, with the contact who has it. A shared one, which several people may
        -- have, is found among those of this person.
        create or replace function app.upsert_contact_point(data jsonb)
        returns uuid
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            sent crm.contact_points := jsonb_populate_record(null::crm.contact_points, data);
            agency uuid := coalesce(sent.agency_id, app.agency_id());
            norm text := app.normal_point(sent.kind, sent.value, sent.e164);
            changed uuid;
        begin
            perform app.check_keys(
                'crm.contact_points',
                data,
                array[
                    'agency_id', 'id', 'contact_id', 'kind', 'label', 'value', 'e164', 'is_primary', 'is_shared',
                    'verified_at', 'bounced_at', 'row_version'
                ],
                array['contact_id', 'kind', 'value']
            );
            select p.id into changed
              from crm.contact_points as p
             where p.agency_id = agency
               and p.contact_id = sent.contact_id
               and p.value_norm = norm
               and p.kind = sent.kind
               and p.deleted_at is null
             order by p.id
             limit 1;
            if changed is null then
                insert into crm.contact_points as r (
                    agency_id, id, contact_id, kind, label, value, e164, is_primary, is_shared, verified_at, bounced_at
                )
                values (
                    agency,
                    coalesce(sent.id, app.uuid_v7()),
                    sent.contact_id,
                    sent.kind,
                    sent.label,
                    sent.value,
                    sent.e164,
                    coalesce(sent.is_primary, false),
                    coalesce(sent.is_shared, false),
                    sent.verified_at,
                    sent.bounced_at
                )
                on conflict (agency_id, kind, value_norm) where deleted_at is null and not is_shared do nothing
                returning r.id into changed;
                if changed is not null then
                    return changed;
                end if;
                -- taken: by somebody else, or by this person a moment ago
                select p.id into changed
                  from crm.contact_points as p
                 where p.agency_id = agency
                   and p.contact_id = sent.contact_id
                   and p.value_norm = norm
                   and p.kind = sent.kind
                   and p.deleted_at is null;
            end if;
            if changed is null then
                raise exception 'This address belongs to another contact.'
                    using errcode = '23505',
                    constraint = 'contact_points_value_norm_key',
                    detail = jsonb_build_object(
                        'live_id',
                        (
                            select p.contact_id
                              from crm.contact_points as p
                             where p.agency_id = agency
                               and p.value_norm = norm
                               and p.kind = sent.kind
                               and p.deleted_at is null
                               and not p.is_shared
                        )
                    )::text,
                    hint = 'Merge the two, or say that the address is shared.';
            end if;
            update crm.contact_points as r
               set (label, value, e164, is_primary, is_shared, verified_at, bounced_at, row_version) = (
                   select
                       p.label, p.value, p.e164, p.is_primary, p.is_shared, p.verified_at, p.bounced_at, p.row_version
                     from jsonb_populate_record(r, data) as p
               )
             where r.agency_id = agency
               and r.id = changed;
            if not found then
                raise exception 'You may not change this address.'
                    using errcode = '42501';
            end if;
            return changed;
        end;
        $function$;

        revoke all on function app.upsert_contact_point(jsonb) from public;
        grant execute on function app.upsert_contact_point(jsonb) to
            authenticated,
            service_role;

        comment on function app.upsert_contact_point(jsonb) is
        'Adds this address of a person, or changes the live one; answers its id.';
        """
    )
    execute(
        r"""
        -- As app.upsert_company, by channel and the id of the thread at the provider. The id is ours.
        create or replace function app.upsert_conversation(data jsonb)
        returns uuid
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            sent crm.conversations := jsonb_populate_record(null::crm.conversations, data);
            found uuid;
        begin
            perform app.check_keys(
                'crm.conversations',
                data,
                array[
                    'agency_id', 'channel', 'subject', 'status', 'contact_id', 'deal_id', 'owner_id', 'assignee_id',
                    'team_id', 'visibility', 'external_thread_id', 'snoozed_until', 'row_version'
                ],
                array['channel', 'external_thread_id']
            );
            insert into crm.conversations as r (
                agency_id, channel, subject, status, contact_id, deal_id, owner_id, assignee_id, team_id,
                visibility, external_thread_id, snoozed_until
            )
            values (
                coalesce(sent.agency_id, app.agency_id()),
                sent.channel,
                sent.subject,
                coalesce(sent.status, 'open'),
                sent.contact_id,
                sent.deal_id,
                sent.owner_id,
                sent.assignee_id,
                sent.team_id,
                coalesce(sent.visibility, 'team'),
                sent.external_thread_id,
                sent.snoozed_until
            )
            on conflict (agency_id, channel, external_thread_id) where external_thread_id is not null and deleted_at is null do update
               set (
                   channel, subject, status, contact_id, deal_id, owner_id, assignee_id, team_id, visibility,
                   external_thread_id, snoozed_until, row_version
               ) = (
                   select
                       p.channel, p.subject, p.status, p.contact_id, p.deal_id, p.owner_id, p.assignee_id, p.team_id,
                       p.visibility, p.external_thread_id, p.snoozed_until, p.row_version
                     from jsonb_populate_record(r, data) as p
               )
            returning r.id into found;
            return found;
        end;
        $function$;

        revoke all on function app.upsert_conversation(jsonb) from public;
        grant execute on function app.upsert_conversation(jsonb) to
            authenticated,
            service_role;

        comment on function app.upsert_conversation(jsonb) is
        'Adds the conversation with this thread, or changes the live one; answers its id.';
        """
    )
    execute(
        r"""
        -- As app.upsert_company, by conversation and the id of the message at the provider: a webhook that is sent
        -- twice is one message. One that was deleted does not arrive again and stays as it is. For
        -- services: people write drafts, which have no such id.
        create or replace function app.upsert_message(data jsonb)
        returns uuid
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            sent crm.messages := jsonb_populate_record(null::crm.messages, data);
            found uuid;
        begin
            perform app.check_keys(
                'crm.messages',
                data,
                array[
                    'agency_id', 'id', 'conversation_id', 'direction', 'status', 'sender_membership_id',
                    'sender_contact_id', 'sender_label', 'body_text', 'body_html_path', 'sent_at', 'external_id',
                    'in_reply_to', 'error', 'row_version'
                ],
                array['conversation_id', 'external_id']
            );
            insert into crm.messages as r (
                agency_id, id, conversation_id, direction, status, sender_membership_id, sender_contact_id,
                sender_label, body_text, body_html_path, sent_at, external_id, in_reply_to, error
            )
            values (
                coalesce(sent.agency_id, app.agency_id()),
                coalesce(sent.id, app.uuid_v7()),
                sent.conversation_id,
                sent.direction,
                coalesce(sent.status, 'draft'),
                sent.sender_membership_id,
                sent.sender_contact_id,
                sent.sender_label,
                sent.body_text,
                sent.body_html_path,
                coalesce(sent.sent_at, now()),
                sent.external_id,
                sent.in_reply_to,
                sent.error
            )
            on conflict (agency_id, conversation_id, external_id) where external_id is not null do update
               set (
                   conversation_id, direction, status, sender_membership_id, sender_contact_id, sender_label,
                   body_text, body_html_path, sent_at, external_id, in_reply_to, error, row_version
               ) = (
                   select
                       p.conversation_id, p.direction, p.status, p.sender_membership_id, p.sender_contact_id,
                       p.sender_label, p.body_text, p.body_html_path, p.sent_at, p.external_id, p.in_reply_to, p.error,
                       p.row_version
                     from jsonb_populate_record(r, data) as p
               )
             where r.deleted_at is null
            returning r.id into found;
            if found is null then
                select m.id into found
                  from crm.messages as m
                 where m.agency_id = coalesce(sent.agency_id, app.agency_id())
                   and m.conversation_id = sent.conversation_id
                   and m.external_id = sent.external_id;
            end if;
            return found;
        end;
        $function$;

        revoke all on function app.upsert_message(jsonb) from public;
        grant execute on function app.upsert_message(jsonb) to
            service_role;

        comment on function app.upsert_message(jsonb) is
        'Adds the message with this id of the provider, or changes it; answers its id.';
        """
    )
    execute(
        r"""
        -- As app.upsert_company, by the sku, upper or lower case.
        create or replace function app.upsert_product(data jsonb)
        returns uuid
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            sent crm.products := jsonb_populate_record(null::crm.products, data);
            found uuid;
        begin
            perform app.check_keys(
                'crm.products',
                data,
                array[
                    'agency_id', 'id', 'sku', 'name', 'description', 'unit_price', 'currency', 'tax_rate',
                    'is_active', 'row_version'
                ],
                array['sku']
            );
            insert into crm.products as r (
                agency_id, id, sku, name, description, unit_price, currency, tax_rate, is_active
            )
            values (
                coalesce(sent.agency_id, app.agency_id()),
                coalesce(sent.id, app.uuid_v7()),
                sent.sku,
                sent.name,
                sent.description,
                sent.unit_price,
                sent.currency,
                coalesce(sent.tax_rate, 0),
                coalesce(sent.is_active, true)
            )
            on conflict (agency_id, lower(sku)) where deleted_at is null do update
               set (
                   sku, name, description, unit_price, currency, tax_rate, is_active, row_version
               ) = (
                   select
                       p.sku, p.name, p.description, p.unit_price, p.currency, p.tax_rate, p.is_active, p.row_version
                     from jsonb_populate_record(r, data) as p
               )
            returning r.id into found;
            return found;
        end;
        $function$;

        revoke all on function app.upsert_product(jsonb) from public;
        grant execute on function app.upsert_product(jsonb) to
            authenticated,
            service_role;

        comment on function app.upsert_product(jsonb) is
        'Adds the product with this sku, or changes the live one; answers its id.';
        """
    )
    execute(
        r"""
        -- As app.upsert_company, by owner, entity and name, upper or lower case. The owner is the caller unless
        -- another one is named.
        create or replace function app.upsert_saved_view(data jsonb)
        returns uuid
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            sent crm.saved_views := jsonb_populate_record(null::crm.saved_views, data);
            found uuid;
        begin
            perform app.check_keys(
                'crm.saved_views',
                data,
                array[
                    'agency_id', 'id', 'owner_id', 'team_id', 'visibility', 'entity', 'name', 'filter', 'columns',
                    'row_version'
                ],
                array['entity', 'name']
            );
            insert into crm.saved_views as r (
                agency_id, id, owner_id, team_id, visibility, entity, name, filter, columns
            )
            values (
                coalesce(sent.agency_id, app.agency_id()),
                coalesce(sent.id, app.uuid_v7()),
                coalesce(sent.owner_id, app.membership_id()),
                sent.team_id,
                coalesce(sent.visibility, 'private'),
                sent.entity,
                sent.name,
                coalesce(sent.filter, '{}'),
                coalesce(sent.columns, '[]')
            )
            on conflict (agency_id, owner_id, entity, lower(name)) where deleted_at is null do update
               set (
                   owner_id, team_id, visibility, entity, name, filter, columns, row_version
               ) = (
                   select
                       p.owner_id, p.team_id, p.visibility, p.entity, p.name, p.filter, p.columns, p.row_version
                     from jsonb_populate_record(r, data) as p
               )
            returning r.id into found;
            return found;
        end;
        $function$;

        revoke all on function app.upsert_saved_view(jsonb) from public;
        grant execute on function app.upsert_saved_view(jsonb) to
            authenticated,
            service_role;

        comment on function app.upsert_saved_view(jsonb) is
        'Adds my view with this name, or changes the live one; answers its id.';
        """
    )
    execute(
        r"""
        -- As app.upsert_company, by the name of the tag, upper or lower case.
        create or replace function app.upsert_tag(data jsonb)
        returns uuid
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            sent crm.tags := jsonb_populate_record(null::crm.tags, data);
            found uuid;
        begin
            perform app.check_keys(
                'crm.tags',
                data,
                array[
                    'agency_id', 'id', 'name', 'color', 'row_version'
                ],
                array['name']
            );
            insert into crm.tags as r (
                agency_id, id, name, color
            )
            values (
                coalesce(sent.agency_id, app.agency_id()),
                coalesce(sent.id, app.uuid_v7()),
                sent.name,
                coalesce(sent.color, '#888888')
            )
            on conflict (agency_id, lower(name)) where deleted_at is null do update
               set (
                   name, color, row_version
               ) = (
                   select
                       p.name, p.color, p.row_version
                     from jsonb_populate_record(r, data) as p
               )
            returning r.id into found;
            return found;
        end;
        $function$;

        revoke all on function app.upsert_tag(jsonb) from public;
        grant execute on function app.upsert_tag(jsonb) to
            authenticated,
            service_role;

        comment on function app.upsert_tag(jsonb) is
        'Adds the tag with this name, or changes the live one; answers its id.';
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop function app.upsert_tag(data jsonb);
        """
    )
    execute(
        r"""
        drop function app.upsert_saved_view(data jsonb);
        """
    )
    execute(
        r"""
        drop function app.upsert_product(data jsonb);
        """
    )
    execute(
        r"""
        drop function app.upsert_message(data jsonb);
        """
    )
    execute(
        r"""
        drop function app.upsert_conversation(data jsonb);
        """
    )
    execute(
        r"""
        drop function app.upsert_contact_point(data jsonb);
        """
    )
    execute(
        r"""
        drop function app.upsert_contact_company(data jsonb);
        """
    )
    execute(
        r"""
        drop function app.upsert_contact(data jsonb);
        """
    )
    execute(
        r"""
        drop function app.upsert_company(data jsonb);
        """
    )
    execute(
        r"""
        drop function app.upsert_calendar_event(data jsonb);
        """
    )
    execute(
        r"""
        drop function app.tag_record(tag_id uuid, contact_id uuid, company_id uuid, deal_id uuid, agency_id uuid);
        """
    )
    execute(
        r"""
        drop function app.normal_point(kind app.point_kind, value text, e164 text);
        """
    )
    execute(
        r"""
        drop function app.check_keys(record_table text, data jsonb, known text[], required text[]);
        """
    )
