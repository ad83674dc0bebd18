-- How many months after this one have their partition, without a gap: monitoring alarms below six. -1 when
-- even this month has none, and every audited write fails.
create or replace function audit.months_ahead()
returns integer
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
    with recursive present as (
        select date_trunc('month', now() at time zone 'UTC') as month
        union all
        select p.month + interval '1 month'
          from present as p
         where exists (
            select 1
              from pg_inherits as i
             where i.inhparent = 'audit.log'::regclass
               and not i.inhdetachpending
               and i.inhrelid = to_regclass(to_char(p.month, '"audit.log_"YYYY_MM'))
         )
    )
    select count(*)::integer - 2
      from present;
$function$;

revoke all on function audit.months_ahead() from public;
grant execute on function audit.months_ahead() to
    gardenos_worker,
    gardenos_auditor,
    gardenos_monitor;

comment on function audit.months_ahead() is
'How many months ahead audit.log has partitions for; below 6 is an alarm, -1 means that writes fail now.';
