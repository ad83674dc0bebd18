"""Invite only clients that one reads

Reason:    a manager could give a login to the person behind a contact that the manager cannot read,
           and read through it what is shared with that client.
Locks:     none on tables; functions are replaced for the statements that begin afterwards.
Duration:  milliseconds.
Way back:  puts back the function that does not ask; what was invited stays invited.
"""

from migrations.runner.execute import execute

revision = "0061"
down_revision = "0060"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        -- The only way for a person into an agency begins here. Owners, admins and managers invite, never above
        -- themselves: a manager invites members, viewers and clients, with no more reach than the own; one whose
        -- scope is "team" invites into the own teams only. Whoever invites a client reads the contact behind it.
        -- Inviting the same address again replaces the open invitation and its token.
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
            if invite.contact_id is not null and not app.reaches_contact(invite.contact_id) then
                raise exception 'There is no contact % that you can see.', invite.contact_id
                    using errcode = '23503',
                    hint = 'A client is invited as a contact within the inviter''s own reach.';
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
        -- Whether the caller reads this contact, for a definer that acts for the caller and so is not under the
        -- caller's policies itself: app.invite, which gives a login to the person behind a contact.
        --
        -- SECURITY DEFINER, as the role that owns the look-ups, which reads contacts anyway: it repeats what the
        -- SELECT policy says of live rows.
        set local role gardenos_search;

        create or replace function app.reaches_contact(contact_id uuid)
        returns boolean
        language plpgsql
        stable
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            proof record := app.proof();
            teams uuid[] := app.my_teams();
            reach app.record_scope := app.reach(
                'crm.contacts:select',
                agency => '{owner,admin}',
                scope => '{manager,member,viewer,ai_agent}'
            );
        begin
            return exists (
                select 1
                  from crm.contacts as c
                 where c.agency_id = proof.agency_id
                   and c.id = reaches_contact.contact_id
                   and c.deleted_at is null
                   and case reach
                       when 'all' then true
                       when 'team' then
                           c.owner_id = proof.membership_id
                           or c.team_id = any(teams)
                           or (c.owner_id is null and c.team_id is null)
                       when 'own' then c.owner_id = proof.membership_id
                   end
            );
        end;
        $function$;

        revoke all on function app.reaches_contact(uuid) from public;
        grant execute on function app.reaches_contact(uuid) to
            gardenos_tenancy_writer;

        comment on function app.reaches_contact(uuid) is
        'Whether the caller reads this live contact; asked by functions that act for the caller.';

        set local role gardenos_owner;
        """
    )


def downgrade() -> None:
    execute(
        r"""
        set local role gardenos_search;

        drop function app.reaches_contact(contact_id uuid);

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_tenancy_writer;

        CREATE OR REPLACE FUNCTION app.invite(email text, role app.agency_role, record_scope app.record_scope DEFAULT NULL::app.record_scope, team_id uuid DEFAULT NULL::uuid, contact_id uuid DEFAULT NULL::uuid)
         RETURNS text
         LANGUAGE plpgsql
         SECURITY DEFINER
         SET search_path TO 'pg_catalog', 'pg_temp'
        AS $function$
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

        set local role gardenos_owner;
        """
    )
