-- The last step of the retention job: raises when a month is still in the trail that should have left it.
-- Under FORCE ROW LEVEL SECURITY a job can touch nothing and look well; this looks at the catalogue, not
-- at rows, and not at what the job says of itself. Answers how many months of the past remain.
create or replace function audit.require_retention(keep interval)
returns bigint
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    overdue text;
begin
    if keep is null or keep < interval '1 month' then
        raise exception 'The trail is kept for a month at least, not for %.', coalesce(keep::text, 'null')
            using errcode = '22023';
    end if;
    overdue := (
        select string_agg(to_char(m.month, 'YYYY-MM'), ', ' order by m.month)
          from audit.months() as m
         where (m.month + interval '1 month') at time zone 'UTC' <= now() - keep
    );
    if overdue is not null then
        raise exception 'Retention has failed: % should have left the trail, which is kept for %.', overdue, keep
            using errcode = '55000';
    end if;
    return (
        select count(*)
          from audit.months() as m
         where (m.month + interval '1 month') at time zone 'UTC' <= now()
    );
end;
$function$;

revoke all on function audit.require_retention(interval) from public;
grant execute on function audit.require_retention(interval) to
    gardenos_worker,
    gardenos_auditor,
    gardenos_monitor;

comment on function audit.require_retention(interval) is
'Raises 55000 while a month is in the trail that ended longer ago than keep; else the number of past months.';
