-- The smallest uuid v7 of a millisecond: where a month of ids begins, for partitions and for conditions on
-- time that the primary key can answer.
create or replace function app.uuid_v7_floor(at timestamptz)
returns uuid
language sql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
    select encode(
        substring(int8send(floor(extract(epoch from at) * 1000)::bigint) from 3) || '\x70008000000000000000'::bytea,
        'hex'
    )::uuid;
$function$;

revoke all on function app.uuid_v7_floor(timestamptz) from public;
grant execute on function app.uuid_v7_floor(timestamptz) to
    authenticated,
    service_role,
    gardenos_worker,
    gardenos_auditor,
    gardenos_audit_sealer,
    gardenos_audit_redactor,
    gardenos_publisher;

comment on function app.uuid_v7_floor(timestamptz) is
'The smallest uuid version 7 of this millisecond.';
