-- A new tenant, with its first owner, a pipeline and retention policies, in one transaction: an agency
-- without an owner could never be entered. SECURITY DEFINER, for service_role only: people are members by
-- invitation, and this is the one exception.
set local role gardenos_tenancy_writer;

create or replace function app.create_agency(
    name text,
    slug text,
    owner_user_id uuid,
    owner_display_name text default null
)
returns uuid
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    new_agency_id uuid := app.uuid_v7();
    owner_name app.label;
begin
    select coalesce(create_agency.owner_display_name, u.full_name::text, split_part(u.email::text, '@', 1))
      into owner_name
      from tenancy.users as u
     where u.id = create_agency.owner_user_id
       and u.kind = 'person'
       and u.status = 'active';
    if not found then
        raise exception 'No agency was created: owner_user_id % is not an active person.',
            coalesce(create_agency.owner_user_id::text, 'null')
            using errcode = '22023',
            hint = 'Insert the person into tenancy.users first.';
    end if;
    insert into tenancy.agencies (id, name, slug)
    values (new_agency_id, create_agency.name, create_agency.slug);
    insert into tenancy.memberships (agency_id, user_id, role, record_scope, display_name)
    values (new_agency_id, create_agency.owner_user_id, 'owner', 'all', owner_name);
    perform app.furnish_agency(new_agency_id);
    return new_agency_id;
end;
$function$;

revoke all on function app.create_agency(text, text, uuid, text) from public;
grant execute on function app.create_agency(text, text, uuid, text) to
    service_role;

comment on function app.create_agency(text, text, uuid, text) is
'Creates an agency, its first owner, a pipeline and retention policies; answers the id of the agency.';

set local role gardenos_owner;
