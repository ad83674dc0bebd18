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
