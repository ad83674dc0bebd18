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
