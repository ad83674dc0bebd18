-- The id of every row: a uuid that grows with time, so that primary keys are appended, not scattered.
-- PostgreSQL 18 has one of its own. Before that we build the same layout (RFC 9562, section 5.7): 48 bits
-- of milliseconds, 12 bits of the fraction of a millisecond (its method 3), 62 bits of randomness.
create or replace function app.uuid_v7()
returns uuid
language plpgsql
volatile
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    microseconds bigint;
    bytes bytea;
begin
    if current_setting('server_version_num')::integer >= 180000 then
        return uuidv7();
    end if;
    microseconds := (extract(epoch from clock_timestamp()) * 1000000)::bigint;
    bytes := uuid_send(gen_random_uuid());
    bytes := overlay(
        bytes placing substring(int8send(microseconds / 1000) from 3)
        || substring(int4send(28672 + ((microseconds % 1000) * 4096 / 1000)::integer) from 3)
        from 1 for 8
    );
    return encode(bytes, 'hex')::uuid;
end;
$function$;

revoke all on function app.uuid_v7() from public;
grant execute on function app.uuid_v7() to
    authenticated,
    service_role,
    gardenos_worker,
    gardenos_sealer,
    gardenos_tenancy_writer,
    gardenos_audit_writer,
    gardenos_audit_sealer,
    gardenos_audit_redactor,
    gardenos_crm_writer,
    gardenos_merger,
    gardenos_publisher,
    gardenos_eraser;

comment on function app.uuid_v7() is
'A new row id: uuid version 7, ordered by time.';
