-- Works through the next n pending lines of an import and answers how many are settled; 0 when none is
-- left or the import does not run (any more). One transaction of a worker for each call: lines and
-- records commit together, so a line is done once or not at all, whoever dies, and the next worker goes
-- on at the first pending one.
--
-- Records are written as the owner of the job (app.bind_import), fifty at a time in one savepoint; what
-- fails is parted into lines that name an owner or a team, which policies judge, and others, and then halved,
-- until the line at fault stands alone and gets its error, as if each had a savepoint of its own. Lines that
-- share a key are not written together: the second one must find what the first one made.
--
-- An owner who was suspended, or may no longer import, stops the job (failed): the lines stay pending,
-- and the first of them says why. What is settled before that stays.
create or replace function app.run_import_batch(job_id uuid, n integer default 500)
returns integer
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    agency uuid := app.agency_id();
    job record;
    line record;
    lines jsonb;
    settings jsonb;
    parsed jsonb;
    code text;
    field text;
    reason text;
    chunk jsonb := '[]';
    chunk_keys text[] := '{}';
    keys text[];
    chunks jsonb[] := '{}';
    pieces jsonb[];
    half integer;
    written jsonb;
    results jsonb := '[]';
    numbers integer[];
    may_go_on boolean := true;
begin
    select j.status, j.entity, j.mapping, j.dedupe
      into job
      from integration.import_jobs as j
     where j.agency_id = agency
       and j.id = job_id
       for no key update;
    if not found then
        raise exception 'There is no import % in this agency.', job_id
            using errcode = 'P0002';
    end if;
    if job.status <> 'running' then
        return 0;
    end if;
    lines := (
        select jsonb_agg(jsonb_build_object('no', r.row_no, 'raw', r.raw) order by r.row_no)
          from (
              select o.row_no, o.raw
                from integration.import_rows as o
               where o.agency_id = agency
                 and o.job_id = run_import_batch.job_id
                 and o.status = 'pending'
               order by o.row_no
               limit n
          ) as r
    );
    if lines is null then
        update integration.import_jobs as j
           set status = 'done'
         where j.agency_id = agency
           and j.id = job_id;
        return 0;
    end if;

    begin
        perform app.bind_import(job_id);
        settings := app.import_settings(job.entity, job.mapping);
    exception
        when insufficient_privilege then
            may_go_on := false;
    end;
    if may_go_on then
        for line in select * from jsonb_to_recordset(lines) as l (no integer, raw jsonb) loop
            begin
                parsed := app.import_fields(settings, line.raw) || jsonb_build_object(
                    'no', line.no, 'id', app.uuid_v7()
                );
            exception
                when data_exception or integrity_constraint_violation then
                    get stacked diagnostics code = returned_sqlstate, field = column_name, reason = message_text;
                    results := results || app.import_failure(jsonb_build_object('no', line.no), code, field, reason);
                    continue;
            end;
            keys := array(select jsonb_array_elements_text(parsed -> 'keys'));
            if keys && chunk_keys or jsonb_array_length(chunk) = 50 then
                chunks := chunks || chunk;
                chunk := '[]';
                chunk_keys := '{}';
            end if;
            chunk := chunk || parsed;
            chunk_keys := chunk_keys || keys;
        end loop;
        if chunk <> '[]' then
            chunks := chunks || chunk;
        end if;
    end if;

    while may_go_on and cardinality(chunks) > 0 loop
        chunk := chunks[1];
        chunks := chunks[2:];
        written := case job.entity
            when 'contact' then app.import_contacts(job.dedupe, chunk)
            when 'company' then app.import_companies(job.dedupe, chunk)
            when 'deal' then app.import_deals(chunk)
        end;
        may_go_on := app.can_import();
        if not may_go_on then
            written := jsonb_path_query_array(coalesce(written, '[]'), '$[*] ? (@.status != "failed")');
        end if;
        if written is null then
            pieces := array[
                jsonb_path_query_array(chunk, '$[*] ? (exists (@.fields.owner_id) || exists (@.fields.team_id))'),
                jsonb_path_query_array(chunk, '$[*] ? (!exists (@.fields.owner_id) && !exists (@.fields.team_id))')
            ];
            if '[]' = any(pieces) then
                half := jsonb_array_length(chunk) / 2;
                pieces := array[
                    jsonb_path_query_array(chunk, '$[0 to $last]', jsonb_build_object('last', half - 1)),
                    jsonb_path_query_array(chunk, '$[$first to last]', jsonb_build_object('first', half))
                ];
            end if;
            chunks := pieces || chunks;
        else
            results := results || written;
        end if;
    end loop;

    perform app.release_import(agency);
    numbers := array(select (x ->> 'no')::integer from jsonb_array_elements(results) as x);
    update integration.import_rows as r
       set status = x.status,
           error_code = x.code,
           error_field = x.field,
           error_message = x.reason,
           contact_id = case when job.entity = 'contact' and x.version is not null then x.id end,
           company_id = case when job.entity = 'company' and x.version is not null then x.id end,
           deal_id = case when job.entity = 'deal' and x.version is not null then x.id end,
           record_version = x.version,
           before = x.before
      from jsonb_to_recordset(results) as x (
          no integer, status app.import_row_status, code text, field text, reason text, id uuid, version integer,
          before jsonb
      )
     where r.agency_id = agency
       and r.job_id = run_import_batch.job_id
       and r.row_no = x.no
       and r.row_no = any(numbers);
    if not may_go_on then
        update integration.import_rows as r
           set error_code = '42501',
               error_field = 'owner_id',
               error_message = 'The import stopped here: its owner is no active member who may import.'
         where r.agency_id = agency
           and r.job_id = run_import_batch.job_id
           and r.row_no = (
               select min((l ->> 'no')::integer)
                 from jsonb_array_elements(lines) as l
                where (l ->> 'no')::integer <> all(numbers)
           );
        update integration.import_jobs as j
           set status = 'failed'
         where j.agency_id = agency
           and j.id = job_id;
    end if;
    update integration.import_jobs as j
       set created_rows = j.created_rows + c.created,
           updated_rows = j.updated_rows + c.updated,
           skipped_rows = j.skipped_rows + c.skipped,
           failed_rows = j.failed_rows + c.failed
      from (
          select
              count(*) filter (where x ->> 'status' = 'created') as created,
              count(*) filter (where x ->> 'status' = 'updated') as updated,
              count(*) filter (where x ->> 'status' = 'skipped') as skipped,
              count(*) filter (where x ->> 'status' = 'failed') as failed
            from jsonb_array_elements(results) as x
      ) as c
     where j.agency_id = agency
       and j.id = job_id;
    return cardinality(numbers);
end;
$function$;

revoke all on function app.run_import_batch(uuid, integer) from public;
grant execute on function app.run_import_batch(uuid, integer) to
    gardenos_worker;

comment on function app.run_import_batch(uuid, integer) is
'Works through the next n lines of a running import; answers how many are settled, 0 at its end.';
