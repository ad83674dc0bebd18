-- A company by its domain, as a webhook or a form sends it: added, or, when a live one has the domain,
-- changed in the columns that were sent and no others. PostgREST cannot name a partial index (42P10), so this
-- does. What a new row must have is sent each time, because PostgreSQL asks for it before it looks for the
-- other row. With row_version the change is refused when somebody was faster. SECURITY INVOKER: whoever may
-- add and change companies may do it so, and one that the caller may not change is refused with 42501.
create or replace function app.upsert_company(data jsonb)
returns uuid
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    sent crm.companies := jsonb_populate_record(null::crm.companies, data);
    found uuid;
begin
    perform app.check_keys(
        'crm.companies',
        data,
        array[
            'agency_id', 'id', 'name', 'domain', 'industry_id', 'employees', 'annual_revenue', 'currency',
            'street', 'city', 'region', 'postal_code', 'country', 'owner_id', 'team_id', 'custom',
            'row_version'
        ],
        array['domain']
    );
    insert into crm.companies as r (
        agency_id, id, name, domain, industry_id, employees, annual_revenue, currency, street, city, region,
        postal_code, country, owner_id, team_id, custom
    )
    values (
        coalesce(sent.agency_id, app.agency_id()),
        coalesce(sent.id, app.uuid_v7()),
        sent.name,
        sent.domain,
        sent.industry_id,
        sent.employees,
        sent.annual_revenue,
        sent.currency,
        sent.street,
        sent.city,
        sent.region,
        sent.postal_code,
        sent.country,
        sent.owner_id,
        sent.team_id,
        coalesce(sent.custom, '{}')
    )
    on conflict (agency_id, domain) where deleted_at is null do update
       set (
           name, domain, industry_id, employees, annual_revenue, currency, street, city, region, postal_code,
           country, owner_id, team_id, custom, row_version
       ) = (
           select
               p.name, p.domain, p.industry_id, p.employees, p.annual_revenue, p.currency, p.street, p.city,
               p.region, p.postal_code, p.country, p.owner_id, p.team_id, p.custom, p.row_version
             from jsonb_populate_record(r, data) as p
       )
    returning r.id into found;
    return found;
end;
$function$;

revoke all on function app.upsert_company(jsonb) from public;
grant execute on function app.upsert_company(jsonb) to
    authenticated,
    service_role;

comment on function app.upsert_company(jsonb) is
'Adds the company with this domain, or changes the live one; answers its id.';
