-- Writes lines of an import as contacts, with the rights of whoever calls, in one savepoint: all of them,
-- or none, and then the answer is null and the caller tries fewer. One line alone answers with its error.
-- Only what another line would meet too (a deadlock, a node that goes down) is raised.
--
-- Known is who has one of the e-mail addresses or numbers, among live contacts that the caller sees. A
-- known address of a contact that the caller does not see fails with 23505, as it does when typed in; a bound
-- import asks for those beforehand (app.refused_addresses), so that they do not fail with the others.
-- "update" changes the fields that the line fills and adds the addresses that are new; a line that
-- changes nothing is skipped. "create" asks nobody, so a line whose address is taken fails.
--
-- The lines share no key: the caller cuts them so. Addresses are asked for in one array, by index: a plan
-- that joins lines to contact_points would read them all as long as there are no statistics of a new
-- agency.
create or replace function app.import_contacts(dedupe app.dedupe, lines jsonb)
returns jsonb
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    agency uuid := app.agency_id();
    norms text[];
    domains text[];
    known jsonb;
    refused jsonb := '{}';
    companies jsonb;
    line jsonb;
    people uuid[];
    points jsonb;
    refusal jsonb;
    employer uuid;
    person crm.contacts;
    version integer;
    before jsonb;
    added uuid[];
    linked uuid;
    kinds app.point_kind[] := '{email,phone}';
    one app.point_kind;
    created jsonb := '[]';
    results jsonb := '[]';
    field text;
    code text;
    reason text;
    named text;
begin
    norms := array(select p ->> 'norm' from jsonb_path_query(lines, '$[*].points[*]') as p);
    domains := array(select d #>> '{}' from jsonb_path_query(lines, '$[*].links.company_domain') as d);
    known := (
        select coalesce(jsonb_object_agg(p.kind || ':' || p.value_norm, p.contact_id), '{}')
          from crm.contact_points as p
         where p.agency_id = agency
           and p.value_norm = any(norms)
           and p.deleted_at is null
           and not p.is_shared
    );
    if session_user = 'gardenos_worker' then
        refused := app.refused_addresses(norms);
    end if;
    companies := (
        select coalesce(jsonb_object_agg(c.domain, c.id), '{}')
          from crm.companies as c
         where c.agency_id = agency
           and c.domain = any(domains)
           and c.deleted_at is null
    );
    for line in select jsonb_array_elements(lines) loop
        employer := companies ->> (line #>> '{links,company_domain}');
        if employer is null and line #> '{links,company_domain}' is not null then
            results := results || app.import_failure(
                line, '23503', 'company_domain', 'You see no company with this domain: import companies first.'
            );
            continue;
        end if;
        line := line || jsonb_build_object('company_id', employer);
        people := case when dedupe = 'create' then '{}' else array(
            select distinct (known ->> k.key)::uuid
              from jsonb_array_elements_text(line -> 'keys') as k (key)
             where known ? k.key
        ) end;
        if cardinality(people) > 1 then
            results := results || app.import_failure(
                line, '23505', 'email', 'The e-mail addresses and numbers belong to several contacts: merge them.'
            );
            continue;
        elsif cardinality(people) = 1 and dedupe = 'skip' then
            results := results || jsonb_build_object('no', line -> 'no', 'status', 'skipped', 'id', people[1]);
            continue;
        end if;
        points := (
            select coalesce(jsonb_agg(p), '[]')
              from jsonb_array_elements(line -> 'points') as p
             where cardinality(people) = 0
                or not known ? concat(p ->> 'kind', ':', p ->> 'norm')
        );
        refusal := (
            select jsonb_build_object('kind', p -> 'kind', 'code', refused -> key.word)
              from jsonb_array_elements(points) as p
             cross join lateral concat(p ->> 'kind', ':', p ->> 'norm') as key (word)
             where refused ? key.word
             order by p ->> 'kind'
             limit 1
        );
        if refusal is not null then
            results := results || app.import_failure(
                line, refusal ->> 'code', refusal ->> 'kind', case refusal ->> 'code'
                    when '23505' then concat(
                        'Another contact has this ', refusal ->> 'kind', ', perhaps one that you do not see.'
                    )
                    else concat(
                        'This ', refusal ->> 'kind', ' was erased at the wish of its owner, and is only added by a person.'
                    )
                end
            );
            continue;
        elsif cardinality(people) = 0 then
            created := created || line;
            continue;
        end if;

        field := 'row';
        select *
          into person
          from crm.contacts as r
         where r.agency_id = agency
           and r.id = people[1]
           and r.deleted_at is null
           for update;
        if not found then
            results := results || app.import_failure(
                line, '42501', 'row', 'You may not change the contact who has this address.'
            );
            continue;
        end if;
        if line #> '{fields,custom}' is not null then
            line := jsonb_set(line, '{fields,custom}', person.custom || (line #> '{fields,custom}'));
        end if;
        before := (
            select jsonb_object_agg(f.key, to_jsonb(person) -> f.key)
              from jsonb_each(line -> 'fields') as f
             where f.value is distinct from to_jsonb(person) -> f.key
        );
        version := person.row_version;
        if before is not null then
            update crm.contacts as r
               set (
                   full_name, first_name, last_name, job_title, lifecycle_id, source_id, locale, timezone, owner_id,
                   team_id, do_not_contact, custom
               ) = (
                   select
                       p.full_name, p.first_name, p.last_name, p.job_title, p.lifecycle_id, p.source_id, p.locale,
                       p.timezone, p.owner_id, p.team_id, p.do_not_contact, p.custom
                     from jsonb_populate_record(r, line -> 'fields') as p
               )
             where r.agency_id = agency
               and r.id = person.id
            returning r.row_version into version;
        end if;
        added := '{}';
        foreach one in array kinds loop
            continue when not points @> jsonb_build_array(jsonb_build_object('kind', one));
            field := one;
            with new_points as (
                insert into crm.contact_points (agency_id, contact_id, kind, value, e164, is_primary)
                select agency, person.id, p.kind, p.value, p.e164, p.is_primary and not exists (
                    select 1
                      from crm.contact_points as o
                     where o.agency_id = agency
                       and o.contact_id = person.id
                       and o.kind = p.kind
                       and o.is_primary
                       and o.deleted_at is null
                )
                  from jsonb_to_recordset(points) as p (
                      kind app.point_kind, value text, e164 text, is_primary boolean
                  )
                 where p.kind = one
                returning id
            )
            select added || coalesce(array_agg(n.id), '{}')
              into added
              from new_points as n;
        end loop;
        field := 'company_domain';
        linked := null;
        if employer is not null and not exists (
            select 1
              from crm.contact_companies as l
             where l.agency_id = agency
               and l.contact_id = person.id
               and l.company_id = employer
               and l.ended_on is null
        ) then
            insert into crm.contact_companies (agency_id, contact_id, company_id, role_title, is_primary)
            values (
                agency, person.id, employer, line #>> '{links,role_title}', not exists (
                    select 1
                      from crm.contact_companies as l
                     where l.agency_id = agency
                       and l.contact_id = person.id
                       and l.is_primary
                       and l.ended_on is null
                )
            )
            returning id into linked;
        end if;
        if before is null and added = '{}' and linked is null then
            results := results || jsonb_build_object('no', line -> 'no', 'status', 'skipped', 'id', person.id);
            continue;
        end if;
        results := results || jsonb_build_object(
            'no', line -> 'no',
            'status', 'updated',
            'id', person.id,
            'version', version,
            'before', jsonb_build_object('fields', coalesce(before, '{}'), 'points', added, 'link', linked)
        );
    end loop;

    if created <> '[]' then
        field := 'row';
        insert into crm.contacts (
            agency_id, id, full_name, first_name, last_name, job_title, lifecycle_id, source_id, locale, timezone,
            owner_id, team_id, do_not_contact, custom
        )
        select
            agency, l.id, l.name, f.first_name, f.last_name, f.job_title, f.lifecycle_id, f.source_id, f.locale,
            f.timezone, f.owner_id, f.team_id, coalesce(f.do_not_contact, false), coalesce(f.custom, '{}')
          from jsonb_to_recordset(created) as l (id uuid, name text, fields jsonb)
         cross join lateral jsonb_populate_record(null::crm.contacts, l.fields) as f;
        foreach one in array kinds loop
            field := one;
            insert into crm.contact_points (agency_id, contact_id, kind, value, e164, is_primary)
            select agency, l.id, p.kind, p.value, p.e164, p.is_primary
              from jsonb_to_recordset(created) as l (id uuid, points jsonb)
             cross join lateral jsonb_to_recordset(l.points) as p (
                 kind app.point_kind, value text, e164 text, is_primary boolean
             )
             where p.kind = one;
        end loop;
        field := 'company_domain';
        insert into crm.contact_companies (agency_id, contact_id, company_id, role_title, is_primary)
        select agency, l.id, l.company_id, l.links ->> 'role_title', true
          from jsonb_to_recordset(created) as l (id uuid, company_id uuid, links jsonb)
         where l.company_id is not null;
        results := results || (
            select jsonb_agg(jsonb_build_object('no', l -> 'no', 'status', 'created', 'id', l -> 'id', 'version', 1))
              from jsonb_array_elements(created) as l
        );
    end if;
    return results;
exception
    when data_exception
        or integrity_constraint_violation
        or insufficient_privilege
        or program_limit_exceeded
        or sqlstate 'PT403'
        or sqlstate 'PT409' then
        if jsonb_array_length(lines) > 1 then
            return null;
        end if;
        get stacked diagnostics code = returned_sqlstate, reason = message_text, named = column_name;
        if field = 'row' then
            field := named;
        end if;
        return jsonb_build_array(app.import_failure(lines -> 0, code, field, reason));
end;
$function$;

revoke all on function app.import_contacts(app.dedupe, jsonb) from public;
grant execute on function app.import_contacts(app.dedupe, jsonb) to
    authenticated;

comment on function app.import_contacts(app.dedupe, jsonb) is
'Writes lines of an import as contacts, all or none; null when one of several failed.';
