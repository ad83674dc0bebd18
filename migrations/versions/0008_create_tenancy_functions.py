"""Create the functions that people and services call

Reason:    choosing and leaving an agency, invitations, API keys, the token hook of gotrue.
Locks:     none on tables.
Duration:  milliseconds.
Way back:  drops the functions.
"""

from migrations.runner.execute import execute

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        -- The agencies a signed-in person can enter. Works without an agency in the token: this is how one is
        -- chosen. SECURITY DEFINER: without an agency nobody may read agencies and memberships; this shows the
        -- caller's own only.
        set local role gardenos_membership_reader;

        create or replace function app.my_agencies()
        returns table (
            agency_id uuid,
            slug app.slug,
            name app.label,
            role app.agency_role,
            is_current boolean
        )
        language plpgsql
        stable
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            return query
                select
                    a.id,
                    a.slug,
                    a.name,
                    m.role,
                    a.id is not distinct from u.active_agency_id
                  from tenancy.users as u
                  join tenancy.memberships as m
                    on m.user_id = u.id
                   and m.status = 'active'
                  join tenancy.agencies as a
                    on a.id = m.agency_id
                   and a.status = 'active'
                   and a.deleted_at is null
                 where u.id = (select app.user_id())
                   and (select app.may_as_myself('tenancy.users:select'))
                 order by a.name, a.id;
        end;
        $function$;

        revoke all on function app.my_agencies() from public;
        grant execute on function app.my_agencies() to
            authenticated;

        comment on function app.my_agencies() is
        'The agencies that the caller is an active member of; is_current marks the one the next token is for.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Chooses the agency of the next token. The present token keeps its agency: its claims are signed. SECURITY
        -- DEFINER: API roles may not write users.active_agency_id; this writes the caller's own row only.
        set local role gardenos_tenancy_writer;

        create or replace function app.switch_agency(agency uuid)
        returns void
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            if not app.may_as_myself('tenancy.users:update') or not app.is_live_member(app.user_id(), agency) then
                raise exception 'You are not an active member of agency %, so you cannot switch to it.',
                    coalesce(agency::text, 'null')
                    using errcode = '42501',
                    hint = 'app.my_agencies() lists the agencies you can choose from.';
            end if;
            update tenancy.users as u
               set active_agency_id = agency
             where u.id = app.user_id();
        end;
        $function$;

        revoke all on function app.switch_agency(uuid) from public;
        grant execute on function app.switch_agency(uuid) to
            authenticated;

        comment on function app.switch_agency(uuid) is
        'Chooses the agency of the caller''s next token; it must be a live membership.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- A new tenant, with its first owner, in one transaction: an agency without an owner could never be
        -- entered. SECURITY DEFINER, for service_role only: people are members by invitation, and this is the one
        -- exception.
        set local role gardenos_tenancy_writer;

        create or replace function app.create_agency(
            name text,
            slug text,
            owner_user_id uuid,
            owner_display_name text default null
        )
        returns uuid
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            new_agency_id uuid := app.uuid_v7();
            owner_name app.label;
        begin
            select coalesce(create_agency.owner_display_name, u.full_name::text, split_part(u.email::text, '@', 1))
              into owner_name
              from tenancy.users as u
             where u.id = create_agency.owner_user_id
               and u.kind = 'person'
               and u.status = 'active';
            if not found then
                raise exception 'No agency was created: owner_user_id % is not an active person.',
                    coalesce(create_agency.owner_user_id::text, 'null')
                    using errcode = '22023',
                    hint = 'Insert the person into tenancy.users first.';
            end if;
            insert into tenancy.agencies (id, name, slug)
            values (new_agency_id, create_agency.name, create_agency.slug);
            insert into tenancy.memberships (agency_id, user_id, role, record_scope, display_name)
            values (new_agency_id, create_agency.owner_user_id, 'owner', 'all', owner_name);
            return new_agency_id;
        end;
        $function$;

        revoke all on function app.create_agency(text, text, uuid, text) from public;
        grant execute on function app.create_agency(text, text, uuid, text) to
            service_role;

        comment on function app.create_agency(text, text, uuid, text) is
        'Creates an agency and its first owner; answers the id of the agency.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- The one way in which people change their own status. The last owner cannot leave: that check waits for
        -- COMMIT. SECURITY DEFINER: nobody may update the own status otherwise; this touches the caller's
        -- membership only.
        set local role gardenos_tenancy_writer;

        create or replace function app.leave_agency()
        returns void
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            proof record := app.proof();
        begin
            if proof.membership_id is null or not app.may_as_myself('tenancy.memberships:update') then
                raise exception 'You cannot leave: you are not signed in to an agency as a person.'
                    using errcode = '42501';
            end if;
            update tenancy.memberships as m
               set status = 'removed'
             where m.agency_id = proof.agency_id
               and m.id = proof.membership_id;
        end;
        $function$;

        revoke all on function app.leave_agency() from public;
        grant execute on function app.leave_agency() to
            authenticated;

        comment on function app.leave_agency() is
        'Ends the caller''s own membership in the agency of the token.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- A signed-in person adds a second login. The service that has verified the second token puts its issuer
        -- and subject into the claim "link" ({"iss": …, "sub": …, "provider": …}), signed like the rest: there is no
        -- argument that a client could fill with somebody else's subject. Identities are never linked because two
        -- addresses are equal.
        --
        -- SECURITY DEFINER: API roles do not write user_identities; this adds to the caller's own user only.
        set local role gardenos_tenancy_writer;

        create or replace function app.link_identity()
        returns uuid
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            link jsonb := app.claims() -> 'link';
            identity_id uuid;
        begin
            if not app.may_as_myself('tenancy.user_identities:insert') then
                raise exception 'No identity was linked: sign in as the person that it shall belong to.'
                    using errcode = '42501';
            end if;
            if link ->> 'sub' is null or not exists (
                select 1
                  from tenancy.issuers as i
                 where i.issuer = link ->> 'iss'
                   and i.active
            ) then
                raise exception 'No identity was linked: the claim "link" names no subject of an active issuer.'
                    using errcode = '22023',
                    hint = 'The service that verified the second token sets it: {"link": {"iss": …, "sub": …}}.';
            end if;
            insert into tenancy.user_identities as ui (user_id, issuer, subject, provider)
            values (app.user_id(), link ->> 'iss', link ->> 'sub', link ->> 'provider')
            on conflict (issuer, subject) do nothing
            returning ui.id into identity_id;
            if identity_id is null then
                select ui.id
                  into identity_id
                  from tenancy.user_identities as ui
                 where ui.issuer = link ->> 'iss'
                   and ui.subject = link ->> 'sub'
                   and ui.user_id = app.user_id();
            end if;
            if identity_id is null then
                raise exception 'No identity was linked: this login already belongs to another user.'
                    using errcode = '23505';
            end if;
            return identity_id;
        end;
        $function$;

        revoke all on function app.link_identity() from public;
        grant execute on function app.link_identity() to
            authenticated;

        comment on function app.link_identity() is
        'Links the login in the signed claim "link" to the caller; answers the id of the identity.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- gotrue's custom access token hook
        -- (GOTRUE_HOOK_CUSTOM_ACCESS_TOKEN_URI=pg-functions://postgres/app/custom_access_token). It runs inside
        -- every sign-in and refresh, with two seconds to answer, and an exception would abort the login: so it
        -- never waits for a lock longer than 300 ms, and when anything goes wrong the token simply has no agency.
        -- The claims replace gotrue's whole set; keys of ours that came in from elsewhere are dropped before ours
        -- are set.
        --
        -- SECURITY DEFINER: as invoker supabase_auth_admin would meet the policies and get a null agency, silently.
        set local role gardenos_membership_reader;

        create or replace function app.custom_access_token(event jsonb)
        returns jsonb
        language plpgsql
        stable
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        set lock_timeout = '300ms'
        as $function$
        declare
            claims jsonb;
            account record;
            entered record;
        begin
            if event is null or jsonb_typeof(event -> 'claims') is distinct from 'object' then
                return jsonb_build_object(
                    'error',
                    jsonb_build_object('http_code', 400, 'message', 'The sign-in event carries no claims.')
                );
            end if;
            claims := event -> 'claims';
            claims := claims - array['user_id', 'agency_id', 'agency_role', 'act', 'api_key_id', 'link'];
            claims := claims || '{"role": "authenticated"}'::jsonb;
            begin
                select u.id, u.status, u.active_agency_id
                  into account
                  from tenancy.user_identities as ui
                  join tenancy.issuers as i
                    on i.issuer = ui.issuer
                   and i.active
                  join tenancy.users as u
                    on u.id = ui.user_id
                 where ui.issuer = claims ->> 'iss'
                   and ui.subject = claims ->> 'sub';
                if not found then
                    return jsonb_build_object('claims', claims);
                end if;
                if account.status <> 'active' then
                    return jsonb_build_object(
                        'error',
                        jsonb_build_object('http_code', 403, 'message', 'This account is disabled.')
                    );
                end if;
                claims := claims || jsonb_build_object('user_id', account.id);

                select m.agency_id, m.role, count(*) over () as choices
                  into entered
                  from tenancy.memberships as m
                  join tenancy.agencies as a
                    on a.id = m.agency_id
                   and a.status = 'active'
                   and a.deleted_at is null
                 where m.user_id = account.id
                   and m.status = 'active'
                 order by m.agency_id = account.active_agency_id desc nulls last
                 limit 1;
                if entered.choices = 1 or entered.agency_id = account.active_agency_id then
                    claims := claims
                        || jsonb_build_object('agency_id', entered.agency_id, 'agency_role', entered.role);
                end if;
            exception
                when others then
                    raise log 'custom_access_token: % (%)', sqlerrm, sqlstate;
                    claims := claims - array['agency_id', 'agency_role'];
            end;
            return jsonb_build_object('claims', claims);
        end;
        $function$;

        revoke all on function app.custom_access_token(jsonb) from public;
        grant execute on function app.custom_access_token(jsonb) to
            supabase_auth_admin;

        comment on function app.custom_access_token(jsonb) is
        'gotrue''s token hook: puts user_id, agency_id and agency_role into the token. Never aborts a login.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- A secret that is shown once: the agency first, so that its hash can be looked up, and be unique, agency
        -- first; then 244 random bits. Only the hash is ever stored.
        create or replace function app.new_token(agency uuid)
        returns text
        language plpgsql
        volatile
        parallel safe
        strict
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            return agency::text || '.' || replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '');
        end;
        $function$;

        revoke all on function app.new_token(uuid) from public;
        grant execute on function app.new_token(uuid) to
            gardenos_tenancy_writer;

        comment on function app.new_token(uuid) is
        'A new secret of the form <agency_id>.<random>.';
        """
    )
    execute(
        r"""
        -- The agency that a token of app.new_token begins with, or null for anything else.
        create or replace function app.token_agency(token text)
        returns uuid
        language plpgsql
        immutable
        parallel safe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            if token ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}[.][0-9a-f]{64}$' then
                return split_part(token, '.', 1)::uuid;
            end if;
            return null;
        end;
        $function$;

        revoke all on function app.token_agency(text) from public;
        grant execute on function app.token_agency(text) to
            gardenos_membership_reader,
            gardenos_tenancy_writer;

        comment on function app.token_agency(text) is
        'The agency a token begins with; null when it is no token of ours.';
        """
    )
    execute(
        r"""
        -- What is stored of a token. It has 244 random bits, so a plain sha256 cannot be guessed back.
        create or replace function app.token_hash(token text)
        returns app.sha256
        language plpgsql
        immutable
        parallel safe
        strict
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            return sha256(convert_to(token, 'UTF8'));
        end;
        $function$;

        revoke all on function app.token_hash(text) from public;
        grant execute on function app.token_hash(text) to
            gardenos_membership_reader,
            gardenos_tenancy_writer;

        comment on function app.token_hash(text) is
        'The sha256 under which a token is stored.';
        """
    )
    execute(
        r"""
        -- Somebody with a good token who is no user yet: an active issuer, a subject that no identity has, and an
        -- address that this issuer has verified (the claim email_verified of OpenID Connect). Only
        -- app.accept_invitation makes a user of one.
        set local role gardenos_membership_reader;

        create or replace function app.is_verified_stranger(claims jsonb)
        returns boolean
        language plpgsql
        stable
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            return coalesce(
                jsonb_typeof(claims -> 'sub') = 'string'
                and jsonb_typeof(claims -> 'email') = 'string'
                and claims -> 'email_verified' = 'true'::jsonb
                and not claims ?| array['user_id', 'act', 'api_key_id']
                and exists (
                    select 1
                      from tenancy.issuers as i
                     where i.issuer = claims ->> 'iss'
                       and i.active
                )
                and not exists (
                    select 1
                      from tenancy.user_identities as ui
                     where ui.issuer = claims ->> 'iss'
                       and ui.subject = claims ->> 'sub'
                ),
                false
            );
        end;
        $function$;

        revoke all on function app.is_verified_stranger(jsonb) from public;
        grant execute on function app.is_verified_stranger(jsonb) to
            gardenos_tenancy_writer;

        comment on function app.is_verified_stranger(jsonb) is
        'True for claims of an active issuer with a verified address and a subject that belongs to no user.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- The only way for a person into an agency begins here. Owners, admins and managers invite, never above
        -- themselves: a manager invites members, viewers and clients, with no more reach than the own; one whose
        -- scope is "team" invites into the own teams only. Inviting the same address again replaces the open
        -- invitation and its token.
        --
        -- SECURITY DEFINER: it writes the hash of the token to a table that no API role reaches. The token is
        -- answered once and not stored; sending it is the caller's task.
        set local role gardenos_tenancy_writer;

        create or replace function app.invite(
            email text,
            role app.agency_role,
            record_scope app.record_scope default null,
            team_id uuid default null,
            contact_id uuid default null
        )
        returns text
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            proof record := app.proof();
            reach app.record_scope := coalesce(
                invite.record_scope,
                case invite.role when 'admin' then 'all' when 'manager' then 'team' else 'own' end::app.record_scope
            );
            address text := lower(btrim(invite.email));
            standing record;
            token text;
            invited_id uuid;
        begin
            if not app.may('tenancy.invitations:insert', 'owner', 'admin', 'manager') or not proof.is_person then
                raise exception 'You may not invite: only an owner, admin or manager of the agency may, in person.'
                    using errcode = '42501';
            end if;
            if invite.role is null or invite.role in ('owner', 'ai_agent') then
                raise exception 'Nobody can be invited as %: %', coalesce(invite.role::text, 'null'),
                    'an owner is made by an owner afterwards, an agent by inserting its membership.'
                    using errcode = '22023';
            end if;
            if address is null or address !~ '^[^@\s]+@[^@\s]+\.[^@\s]+$' then
                raise exception 'Not an e-mail address: %.', coalesce(quote_literal(invite.email), 'null')
                    using errcode = '22023';
            end if;
            if (invite.role = 'client') <> (invite.contact_id is not null) then
                raise exception 'A client is invited with contact_id, anybody else without.'
                    using errcode = '22023';
            end if;
            if (invite.role = 'admin' and reach <> 'all') or (invite.role = 'manager' and reach = 'own') then
                raise exception 'The record_scope % does not go with the role %.', reach, invite.role
                    using errcode = '22023',
                    hint = 'An admin has "all"; a manager has "team" or "all".';
            end if;
            if app.outranks_me(invite.role)
                or reach > proof.record_scope
                or (proof.agency_role = 'manager' and invite.role not in ('member', 'viewer', 'client')) then
                raise exception 'You may not invite a % with record_scope %: that is more than you may give.',
                    invite.role, reach
                    using errcode = '42501';
            end if;
            if invite.team_id is not null and not exists (
                select 1
                  from tenancy.teams as t
                 where t.agency_id = proof.agency_id
                   and t.id = invite.team_id
                   and t.deleted_at is null
            ) then
                raise exception 'There is no team % in this agency.', invite.team_id
                    using errcode = '22023';
            end if;
            if proof.agency_role = 'manager' and proof.record_scope = 'team' and not exists (
                select 1
                  from tenancy.team_members as tm
                 where tm.agency_id = proof.agency_id
                   and tm.membership_id = proof.membership_id
                   and tm.team_id = invite.team_id
            ) then
                raise exception 'You may invite into your own teams only: give the team_id of one of them.'
                    using errcode = '42501';
            end if;

            select i.id, i.role, i.invited_by_id
              into standing
              from tenancy.invitations as i
             where i.agency_id = proof.agency_id
               and i.email = address
               and i.accepted_at is null
               and i.revoked_at is null
               for update;
            if standing.id is not null and (
                app.outranks_me(standing.role)
                or (proof.agency_role = 'manager' and standing.invited_by_id <> proof.membership_id)
            ) then
                raise exception 'There is an open invitation for this address that you may not replace.'
                    using errcode = '42501';
            end if;

            token := app.new_token(proof.agency_id);
            if standing.id is null then
                insert into tenancy.invitations as i (
                    agency_id, email, role, record_scope, team_id, contact_id, invited_by_id
                )
                values (
                    proof.agency_id,
                    address,
                    invite.role,
                    reach,
                    invite.team_id,
                    invite.contact_id,
                    proof.membership_id
                )
                returning i.id into invited_id;
            else
                invited_id := standing.id;
                update tenancy.invitations as i
                   set role = invite.role,
                       record_scope = reach,
                       team_id = invite.team_id,
                       contact_id = invite.contact_id,
                       invited_by_id = proof.membership_id,
                       expires_at = now() + interval '7 days'
                 where i.agency_id = proof.agency_id
                   and i.id = invited_id;
            end if;
            insert into tenancy.invitation_secrets as s (agency_id, invitation_id, token_hash)
            values (proof.agency_id, invited_id, app.token_hash(token))
            on conflict (agency_id, invitation_id) do update
               set token_hash = excluded.token_hash;
            return token;
        end;
        $function$;

        revoke all on function app.invite(text, app.agency_role, app.record_scope, uuid, uuid) from public;
        grant execute on function app.invite(text, app.agency_role, app.record_scope, uuid, uuid) to
            authenticated;

        comment on function app.invite(text, app.agency_role, app.record_scope, uuid, uuid) is
        'Invites a person by e-mail and answers the token, once. Valid for seven days.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- A person enters an agency. The token must be right and open, the agency active, and the caller's verified
        -- address the invited one: the address the identity service wrote to the user, or, for somebody who is no
        -- user yet, the e-mail claim of a token whose issuer says email_verified; such a person becomes a user
        -- here. An existing user is never found by the address. All failures look the same, so a token cannot be
        -- probed. The row is locked, so a second use, also at the same moment, fails.
        --
        -- SECURITY DEFINER: the caller is no member yet and may read nothing of the agency.
        set local role gardenos_tenancy_writer;

        create or replace function app.accept_invitation(token text)
        returns uuid
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            claims jsonb := app.claims();
            agency uuid := app.token_agency(token);
            person_id uuid := app.user_id();
            person_name text := claims ->> 'name';
            address text;
            invitation record;
            member_id uuid;
        begin
            if person_id is null and app.is_verified_stranger(claims) then
                address := lower(claims ->> 'email');
            elsif app.may_as_myself('tenancy.users:update') and not claims ? 'api_key_id' then
                select u.email, coalesce(u.full_name::text, person_name)
                  into address, person_name
                  from tenancy.users as u
                 where u.id = person_id;
            end if;

            select i.*
              into invitation
              from tenancy.invitation_secrets as s
              join tenancy.invitations as i
                on i.agency_id = s.agency_id
               and i.id = s.invitation_id
              join tenancy.agencies as a
                on a.id = i.agency_id
               and a.status = 'active'
               and a.deleted_at is null
             where s.agency_id = agency
               and s.token_hash = app.token_hash(token)
               and i.email = address
               and i.accepted_at is null
               and i.revoked_at is null
               and i.expires_at > statement_timestamp()
               for update of i;
            if invitation.id is not null and person_id is null then
                insert into tenancy.users as u (email, full_name)
                values (address, nullif(btrim(left(person_name, 200)), ''))
                on conflict do nothing
                returning u.id into person_id;
            end if;
            if invitation.id is not null and person_id is not null then
                insert into tenancy.memberships as m (
                    agency_id, user_id, role, record_scope, display_name, default_team_id, contact_id
                )
                values (
                    invitation.agency_id,
                    person_id,
                    invitation.role,
                    invitation.record_scope,
                    coalesce(nullif(btrim(left(person_name, 200)), ''), split_part(address, '@', 1)),
                    invitation.team_id,
                    invitation.contact_id
                )
                on conflict (agency_id, user_id) do update
                   set role = excluded.role,
                       record_scope = excluded.record_scope,
                       capabilities = '{}',
                       status = 'active',
                       default_team_id = excluded.default_team_id,
                       contact_id = excluded.contact_id
                 where m.status = 'removed'
                returning m.id into member_id;
            end if;
            if member_id is null then
                raise exception 'This invitation cannot be accepted.'
                    using errcode = '42501',
                    hint = 'Sign in with the invited address, or ask for a new invitation.';
            end if;

            if invitation.team_id is not null then
                insert into tenancy.team_members (agency_id, team_id, membership_id)
                values (invitation.agency_id, invitation.team_id, member_id)
                on conflict do nothing;
            end if;
            if claims ->> 'iss' is not null and claims ->> 'sub' is not null then
                insert into tenancy.user_identities (user_id, issuer, subject)
                values (person_id, claims ->> 'iss', claims ->> 'sub')
                on conflict do nothing;
            end if;
            update tenancy.invitations as i
               set accepted_at = now(),
                   accepted_by_id = member_id
             where i.agency_id = invitation.agency_id
               and i.id = invitation.id;
            return invitation.agency_id;
        end;
        $function$;

        revoke all on function app.accept_invitation(text) from public;
        grant execute on function app.accept_invitation(text) to
            authenticated;

        comment on function app.accept_invitation(text) is
        'Accepts an invitation by its token; answers the agency that the caller is now a member of.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Access for a machine. A key acts as one membership, its maker's own or an agent's, and never does more
        -- than it; scopes narrow it further. Made by owners and admins in person: a key makes no keys, nor does an
        -- agent.
        --
        -- SECURITY DEFINER: it writes the hash to a table that no API role reaches. The key is answered once and
        -- not stored.
        set local role gardenos_tenancy_writer;

        create or replace function app.create_api_key(
            name text,
            scopes text[] default '{}',
            acts_as_id uuid default null,
            expires_at timestamptz default null
        )
        returns text
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            proof record := app.proof();
            actor_id uuid := coalesce(create_api_key.acts_as_id, proof.membership_id);
            key text;
            new_key_id uuid;
        begin
            if not app.may('tenancy.api_keys:insert', 'owner', 'admin')
                or proof.api_key_id is not null
                or not proof.is_person then
                raise exception 'You may not make an API key: only an owner or admin of the agency may, in person.'
                    using errcode = '42501';
            end if;
            if actor_id <> proof.membership_id and not exists (
                select 1
                  from tenancy.memberships as m
                 where m.agency_id = proof.agency_id
                   and m.id = actor_id
                   and m.role = 'ai_agent'
                   and m.status = 'active'
            ) then
                raise exception 'An API key acts as your own membership or as an agent, never as another person.'
                    using errcode = '42501';
            end if;
            if create_api_key.expires_at <= statement_timestamp() then
                raise exception 'The key would be expired from the start: expires_at is in the past.'
                    using errcode = '22023';
            end if;
            key := app.new_token(proof.agency_id);
            insert into tenancy.api_keys as k (agency_id, name, prefix, scopes, acts_as_id, expires_at)
            values (
                proof.agency_id,
                create_api_key.name,
                left(split_part(key, '.', 2), 12),
                coalesce(create_api_key.scopes, '{}'),
                actor_id,
                create_api_key.expires_at
            )
            returning k.id into new_key_id;
            insert into tenancy.api_key_secrets (agency_id, api_key_id, key_hash)
            values (proof.agency_id, new_key_id, app.token_hash(key));
            return key;
        end;
        $function$;

        revoke all on function app.create_api_key(text, text[], uuid, timestamptz) from public;
        grant execute on function app.create_api_key(text, text[], uuid, timestamptz) to
            authenticated;

        comment on function app.create_api_key(text, text[], uuid, timestamptz) is
        'Makes an API key and answers it, once. Empty scopes: all that the membership may.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- The claims of an API key, for the service that received one: it adds its issuer, signs them and binds the
        -- session (app.bind_session). Key and membership are proved again at every statement, so this answer is no
        -- permission. A key that is wrong, revoked or expired gives null, all alike.
        set local role gardenos_membership_reader;

        create or replace function app.api_key_claims(key text)
        returns jsonb
        language plpgsql
        stable
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            return (
                select jsonb_build_object(
                           'role', 'authenticated',
                           'user_id', m.user_id,
                           'agency_id', k.agency_id,
                           'api_key_id', k.id
                       )
                  from tenancy.api_key_secrets as s
                  join tenancy.api_keys as k
                    on k.agency_id = s.agency_id
                   and k.id = s.api_key_id
                  join tenancy.memberships as m
                    on m.agency_id = k.agency_id
                   and m.id = k.acts_as_id
                 where s.agency_id = app.token_agency(key)
                   and s.key_hash = app.token_hash(key)
                   and k.revoked_at is null
                   and (k.expires_at is null or k.expires_at > statement_timestamp())
            );
        end;
        $function$;

        revoke all on function app.api_key_claims(text) from public;
        grant execute on function app.api_key_claims(text) to
            gardenos_app;

        comment on function app.api_key_claims(text) is
        'The claims a service shall sign for this API key; null when the key is not valid.';

        set local role gardenos_owner;
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop function app.api_key_claims(text);
        drop function app.create_api_key(text, text[], uuid, timestamptz);
        drop function app.accept_invitation(text);
        drop function app.invite(text, app.agency_role, app.record_scope, uuid, uuid);
        drop function app.is_verified_stranger(jsonb);
        drop function app.token_hash(text);
        drop function app.token_agency(text);
        drop function app.new_token(uuid);
        drop function app.custom_access_token(jsonb);
        drop function app.link_identity();
        drop function app.leave_agency();
        drop function app.create_agency(text, text, uuid, text);
        drop function app.switch_agency(uuid);
        drop function app.my_agencies();
        """
    )
