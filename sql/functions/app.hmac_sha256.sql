-- HMAC-SHA256 (RFC 2104) from core's sha256(): pgcrypto is missing where PostgreSQL is built without
-- OpenSSL. The two padded keys come ready made (app.padded_key), so that one call costs two hashes.
create or replace function app.hmac_sha256(inner_key bytea, outer_key bytea, message text)
returns bytea
language plpgsql
immutable
parallel safe
strict
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    return sha256(outer_key || sha256(inner_key || convert_to(message, 'UTF8')));
end;
$function$;

revoke all on function app.hmac_sha256(bytea, bytea, text) from public;
grant execute on function app.hmac_sha256(bytea, bytea, text) to
    gardenos_sealer;

comment on function app.hmac_sha256(bytea, bytea, text) is
'HMAC-SHA256 of a message under a key that app.padded_key has padded.';
