-- How FastAPI and the agents open a transaction for a user: `begin; select app.bind_session(…)`. Role,
-- claims and seal end with the transaction, so a pooled connection carries nothing over. Send the arguments
-- as bind parameters: other sessions of the same login can read statement texts.
--
-- SECURITY INVOKER, because a definer function cannot set a role. The timeouts stand here because ALTER
-- ROLE … SET does nothing on SET ROLE.
create or replace function app.bind_session(claims text, expires_at bigint, signature text)
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    seal text := app.issue_seal(claims, expires_at, signature);
    requested text;
begin
    perform set_config('request.jwt.claims', claims, true);
    perform set_config('gardenos.seal', seal, true);
    requested := app.claims() ->> 'role';
    if requested is distinct from 'authenticated' then
        raise exception 'The session is not bound: the claim "role" must be "authenticated", not %.',
            coalesce(quote_ident(requested), 'missing')
            using errcode = '42501',
            hint = 'Put "role": "authenticated" into the claims; no service login may become another role.';
    end if;
    perform set_config('statement_timeout', '8s', true);
    perform set_config('lock_timeout', '8s', true);
    perform set_config('role', requested, true);
end;
$function$;

revoke all on function app.bind_session(text, bigint, text) from public;
grant execute on function app.bind_session(text, bigint, text) to
    gardenos_app;

comment on function app.bind_session(text, bigint, text) is
'Binds this transaction to signed claims: role authenticated, claims and their seal, until it ends.';
