-- The one way in which people change their own status. The last owner cannot leave: that check waits for
-- COMMIT. SECURITY DEFINER: nobody may update the own status otherwise; this touches the caller's
-- membership only.
set local role gardenos_tenancy_writer;

create or replace function app.leave_agency()
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
    if proof.membership_id is null or not app.may_as_myself('tenancy.memberships:update') then
        raise exception 'You cannot leave: you are not signed in to an agency as a person.'
            using errcode = '42501';
    end if;
    update tenancy.memberships as m
       set status = 'removed'
     where m.agency_id = proof.agency_id
       and m.id = proof.membership_id;
end;
$function$;

revoke all on function app.leave_agency() from public;
grant execute on function app.leave_agency() to
    authenticated;

comment on function app.leave_agency() is
'Ends the caller''s own membership in the agency of the token.';

set local role gardenos_owner;
