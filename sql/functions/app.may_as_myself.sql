-- The test for rows that belong to a user and to no agency: a person, in person. Agents have no cell there,
-- neither as themselves nor for somebody, and a key only what its scopes name.
create or replace function app.may_as_myself(action text)
returns boolean
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    proof record := app.proof();
begin
    return coalesce(
        proof.is_person
        and (proof.scopes is null or action = any(proof.scopes)),
        false
    );
end;
$function$;

revoke all on function app.may_as_myself(text) from public;
grant execute on function app.may_as_myself(text) to
    authenticated,
    service_role,
    gardenos_worker,
    gardenos_membership_reader,
    gardenos_tenancy_writer;

comment on function app.may_as_myself(text) is
'May I do this (schema.table:command) to my own user rows? False for agents and when nothing is proved.';
