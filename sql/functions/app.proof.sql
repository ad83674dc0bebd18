-- The proof of every claim. A token says who somebody was when it was signed; this says who they are now,
-- from the live rows: the issuer active, the user active, the membership active, the agency active, and for
-- a key the key neither revoked nor expired. A stable function reads with the snapshot of its statement, so
-- a membership that was revoked a moment ago stops working at the next statement, not when the token
-- expires. (Inside one REPEATABLE READ transaction all statements share a snapshot: there, at the next
-- transaction.)
--
-- What cannot be resolved is never ignored: an `act` or `api_key_id` that is present but names nobody live
-- means no proof at all, not the user's full rights. Without a membership the user stands alone (user_id).
--
-- A worker is bound to an agency and is nobody in it (app.bind_worker): only agency_id is answered. Its
-- claims are those of app.issue_worker_seal, because app.claims() believes that login nothing without a seal.
-- For an import (app.issue_import_seal) it is the owner of the job, as long as the job runs: the claims name
-- the job, and the live rows say who that is.
--
-- SECURITY DEFINER: memberships are protected by policies that ask this very function. The membership
-- reader has a policy of its own that calls nothing, and the tenant floor does not name it; else this would
-- recurse until 54001.
set local role gardenos_membership_reader;

create or replace function app.proof(
    out user_id uuid,
    out agency_id uuid,
    out membership_id uuid,
    out agency_role app.agency_role,
    out record_scope app.record_scope,
    out capabilities text[],
    out agent_id uuid,
    out is_person boolean,
    out api_key_id uuid,
    out scopes text[]
)
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    claims jsonb := app.claims();
    claimed_user_id uuid;
    claimed_agency_id uuid;
    proven record;
    agent_scope app.record_scope;
begin
    if claims is null then
        return;
    end if;
    if session_user = 'gardenos_worker' and not claims ? 'import_job_id' then
        agency_id := (
            select a.id
              from tenancy.agencies as a
             where a.id = app.claimed_uuid(claims, 'agency_id')
               and claims ->> 'role' = 'gardenos_worker'
        );
        return;
    end if;
    claimed_agency_id := app.claimed_uuid(claims, 'agency_id');
    if session_user = 'gardenos_worker' then
        claimed_user_id := (
            select m.user_id
              from integration.import_jobs as j
              join tenancy.memberships as m
                on m.agency_id = j.agency_id
               and m.id = j.owner_id
             where j.agency_id = claimed_agency_id
               and j.id = app.claimed_uuid(claims, 'import_job_id')
               and j.status in ('validating', 'running')
        );
    else
        claimed_user_id := app.claimed_user(claims);
    end if;

    select
        u.id as user_id,
        u.kind = 'person' as is_person,
        m.agency_id,
        m.id as membership_id,
        m.role,
        m.record_scope,
        m.capabilities
      into proven
      from tenancy.users as u
      left join (
          tenancy.memberships as m
          join tenancy.agencies as a
            on a.id = m.agency_id
           and a.status = 'active'
           and a.deleted_at is null
      )
        on m.user_id = u.id
       and m.agency_id = claimed_agency_id
       and m.status = 'active'
     where u.id = claimed_user_id
       and u.status = 'active';
    if proven.user_id is null then
        return;
    end if;

    if claims ? 'act' then
        claimed_user_id := app.claimed_user(
            case
                when jsonb_typeof(claims -> 'act') = 'object'
                    then jsonb_build_object('iss', claims -> 'iss') || (claims -> 'act')
            end
        );
        select m.id, m.record_scope
          into agent_id, agent_scope
          from tenancy.users as u
          join tenancy.memberships as m
            on m.user_id = u.id
           and m.agency_id = proven.agency_id
           and m.role = 'ai_agent'
           and m.status = 'active'
         where u.id = claimed_user_id
           and u.kind = 'agent'
           and u.status = 'active';
        if agent_id is null then
            return;
        end if;
    end if;

    if claims ? 'api_key_id' then
        select k.id, nullif(k.scopes, '{}')
          into api_key_id, scopes
          from tenancy.api_keys as k
         where k.agency_id = proven.agency_id
           and k.id = app.claimed_uuid(claims, 'api_key_id')
           and k.acts_as_id = proven.membership_id
           and k.revoked_at is null
           and (k.expires_at is null or k.expires_at > statement_timestamp());
        if api_key_id is null then
            agent_id := null;
            return;
        end if;
    end if;

    user_id := proven.user_id;
    agency_id := proven.agency_id;
    membership_id := proven.membership_id;
    agency_role := proven.role;
    record_scope := least(proven.record_scope, agent_scope);
    capabilities := proven.capabilities;
    is_person := proven.is_person and agent_id is null;
end;
$function$;

revoke all on function app.proof() from public;
-- the owner too: foreign keys clear a reference as the owner of the table, and its triggers stamp the row
grant execute on function app.proof() to
    authenticated,
    service_role,
    gardenos_owner,
    gardenos_worker,
    gardenos_search,
    gardenos_membership_reader,
    gardenos_tenancy_writer,
    gardenos_crm_writer,
    gardenos_ai_writer,
    gardenos_merger,
    gardenos_publisher,
    gardenos_eraser;

comment on function app.proof() is
'Who is asking, proved against the live membership. Every column is null when nothing is proved.';

set local role gardenos_owner;
