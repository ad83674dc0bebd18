-- What a client sees of itself: fixed columns of its contact, and its live addresses. Clients have no cell
-- on contacts, because row-level security cannot hide the columns that are the agency's own business: owner,
-- team, stage, source, custom fields.
--
-- SECURITY DEFINER, as the role of look-ups, for the caller's own contact alone. No row for anybody else; an
-- agent has no cell here either, also not for the client.
set local role gardenos_search;

create or replace function app.portal_profile()
returns table (
    contact_id uuid,
    full_name text,
    first_name text,
    last_name text,
    job_title text,
    locale text,
    timezone text,
    points jsonb
)
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    proof record := app.proof();
    mine uuid := app.contact_id();
begin
    if not app.may('crm.contacts:select', 'client') then
        return;
    end if;
    return query
        select
            c.id,
            c.full_name::text,
            c.first_name::text,
            c.last_name::text,
            c.job_title::text,
            c.locale::text,
            c.timezone::text,
            (
                select coalesce(
                    jsonb_agg(
                        jsonb_build_object(
                            'kind', p.kind,
                            'label', p.label,
                            'value', p.value,
                            'is_primary', p.is_primary
                        )
                        order by p.kind, not p.is_primary, p.value
                    ),
                    '[]'
                )
                  from crm.contact_points as p
                 where p.agency_id = c.agency_id
                   and p.contact_id = c.id
                   and p.deleted_at is null
            )
          from crm.contacts as c
         where c.agency_id = proof.agency_id
           and c.id = mine
           and c.deleted_at is null;
end;
$function$;

revoke all on function app.portal_profile() from public;
grant execute on function app.portal_profile() to
    authenticated;

comment on function app.portal_profile() is
'What the client who is asking sees of itself; no row for anybody else.';

set local role gardenos_owner;
