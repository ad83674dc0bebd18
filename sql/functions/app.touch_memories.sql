-- Notes that memories were used: from now on they are fresh again in the order of a search. A search itself
-- writes nothing, so that it works on a replica; who used its results hands their ids to the worker, which
-- writes them here, many at a time. An id that stands there twice was used twice; one that is gone is passed
-- over. Answers how many memories it touched.
--
-- In the order of their ids, so that two workers with the same memories wait for each other and no more.
create or replace function app.touch_memories(ids uuid[])
returns integer
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    agency uuid := app.agency_id();
    touched integer;
begin
    perform 1
       from ai.memories as m
      where m.agency_id = agency
        and m.id = any(ids)
      order by m.id
        for no key update;
    update ai.memories as m
       set last_accessed_at = now(),
           access_count = m.access_count + u.times
      from (
          select i.id, count(*) as times
            from unnest(ids) as i (id)
           group by i.id
      ) as u
     where m.agency_id = agency
       and m.id = u.id
       and m.deleted_at is null;
    get diagnostics touched = row_count;
    return touched;
end;
$function$;

revoke all on function app.touch_memories(uuid[]) from public;
grant execute on function app.touch_memories(uuid[]) to
    gardenos_worker;

comment on function app.touch_memories(uuid[]) is
'Notes that these memories were used, once for each time an id is named; returns how many it touched.';
