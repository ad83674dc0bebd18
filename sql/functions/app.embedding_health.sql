-- The queue of embeddings in numbers: monitoring sees no row of it. Each number is counted up to 10 000: an
-- alarm needs to know that there are many, not how many. waiting_seconds is how long the next job of some
-- agency has been due.
--
-- SECURITY DEFINER: whoever monitors sees no agency's queue.
set local role gardenos_publisher;

create or replace function app.embedding_health(
    out jobs_waiting bigint,
    out waiting_seconds double precision,
    out jobs_dead bigint,
    out agencies_dead bigint,
    out documents_failed bigint
)
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    most constant integer := 10000;
begin
    jobs_waiting := (
        select count(*)
          from (
              select 1
                from ai.embedding_jobs as j
               where j.dead_at is null
                 and j.run_after <= now()
               limit most
          ) as w
    );
    with recursive agency as (
        (
            select j.agency_id
              from ai.embedding_jobs as j
             where j.dead_at is null
             order by j.agency_id
             limit 1
        )
        union all
        select (
            select j.agency_id
              from ai.embedding_jobs as j
             where j.agency_id > a.agency_id
               and j.dead_at is null
             order by j.agency_id
             limit 1
        )
          from agency as a
         where a.agency_id is not null
    )
    select coalesce(max(extract(epoch from now() - h.run_after)), 0)
      into waiting_seconds
      from agency as a
     cross join lateral (
         select j.run_after
           from ai.embedding_jobs as j
          where j.agency_id = a.agency_id
            and j.dead_at is null
            and j.run_after <= now()
          order by j.priority, j.run_after
          limit 1
     ) as h;
    select count(*), count(distinct d.agency_id)
      into jobs_dead, agencies_dead
      from (
          select j.agency_id
            from ai.embedding_jobs as j
           where j.dead_at is not null
           limit most
      ) as d;
    documents_failed := (
        select count(*)
          from (
              select 1
                from ai.documents as d
               where d.status = 'failed'
                 and d.deleted_at is null
               limit most
          ) as f
    );
end;
$function$;

revoke all on function app.embedding_health() from public;
grant execute on function app.embedding_health() to
    gardenos_monitor;

comment on function app.embedding_health() is
'How many texts wait for a vector, for how long, and how many were given up.';

set local role gardenos_owner;
