-- One half of an HMAC key: padded to the 64 bytes of a SHA-256 block and XORed, with 54 (hex 36) for the
-- inner and 92 (hex 5c) for the outer half. Done once per key, not once per message.
create or replace function app.padded_key(key bytea, pad integer)
returns bytea
language plpgsql
immutable
parallel safe
strict
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    block bytea := key || decode(repeat('00', 64 - octet_length(key)), 'hex');
begin
    for position in 0..63 loop
        block := set_byte(block, position, get_byte(block, position) # pad);
    end loop;
    return block;
end;
$function$;

revoke all on function app.padded_key(bytea, integer) from public;
grant execute on function app.padded_key(bytea, integer) to
    gardenos_sealer;

comment on function app.padded_key(bytea, integer) is
'The inner (54) or outer (92) half of an HMAC-SHA256 key of at most 64 bytes.';
