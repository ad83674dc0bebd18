-- The logins of people who were erased, as far as no agency has them as a member any more: without address
-- and name, and without the identities by which they signed in. Their rows stay: history points to them.
create or replace function app.erase_logins(logins uuid[])
returns jsonb
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    gone uuid[] := array(
        select u.id
          from tenancy.users as u
         where u.id = any(logins)
           and not exists (
               select 1
                 from tenancy.memberships as m
                where m.user_id = u.id
                  and m.status <> 'removed'
           )
    );
    known uuid[];
begin
    with deleted as (
        delete from tenancy.user_identities as i
         where i.user_id = any(gone)
        returning i.id
    )
    select array_agg(d.id) into known from deleted as d;
    update tenancy.users as u
       set status = 'erased',
           email = null,
           full_name = null,
           avatar_path = null,
           locale = null,
           timezone = null,
           active_agency_id = null
     where u.id = any(gone);
    -- global tables: their trail is that of no agency
    perform audit.erase(
        '00000000-0000-0000-0000-000000000000',
        9223372036854775807,
        '{}',
        (
            select coalesce(jsonb_agg(jsonb_build_object('table', r.table_name, 'id', r.id)), '[]')
              from (
                  select 'tenancy.users' as table_name, unnest(gone) as id
                  union all
                  select 'tenancy.user_identities', unnest(known)
              ) as r
        ),
        null,
        null
    );
    return jsonb_build_object('tenancy.users', cardinality(gone));
end;
$function$;

revoke all on function app.erase_logins(uuid[]) from public;
grant execute on function app.erase_logins(uuid[]) to
    gardenos_eraser;

comment on function app.erase_logins(uuid[]) is
'Erases logins that no agency has as a member any more; answers how many.';
