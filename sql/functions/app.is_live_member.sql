-- Is this user, now, an active member of this agency, both active? For triggers and definer functions that
-- check somebody's membership; who is asking is app.proof().
set local role gardenos_membership_reader;

create or replace function app.is_live_member(member_id uuid, agency uuid)
returns boolean
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    return exists (
        select 1
          from tenancy.memberships as m
          join tenancy.agencies as a
            on a.id = m.agency_id
           and a.status = 'active'
           and a.deleted_at is null
          join tenancy.users as u
            on u.id = m.user_id
           and u.status = 'active'
         where m.user_id = member_id
           and m.agency_id = agency
           and m.status = 'active'
    );
end;
$function$;

revoke all on function app.is_live_member(uuid, uuid) from public;
grant execute on function app.is_live_member(uuid, uuid) to
    service_role,
    gardenos_tenancy_writer;

comment on function app.is_live_member(uuid, uuid) is
'True when this user is now an active member of this active agency.';

set local role gardenos_owner;
