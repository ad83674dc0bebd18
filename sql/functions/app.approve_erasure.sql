-- The second pair of eyes: an owner or admin other than the one who asked approves a request to be forgotten,
-- in person. The table refuses an approval by whoever asked, whichever way it is written.
--
-- SECURITY DEFINER: an admin approves, but may not change a request otherwise.
set local role gardenos_eraser;

create or replace function app.approve_erasure(request uuid)
returns void
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    proof record := app.proof();
    asked governance.erasure_requests;
begin
    if not app.may('governance.erasure_requests:update', 'owner', 'admin')
        or not proof.is_person or proof.api_key_id is not null then
        raise exception 'You may not approve an erasure: only an owner or admin of the agency may, in person.'
            using errcode = '42501';
    end if;
    select * into asked
      from governance.erasure_requests as r
     where r.agency_id = proof.agency_id
       and r.id = request
       for update;
    if asked.id is null then
        raise exception 'There is no request % in this agency.', coalesce(request::text, 'null')
            using errcode = '22023';
    end if;
    if asked.requested_by_id = proof.membership_id then
        raise exception 'Nobody approves the erasure that they asked for themselves.'
            using errcode = '42501',
            hint = 'Ask another owner or admin of the agency.';
    end if;
    if asked.legal_hold then
        raise exception 'Nothing is erased under a legal hold.'
            using errcode = 'PT409',
            hint = 'Lift legal_hold of the request first.';
    end if;
    if asked.status <> 'requested' then
        raise exception 'The request is % already.', asked.status
            using errcode = 'PT409';
    end if;
    update governance.erasure_requests as r
       set status = 'approved',
           approved_by_id = proof.membership_id
     where r.agency_id = proof.agency_id
       and r.id = request;
end;
$function$;

revoke all on function app.approve_erasure(uuid) from public;
grant execute on function app.approve_erasure(uuid) to
    authenticated;

comment on function app.approve_erasure(uuid) is
'Approves a request to be forgotten; not for the person who made it.';

set local role gardenos_owner;
