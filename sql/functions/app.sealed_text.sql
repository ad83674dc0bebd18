-- What a seal is taken over: this backend, this transaction, these claims. now() is the start of the
-- transaction, so a seal dies with it; the process id keeps it from another connection.
create or replace function app.sealed_text(claims text)
returns text
language plpgsql
stable
parallel unsafe
strict
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    return pg_backend_pid()::text || '|' || extract(epoch from now())::text || '|' || claims;
end;
$function$;

revoke all on function app.sealed_text(text) from public;
grant execute on function app.sealed_text(text) to
    gardenos_sealer;

comment on function app.sealed_text(text) is
'Backend, transaction and claims as one text: the message of a seal.';
