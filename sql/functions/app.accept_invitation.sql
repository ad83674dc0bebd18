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
