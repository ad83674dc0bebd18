-- What app.bind_import stores: the claims of an import and their seal. They name the job, not a person:
-- app.proof() looks up, at each statement, who owns it and whether it runs. So a worker cannot choose
-- whom it writes for, and an owner who was suspended writes nothing more.
--
-- SECURITY DEFINER: the sealer alone reads the keys. The login is session_user, which SET ROLE cannot
-- change.
set local role gardenos_sealer;

create or replace function app.issue_import_seal(
    agency_id uuid,
    job_id uuid,
    out claims text,
    out seal text
)
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    if session_user <> 'gardenos_worker' then
        raise exception 'The import is not bound: % is not the login of the workers.', session_user
            using errcode = '42501',
            hint = 'Workers log in as gardenos_worker.';
    end if;
    if agency_id is null or job_id is null then
        raise exception 'The import is not bound: say which job, in a transaction bound to its agency.'
            using errcode = '22004';
    end if;
    claims := jsonb_build_object('role', 'authenticated', 'agency_id', agency_id, 'import_job_id', job_id)::text;
    seal := (
        select encode(app.hmac_sha256(k.inner_key, k.outer_key, app.sealed_text(claims)), 'hex')
          from migration.seal_keys as k
         where k.login = 'database'
           and k.expires_at is null
    );
end;
$function$;

revoke all on function app.issue_import_seal(uuid, uuid) from public;
grant execute on function app.issue_import_seal(uuid, uuid) to
    gardenos_worker;

comment on function app.issue_import_seal(uuid, uuid) is
'The claims of an import of this agency, and the seal that they need.';

set local role gardenos_owner;
