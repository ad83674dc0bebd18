-- Marks a line as reverted, for app.revert_import: API roles do not write lines. Only of an import that
-- was set to reverted, which asks for the right to change it, in the caller's agency. SECURITY DEFINER
-- for that reason.
set local role gardenos_crm_writer;

create or replace function app.note_reverted(job_id uuid, row_no integer)
returns void
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    proof record := app.proof();
begin
    update integration.import_rows as r
       set status = 'reverted'
     where r.agency_id = proof.agency_id
       and r.job_id = note_reverted.job_id
       and r.row_no = note_reverted.row_no
       and r.status in ('created', 'updated')
       and exists (
           select 1
             from integration.import_jobs as j
            where j.agency_id = r.agency_id
              and j.id = r.job_id
              and j.status = 'reverted'
       );
    if not found then
        raise exception 'This line is not one of a reverted import, or it wrote nothing.'
            using errcode = '42501';
    end if;
end;
$function$;

revoke all on function app.note_reverted(uuid, integer) from public;
grant execute on function app.note_reverted(uuid, integer) to
    authenticated;

comment on function app.note_reverted(uuid, integer) is
'Marks a line of a reverted import as reverted.';

set local role gardenos_owner;
