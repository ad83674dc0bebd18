-- The fields that two records are compared by when they are merged, each with its columns. Whoever adds a
-- column to contacts or companies says here where it belongs; a test names those that are nowhere.
-- do_not_contact is no choice: when one of the two must not be contacted, the person must not.
create or replace function app.merge_fields(entity app.entity)
returns jsonb
language plpgsql
immutable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    return case entity
        when 'contact' then jsonb_build_object(
            'full_name', array['full_name'],
            'first_name', array['first_name'],
            'last_name', array['last_name'],
            'job_title', array['job_title'],
            'lifecycle_id', array['lifecycle_id'],
            'source_id', array['source_id'],
            'locale', array['locale'],
            'timezone', array['timezone'],
            'owner', array['owner_id', 'team_id']
        )
        when 'company' then jsonb_build_object(
            'name', array['name'],
            'domain', array['domain'],
            'industry_id', array['industry_id'],
            'employees', array['employees'],
            'annual_revenue', array['annual_revenue', 'currency'],
            'address', array['street', 'city', 'region', 'postal_code', 'country'],
            'owner', array['owner_id', 'team_id']
        )
    end;
end;
$function$;

revoke all on function app.merge_fields(app.entity) from public;
grant execute on function app.merge_fields(app.entity) to
    gardenos_merger;

comment on function app.merge_fields(app.entity) is
'Field to columns: what the choices of a merge may name.';
