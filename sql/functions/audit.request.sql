-- The id and the address that the gateway gave a request, from the headers that PostgREST (and a service of
-- ours, in the same setting) hands over. They are hints: a client can send headers too. Whatever cannot be
-- read is left out, because a broken header must not stop a write. The last address of x-forwarded-for is
-- the one that our own proxy saw.
create or replace function audit.request(out request_id text, out ip inet)
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    unread text := nullif(current_setting('request.headers', true), '');
    headers jsonb;
begin
    ip := inet_client_addr();
    if unread is null or octet_length(unread) > 65536 then
        return;
    end if;
    begin
        headers := unread::jsonb;
        request_id := left(regexp_replace(headers ->> 'x-request-id', '[^\x21-\x7e]', '', 'g'), 200);
        ip := coalesce(
            nullif(btrim(headers ->> 'x-real-ip'), ''),
            nullif(btrim(split_part(headers ->> 'x-forwarded-for', ',', -1)), ''),
            host(ip)
        )::inet;
    exception
        when others then
            return;
    end;
end;
$function$;

revoke all on function audit.request() from public;
grant execute on function audit.request() to
    gardenos_audit_writer,
    gardenos_audit_redactor,
    gardenos_publisher,
    gardenos_crm_writer;

comment on function audit.request() is
'The request id and the address of the client, as far as headers tell. Never raises.';
