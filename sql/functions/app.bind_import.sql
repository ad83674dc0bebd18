-- From here on this transaction of a worker writes as the owner of an import: role authenticated, and
-- whatever the policies give that member now. For a job that is validated or running only, and only while
-- its owner may import; app.proof() asks again at each statement. The job stays locked until the end of
-- the transaction, so that it is neither stopped nor worked on by a second worker in the middle of a
-- batch.
--
-- `reset role` and app.bind_worker with the same agency lead back. SECURITY INVOKER, because a definer
-- function cannot set a role.
create or replace function app.bind_import(job_id uuid)
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    agency uuid := app.agency_id();
    sealed record := app.issue_import_seal(agency, job_id);
    state app.import_status;
begin
    select j.status
      into state
      from integration.import_jobs as j
     where j.agency_id = agency
       and j.id = job_id
       for no key update;
    if state is null or state not in ('validating', 'running') then
        raise exception 'The import is not bound: no job % of this agency is running.', job_id
            using errcode = '42501',
            hint = 'Its owner starts it: update integration.import_jobs set status = ''running''.';
    end if;
    perform set_config('request.jwt.claims', sealed.claims, true);
    perform set_config('gardenos.seal', sealed.seal, true);
    if not app.can_import() then
        raise exception 'The import is not bound: its owner is no active member who may import.'
            using errcode = '42501',
            hint = 'Give the owner the capability "import" again; the import goes on where it stopped.';
    end if;
    perform set_config('role', 'authenticated', true);
end;
$function$;

revoke all on function app.bind_import(uuid) from public;
grant execute on function app.bind_import(uuid) to
    gardenos_worker;

comment on function app.bind_import(uuid) is
'Lets the rest of this transaction of a worker write as the owner of a running import.';
