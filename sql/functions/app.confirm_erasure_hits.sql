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
