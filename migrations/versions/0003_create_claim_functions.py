"""Create the functions that say who is asking

Reason:    claims are read, sealed and proved in one place, before the first table needs them as
           a default.
Locks:     none on tables.
Duration:  milliseconds.
Way back:  drops the functions.
"""

from migrations.runner.execute import execute

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        -- The id of every row: a uuid that grows with time, so that primary keys are appended, not scattered.
        -- PostgreSQL 18 has one of its own. Before that we build the same layout (RFC 9562, section 5.7): 48 bits
        -- of milliseconds, 12 bits of the fraction of a millisecond (its method 3), 62 bits of randomness.
        create or replace function app.uuid_v7()
        returns uuid
        language plpgsql
        volatile
        parallel safe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            microseconds bigint;
            bytes bytea;
        begin
            if current_setting('server_version_num')::integer >= 180000 then
                return uuidv7();
            end if;
            microseconds := (extract(epoch from clock_timestamp()) * 1000000)::bigint;
            bytes := uuid_send(gen_random_uuid());
            bytes := overlay(
                bytes placing substring(int8send(microseconds / 1000) from 3)
                || substring(int4send(28672 + ((microseconds % 1000) * 4096 / 1000)::integer) from 3)
                from 1 for 8
            );
            return encode(bytes, 'hex')::uuid;
        end;
        $function$;

        revoke all on function app.uuid_v7() from public;
        grant execute on function app.uuid_v7() to
            authenticated,
            service_role,
            gardenos_worker,
            gardenos_sealer,
            gardenos_tenancy_writer;

        comment on function app.uuid_v7() is
        'A new row id: uuid version 7, ordered by time.';
        """
    )
    execute(
        r"""
        -- HMAC-SHA256 (RFC 2104) from core's sha256(): pgcrypto is missing where PostgreSQL is built without
        -- OpenSSL. The two padded keys come ready made (app.padded_key), so that one call costs two hashes.
        create or replace function app.hmac_sha256(inner_key bytea, outer_key bytea, message text)
        returns bytea
        language plpgsql
        immutable
        parallel safe
        strict
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            return sha256(outer_key || sha256(inner_key || convert_to(message, 'UTF8')));
        end;
        $function$;

        revoke all on function app.hmac_sha256(bytea, bytea, text) from public;
        grant execute on function app.hmac_sha256(bytea, bytea, text) to
            gardenos_sealer;

        comment on function app.hmac_sha256(bytea, bytea, text) is
        'HMAC-SHA256 of a message under a key that app.padded_key has padded.';
        """
    )
    execute(
        r"""
        -- One half of an HMAC key: padded to the 64 bytes of a SHA-256 block and XORed, with 54 (hex 36) for the
        -- inner and 92 (hex 5c) for the outer half. Done once per key, not once per message.
        create or replace function app.padded_key(key bytea, pad integer)
        returns bytea
        language plpgsql
        immutable
        parallel safe
        strict
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            block bytea := key || decode(repeat('00', 64 - octet_length(key)), 'hex');
        begin
            for position in 0..63 loop
                block := set_byte(block, position, get_byte(block, position) # pad);
            end loop;
            return block;
        end;
        $function$;

        revoke all on function app.padded_key(bytea, integer) from public;
        grant execute on function app.padded_key(bytea, integer) to
            gardenos_sealer;

        comment on function app.padded_key(bytea, integer) is
        'The inner (54) or outer (92) half of an HMAC-SHA256 key of at most 64 bytes.';
        """
    )
    execute(
        r"""
        -- What a seal is taken over: this backend, this transaction, these claims. now() is the start of the
        -- transaction, so a seal dies with it; the process id keeps it from another connection.
        create or replace function app.sealed_text(claims text)
        returns text
        language plpgsql
        stable
        parallel unsafe
        strict
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            return pg_backend_pid()::text || '|' || extract(epoch from now())::text || '|' || claims;
        end;
        $function$;

        revoke all on function app.sealed_text(text) from public;
        grant execute on function app.sealed_text(text) to
            gardenos_sealer;

        comment on function app.sealed_text(text) is
        'Backend, transaction and claims as one text: the message of a seal.';
        """
    )
    execute(
        r"""
        -- Does this seal belong to these claims, in this transaction of this backend? Whoever may ask learns one
        -- bit about 256: no oracle. Both sides are hashed before they are compared, so the time taken tells nothing
        -- either.
        --
        -- SECURITY DEFINER: the sealer alone reads the keys.
        set local role gardenos_sealer;

        create or replace function app.seal_is_valid(claims text, seal text)
        returns boolean
        language plpgsql
        stable
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            if claims is null or seal is null or seal = '' then
                return false;
            end if;
            return exists (
                select 1
                  from migration.seal_keys as k
                 where k.login = 'database'
                   and (k.expires_at is null or k.expires_at > clock_timestamp())
                   and sha256(convert_to(seal, 'UTF8')) = sha256(
                           convert_to(
                               encode(app.hmac_sha256(k.inner_key, k.outer_key, app.sealed_text(claims)), 'hex'),
                               'UTF8'
                           )
                       )
            );
        end;
        $function$;

        revoke all on function app.seal_is_valid(text, text) from public;
        grant execute on function app.seal_is_valid(text, text) to
            authenticated,
            service_role,
            gardenos_app,
            gardenos_worker,
            gardenos_membership_reader,
            gardenos_tenancy_writer;

        comment on function app.seal_is_valid(text, text) is
        'True when this seal was issued for these claims in this transaction.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- A service login of ours proves, once per transaction, that its own code chose the claims: it sends them
        -- with an expiry (seconds since 1970, at most five minutes ahead) and the HMAC of "expiry|claims" under the
        -- key of that login. The key is in the service's memory, never in the database session, so injected SQL
        -- cannot make such a signature. The answer is a seal that holds for this transaction of this backend only.
        --
        -- SECURITY DEFINER: the sealer alone reads the keys. The login is session_user, which SET ROLE cannot
        -- change.
        set local role gardenos_sealer;

        create or replace function app.issue_seal(claims text, expires_at bigint, signature text)
        returns text
        language plpgsql
        stable
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            if claims is null or expires_at is null or signature is null then
                raise exception 'The session is not bound: claims, expiry and signature are all needed.'
                    using errcode = '22004';
            end if;
            if expires_at not between extract(epoch from clock_timestamp())
                and extract(epoch from clock_timestamp()) + 300 then
                raise exception 'The session is not bound: the expiry has passed or is more than five minutes ahead.'
                    using errcode = '42501',
                    hint = 'Sign the claims anew for each transaction, and keep the clocks together.';
            end if;
            if not exists (
                select 1
                  from migration.seal_keys as k
                 where k.login = session_user
                   and (k.expires_at is null or k.expires_at > clock_timestamp())
                   and sha256(convert_to(issue_seal.signature, 'UTF8')) = sha256(
                           convert_to(
                               encode(
                                   app.hmac_sha256(
                                       k.inner_key,
                                       k.outer_key,
                                       issue_seal.expires_at::text || '|' || issue_seal.claims
                                   ),
                                   'hex'
                               ),
                               'UTF8'
                           )
                       )
            ) then
                raise exception 'The session is not bound: no live key of login % made this signature.', session_user
                    using errcode = '42501',
                    hint = 'Sign "expiry|claims" with the key that app.rotate_seal_key gave out for this login.';
            end if;
            return (
                select encode(app.hmac_sha256(k.inner_key, k.outer_key, app.sealed_text(issue_seal.claims)), 'hex')
                  from migration.seal_keys as k
                 where k.login = 'database'
                   and k.expires_at is null
            );
        end;
        $function$;

        revoke all on function app.issue_seal(text, bigint, text) from public;
        grant execute on function app.issue_seal(text, bigint, text) to
            gardenos_app;

        comment on function app.issue_seal(text, bigint, text) is
        'Checks the signature of a service login over its claims and answers the seal for this transaction.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- A new key for a service login, shown once: put it into the service's environment. The older keys of that
        -- login go on for the overlap, so that no instance fails while the new key is rolled out. 'database'
        -- rotates the key of the seals themselves, which nobody needs to know: the answer is then null.
        --
        -- SECURITY DEFINER: the sealer alone writes the keys. Called by the DBA after SET ROLE gardenos_owner.
        set local role gardenos_sealer;

        create or replace function app.rotate_seal_key(login text, overlap interval default '1 hour')
        returns text
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            new_key bytea := sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
        begin
            if login is null or login not in ('database', 'gardenos_app') then
                raise exception 'No key for login %: there are keys for gardenos_app and for ''database''.',
                    coalesce(quote_ident(login), 'null')
                    using errcode = '22023';
            end if;
            if overlap is null or overlap < interval '0' or overlap > interval '7 days' then
                raise exception 'The overlap of old and new key must be between 0 and 7 days.'
                    using errcode = '22023';
            end if;
            update migration.seal_keys as k
               set expires_at = clock_timestamp() + overlap
             where k.login = rotate_seal_key.login
               and k.expires_at is null;
            insert into migration.seal_keys as k (login, inner_key, outer_key)
            values (rotate_seal_key.login, app.padded_key(new_key, 54), app.padded_key(new_key, 92));
            delete from migration.seal_keys as k
             where k.expires_at < clock_timestamp() - interval '1 day';
            return case when login <> 'database' then encode(new_key, 'hex') end;
        end;
        $function$;

        revoke all on function app.rotate_seal_key(text, interval) from public;
        grant execute on function app.rotate_seal_key(text, interval) to
            gardenos_owner;

        comment on function app.rotate_seal_key(text, interval) is
        'Makes a new signing key for a service login and returns it once, as hex; old keys expire after the overlap.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Who is asking, as JSON: the only place that reads request.jwt.claims. It never raises, because one
        -- raising policy stops Supabase Realtime for every tenant: whatever is not a JSON object reads as "no
        -- claims".
        --
        -- A setting can be forged by whoever can run SQL. PostgREST, realtime and storage-api run none of their
        -- clients' SQL, and superusers need no forgery: from those logins (session_user, which SET ROLE does not
        -- change) the claims are believed as they stand. Every other login must show a seal (app.issue_seal).
        --
        -- PostgreSQL 16 tells whether a cast would fail; 15 needs an EXCEPTION block, which is an error in a
        -- parallel plan, even below an InitPlan and whatever the label says short of PARALLEL UNSAFE. Longer texts
        -- than 8 kB are refused unread: deep nesting exhausts the stack of the parser. The legacy settings
        -- request.jwt.claim.* are never read: they would let two readers see two users.
        create or replace function app.claims()
        returns jsonb
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            unread text := nullif(current_setting('request.jwt.claims', true), '');
            claims jsonb;
        begin
            if unread is null or octet_length(unread) > 8192 then
                return null;
            end if;
            if session_user not in (
                'authenticator',
                'authenticator_ro',
                'supabase_storage_admin',
                'supabase_admin',
                'postgres'
            ) and not app.seal_is_valid(unread, current_setting('gardenos.seal', true)) then
                return null;
            end if;
            if current_setting('server_version_num')::integer >= 160000 then
                if not pg_input_is_valid(unread, 'jsonb') then
                    return null;
                end if;
                claims := unread::jsonb;
            else
                begin
                    claims := unread::jsonb;
                exception
                    when others then
                        return null;
                end;
            end if;
            if jsonb_typeof(claims) = 'object' then
                return claims;
            end if;
            return null;
        end;
        $function$;

        revoke all on function app.claims() from public;
        grant execute on function app.claims() to
            authenticated,
            service_role,
            gardenos_app,
            gardenos_worker,
            gardenos_membership_reader,
            gardenos_tenancy_writer;

        comment on function app.claims() is
        'The claims of this transaction as a JSON object, or null. Never raises.';
        """
    )
    execute(
        r"""
        -- A claim is read as a uuid only when it is a JSON string of the canonical form: "null", "", 1, {} and a
        -- broken uuid are no uuid, and nothing is ever cast blindly. Without a regular expression: that was a tenth
        -- of what a statement of a member cost.
        create or replace function app.claimed_uuid(claims jsonb, key text)
        returns uuid
        language plpgsql
        immutable
        parallel safe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            claimed text := claims ->> key;
        begin
            if jsonb_typeof(claims -> key) <> 'string'
                or claimed not like '________-____-____-____-____________' then
                return null;
            end if;
            if current_setting('server_version_num')::integer >= 160000 then
                if not pg_input_is_valid(claimed, 'uuid') then
                    return null;
                end if;
            elsif translate(claimed, '0123456789abcdefABCDEF', '') <> '----' then
                return null;
            end if;
            return claimed::uuid;
        end;
        $function$;

        revoke all on function app.claimed_uuid(jsonb, text) from public;
        grant execute on function app.claimed_uuid(jsonb, text) to
            gardenos_membership_reader;

        comment on function app.claimed_uuid(jsonb, text) is
        'The uuid under this key of the claims, or null when there is none.';
        """
    )
    execute(
        r"""
        -- Which user a token speaks of. user_id is believed only from an active issuer that may assert it; from the
        -- others (iss, sub) is looked up, because Kratos and Authentik issue subjects that are not uuids. E-mail
        -- addresses identify nobody. A user_id that is present but malformed names nobody, not the subject instead.
        --
        -- Called by the definers of the membership reader only: nobody else may read issuers and identities.
        create or replace function app.claimed_user(claims jsonb)
        returns uuid
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            believed boolean;
        begin
            select i.may_assert_user_id
              into believed
              from tenancy.issuers as i
             where i.issuer = claims ->> 'iss'
               and i.active;
            if believed and claims ? 'user_id' then
                return app.claimed_uuid(claims, 'user_id');
            end if;
            if believed is null or jsonb_typeof(claims -> 'sub') is distinct from 'string' then
                return null;
            end if;
            return (
                select ui.user_id
                  from tenancy.user_identities as ui
                 where ui.issuer = claims ->> 'iss'
                   and ui.subject = claims ->> 'sub'
            );
        end;
        $function$;

        revoke all on function app.claimed_user(jsonb) from public;
        grant execute on function app.claimed_user(jsonb) to
            gardenos_membership_reader;

        comment on function app.claimed_user(jsonb) is
        'The user that these claims name, by an issuer that is believed; null when nobody is named.';
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
            gardenos_membership_reader,
            gardenos_tenancy_writer;

        comment on function app.proof() is
        'Who is asking, proved against the live membership. Every column is null when nothing is proved.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- The person or agent behind the token, for the rows that belong to a user and to no agency.
        create or replace function app.user_id()
        returns uuid
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            proof record := app.proof();
        begin
            return proof.user_id;
        end;
        $function$;

        revoke all on function app.user_id() from public;
        grant execute on function app.user_id() to
            authenticated,
            service_role,
            gardenos_worker,
            gardenos_membership_reader,
            gardenos_tenancy_writer;

        comment on function app.user_id() is
        'The user who is asking, proved live; null when nobody is.';
        """
    )
    execute(
        r"""
        -- The tenant. The floor of every tenant table compares with it, and it is the default of every agency_id.
        create or replace function app.agency_id()
        returns uuid
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            proof record := app.proof();
        begin
            return proof.agency_id;
        end;
        $function$;

        revoke all on function app.agency_id() from public;
        grant execute on function app.agency_id() to
            authenticated,
            service_role,
            gardenos_worker,
            gardenos_membership_reader,
            gardenos_tenancy_writer;

        comment on function app.agency_id() is
        'The agency of the claim, proved against a live membership; null when there is none.';
        """
    )
    execute(
        r"""
        -- "Me" of the permission matrix: owners, assignees, authors are memberships, never users.
        create or replace function app.membership_id()
        returns uuid
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            proof record := app.proof();
        begin
            return proof.membership_id;
        end;
        $function$;

        revoke all on function app.membership_id() from public;
        grant execute on function app.membership_id() to
            authenticated,
            service_role,
            gardenos_worker,
            gardenos_membership_reader,
            gardenos_tenancy_writer;

        comment on function app.membership_id() is
        'My membership in the agency of the claim, proved live; null when there is none.';
        """
    )
    execute(
        r"""
        -- The live role. The claim agency_role is for the convenience of the client and is never read here.
        create or replace function app.agency_role()
        returns app.agency_role
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            proof record := app.proof();
        begin
            return proof.agency_role;
        end;
        $function$;

        revoke all on function app.agency_role() from public;
        grant execute on function app.agency_role() to
            authenticated,
            service_role,
            gardenos_worker,
            gardenos_membership_reader,
            gardenos_tenancy_writer;

        comment on function app.agency_role() is
        'My role in the agency now, not when the token was signed; null when there is none.';
        """
    )
    execute(
        r"""
        -- The reach of the matrix value "scope".
        create or replace function app.record_scope()
        returns app.record_scope
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            proof record := app.proof();
        begin
            return proof.record_scope;
        end;
        $function$;

        revoke all on function app.record_scope() from public;
        grant execute on function app.record_scope() to
            authenticated,
            service_role,
            gardenos_worker,
            gardenos_membership_reader,
            gardenos_tenancy_writer;

        comment on function app.record_scope() is
        'How far "scope" of the matrix reaches for me; the narrower of both for an agent acting for a user.';
        """
    )
    execute(
        r"""
        -- The role test of a policy: my live role is on the list, and what I do is within the scopes of my key. An
        -- agent that acts for a user has the intersection of both, so then 'ai_agent' must be on the list as well.
        -- Policies call it as (select app.may(…)): once per statement, not per row.
        create or replace function app.may(action text, variadic roles app.agency_role[])
        returns boolean
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            proof record := app.proof();
        begin
            return coalesce(
                proof.agency_role = any(roles)
                and (proof.agent_id is null or 'ai_agent' = any(roles))
                and (proof.scopes is null or action = any(proof.scopes)),
                false
            );
        end;
        $function$;

        revoke all on function app.may(text, app.agency_role[]) from public;
        grant execute on function app.may(text, app.agency_role[]) to
            authenticated,
            service_role,
            gardenos_worker,
            gardenos_membership_reader,
            gardenos_tenancy_writer;

        comment on function app.may(text, app.agency_role[]) is
        'May I do this (schema.table:command), being one of these roles? False when nothing is proved.';
        """
    )
    execute(
        r"""
        -- The test for rows that belong to a user and to no agency: a person, in person. Agents have no cell there,
        -- neither as themselves nor for somebody, and a key only what its scopes name.
        create or replace function app.may_as_myself(action text)
        returns boolean
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            proof record := app.proof();
        begin
            return coalesce(
                proof.is_person
                and (proof.scopes is null or action = any(proof.scopes)),
                false
            );
        end;
        $function$;

        revoke all on function app.may_as_myself(text) from public;
        grant execute on function app.may_as_myself(text) to
            authenticated,
            service_role,
            gardenos_worker,
            gardenos_membership_reader,
            gardenos_tenancy_writer;

        comment on function app.may_as_myself(text) is
        'May I do this (schema.table:command) to my own user rows? False for agents and when nothing is proved.';
        """
    )
    execute(
        r"""
        -- "Own" of teams and team_members. A policy of team_members that asked team_members would recurse (42P17),
        -- so the membership reader answers, for the caller alone.
        set local role gardenos_membership_reader;

        create or replace function app.teams_i_lead()
        returns uuid[]
        language plpgsql
        stable
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            proof record := app.proof();
        begin
            return array(
                select tm.team_id
                  from tenancy.team_members as tm
                  join tenancy.teams as t
                    on t.agency_id = tm.agency_id
                   and t.id = tm.team_id
                   and t.deleted_at is null
                 where tm.agency_id = proof.agency_id
                   and tm.membership_id = proof.membership_id
                   and tm.is_lead
            );
        end;
        $function$;

        revoke all on function app.teams_i_lead() from public;
        grant execute on function app.teams_i_lead() to
            authenticated,
            gardenos_tenancy_writer;

        comment on function app.teams_i_lead() is
        'The teams that the caller leads; empty when there are none.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- How FastAPI and the agents open a transaction for a user: `begin; select app.bind_session(…)`. Role,
        -- claims and seal end with the transaction, so a pooled connection carries nothing over. Send the arguments
        -- as bind parameters: other sessions of the same login can read statement texts.
        --
        -- SECURITY INVOKER, because a definer function cannot set a role. The timeouts stand here because ALTER
        -- ROLE … SET does nothing on SET ROLE.
        create or replace function app.bind_session(claims text, expires_at bigint, signature text)
        returns void
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            seal text := app.issue_seal(claims, expires_at, signature);
            requested text;
        begin
            perform set_config('request.jwt.claims', claims, true);
            perform set_config('gardenos.seal', seal, true);
            requested := app.claims() ->> 'role';
            if requested is distinct from 'authenticated' then
                raise exception 'The session is not bound: the claim "role" must be "authenticated", not %.',
                    coalesce(quote_ident(requested), 'missing')
                    using errcode = '42501',
                    hint = 'Put "role": "authenticated" into the claims; no service login may become another role.';
            end if;
            perform set_config('statement_timeout', '8s', true);
            perform set_config('lock_timeout', '8s', true);
            perform set_config('role', requested, true);
        end;
        $function$;

        revoke all on function app.bind_session(text, bigint, text) from public;
        grant execute on function app.bind_session(text, bigint, text) to
            gardenos_app;

        comment on function app.bind_session(text, bigint, text) is
        'Binds this transaction to signed claims: role authenticated, claims and their seal, until it ends.';
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop function app.bind_session(text, bigint, text);
        drop function app.teams_i_lead();
        drop function app.may_as_myself(text);
        drop function app.may(text, app.agency_role[]);
        drop function app.record_scope();
        drop function app.agency_role();
        drop function app.membership_id();
        drop function app.agency_id();
        drop function app.user_id();
        drop function app.proof();
        drop function app.claimed_user(jsonb);
        drop function app.claimed_uuid(jsonb, text);
        drop function app.claims();
        drop function app.rotate_seal_key(text, interval);
        drop function app.issue_seal(text, bigint, text);
        drop function app.seal_is_valid(text, text);
        drop function app.sealed_text(text);
        drop function app.padded_key(bytea, integer);
        drop function app.hmac_sha256(bytea, bytea, text);
        drop function app.uuid_v7();
        """
    )
