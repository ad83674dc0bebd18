-- The job that keeps to the retention policies of the agency that is bound: one line for each, with what was
-- due and what was removed, at most so many rows of a table at a time; it is called again while more is due.
-- Tables on legal hold are left alone.
--
-- A job that row-level security filters to nothing would report success. So it counts before and after, as
-- the worker, and another role removes: when what was due is still there, or when more is removed than was
-- seen, the job fails and nothing is removed. In an agency that is not active the worker sees no records,
-- and only what was removed is reported. SECURITY INVOKER for the same reason.
create or replace function app.run_retention(max_rows integer default 10000)
returns table (entity text, due bigint, removed bigint, held boolean)
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    agency uuid := app.agency_id();
    is_active boolean := app.is_agency_active();
    policy governance.retention_policies;
    left_over bigint;
begin
    if agency is null then
        raise exception 'Retention runs in one agency: none is bound.'
            using errcode = '42501',
            hint = 'begin; select app.bind_worker(''<agency>''); select * from app.run_retention(); commit;';
    end if;
    if max_rows is null or max_rows < 1 then
        raise exception 'max_rows is %: give a number above zero.', coalesce(max_rows::text, 'null')
            using errcode = '22023';
    end if;
    for policy in
        select p.*
          from governance.retention_policies as p
         where p.agency_id = agency
           and app.due_rows(p.entity) is not null
         order by p.entity
    loop
        entity := policy.entity;
        held := policy.legal_hold;
        due := app.count_due(policy.entity, policy.keep);
        removed := app.remove_due(policy.entity, max_rows);
        left_over := app.count_due(policy.entity, policy.keep);
        if is_active and not held and (left_over > greatest(due - max_rows, 0) or removed > due) then
            raise exception 'Retention has failed: % rows of % were due, % were removed and % are left.',
                due, policy.entity, removed, left_over
                using errcode = '55000',
                hint = 'A policy hides rows from gardenos_worker, who counts, or gardenos_eraser, who removes.';
        end if;
        update governance.retention_policies as p
           set last_run_at = now(),
               last_run_rows = removed
         where p.agency_id = agency
           and p.id = policy.id
           and not p.legal_hold;
        return next;
    end loop;
end;
$function$;

revoke all on function app.run_retention(integer) from public;
grant execute on function app.run_retention(integer) to
    gardenos_worker;

comment on function app.run_retention(integer) is
'Removes what the retention policies of the agency no longer keep; answers what was due and removed.';
