-- The contact that a client is. Null for everybody else: a colleague may stand among the contacts too, and
-- has no rights from that.
set local role gardenos_membership_reader;

create or replace function app.contact_id()
returns uuid
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    return (
        select m.contact_id
          from tenancy.memberships as m
         where m.agency_id = app.agency_id()
           and m.id = app.membership_id()
           and m.role = 'client'
    );
end;
$function$;

revoke all on function app.contact_id() from public;
grant execute on function app.contact_id() to
    authenticated,
    service_role,
    gardenos_worker;

comment on function app.contact_id() is
'The contact behind me when I am a client; null otherwise.';

set local role gardenos_owner;
