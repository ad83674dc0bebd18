-- A memory is never more visible than the run it comes from: it is written as narrow as the run, for the team
-- of the run, and becomes narrower with it. What comes from a private run belongs to somebody who takes part
-- in that run; a memory about a record belongs to the record's owner, and is refused when that is another.
--
-- SECURITY DEFINER: whoever writes may be somebody who does not read the run, as when a record changes its
-- team; app.forbid_hidden_links sees to it that who names a run can read it. The run is locked until the end
-- of the transaction, so that it does not become narrower meanwhile.
set local role gardenos_ai_writer;

create or replace function app.keep_within_run()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    run record;
begin
    select
        r.visibility,
        r.team_id,
        array[r.agent_membership_id, r.triggered_by_id, r.on_behalf_of_id] as people
      into run
      from ai.agent_runs as r
     where r.agency_id = new.agency_id
       and r.id = new.source_run_id
       for share;
    if run is null then
        return new;
    end if;
    if run.visibility = 'private'
        or (run.visibility = 'team' and new.visibility <> 'private' and new.team_id is distinct from run.team_id)
    then
        new.visibility := 'private';
    elsif run.visibility = 'team' and new.visibility = 'agency' then
        new.visibility := 'team';
    end if;
    if run.visibility = 'private'
        and (new.owner_id = any(run.people)) is not true
        and pg_trigger_depth() = 1
    then
        raise exception 'What a private run remembers belongs to somebody who takes part in it.'
            using errcode = '23514',
            column = 'source_run_id',
            hint = 'Remember it about the agency, or without the run when it was learned elsewhere.';
    end if;
    return new;
end;
$function$;

revoke all on function app.keep_within_run() from public;
grant execute on function app.keep_within_run() to
    gardenos_owner;

comment on function app.keep_within_run() is
'Keeps a memory as narrow as the run that it comes from.';

set local role gardenos_owner;
