-- Every agency that is not closing has an active owner who is an active person. Checked at COMMIT, so that
-- owners can hand over within one transaction. The agency row is locked first, then the owners: two owners
-- who demote each other at the same moment would otherwise both see the other one. (Under REPEATABLE READ
-- the second of them gets 40001.)
--
-- SECURITY DEFINER: whoever makes the change may be unable to read the others, or no longer be a member at
-- all.
set local role gardenos_tenancy_writer;

create or replace function app.check_last_owner()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    affected uuid;
begin
    for affected in
        select a.id
          from tenancy.agencies as a
         where a.status <> 'closing'
           and a.deleted_at is null
           and case tg_table_name
               when 'memberships' then a.id = (to_jsonb(old) ->> 'agency_id')::uuid
               else a.id in (
                   select m.agency_id
                     from tenancy.memberships as m
                    where m.user_id = old.id
                      and m.role = 'owner'
                      and m.status = 'active'
               )
           end
         order by a.id
           for no key update of a
    loop
        perform 1
          from tenancy.memberships as m
          join tenancy.users as u
            on u.id = m.user_id
           and u.status = 'active'
           and u.kind = 'person'
         where m.agency_id = affected
           and m.role = 'owner'
           and m.status = 'active'
           for share of m, u;
        if not found then
            raise exception 'Agency % would have no active owner left.', affected
                using errcode = '23514',
                hint = 'Make another member an owner first, or close the agency.';
        end if;
    end loop;
    return null;
end;
$function$;

revoke all on function app.check_last_owner() from public;
grant execute on function app.check_last_owner() to
    gardenos_owner;

comment on function app.check_last_owner() is
'Refuses, at COMMIT, to leave an agency without an active owner.';

set local role gardenos_owner;
