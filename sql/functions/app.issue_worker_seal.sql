-- What app.bind_worker stores: the claims of a worker (an agency, and nobody in it) and the seal that makes
-- app.claims() believe them in this transaction of this backend. The claims are built here, of the agency
-- alone, so that a worker cannot have the claims of a person sealed.
--
-- SECURITY DEFINER: the sealer alone reads the keys. The login is session_user, which SET ROLE cannot change:
-- whoever else may become gardenos_worker is no worker.
set local role gardenos_sealer;

create or replace function app.issue_worker_seal(
    agency_id uuid,
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
        raise exception 'The transaction is not bound: % is not the login of the workers.', session_user
            using errcode = '42501',
            hint = 'Workers log in as gardenos_worker.';
    end if;
    if agency_id is null then
        raise exception 'The transaction is not bound: say which agency.'
            using errcode = '22004';
    end if;
    claims := jsonb_build_object('role', 'gardenos_worker', 'agency_id', agency_id)::text;
    seal := (
        select encode(app.hmac_sha256(k.inner_key, k.outer_key, app.sealed_text(claims)), 'hex')
          from migration.seal_keys as k
         where k.login = 'database'
           and k.expires_at is null
    );
end;
$function$;

revoke all on function app.issue_worker_seal(uuid) from public;
grant execute on function app.issue_worker_seal(uuid) to
    gardenos_worker;

comment on function app.issue_worker_seal(uuid) is
'The claims of a worker in this agency, and the seal that they need.';

set local role gardenos_owner;
