-- A new record belongs to whoever makes it, unless it names somebody. A service is nobody, and a client
-- owns nothing: what they make is unassigned.
create or replace function app.default_owner()
returns trigger
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    proof record := app.proof();
begin
    if proof.agency_role <> 'client' then
        new.owner_id := proof.membership_id;
    end if;
    return new;
end;
$function$;

revoke all on function app.default_owner() from public;

comment on function app.default_owner() is
'Sets the owner of a new record.';
