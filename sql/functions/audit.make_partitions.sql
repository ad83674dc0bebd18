-- Makes the months of audit.log: this one and as many ahead as asked. A job calls it; without a partition a
-- write fails loudly, so two years are made at once. A month is made alone and then attached, which blocks
-- no writer. It never makes a month that has passed: a month that is gone was retired.
--
-- A partition has row-level security, no policy and no grant: nobody reads or writes it but through
-- audit.log. SECURITY DEFINER, as the owner: only the owner of a table attaches partitions to it.
create or replace function audit.make_partitions(months integer default 24)
returns integer
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    this_month timestamp := date_trunc('month', now() at time zone 'UTC');
    month timestamp;
    partition text;
    made integer := 0;
begin
    if months is null or months not between 0 and 120 then
        raise exception 'Between 0 and 120 months can be made ahead, not %.', coalesce(months::text, 'null')
            using errcode = '22023';
    end if;
    for month in
        select generate_series(this_month, this_month + make_interval(months => make_partitions.months), '1 month')
    loop
        partition := to_char(month, '"log_"YYYY_MM');
        continue when exists (
            select 1
              from pg_inherits as i
             where i.inhparent = 'audit.log'::regclass
               and i.inhrelid = to_regclass('audit.' || partition)
        );
        if to_regclass('audit.' || partition) is not null then
            raise exception 'audit.% is there, but is no partition of audit.log.', partition
                using errcode = '55000',
                hint = 'Attach it again, or rename it.';
        end if;
        execute format(
            'create table audit.%I (like audit.log including defaults including constraints'
            || ' including storage including comments)',
            partition
        );
        execute format('alter table audit.%I enable row level security', partition);
        execute format('alter table audit.%I force row level security', partition);
        execute format('comment on table audit.%I is %L', partition, 'A month of audit.log, for nobody to touch.');
        execute format(
            'alter table audit.log attach partition audit.%I for values from (%L) to (%L)',
            partition,
            app.uuid_v7_floor(month at time zone 'UTC'),
            app.uuid_v7_floor((month + interval '1 month') at time zone 'UTC')
        );
        made := made + 1;
    end loop;
    return made;
end;
$function$;

revoke all on function audit.make_partitions(integer) from public;
grant execute on function audit.make_partitions(integer) to
    gardenos_worker;

comment on function audit.make_partitions(integer) is
'Makes the months of audit.log that are missing, this one and so many ahead; returns how many it made.';
