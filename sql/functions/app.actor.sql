-- Who changes a row, for the trail: the proof, told as a person, an agent or a key. After a change that
-- ends the actor's own rights (leaving an agency, revoking the key in use) nothing is proved any more; the
-- statement passed while it was, so the claims are then taken as they stand. An agent that cannot be
-- resolved stays unnamed.
--
-- SECURITY DEFINER, as the membership reader: the trail's writer reads no membership.
set local role gardenos_membership_reader;

create or replace function app.actor(
    out kind app.actor_kind,
    out user_id uuid,
    out membership_id uuid,
    out on_behalf_of_id uuid,
    out api_key_id uuid,
    out agency_role text
)
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    claims jsonb;
    proof record := app.proof();
begin
    kind := 'user';
    if proof.user_id is null then
        claims := app.claims();
        if claims ? 'act' then
            kind := 'agent';
            return;
        end if;
        user_id := app.claimed_user(claims);
        if claims ? 'api_key_id' then
            kind := 'api_key';
            api_key_id := app.claimed_uuid(claims, 'api_key_id');
        end if;
        select m.id, m.role
          into membership_id, agency_role
          from tenancy.memberships as m
         where m.agency_id = app.claimed_uuid(claims, 'agency_id')
           and m.user_id = actor.user_id;
        return;
    end if;
    user_id := proof.user_id;
    membership_id := proof.membership_id;
    api_key_id := proof.api_key_id;
    agency_role := proof.agency_role;
    if proof.agent_id is not null then
        kind := 'agent';
        on_behalf_of_id := proof.user_id;
        membership_id := proof.agent_id;
        select m.user_id, m.role
          into user_id, agency_role
          from tenancy.memberships as m
         where m.agency_id = proof.agency_id
           and m.id = proof.agent_id;
    elsif proof.api_key_id is not null then
        kind := 'api_key';
    elsif not proof.is_person then
        kind := 'agent';
    end if;
end;
$function$;

revoke all on function app.actor() from public;
grant execute on function app.actor() to
    gardenos_audit_writer,
    gardenos_audit_redactor,
    gardenos_publisher;

comment on function app.actor() is
'Who changes a row: a person, an agent (and for whom) or a key, with their membership.';

set local role gardenos_owner;
