-- The month that a partition of the trail holds, from its name; null when it has none.
create or replace function audit.month_of(partition regclass)
returns date
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
    select to_date(right(partition::text, 7), 'YYYY_MM')
     where partition::text ~ '^audit\.log_[0-9]{4}_(0[1-9]|1[0-2])$';
$function$;

revoke all on function audit.month_of(regclass) from public;
grant execute on function audit.month_of(regclass) to
    authenticated,
    service_role,
    gardenos_auditor,
    gardenos_audit_sealer,
    gardenos_monitor;

comment on function audit.month_of(regclass) is
'The month of a partition of audit.log, or null.';
