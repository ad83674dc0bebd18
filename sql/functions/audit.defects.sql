-- What is wrong with the trail itself, at this moment, by name: a recorded table without one of its four
-- triggers, a trail that is not protected, a month that is missing between two others. Read off the
-- catalogue, so it needs no seal to compare with.
create or replace function audit.defects()
returns setof text
language sql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
    select format('trigger %s on %s is %s', w.name, c.oid::regclass, case
        when t.oid is null then 'missing'
        when t.tgenabled <> 'O' then 'switched off'
        else 'not the one that records'
    end)
      from pg_class as c
      join pg_namespace as n
        on n.oid = c.relnamespace
      join pg_proc as p
        on p.proname = 'record_' || n.nspname || '_' || c.relname
     cross join (
        values ('audit_insert'), ('audit_update'), ('audit_delete'), ('audit_truncate')
     ) as w (name)
      left join pg_trigger as t
        on t.tgrelid = c.oid
       and t.tgname = w.name
     where p.pronamespace = 'audit'::regnamespace
       and c.relkind in ('r', 'p')
       and (
           t.oid is null
           or t.tgenabled <> 'O'
           or t.tgfoid <> case
               when w.name = 'audit_truncate' then 'audit.forbid_truncate()'::regprocedure::oid
               else p.oid
           end
       )
    union all
    select format('row-level security of %s is off or not forced', c.oid::regclass)
      from pg_class as c
     where c.relnamespace = 'audit'::regnamespace
       and c.relkind in ('r', 'p')
       and not (c.relrowsecurity and c.relforcerowsecurity)
    union all
    select format('trigger forbid_change of audit.%s is missing or switched off', w.name)
      from (
        values ('log'), ('seals'), ('retired')
      ) as w (name)
     where not exists (
        select 1
          from pg_trigger as t
         where t.tgrelid = ('audit.' || w.name)::regclass
           and t.tgfoid = 'audit.forbid_change()'::regprocedure
           and t.tgenabled = 'O'
     )
    union all
    select format('month %s is not attached to audit.log', to_char(g.month, 'YYYY-MM'))
      from (
            select
                min(audit.month_of(i.inhrelid)) as earliest,
                max(audit.month_of(i.inhrelid)) as latest
              from pg_inherits as i
             where i.inhparent = 'audit.log'::regclass
      ) as m
     cross join generate_series(m.earliest::timestamp, m.latest::timestamp, '1 month') as g (month)
     where not exists (
        select 1
          from pg_inherits as i
         where i.inhparent = 'audit.log'::regclass
           and audit.month_of(i.inhrelid) = g.month::date
     );
$function$;

revoke all on function audit.defects() from public;
grant execute on function audit.defects() to
    authenticated,
    service_role,
    gardenos_auditor,
    gardenos_audit_sealer,
    gardenos_monitor;

comment on function audit.defects() is
'What is wrong with the trail itself: triggers, protection, months; no row when nothing is.';
