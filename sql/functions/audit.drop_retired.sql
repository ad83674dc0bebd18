-- Drops the table of a month that left the trail, when nobody has missed it for a week. A table that is
-- still part of the trail, or was detached in any other way, is refused.
--
-- SECURITY INVOKER, for the owner alone. Whether the month was retired the sealer says: the owner sees no
-- row.
create or replace function audit.drop_retired(month date)
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
set lock_timeout = '2s'
as $function$
declare
    table_name text := to_char(month, '"log_"YYYY_MM');
begin
    if table_name is null or to_regclass('audit.' || table_name) is null then
        raise exception 'There is no table of the month %.', coalesce(month::text, 'null')
            using errcode = '42P01';
    end if;
    if exists (select 1 from audit.months() as m where m.partition_name = table_name) then
        raise exception 'Month % is still part of the trail: retire it first.', month
            using errcode = '55000';
    end if;
    if coalesce(
        audit.retired_at(month) > now() - interval '7 days',
        pg_relation_size('audit.' || table_name) > 0
    ) then
        raise exception 'Month % is not dropped: it was not retired by audit.retire, or less than a week ago.', month
            using errcode = '55000';
    end if;
    execute format('drop table audit.%I', table_name);
end;
$function$;

revoke all on function audit.drop_retired(date) from public;

comment on function audit.drop_retired(date) is
'Drops the detached table of a month that was retired a week ago or earlier. For the owner.';
