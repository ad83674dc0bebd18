-- Nothing is orphaned: who is removed owns no live record any more and has none to do, whoever removes them
-- and by whichever way, in an agency that closes too. Checked at COMMIT, so that status and records may
-- change in any order. Private records are left out: they are nobody else's.
--
-- SECURITY DEFINER, as the role of look-ups: whoever leaves sees nothing any more at COMMIT.
set local role gardenos_search;

create or replace function app.check_hand_over()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    left_behind text;
begin
    select string_agg(o.records, ', ' order by o.records)
      into left_behind
      from (
          select 'companies' as records
           where exists (
               select 1
                 from crm.companies as r
                where r.agency_id = new.agency_id
                  and r.owner_id = new.id
                  and r.deleted_at is null
           )
          union all
          select 'contacts'
           where exists (
               select 1
                 from crm.contacts as r
                where r.agency_id = new.agency_id
                  and r.owner_id = new.id
                  and r.deleted_at is null
                  and r.anonymised_at is null
           )
          union all
          select 'deals'
           where exists (
               select 1
                 from crm.deals as r
                where r.agency_id = new.agency_id
                  and r.owner_id = new.id
                  and r.deleted_at is null
           )
          union all
          select 'activities'
           where exists (
               select 1
                 from crm.activities as r
                where r.agency_id = new.agency_id
                  and (r.owner_id = new.id or r.assignee_id = new.id)
                  and r.visibility <> 'private'
                  and r.deleted_at is null
           )
          union all
          select 'conversations'
           where exists (
               select 1
                 from crm.conversations as r
                where r.agency_id = new.agency_id
                  and (r.owner_id = new.id or r.assignee_id = new.id)
                  and r.visibility <> 'private'
                  and r.deleted_at is null
           )
          union all
          select 'calendar events'
           where exists (
               select 1
                 from crm.calendar_events as r
                where r.agency_id = new.agency_id
                  and r.owner_id = new.id
                  and r.visibility <> 'private'
                  and r.deleted_at is null
           )
      ) as o;
    if left_behind is not null then
        raise exception 'Member % would leave records behind: %.', new.id, left_behind
            using errcode = '23514',
            hint = 'Call app.remove_member with an heir, or app.hand_over first.';
    end if;
    return null;
end;
$function$;

revoke all on function app.check_hand_over() from public;
grant execute on function app.check_hand_over() to
    gardenos_owner;

comment on function app.check_hand_over() is
'Refuses, at COMMIT, to remove a member who still owns records or has some to do.';

set local role gardenos_owner;
