-- The months that audit.log has now, past and ahead, read off the catalogue: no row of the trail is
-- touched, so monitoring and the owner, who see none, may ask. row_estimate is what ANALYZE last found.
create or replace function audit.months()
returns table (
    month date,
    partition_name text,
    row_estimate bigint,
    bytes bigint
)
language plpgsql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    return query
        select
            to_date(c.relname, '"log_"YYYY_MM'),
            c.relname::text,
            greatest(c.reltuples, 0)::bigint,
            pg_total_relation_size(c.oid)
          from pg_inherits as i
          join pg_class as c on c.oid = i.inhrelid
         where i.inhparent = 'audit.log'::regclass
           and not i.inhdetachpending
         order by c.relname;
end;
$function$;

revoke all on function audit.months() from public;
grant execute on function audit.months() to
    gardenos_worker,
    gardenos_auditor,
    gardenos_monitor,
    gardenos_audit_sealer;

comment on function audit.months() is
'The months of audit.log, past and ahead, with their sizes in bytes.';
