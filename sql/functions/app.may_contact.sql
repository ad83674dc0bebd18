-- May we write to this person for this purpose? Everything that sends asks this, and nothing else: the latest
-- word counts, of all contacts that are this person by now, and the hand brake do_not_contact is stronger. A
-- contact that the caller does not see, that is deleted or erased, is not written to. A service without
-- claims names the agency.
create or replace function app.may_contact(contact uuid, purpose text, agency uuid default app.agency_id())
returns boolean
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    if agency is null then
        raise exception 'Whether a contact may be written to is asked inside one agency.'
            using errcode = '22023',
            hint = 'Bind the claims of a member, or name the agency.';
    end if;
    if not exists (
        select 1
          from crm.contacts as c
         where c.agency_id = may_contact.agency
           and c.id = may_contact.contact
           and c.deleted_at is null
           and c.anonymised_at is null
           and not c.do_not_contact
    ) then
        return false;
    end if;
    return coalesce(
        (
            select e.status = 'granted'
              from (
                  select c.status, c.occurred_at, c.id
                    from crm.consents as c
                   where c.agency_id = may_contact.agency
                     and c.contact_id = may_contact.contact
                     and c.purpose = may_contact.purpose
                  union all
                  select c.status, c.occurred_at, c.id
                    from crm.contacts as l
                    join crm.consents as c
                      on c.agency_id = l.agency_id
                     and c.contact_id = l.id
                     and c.purpose = may_contact.purpose
                   where l.agency_id = may_contact.agency
                     and l.merged_into_id = may_contact.contact
                  union all
                  select m.status, m.occurred_at, m.id
                    from app.merged_consents(may_contact.contact) as m
                   where m.agency_id = may_contact.agency
                     and m.purpose = may_contact.purpose
              ) as e
             order by e.occurred_at desc, e.id desc
             limit 1
        ),
        false
    );
end;
$function$;

revoke all on function app.may_contact(uuid, text, uuid) from public;
grant execute on function app.may_contact(uuid, text, uuid) to
    authenticated,
    service_role,
    gardenos_worker;

comment on function app.may_contact(uuid, text, uuid) is
'May this person be written to for this purpose? False also for a contact that the caller does not see.';
