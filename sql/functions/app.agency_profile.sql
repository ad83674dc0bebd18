-- What everybody in an agency, clients included, sees of it: the name plate, and how to write times and
-- money. Not plan, region or settings: clients have no cell on agencies, because row-level security cannot
-- hide those columns.
--
-- SECURITY DEFINER, as the membership reader, for the agency of the caller's live membership alone.
set local role gardenos_membership_reader;

create or replace function app.agency_profile()
returns table (
    agency_id uuid,
    slug text,
    name text,
    logo_path text,
    locale text,
    timezone text,
    default_currency text
)
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    proof record := app.proof();
begin
    if not app.may(
        'tenancy.agencies:select',
        'owner', 'admin', 'manager', 'member', 'viewer', 'client', 'ai_agent'
    ) then
        return;
    end if;
    return query
        select
            a.id,
            a.slug::text,
            a.name::text,
            a.logo_path::text,
            a.locale::text,
            a.timezone::text,
            a.default_currency::text
          from tenancy.agencies as a
         where a.id = proof.agency_id;
end;
$function$;

revoke all on function app.agency_profile() from public;
grant execute on function app.agency_profile() to
    authenticated;

comment on function app.agency_profile() is
'What everybody in the agency, clients included, sees of it; no row without a live membership.';

set local role gardenos_owner;
