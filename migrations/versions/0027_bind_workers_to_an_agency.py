"""Bind workers to an agency

Reason:    jobs that send, scan, import and retain work in one agency at a time, under the tenant
           floor: app.bind_worker binds a transaction of gardenos_worker, and app.proof answers the
           agency to it, and nobody else.
Locks:     none on tables.
Duration:  milliseconds.
Way back:  drops the functions; workers see nothing. The policies that ask them are gone by then.
"""

from migrations.runner.execute import execute

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        -- How a worker opens a transaction: `begin; select app.bind_worker('<agency>')`. From then on it is under the
        -- tenant floor of that agency, like everybody else, and has the policies that name gardenos_worker. Claims
        -- and seal end with the transaction, whatever a pool does; outside of one nothing is bound.
        --
        -- A worker has no key of its own: it may bind any agency, one in each transaction. Binding a second one is
        -- refused, because a loop that forgets its COMMIT would mix two agencies. It is no guard against injected
        -- SQL, which can begin a transaction of its own: workers send fixed statements with parameters.
        --
        -- Agencies that are suspended, closing or deleted are bound as well, since the duty to erase and to retain
        -- does not rest. There the policies show what serves that duty only (app.is_agency_active).
        create or replace function app.bind_worker(agency_id uuid)
        returns void
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            sealed record := app.issue_worker_seal(bind_worker.agency_id);
            bound uuid := app.agency_id();
        begin
            if bound <> bind_worker.agency_id then
                raise exception 'This transaction is bound to agency % already.', bound
                    using errcode = '42501',
                    hint = 'Commit, and bind the next agency in a transaction of its own.';
            end if;
            perform set_config('request.jwt.claims', sealed.claims, true);
            perform set_config('gardenos.seal', sealed.seal, true);
            if app.agency_id() is distinct from bind_worker.agency_id then
                raise exception 'The transaction is not bound: there is no agency %.', bind_worker.agency_id
                    using errcode = '42501';
            end if;
        end;
        $function$;

        revoke all on function app.bind_worker(uuid) from public;
        grant execute on function app.bind_worker(uuid) to
            gardenos_worker;

        comment on function app.bind_worker(uuid) is
        'Binds this transaction of a worker to one agency, until it ends.';
        """
    )
    execute(
        r"""
        -- Is the agency that is bound or claimed in business? A person's claims need that anyway. A worker may also
        -- be bound to an agency that is suspended, closing or deleted: there it erases, retains and publishes that it
        -- did, and does nothing else. No message leaves, no webhook is called, no import goes on.
        set local role gardenos_membership_reader;

        create or replace function app.is_agency_active()
        returns boolean
        language plpgsql
        stable
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            proof record := app.proof();
        begin
            return exists (
                select 1
                  from tenancy.agencies as a
                 where a.id = proof.agency_id
                   and a.status = 'active'
                   and a.deleted_at is null
            );
        end;
        $function$;

        revoke all on function app.is_agency_active() from public;
        grant execute on function app.is_agency_active() to
            gardenos_worker;

        comment on function app.is_agency_active() is
        'True when the agency of this transaction is neither suspended nor closing nor deleted.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
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
        """
    )
    execute(
        r"""
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
            if session_user = 'gardenos_worker' then
                agency_id := (
                    select a.id
                      from tenancy.agencies as a
                     where a.id = app.claimed_uuid(claims, 'agency_id')
                       and claims ->> 'role' = 'gardenos_worker'
                );
                return;
            end if;
            claimed_user_id := app.claimed_user(claims);
            claimed_agency_id := app.claimed_uuid(claims, 'agency_id');

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
            gardenos_crm_writer;

        comment on function app.proof() is
        'Who is asking, proved against the live membership. Every column is null when nothing is proved.';

        set local role gardenos_owner;
        """
    )


def downgrade() -> None:
    execute(
        r"""
        set local role gardenos_membership_reader;

        CREATE OR REPLACE FUNCTION app.proof(OUT user_id uuid, OUT agency_id uuid, OUT membership_id uuid, OUT agency_role app.agency_role, OUT record_scope app.record_scope, OUT capabilities text[], OUT agent_id uuid, OUT is_person boolean, OUT api_key_id uuid, OUT scopes text[])
         RETURNS record
         LANGUAGE plpgsql
         STABLE SECURITY DEFINER
         SET search_path TO 'pg_catalog', 'pg_temp'
        AS $function$
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
            claimed_user_id := app.claimed_user(claims);
            claimed_agency_id := app.claimed_uuid(claims, 'agency_id');

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

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_sealer;

        drop function app.issue_worker_seal(agency_id uuid);

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_membership_reader;

        drop function app.is_agency_active();

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        drop function app.bind_worker(agency_id uuid);
        """
    )
