-- As app.import_contacts, for deals. Nothing names a deal but its id, so every line is a new one. The
-- company and the contact are found by domain and e-mail address, among those that the caller sees.
create or replace function app.import_deals(lines jsonb)
returns jsonb
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    agency uuid := app.agency_id();
    emails text[];
    domains text[];
    people jsonb;
    companies jsonb;
    line jsonb;
    created jsonb := '[]';
    results jsonb := '[]';
    field text;
    code text;
    reason text;
begin
    emails := array(select e #>> '{}' from jsonb_path_query(lines, '$[*].links.contact_email') as e);
    domains := array(select d #>> '{}' from jsonb_path_query(lines, '$[*].links.company_domain') as d);
    people := (
        select coalesce(jsonb_object_agg(p.value_norm, p.contact_id), '{}')
          from crm.contact_points as p
         where p.agency_id = agency
           and p.value_norm = any(emails)
           and p.kind = 'email'
           and p.deleted_at is null
           and not p.is_shared
    );
    companies := (
        select coalesce(jsonb_object_agg(c.domain, c.id), '{}')
          from crm.companies as c
         where c.agency_id = agency
           and c.domain = any(domains)
           and c.deleted_at is null
    );
    for line in select jsonb_array_elements(lines) loop
        if not companies ? coalesce(line #>> '{links,company_domain}', '')
            and line #> '{links,company_domain}' is not null then
            results := results || app.import_failure(
                line, '23503', 'company_domain', 'You see no company with this domain: import companies first.'
            );
        elsif not people ? coalesce(line #>> '{links,contact_email}', '')
            and line #> '{links,contact_email}' is not null then
            results := results || app.import_failure(
                line, '23503', 'contact_email', 'You see no contact with this address: import contacts first.'
            );
        else
            created := created || (
                line || jsonb_build_object(
                    'company_id', companies -> (line #>> '{links,company_domain}'),
                    'contact_id', people -> (line #>> '{links,contact_email}')
                )
            );
        end if;
    end loop;
    if created <> '[]' then
        insert into crm.deals (
            agency_id, id, title, pipeline_id, stage_id, company_id, primary_contact_id, amount, currency,
            expected_close_on, lost_reason_id, source_id, owner_id, team_id, custom
        )
        select
            agency, l.id, l.name, f.pipeline_id, f.stage_id, l.company_id, l.contact_id, f.amount, f.currency,
            f.expected_close_on, f.lost_reason_id, f.source_id, f.owner_id, f.team_id, coalesce(f.custom, '{}')
          from jsonb_to_recordset(created) as l (id uuid, name text, fields jsonb, company_id uuid, contact_id uuid)
         cross join lateral jsonb_populate_record(null::crm.deals, l.fields) as f;
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
        get stacked diagnostics code = returned_sqlstate, reason = message_text, field = column_name;
        return jsonb_build_array(app.import_failure(lines -> 0, code, field, reason));
end;
$function$;

revoke all on function app.import_deals(jsonb) from public;
grant execute on function app.import_deals(jsonb) to
    authenticated;

comment on function app.import_deals(jsonb) is
'Writes lines of an import as deals, all or none; null when one of several failed.';
