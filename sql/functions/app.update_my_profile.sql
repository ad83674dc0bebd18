-- What colleagues see of me, changed by me. Nothing else of the membership is mine to change, and the policy
-- lets owners and admins alone write here. Null leaves a value, an empty text removes it.
--
-- SECURITY DEFINER: it touches the caller's own membership only, in the agency of the token. An agent has no
-- profile of its own to keep.
set local role gardenos_tenancy_writer;

create or replace function app.update_my_profile(
    display_name text default null,
    job_title text default null,
    avatar_path text default null
)
returns tenancy.memberships
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    proof record := app.proof();
    mine tenancy.memberships;
begin
    if proof.membership_id is null or not app.may_as_myself('tenancy.memberships:update') then
        raise exception 'You have no profile here: you are not signed in to an agency as a person.'
            using errcode = '42501';
    end if;
    if btrim(update_my_profile.display_name) = '' then
        raise exception 'A display name cannot be empty: colleagues know you by it.'
            using errcode = '22023';
    end if;
    update tenancy.memberships as m
       set display_name = coalesce(btrim(update_my_profile.display_name), m.display_name),
           job_title = nullif(btrim(coalesce(update_my_profile.job_title, m.job_title)), ''),
           avatar_path = nullif(btrim(coalesce(update_my_profile.avatar_path, m.avatar_path)), '')
     where m.agency_id = proof.agency_id
       and m.id = proof.membership_id
    returning m.* into mine;
    return mine;
end;
$function$;

revoke all on function app.update_my_profile(text, text, text) from public;
grant execute on function app.update_my_profile(text, text, text) to
    authenticated;

comment on function app.update_my_profile(text, text, text) is
'Changes the caller''s own display name, job title and avatar; null leaves a value, empty removes it.';

set local role gardenos_owner;
