-- The hash of a text says which text a vector was made of, so nobody but the database writes it.
create or replace function app.hash_content()
returns trigger
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    new.content_sha256 := sha256(convert_to(new.content, 'UTF8'));
    return new;
end;
$function$;

revoke all on function app.hash_content() from public;

comment on function app.hash_content() is
'Sets the hash of a text.';
