-- Consents stay with the contact that they were given to, also when it was merged away. Most readers do not
-- see that contact any more, and a withdrawal must not be lost with it. So these are read past RLS, under
-- the id of the contact that is left, for whoever sees that one: its scope is repeated here. All of the
-- agency, or those of one contact. A service without claims gets nothing here, and sees both contacts anyway.
set local role gardenos_merger;

create or replace function app.merged_consents(contact uuid default null)
returns table (
    agency_id uuid,
    contact_id uuid,
    id uuid,
    purpose text,
    lawful_basis app.lawful_basis,
    status app.consent_status,
    source app.label,
    occurred_at timestamptz
)
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    proof record := app.proof();
    my_teams uuid[] := app.my_teams();
    myself uuid;
    reach app.record_scope;
begin
    if app.may('crm.consents:select', 'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent') then
        reach := app.reach(
            'crm.contacts:select',
            agency => '{owner,admin}',
            scope => '{manager,member,viewer,ai_agent}'
        );
    elsif app.may('crm.consents:select', 'client') then
        myself := app.contact_id();
    end if;
    return query
    select w.agency_id, w.id, c.id, c.purpose, c.lawful_basis, c.status, c.source, c.occurred_at
      from crm.contacts as l
      join crm.contacts as w
        on w.agency_id = l.agency_id
       and w.id = l.merged_into_id
       and w.deleted_at is null
      join crm.consents as c
        on c.agency_id = l.agency_id
       and c.contact_id = l.id
     where l.agency_id = proof.agency_id
       and l.merged_into_id is not null
       and (merged_consents.contact is null or l.merged_into_id = merged_consents.contact)
       and case reach
           when 'all' then true
           when 'team' then
               w.owner_id = proof.membership_id
               or w.team_id = any(my_teams)
               or (w.owner_id is null and w.team_id is null)
           when 'own' then w.owner_id = proof.membership_id
           else w.id = myself
       end;
end;
$function$;

revoke all on function app.merged_consents(uuid) from public;
grant execute on function app.merged_consents(uuid) to
    authenticated,
    service_role,
    gardenos_worker,
    gardenos_auditor;

comment on function app.merged_consents(uuid) is
'The consents of contacts that were merged, under the contact that is left, as far as the caller sees that.';

set local role gardenos_owner;
