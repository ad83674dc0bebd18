-- Closes the agency of the token. From the next statement on no claim of it is proved: nobody reads or writes
-- there, the caller included, no key works, no invitation is accepted, and no token is made for it. Nothing
-- is deleted: that is the business of retention, and until then service_role can open it again by setting
-- the status.
--
-- SECURITY DEFINER: no API role may write the status. For an owner, in person; a key needs the scope.
set local role gardenos_tenancy_writer;

create or replace function app.close_agency()
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
    if not app.may('tenancy.agencies:update', 'owner') or not proof.is_person then
        raise exception 'You may not close this agency: only an owner of it may, in person.'
            using errcode = '42501';
    end if;
    update tenancy.agencies as a
       set status = 'closing'
     where a.id = proof.agency_id;
end;
$function$;

revoke all on function app.close_agency() from public;
grant execute on function app.close_agency() to
    authenticated;

comment on function app.close_agency() is
'Closes the agency of the token: every claim in it stops at once. For an owner, in person.';

set local role gardenos_owner;
