-- Who is asking, as JSON: the only place that reads request.jwt.claims. It never raises, because one
-- raising policy stops Supabase Realtime for every tenant: whatever is not a JSON object reads as "no
-- claims".
--
-- A setting can be forged by whoever can run SQL. PostgREST, realtime and storage-api run none of their
-- clients' SQL, and superusers need no forgery: from those logins (session_user, which SET ROLE does not
-- change) the claims are believed as they stand. Every other login must show a seal (app.issue_seal).
--
-- PostgreSQL 16 tells whether a cast would fail; 15 needs an EXCEPTION block, which is an error in a
-- parallel plan, even below an InitPlan and whatever the label says short of PARALLEL UNSAFE. Longer texts
-- than 8 kB are refused unread: deep nesting exhausts the stack of the parser. The legacy settings
-- request.jwt.claim.* are never read: they would let two readers see two users.
create or replace function app.claims()
returns jsonb
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    unread text := nullif(current_setting('request.jwt.claims', true), '');
    claims jsonb;
begin
    if unread is null or octet_length(unread) > 8192 then
        return null;
    end if;
    if session_user not in (
        'authenticator',
        'authenticator_ro',
        'supabase_storage_admin',
        'supabase_admin',
        'postgres'
    ) and not app.seal_is_valid(unread, current_setting('gardenos.seal', true)) then
        return null;
    end if;
    if current_setting('server_version_num')::integer >= 160000 then
        if not pg_input_is_valid(unread, 'jsonb') then
            return null;
        end if;
        claims := unread::jsonb;
    else
        begin
            claims := unread::jsonb;
        exception
            when others then
                return null;
        end;
    end if;
    if jsonb_typeof(claims) = 'object' then
        return claims;
    end if;
    return null;
end;
$function$;

revoke all on function app.claims() from public;
grant execute on function app.claims() to
    authenticated,
    service_role,
    gardenos_app,
    gardenos_worker,
    gardenos_membership_reader,
    gardenos_tenancy_writer;

comment on function app.claims() is
'The claims of this transaction as a JSON object, or null. Never raises.';
