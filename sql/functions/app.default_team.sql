-- A new record without a team gets the team that its maker has for that. A client has none.
create or replace function app.default_team()
returns trigger
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    new.team_id := app.default_team_id();
    return new;
end;
$function$;

revoke all on function app.default_team() from public;

comment on function app.default_team() is
'Sets the team of a new record.';
