-- The agencies a signed-in person can enter. Works without an agency in the token: this is how one is
-- chosen. SECURITY DEFINER: without an agency nobody may read agencies and memberships; this shows the
-- caller's own only.
set local role gardenos_membership_reader;

create or replace function app.my_agencies()
returns table (
    agency_id uuid,
    slug app.slug,
    name app.label,
    role app.agency_role,
    is_current boolean
)
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    return query
        select
            a.id,
            a.slug,
            a.name,
            m.role,
            a.id is not distinct from u.active_agency_id
          from tenancy.users as u
          join tenancy.memberships as m
            on m.user_id = u.id
           and m.status = 'active'
          join tenancy.agencies as a
            on a.id = m.agency_id
           and a.status = 'active'
           and a.deleted_at is null
         where u.id = (select app.user_id())
           and (select app.may_as_myself('tenancy.users:select'))
         order by a.name, a.id;
end;
$function$;

revoke all on function app.my_agencies() from public;
grant execute on function app.my_agencies() to
    authenticated;

comment on function app.my_agencies() is
'The agencies that the caller is an active member of; is_current marks the one the next token is for.';

set local role gardenos_owner;
