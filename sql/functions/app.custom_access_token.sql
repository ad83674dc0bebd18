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
