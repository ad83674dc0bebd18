-- Checks the next lines of an import before anything is written: every value against its field, with the
-- error by field. Answers the number of the last line that it looked at, to go on after; null when all
-- were, and then the import is ready. Nothing is lost when a worker goes away: it begins at 0 again and
-- finds the same.
--
-- What only the whole agency can tell (an address that is taken, a record out of reach) the run finds.
create or replace function app.validate_import_batch(
    job_id uuid,
    after_row integer default 0,
    n integer default 1000
)
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
    last_row integer;
    settings jsonb;
    code text;
    field text;
    reason text;
    results jsonb[] := '{}';
begin
    select j.status, j.entity, j.mapping, j.started_at
      into job
      from integration.import_jobs as j
     where j.agency_id = agency
       and j.id = job_id
       for no key update;
    if not found then
        raise exception 'There is no import % in this agency.', job_id
            using errcode = 'P0002';
    end if;
    if job.status <> 'validating' then
        return null;
    end if;
    select
        jsonb_agg(jsonb_build_object('no', r.row_no, 'raw', r.raw) order by r.row_no),
        max(r.row_no)
      into lines, last_row
      from (
          select o.row_no, o.raw
            from integration.import_rows as o
           where o.agency_id = agency
             and o.job_id = validate_import_batch.job_id
             and o.row_no > after_row
           order by o.row_no
           limit n
      ) as r;
    if lines is null then
        update integration.import_jobs as j
           set status = 'ready', total_rows = c.total, failed_rows = c.failed
          from (
              select count(*) as total, count(*) filter (where r.status = 'failed') as failed
                from integration.import_rows as r
               where r.agency_id = agency
                 and r.job_id = validate_import_batch.job_id
          ) as c
         where j.agency_id = agency
           and j.id = job_id;
        return null;
    end if;
    begin
        perform app.bind_import(job_id);
    exception
        when insufficient_privilege then
            update integration.import_jobs as j
               set status = 'failed'
             where j.agency_id = agency
               and j.id = job_id;
            return null;
    end;
    settings := app.import_settings(job.entity, job.mapping);
    for line in select * from jsonb_to_recordset(lines) as l (no integer, raw jsonb) loop
        begin
            perform app.import_fields(settings, line.raw);
            results := results || jsonb_build_object('no', line.no, 'status', 'pending');
        exception
            when data_exception or integrity_constraint_violation then
                get stacked diagnostics code = returned_sqlstate, field = column_name, reason = message_text;
                results := results || app.import_failure(
                    jsonb_build_object('no', line.no), code, field, reason
                );
        end;
    end loop;
    perform app.release_import(agency);
    update integration.import_rows as r
       set status = x.status, error_code = x.code, error_field = x.field, error_message = x.reason
      from jsonb_to_recordset(to_jsonb(results)) as x (
          no integer, status app.import_row_status, code text, field text, reason text
      )
     where r.agency_id = agency
       and r.job_id = validate_import_batch.job_id
       and r.row_no = x.no
       and r.row_no > after_row
       and r.row_no <= last_row
       and r.status in ('pending', 'failed')
       and (r.status, r.error_code, r.error_field) is distinct from (x.status, x.code, x.field);
    return last_row;
end;
$function$;

revoke all on function app.validate_import_batch(uuid, integer, integer) from public;
grant execute on function app.validate_import_batch(uuid, integer, integer) to
    gardenos_worker;

comment on function app.validate_import_batch(uuid, integer, integer) is
'Checks the next n lines of an import; answers the last one, or null when it is ready or was stopped.';
