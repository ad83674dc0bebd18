-- Verifies the trails of all agencies, or of one, and notes what was found; answers how many places do not
-- verify. The note is what monitoring and the agency see: that somebody looked, when, up to which seal. It
-- does not raise on a finding, which would take the note back: the job that calls it fails on any answer but
-- 0, and monitoring alarms. What is wrong with the trail itself (audit.defects) counts in every agency.
--
-- Reads the whole trail: at night, or an agency at a time. audit.verify answers the same on a replica, but
-- notes nothing.
--
-- SECURITY DEFINER: the sealer reads the trail and appends the note.
set local role gardenos_audit_sealer;

create or replace function audit.note_verification(agency uuid default null)
returns bigint
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    one uuid;
    head record;
    found_now record;
    problems bigint := 0;
begin
    for one in
        select a.id
          from audit.agencies() as a (id)
         where note_verification.agency is null
            or a.id = note_verification.agency
    loop
        select s.seq, s.seal_hash
          into head
          from audit.seals as s
         where s.agency_id = one
         order by s.seq desc
         limit 1;
        select
            count(*) as problems,
            (array_agg(concat_ws(', ', 'seal ' || v.seal, 'row ' || v.log_id, v.problem)))[1] as first_problem
          into found_now
          from audit.verify(one) as v;
        insert into audit.verifications (agency_id, last_seal, head_hash, problems, first_problem)
        values (one, head.seq, head.seal_hash, found_now.problems, left(found_now.first_problem, 1000));
        problems := problems + found_now.problems;
    end loop;
    return problems;
end;
$function$;

revoke all on function audit.note_verification(uuid) from public;
grant execute on function audit.note_verification(uuid) to
    gardenos_worker;

comment on function audit.note_verification(uuid) is
'Verifies the trails, notes for each agency what was found, and returns the number of problems.';

set local role gardenos_owner;
