-- Every agency that the trail or its chain speaks of and that the caller sees, those that are gone
-- included. Hops from one to the next in the index: the trail has many rows and few agencies.
create or replace function audit.agencies()
returns setof uuid
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
    with recursive logged as (
        (select l.agency_id from audit.log as l order by l.agency_id limit 1)
        union all
        select (
            select l.agency_id
              from audit.log as l
             where l.agency_id > p.agency_id
             order by l.agency_id
             limit 1
        )
          from logged as p
         where p.agency_id is not null
    ),
    sealed as (
        (select s.agency_id from audit.seals as s order by s.agency_id limit 1)
        union all
        select (
            select s.agency_id
              from audit.seals as s
             where s.agency_id > p.agency_id
             order by s.agency_id
             limit 1
        )
          from sealed as p
         where p.agency_id is not null
    )
    select l.agency_id
      from logged as l
     where l.agency_id is not null
    union
    select s.agency_id
      from sealed as s
     where s.agency_id is not null
     order by 1;
$function$;

revoke all on function audit.agencies() from public;
grant execute on function audit.agencies() to
    authenticated,
    service_role,
    gardenos_auditor,
    gardenos_audit_sealer;

comment on function audit.agencies() is
'Every agency with rows in the trail or seals, as far as the caller sees.';
