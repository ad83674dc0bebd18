-- As app.import_contacts, for companies: known by domain. A line without one is always new.
create or replace function app.import_companies(dedupe app.dedupe, lines jsonb)
returns jsonb
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    agency uuid := app.agency_id();
    domains text[];
    known jsonb := '{}';
    line jsonb;
    company crm.companies;
    version integer;
    before jsonb;
    created jsonb := '[]';
    results jsonb := '[]';
    field text;
    code text;
    reason text;
    violated text;
begin
    if dedupe <> 'create' then
        domains := array(select d #>> '{}' from jsonb_path_query(lines, '$[*].fields.domain') as d);
        known := (
            select coalesce(jsonb_object_agg(c.domain, c.id), '{}')
              from crm.companies as c
             where c.agency_id = agency
               and c.domain = any(domains)
               and c.deleted_at is null
        );
    end if;
    for line in select jsonb_array_elements(lines) loop
        if not known ? coalesce(line #>> '{fields,domain}', '') then
            created := created || line;
            continue;
        elsif dedupe = 'skip' then
            results := results || jsonb_build_object(
                'no', line -> 'no', 'status', 'skipped', 'id', known -> (line #>> '{fields,domain}')
            );
            continue;
        end if;
        select *
          into company
          from crm.companies as r
         where r.agency_id = agency
           and r.id = (known ->> (line #>> '{fields,domain}'))::uuid
           and r.deleted_at is null
           for update;
        if not found then
            results := results || app.import_failure(
                line, '42501', 'row', 'You may not change the company that has this domain.'
            );
            continue;
        end if;
        if line #> '{fields,custom}' is not null then
            line := jsonb_set(line, '{fields,custom}', company.custom || (line #> '{fields,custom}'));
        end if;
        before := (
            select jsonb_object_agg(f.key, to_jsonb(company) -> f.key)
              from jsonb_each(line -> 'fields') as f
             where f.value is distinct from to_jsonb(company) -> f.key
        );
        if before is null then
            results := results || jsonb_build_object('no', line -> 'no', 'status', 'skipped', 'id', company.id);
            continue;
        end if;
        update crm.companies as r
           set (
               name, industry_id, employees, annual_revenue, currency, street, city, region, postal_code, country,
               owner_id, team_id, custom
           ) = (
               select
                   p.name, p.industry_id, p.employees, p.annual_revenue, p.currency, p.street, p.city, p.region,
                   p.postal_code, p.country, p.owner_id, p.team_id, p.custom
                 from jsonb_populate_record(r, line -> 'fields') as p
           )
         where r.agency_id = agency
           and r.id = company.id
        returning r.row_version into version;
        results := results || jsonb_build_object(
            'no', line -> 'no',
            'status', 'updated',
            'id', company.id,
            'version', version,
            'before', jsonb_build_object('fields', before)
        );
    end loop;

    if created <> '[]' then
        insert into crm.companies (
            agency_id, id, name, domain, industry_id, employees, annual_revenue, currency, street, city, region,
            postal_code, country, owner_id, team_id, custom
        )
        select
            agency, l.id, l.name, f.domain, f.industry_id, f.employees, f.annual_revenue, f.currency, f.street,
            f.city, f.region, f.postal_code, f.country, f.owner_id, f.team_id, coalesce(f.custom, '{}')
          from jsonb_to_recordset(created) as l (id uuid, name text, fields jsonb)
         cross join lateral jsonb_populate_record(null::crm.companies, l.fields) as f;
        results := results || (
            select jsonb_agg(jsonb_build_object('no', l -> 'no', 'status', 'created', 'id', l -> 'id', 'version', 1))
              from jsonb_array_elements(created) as l
        );
    end if;
    return results;
exception
    when data_exception
        or integrity_constraint_violation
        or insufficient_privilege
        or program_limit_exceeded
        or sqlstate 'PT403'
        or sqlstate 'PT409' then
        if jsonb_array_length(lines) > 1 then
            return null;
        end if;
        get stacked diagnostics
            code = returned_sqlstate, reason = message_text, field = column_name, violated = constraint_name;
        field := case violated when 'companies_domain_key' then 'domain' else field end;
        return jsonb_build_array(app.import_failure(lines -> 0, code, field, reason));
end;
$function$;

revoke all on function app.import_companies(app.dedupe, jsonb) from public;
grant execute on function app.import_companies(app.dedupe, jsonb) to
    authenticated;

comment on function app.import_companies(app.dedupe, jsonb) is
'Writes lines of an import as companies, all or none; null when one of several failed.';
