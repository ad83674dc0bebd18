-- Marks lines as reverted, for app.revert_import: API roles do not write lines. SECURITY DEFINER for that
-- reason, so it asks for itself what the policy of import_jobs asks: may the caller change this import? And
-- it is an import that was set to reverted, in the caller's agency, until its date. A worker that is bound to
-- an agency is nobody there, and marks nothing.
set local role gardenos_crm_writer;

create or replace function app.note_reverted(job_id uuid, row_numbers integer[])
returns void
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    proof record := app.proof();
    reach app.record_scope := app.reach(
        'integration.import_jobs:update', agency => '{owner,admin}', team => '{manager}', own => '{member}'
    );
    noted integer;
begin
    if not app.can_import() or reach is null or not exists (
        select 1
          from integration.import_jobs as j
         where j.agency_id = proof.agency_id
           and j.id = note_reverted.job_id
           and j.status = 'reverted'
           and now() <= j.revert_until
           and (
               reach = 'all'
               or j.owner_id = proof.membership_id
               or reach = 'team' and j.team_id = any(app.my_teams())
           )
    ) then
        raise exception 'This is no reverted import that you may change.'
            using errcode = '42501';
    end if;
    update integration.import_rows as r
       set status = 'reverted'
     where r.agency_id = proof.agency_id
       and r.job_id = note_reverted.job_id
       and r.row_no = any(row_numbers)
       and r.status in ('created', 'updated');
    get diagnostics noted = row_count;
    if noted <> cardinality(row_numbers) then
        raise exception 'Some of these lines wrote nothing, or are reverted already.'
            using errcode = '42501';
    end if;
end;
$function$;

revoke all on function app.note_reverted(uuid, integer[]) from public;
grant execute on function app.note_reverted(uuid, integer[]) to
    authenticated;

comment on function app.note_reverted(uuid, integer[]) is
'Marks lines of a reverted import as reverted, for whoever may change the import.';

set local role gardenos_owner;
