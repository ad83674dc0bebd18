-- The erasures of an agency as they are kept outside of the database, one line each: ids and hashes only.
-- app.replay_erasures does them again after a restore. For the auditor, of all agencies, and a bound worker:
-- SECURITY INVOKER, policies decide.
create or replace function app.erasure_ledger()
returns setof jsonb
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    return query
    select jsonb_build_object(
        'agency_id', r.agency_id,
        'id', r.id,
        'subject_kind', r.subject_kind,
        'subject_id', r.subject_id,
        'requested_at', r.requested_at,
        'executed_at', r.executed_at,
        'requested_by_id', r.requested_by_id,
        'approved_by_id', r.approved_by_id,
        'confirmed', coalesce(r.report -> 'confirmed', '[]'),
        'suppressions', coalesce(
            (
                select jsonb_agg(
                    jsonb_build_object('kind', s.kind, 'hash', encode(s.value_hash, 'hex')) order by s.id
                )
                  from governance.suppressions as s
                 where s.agency_id = r.agency_id
                   and s.erasure_id = r.id
            ),
            '[]'
        )
    )
      from governance.erasure_requests as r
     where r.executed_at is not null
     order by r.executed_at, r.agency_id, r.id;
end;
$function$;

revoke all on function app.erasure_ledger() from public;
grant execute on function app.erasure_ledger() to
    gardenos_worker,
    gardenos_auditor;

comment on function app.erasure_ledger() is
'The erasures that were executed, as they are kept outside of the database: ids and hashes.';
