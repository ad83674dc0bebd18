-- Takes a former member out of the tables of an agency: the row stays, because history points to it, without
-- a name. Records that it wrote are the agency's; what agents remember about it goes. Answers as
-- app.erase_contact does.
create or replace function app.erase_member(agency uuid, member uuid)
returns jsonb
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    known record;
    touched bigint;
    remembered bigint;
begin
    select m.user_id, m.status, m.display_name, m.work_email, u.email, u.full_name, u.status as user_status
      into known
      from tenancy.memberships as m
      join tenancy.users as u on u.id = m.user_id
     where m.agency_id = agency
       and m.id = member
       for update of m;
    if known.status <> 'removed' then
        raise exception 'Member % is not erased: it still is a member.', member
            using errcode = 'PT409',
            hint = 'Call app.remove_member first, with an heir for its records.';
    end if;
    update tenancy.memberships as m
       set display_name = 'erased',
           job_title = null,
           work_email = null,
           avatar_path = null
     where m.agency_id = agency
       and m.id = member
       and m.display_name <> 'erased';
    get diagnostics touched = row_count;
    delete from ai.memories as m
     where m.agency_id = agency
       and m.membership_id = member;
    get diagnostics remembered = row_count;
    delete from tenancy.invitations as i
     where i.agency_id = agency
       and (i.accepted_by_id = member or i.email in (known.work_email, known.email));
    return jsonb_build_object(
        'people', '[]'::jsonb,
        'addresses', array_remove(array[known.work_email::text, known.email::text], null),
        'phones', '[]'::jsonb,
        'names', array(
            select distinct n.name
              from unnest(array[known.display_name::text, known.full_name::text]) as n (name)
             where length(n.name) >= 3
               and n.name <> 'erased'
        ),
        'logins', array_remove(array[known.user_id], null),
        'records', jsonb_build_array(jsonb_build_object('table', 'tenancy.memberships', 'id', member)),
        'rows', jsonb_build_object('tenancy.memberships', touched, 'ai.memories', remembered)
            || app.erase_logins(array[known.user_id])
    );
end;
$function$;

revoke all on function app.erase_member(uuid, uuid) from public;
grant execute on function app.erase_member(uuid, uuid) to
    gardenos_eraser;

comment on function app.erase_member(uuid, uuid) is
'Takes a former member out of the tables of its agency; answers what it was known by.';
