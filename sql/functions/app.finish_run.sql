-- An agent ends its run, or suspends it to wait for a person for another reason than an approval. The cost is
-- that of the whole run; left out, it stays as it is.
create or replace function app.finish_run(
    run_id uuid,
    status app.run_status default 'succeeded',
    outcome jsonb default null,
    error text default null,
    cost numeric default null
)
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    update ai.agent_runs as r
       set status = finish_run.status,
           outcome = coalesce(finish_run.outcome, r.outcome),
           error = coalesce(finish_run.error, r.error),
           cost = coalesce(finish_run.cost, r.cost)
     where r.agency_id = app.agency_id()
       and r.id = finish_run.run_id;
    if not found then
        raise exception 'There is no run % of yours.', coalesce(run_id::text, 'null')
            using errcode = '22023';
    end if;
end;
$function$;

revoke all on function app.finish_run(uuid, app.run_status, jsonb, text, numeric) from public;
grant execute on function app.finish_run(uuid, app.run_status, jsonb, text, numeric) to
    authenticated;

comment on function app.finish_run(uuid, app.run_status, jsonb, text, numeric) is
'An agent ends or suspends its run, with what came of it and what it has cost.';
