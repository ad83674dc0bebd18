-- A claim is read as a uuid only when it is a JSON string of the canonical form: "null", "", 1, {} and a
-- broken uuid are no uuid, and nothing is ever cast blindly. Without a regular expression: that was a tenth
-- of what a statement of a member cost.
create or replace function app.claimed_uuid(claims jsonb, key text)
returns uuid
language plpgsql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    if jsonb_typeof(claims -> key) = 'string'
        and claims ->> key like '________-____-____-____-____________'
        and translate(claims ->> key, '0123456789abcdefABCDEF', '') = '----' then
        return (claims ->> key)::uuid;
    end if;
    return null;
end;
$function$;

revoke all on function app.claimed_uuid(jsonb, text) from public;
grant execute on function app.claimed_uuid(jsonb, text) to
    gardenos_membership_reader;

comment on function app.claimed_uuid(jsonb, text) is
'The uuid under this key of the claims, or null when there is none.';
