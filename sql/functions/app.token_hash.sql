-- What is stored of a token. It has 244 random bits, so a plain sha256 cannot be guessed back.
create or replace function app.token_hash(token text)
returns app.sha256
language plpgsql
immutable
parallel safe
strict
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    return sha256(convert_to(token, 'UTF8'));
end;
$function$;

revoke all on function app.token_hash(text) from public;
grant execute on function app.token_hash(text) to
    gardenos_membership_reader,
    gardenos_tenancy_writer;

comment on function app.token_hash(text) is
'The sha256 under which a token is stored.';
