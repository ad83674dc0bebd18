-- Ends the membership of somebody who leaves, with all that would be left behind, in one transaction: the
-- records go to an heir or to nobody (app.hand_over), the teams lose the member, its keys and the open
-- invitations that it sent are revoked: one of them may be for its own other address. The row itself stays,
-- status removed, so that history keeps pointing to someone.
--
-- SECURITY INVOKER: policies and guards say who may remove whom. Whoever must be stopped at once is suspended
-- first, and removed when the heir is known.
create or replace function app.remove_member(member uuid, heir uuid default null)
returns table (table_name text, moved bigint)
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    agency uuid := app.agency_id();
begin
    if not app.may('tenancy.memberships:update', 'owner', 'admin') then
        raise exception 'You may not remove a member: only an owner or admin of the agency may, in person.'
            using errcode = '42501';
    end if;
    if not exists (
        select 1
          from tenancy.memberships as m
         where m.agency_id = agency
           and m.id = remove_member.member
           and m.status <> 'removed'
    ) then
        raise exception 'There is no member % in this agency.', coalesce(remove_member.member::text, 'null')
            using errcode = '22023';
    end if;
    return query
        select h.table_name, h.moved
          from app.hand_over(remove_member.member, remove_member.heir) as h;
    delete from tenancy.team_members as t
     where t.agency_id = agency
       and t.membership_id = remove_member.member;
    update tenancy.api_keys as k
       set revoked_at = now()
     where k.agency_id = agency
       and k.acts_as_id = remove_member.member
       and k.revoked_at is null;
    update tenancy.invitations as i
       set revoked_at = now()
     where i.agency_id = agency
       and i.invited_by_id = remove_member.member
       and i.accepted_at is null
       and i.revoked_at is null;
    update tenancy.memberships as m
       set status = 'removed'
     where m.agency_id = agency
       and m.id = remove_member.member;
end;
$function$;

revoke all on function app.remove_member(uuid, uuid) from public;
grant execute on function app.remove_member(uuid, uuid) to
    authenticated;

comment on function app.remove_member(uuid, uuid) is
'Removes a member and hands its records over to an heir, or to nobody; answers how many of each table.';
