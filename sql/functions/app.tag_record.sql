-- Puts a tag on a contact, a company or a deal; once there it stays as it is, however often it is put. Name
-- one of the three.
create or replace function app.tag_record(
    tag_id uuid,
    contact_id uuid default null,
    company_id uuid default null,
    deal_id uuid default null,
    agency_id uuid default app.agency_id()
)
returns uuid
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    found uuid;
begin
    if num_nonnulls(tag_record.contact_id, tag_record.company_id, tag_record.deal_id) <> 1 then
        raise exception 'A tag is put on one record: a contact, a company or a deal.'
            using errcode = '22023';
    end if;
    insert into crm.record_tags as r (agency_id, tag_id, contact_id, company_id, deal_id)
    values (
        tag_record.agency_id,
        tag_record.tag_id,
        tag_record.contact_id,
        tag_record.company_id,
        tag_record.deal_id
    )
    on conflict do nothing
    returning r.id into found;
    if found is null then
        select r.id into found
          from crm.record_tags as r
         where r.agency_id = tag_record.agency_id
           and r.tag_id = tag_record.tag_id
           and (
               r.contact_id = tag_record.contact_id
               or r.company_id = tag_record.company_id
               or r.deal_id = tag_record.deal_id
           );
    end if;
    return found;
end;
$function$;

revoke all on function app.tag_record(uuid, uuid, uuid, uuid, uuid) from public;
grant execute on function app.tag_record(uuid, uuid, uuid, uuid, uuid) to
    authenticated,
    service_role;

comment on function app.tag_record(uuid, uuid, uuid, uuid, uuid) is
'Puts a tag on one record, if it has it not already; answers the id of the link.';
