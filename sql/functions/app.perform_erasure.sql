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

    replaced := replaced || app.scrub_agents(agency, pattern, loose);

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
