-- Executes a request to be forgotten that a second person has approved. People may, who may approve, and the
-- worker, which has the time that a large agency takes; an executed request is answered with its report.
-- Refused while anything of the agency is on legal hold: the request, another request about the same
-- person, or a table (governance.retention_policies).
--
-- SECURITY DEFINER: it reaches every row of the agency, whoever may see it, and of no other.
set local role gardenos_eraser;

create or replace function app.execute_erasure(request uuid)
returns jsonb
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    proof record := app.proof();
    agency uuid := proof.agency_id;
    asked governance.erasure_requests;
    held text;
begin
    if agency is null
        or session_user <> 'gardenos_worker'
        and not (app.may('governance.erasure_requests:update', 'owner', 'admin') and proof.is_person) then
        raise exception 'You may not carry out an erasure: an owner or admin of the agency may, or a bound worker.'
            using errcode = '42501';
    end if;
    select * into asked
      from governance.erasure_requests as r
     where r.agency_id = agency
       and r.id = request
       for update;
    if asked.id is null then
        raise exception 'There is no request % in this agency.', coalesce(request::text, 'null')
            using errcode = '22023';
    end if;
    if asked.status in ('running', 'done') then
        return asked.report - 'names';
    end if;
    select string_agg(distinct h.what, ', ')
      into held
      from (
          select 'the person' as what
            from governance.erasure_requests as r
           where r.agency_id = agency
             and r.subject_kind = asked.subject_kind
             and r.subject_id = asked.subject_id
             and r.legal_hold
          union all
          select p.entity
            from governance.retention_policies as p
           where p.agency_id = agency
             and p.legal_hold
      ) as h;
    if held is not null then
        raise exception 'Nothing is erased under a legal hold: % is held.', held
            using errcode = 'PT409',
            hint = 'Lift legal_hold first, in governance.erasure_requests or governance.retention_policies.';
    end if;
    if asked.status <> 'approved' then
        raise exception 'The request is %, not approved.', asked.status
            using errcode = 'PT409',
            hint = 'Another owner or admin than the one who asked approves it with app.approve_erasure.';
    end if;
    if asked.subject_kind = 'contact' and not exists (
        select 1 from crm.contacts as c where c.agency_id = agency and c.id = asked.subject_id
    ) or asked.subject_kind = 'member' and not exists (
        select 1 from tenancy.memberships as m where m.agency_id = agency and m.id = asked.subject_id
    ) then
        raise exception 'There is no % % in this agency.', asked.subject_kind, asked.subject_id
            using errcode = '22023',
            hint = 'Refuse the request, and make one for the right id.';
    end if;
    return app.perform_erasure(agency, request);
end;
$function$;

revoke all on function app.execute_erasure(uuid) from public;
grant execute on function app.execute_erasure(uuid) to
    authenticated,
    gardenos_worker;

comment on function app.execute_erasure(uuid) is
'Executes an approved request to be forgotten; answers the report: rows, and mentions to decide.';

set local role gardenos_owner;
