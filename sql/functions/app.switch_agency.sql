-- Chooses the agency of the next token. The present token keeps its agency: its claims are signed. SECURITY
-- DEFINER: API roles may not write users.active_agency_id; this writes the caller's own row only.
set local role gardenos_tenancy_writer;

create or replace function app.switch_agency(agency uuid)
returns void
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    if not app.may_as_myself('tenancy.users:update') or not app.is_live_member(app.user_id(), agency) then
        raise exception 'You are not an active member of agency %, so you cannot switch to it.',
            coalesce(agency::text, 'null')
            using errcode = '42501',
            hint = 'app.my_agencies() lists the agencies you can choose from.';
    end if;
    update tenancy.users as u
       set active_agency_id = agency
     where u.id = app.user_id();
end;
$function$;

revoke all on function app.switch_agency(uuid) from public;
grant execute on function app.switch_agency(uuid) to
    authenticated;

comment on function app.switch_agency(uuid) is
'Chooses the agency of the caller''s next token; it must be a live membership.';

set local role gardenos_owner;
