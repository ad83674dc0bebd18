-- Does erasures again, after a restore to a time before them: of the agency that the worker is bound to, as
-- app.erasure_ledger wrote them down. The request itself may be lost, so it is written again; who asked and
-- who approved is kept as far as they are members there. Addresses stay suppressed. A contact that was made
-- after the time of the restore is not there, and nothing is done about it; one that somebody added by hand
-- later is another row. Done twice it is done once. Answers how many it did.
--
-- SECURITY DEFINER, as app.execute_erasure. Legal holds are not asked: what was erased stays erased.
set local role gardenos_eraser;

create or replace function app.replay_erasures(ledger jsonb)
returns integer
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    agency uuid := app.agency_id();
    entry jsonb;
    request uuid;
    there boolean;
    done integer := 0;
begin
    if agency is null or session_user <> 'gardenos_worker' then
        raise exception 'Erasures are done again by a worker that is bound to the agency.'
            using errcode = '42501',
            hint = 'python -m migrations.erasures replay does it for every agency of a file.';
    end if;
    for entry in select e from jsonb_array_elements(ledger) as e where (e ->> 'agency_id')::uuid = agency loop
        request := (entry ->> 'id')::uuid;
        insert into governance.erasure_requests (
            agency_id, id, subject_kind, subject_id, label_masked, status, requested_at, requested_by_id,
            approved_by_id, executed_at, report
        )
        select
            agency,
            request,
            entry ->> 'subject_kind',
            (entry ->> 'subject_id')::uuid,
            '…',
            'done',
            (entry ->> 'requested_at')::timestamptz,
            (
                select m.id
                  from tenancy.memberships as m
                 where m.agency_id = agency
                   and m.id = (entry ->> 'requested_by_id')::uuid
            ),
            (
                select m.id
                  from tenancy.memberships as m
                 where m.agency_id = agency
                   and m.id = (entry ->> 'approved_by_id')::uuid
            ),
            (entry ->> 'executed_at')::timestamptz,
            '{"replayed": true}'
            on conflict (agency_id, id) do update
               set report = erasure_requests.report || '{"replayed": true}',
                   legal_hold = false,
                   status = 'done',
                   approved_by_id = coalesce(erasure_requests.approved_by_id, excluded.approved_by_id),
                   executed_at = coalesce(erasure_requests.executed_at, excluded.executed_at)
             where erasure_requests.status not in ('running', 'done');
        insert into governance.suppressions (agency_id, erasure_id, kind, value_hash)
        select agency, request, (s ->> 'kind')::app.point_kind, decode(s ->> 'hash', 'hex')
          from jsonb_array_elements(entry -> 'suppressions') as s
            on conflict do nothing;
        there := case entry ->> 'subject_kind'
            when 'contact' then exists (
                select 1
                  from crm.contacts as c
                 where c.agency_id = agency
                   and c.id = (entry ->> 'subject_id')::uuid
            )
            else exists (
                select 1
                  from tenancy.memberships as m
                 where m.agency_id = agency
                   and m.id = (entry ->> 'subject_id')::uuid
            )
        end;
        if there then
            if entry ->> 'subject_kind' = 'member' then
                update tenancy.memberships as m
                   set status = 'removed'
                 where m.agency_id = agency
                   and m.id = (entry ->> 'subject_id')::uuid
                   and m.status <> 'removed';
            end if;
            perform app.perform_erasure(agency, request, coalesce(entry -> 'confirmed', '[]'));
            done := done + 1;
        end if;
    end loop;
    return done;
end;
$function$;

revoke all on function app.replay_erasures(jsonb) from public;
grant execute on function app.replay_erasures(jsonb) to
    gardenos_worker;

comment on function app.replay_erasures(jsonb) is
'Does the erasures of a ledger again after a restore, for the agency bound; answers how many.';

set local role gardenos_owner;
