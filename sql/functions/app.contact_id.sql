-- "Self" and "shared" of a client: the contact whose login this is. The membership reader answers, so that a
-- key needs no scope on memberships to be the client that it acts as.
set local role gardenos_membership_reader;

create or replace function app.contact_id()
returns uuid
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    proof record := app.proof();
begin
    return (
        select m.contact_id
          from tenancy.memberships as m
         where m.agency_id = proof.agency_id
           and m.id = proof.membership_id
    );
end;
$function$;

revoke all on function app.contact_id() from public;
grant execute on function app.contact_id() to
    authenticated,
    service_role,
    gardenos_worker,
    gardenos_search,
    gardenos_merger;

comment on function app.contact_id() is
'The contact behind the client who is asking; null for everybody else.';

set local role gardenos_owner;
