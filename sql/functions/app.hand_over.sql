-- Moves the records of one member to another, or to nobody: all that it owns, or is to do, as far as the
-- caller may change it. To nobody leaves them to their team; without a team they are unassigned, which
-- whoever reaches a team sees. Deleted records move too: restored, they must not belong to somebody who
-- left. What stays: private records, which are nobody's but the member's; records of anonymised people, which
-- are frozen; saved views and imports, which are not records of the agency's business.
--
-- SECURITY INVOKER: the policies say what an owner, an admin or a manager may take and give, and a manager
-- who would give a record out of reach is refused. Members may hand over what is theirs as far as they see.
-- An agent changes no owner. All or nothing, in one transaction; the trail has each record.
create or replace function app.hand_over(from_member uuid, to_member uuid default null)
returns table (table_name text, moved bigint)
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    agency uuid := app.agency_id();
    heir record;
begin
    if not app.may('crm.contacts:update', 'owner', 'admin', 'manager')
        and not (app.may('crm.contacts:update', 'member') and from_member = app.membership_id()) then
        raise exception 'You may not hand over the records of this member.'
            using errcode = '42501',
            hint = 'Owners, admins and managers may, and members what is theirs; in person.';
    end if;
    if from_member is null or from_member = to_member or not exists (
        select 1 from tenancy.memberships as m where m.agency_id = agency and m.id = from_member
    ) then
        raise exception 'from_member is %: name another member of the agency.', coalesce(from_member::text, 'null')
            using errcode = '22023';
    end if;
    if to_member is not null then
        select m.status, m.role
          into heir
          from tenancy.memberships as m
         where m.agency_id = agency
           and m.id = to_member;
        if heir.status is distinct from 'active' or heir.role in ('client', 'viewer') then
            raise exception 'Records cannot be handed over to %: that is no active member who could work on them.',
                to_member
                using errcode = '22023';
        end if;
    end if;

    table_name := 'crm.companies';
    update crm.companies as r
       set owner_id = to_member
     where r.agency_id = agency
       and r.owner_id = from_member;
    get diagnostics moved = row_count;
    return next;

    table_name := 'crm.contacts';
    update crm.contacts as r
       set owner_id = to_member
     where r.agency_id = agency
       and r.owner_id = from_member
       and r.anonymised_at is null;
    get diagnostics moved = row_count;
    return next;

    table_name := 'crm.deals';
    update crm.deals as r
       set owner_id = to_member
     where r.agency_id = agency
       and r.owner_id = from_member;
    get diagnostics moved = row_count;
    return next;

    table_name := 'crm.activities';
    update crm.activities as r
       set owner_id = case when r.owner_id = from_member then to_member else r.owner_id end,
           assignee_id = case when r.assignee_id = from_member then to_member else r.assignee_id end
     where r.agency_id = agency
       and from_member in (r.owner_id, r.assignee_id)
       and r.visibility <> 'private';
    get diagnostics moved = row_count;
    return next;

    table_name := 'crm.conversations';
    update crm.conversations as r
       set owner_id = case when r.owner_id = from_member then to_member else r.owner_id end,
           assignee_id = case when r.assignee_id = from_member then to_member else r.assignee_id end
     where r.agency_id = agency
       and from_member in (r.owner_id, r.assignee_id)
       and r.visibility <> 'private';
    get diagnostics moved = row_count;
    return next;

    table_name := 'crm.calendar_events';
    update crm.calendar_events as r
       set owner_id = to_member
     where r.agency_id = agency
       and r.owner_id = from_member
       and r.visibility <> 'private';
    get diagnostics moved = row_count;
    return next;

    table_name := 'crm.files';
    update crm.files as r
       set owner_id = to_member
     where r.agency_id = agency
       and r.owner_id = from_member
       and r.purpose = 'attachment'
       and r.visibility <> 'private';
    get diagnostics moved = row_count;
    return next;
end;
$function$;

revoke all on function app.hand_over(uuid, uuid) from public;
grant execute on function app.hand_over(uuid, uuid) to
    authenticated;

comment on function app.hand_over(uuid, uuid) is
'Moves what a member owns or has to do to another member, or to nobody; answers how many of each table.';
