-- Is the agency that is bound or claimed in business? A person's claims need that anyway. A worker may also
-- be bound to an agency that is suspended, closing or deleted: there it erases, retains and publishes that it
-- did, and does nothing else. No message leaves, no webhook is called, no import goes on.
set local role gardenos_membership_reader;

create or replace function app.is_agency_active()
returns boolean
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    proof record := app.proof();
begin
    return exists (
        select 1
          from tenancy.agencies as a
         where a.id = proof.agency_id
           and a.status = 'active'
           and a.deleted_at is null
    );
end;
$function$;

revoke all on function app.is_agency_active() from public;
grant execute on function app.is_agency_active() to
    gardenos_worker;

comment on function app.is_agency_active() is
'True when the agency of this transaction is neither suspended nor closing nor deleted.';

set local role gardenos_owner;
