-- A stage stays with its pipeline, and means what it meant while deals are in it: their status comes from
-- it. Deals that are on the way into it are waited for by the lock of the row, which they take too.
-- SECURITY DEFINER: a deal that the writer does not see counts too.
set local role gardenos_crm_writer;

create or replace function app.guard_stage()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    if new.pipeline_id <> old.pipeline_id then
        raise exception 'A stage stays with its pipeline.'
            using errcode = 'PT403',
            hint = 'Make a new stage and archive this one.';
    end if;
    if new.outcome <> old.outcome and exists (
        select 1
          from crm.deals as d
         where d.agency_id = old.agency_id
           and d.pipeline_id = old.pipeline_id
           and d.stage_id = old.id
    ) then
        raise exception 'There are deals in this stage: its outcome stays %.', old.outcome
            using errcode = '23514',
            hint = 'Make a new stage and move the deals there.';
    end if;
    return new;
end;
$function$;

revoke all on function app.guard_stage() from public;
grant execute on function app.guard_stage() to
    gardenos_owner;

comment on function app.guard_stage() is
'Refuses to move a stage, or to change what it means for the deals in it.';

set local role gardenos_owner;
