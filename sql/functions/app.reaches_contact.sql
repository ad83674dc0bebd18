-- Whether the caller reads this contact, for a definer that acts for the caller and so is not under the
-- caller's policies itself: app.invite, which gives a login to the person behind a contact.
--
-- SECURITY DEFINER, as the role that owns the look-ups, which reads contacts anyway: it repeats what the
-- SELECT policy says of live rows.
set local role gardenos_search;

create or replace function app.reaches_contact(contact_id uuid)
returns boolean
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    proof record := app.proof();
    teams uuid[] := app.my_teams();
    reach app.record_scope := app.reach(
        'crm.contacts:select',
        agency => '{owner,admin}',
        scope => '{manager,member,viewer,ai_agent}'
    );
begin
    return exists (
        select 1
          from crm.contacts as c
         where c.agency_id = proof.agency_id
           and c.id = reaches_contact.contact_id
           and c.deleted_at is null
           and case reach
               when 'all' then true
               when 'team' then
                   c.owner_id = proof.membership_id
                   or c.team_id = any(teams)
                   or (c.owner_id is null and c.team_id is null)
               when 'own' then c.owner_id = proof.membership_id
           end
    );
end;
$function$;

revoke all on function app.reaches_contact(uuid) from public;
grant execute on function app.reaches_contact(uuid) to
    gardenos_tenancy_writer;

comment on function app.reaches_contact(uuid) is
'Whether the caller reads this live contact; asked by functions that act for the caller.';

set local role gardenos_owner;
