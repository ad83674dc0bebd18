-- What the answers of app.reach mean on a record with an owner and a team. The policies of contacts and
-- companies say the same; this is for the functions that work past them, which ask it of a few rows.
create or replace function app.is_in_reach(reach app.record_scope, owner_id uuid, team_id uuid)
returns boolean
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    return case reach
        when 'all' then true
        when 'team' then
            coalesce(owner_id = app.membership_id(), false)
            or coalesce(team_id = any(app.my_teams()), false)
            or (owner_id is null and team_id is null)
        when 'own' then coalesce(owner_id = app.membership_id(), false)
        else false
    end;
end;
$function$;

revoke all on function app.is_in_reach(app.record_scope, uuid, uuid) from public;
grant execute on function app.is_in_reach(app.record_scope, uuid, uuid) to
    gardenos_merger;

comment on function app.is_in_reach(app.record_scope, uuid, uuid) is
'Is a record with this owner and team within a reach (see app.reach)? False for none.';
