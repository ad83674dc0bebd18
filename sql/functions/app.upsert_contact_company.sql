-- As app.upsert_company, for an employment by contact and company, as long as it has not ended. With ended_on
-- it ends the one that there is; when there is none, an employment that is over is added.
create or replace function app.upsert_contact_company(data jsonb)
returns uuid
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    sent crm.contact_companies := jsonb_populate_record(null::crm.contact_companies, data);
    agency uuid := coalesce(sent.agency_id, app.agency_id());
    changed uuid;
begin
    perform app.check_keys(
        'crm.contact_companies',
        data,
        array[
            'agency_id', 'id', 'contact_id', 'company_id', 'role_title', 'is_primary', 'started_on', 'ended_on',
            'row_version'
        ],
        array['contact_id', 'company_id']
    );
    if sent.ended_on is not null then
        update crm.contact_companies as r
           set (role_title, is_primary, started_on, ended_on, row_version) = (
               select p.role_title, p.is_primary, p.started_on, p.ended_on, p.row_version
                 from jsonb_populate_record(r, data) as p
           )
         where r.agency_id = agency
           and r.contact_id = sent.contact_id
           and r.company_id = sent.company_id
           and r.ended_on is null
        returning r.id into changed;
        if changed is not null then
            return changed;
        end if;
    end if;
    insert into crm.contact_companies as r (
        agency_id, id, contact_id, company_id, role_title, is_primary, started_on, ended_on
    )
    values (
        agency,
        coalesce(sent.id, app.uuid_v7()),
        sent.contact_id,
        sent.company_id,
        sent.role_title,
        coalesce(sent.is_primary, false),
        sent.started_on,
        sent.ended_on
    )
    on conflict (agency_id, contact_id, company_id) where ended_on is null do update
       set (role_title, is_primary, started_on, row_version) = (
           select p.role_title, p.is_primary, p.started_on, p.row_version
             from jsonb_populate_record(r, data) as p
       )
    returning r.id into changed;
    return changed;
end;
$function$;

revoke all on function app.upsert_contact_company(jsonb) from public;
grant execute on function app.upsert_contact_company(jsonb) to
    authenticated,
    service_role;

comment on function app.upsert_contact_company(jsonb) is
'Adds the employment of a person at a company, or changes the one that has not ended; answers its id.';
