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
declare
    claimed text := claims ->> key;
begin
    if jsonb_typeof(claims -> key) <> 'string'
        or claimed not like '________-____-____-____-____________' then
        return null;
    end if;
    if current_setting('server_version_num')::integer >= 160000 then
        if not pg_input_is_valid(claimed, 'uuid') then
            return null;
        end if;
    elsif translate(claimed, '0123456789abcdefABCDEF', '') <> '----' then
        return null;
    end if;
    return claimed::uuid;
end;
$function$;

revoke all on function app.claimed_uuid(jsonb, text) from public;
grant execute on function app.claimed_uuid(jsonb, text) to
    gardenos_membership_reader;

comment on function app.claimed_uuid(jsonb, text) is
'The uuid under this key of the claims, or null when there is none.';
