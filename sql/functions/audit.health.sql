-- How sealing and verifying are doing, in numbers: monitoring sees no row of the trail. Of each agency
-- that wrote in this month or the one before, the rows behind its last seal are counted up to 1 000: an
-- alarm needs to know that there are many, not how many. Agencies are found by leaping over the primary
-- key, not by reading the rows.
--
-- SECURITY DEFINER: the sealer reads every trail.
set local role gardenos_audit_sealer;

create or replace function audit.health(
    out agencies_unsealed bigint,
    out rows_unsealed bigint,
    out unsealed_seconds double precision,
    out verified_seconds double precision,
    out agencies_broken bigint
)
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    most constant integer := 1000;
    first_id uuid := app.uuid_v7_floor(
        (date_trunc('month', now() at time zone 'UTC') - interval '1 month') at time zone 'UTC'
    );
    end_id uuid := app.uuid_v7_floor(now() + interval '1 day');
begin
    with recursive agency as (
        (
            select l.agency_id
              from audit.log as l
             where l.id >= first_id
               and l.id < end_id
             order by l.agency_id
             limit 1
        )
        union all
        select (
            select l.agency_id
              from audit.log as l
             where l.agency_id > a.agency_id
               and l.id >= first_id
               and l.id < end_id
             order by l.agency_id
             limit 1
        )
          from agency as a
         where a.agency_id is not null
    )
    select
        count(*) filter (where u.row_count > 0),
        coalesce(sum(u.row_count), 0),
        coalesce(extract(epoch from now() - min(u.oldest)), 0),
        coalesce(extract(epoch from now() - min(coalesce(v.verified_at, f.at))), 0),
        count(*) filter (where v.problems > 0)
      into agencies_unsealed, rows_unsealed, unsealed_seconds, verified_seconds, agencies_broken
      from agency as a
      left join lateral (
          select e.epoch, e.to_xid
            from audit.seals as e
           where e.agency_id = a.agency_id
           order by e.seq desc
           limit 1
      ) as s on true
      left join lateral (
          select e.verified_at, e.problems
            from audit.verifications as e
           where e.agency_id = a.agency_id
           order by e.id desc
           limit 1
      ) as v on true
     cross join lateral (
          select l.at
            from audit.log as l
           where l.agency_id = a.agency_id
             and l.id >= first_id
             and l.id < end_id
           order by l.id
           limit 1
     ) as f
     cross join lateral (
          select count(*) as row_count, min(b.at) as oldest
            from (
                select l.at
                  from audit.log as l
                 where l.agency_id = a.agency_id
                   and l.id >= first_id
                   and l.id < end_id
                   and (l.epoch, l.xid) >= (coalesce(s.epoch, 0), coalesce(s.to_xid, '0'))
                 order by l.epoch, l.xid
                 limit most
            ) as b
     ) as u
     where a.agency_id is not null;
end;
$function$;

revoke all on function audit.health() from public;
grant execute on function audit.health() to
    gardenos_auditor,
    gardenos_monitor;

comment on function audit.health() is
'Rows that wait for their seal and for how long, the oldest verification, how many agencies failed theirs.';

set local role gardenos_owner;
