-- Tells the planner of the rows that an import has made. An agency that it knows nothing of looks like
-- one with a single contact: then the policies of addresses look their contact up by any index that
-- begins with the agency, and read all of them for each line. A worker calls it in a transaction of its
-- own while an import grows; it reads a sample, and writes wait for nothing.
--
-- SECURITY DEFINER, as the owner: only the owner of a table analyses it.
create or replace function app.analyze_imports()
returns void
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    analyze integration.import_rows, crm.contacts, crm.contact_points, crm.contact_companies, crm.companies,
        crm.deals;
end;
$function$;

revoke all on function app.analyze_imports() from public;
grant execute on function app.analyze_imports() to
    gardenos_worker;

comment on function app.analyze_imports() is
'Renews the statistics of what imports read and write.';
