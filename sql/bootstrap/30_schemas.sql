-- Schemas and their owners.
--
-- Ours belong to gardenos_owner, so the migrator needs no privilege on the database. Those of Supabase's
-- services belong to the role the service connects as: its migrations create everything inside, and fail
-- when the schema is absent or when we made an object first. Objects that a service already made keep their
-- owner. `extensions` may belong to any superuser: what is inside is installed by superusers only.

do $bootstrap$
declare
    spec record;
begin
    for spec in
        select
            facts.schema_name,
            facts.wanted,
            n.oid is not null as present
        from (
            values
            ('app', 'gardenos_owner'),
            ('tenancy', 'gardenos_owner'),
            ('crm', 'gardenos_owner'),
            ('ai', 'gardenos_owner'),
            ('langgraph', 'gardenos_owner'),
            ('integration', 'gardenos_owner'),
            ('governance', 'gardenos_owner'),
            ('audit', 'gardenos_owner'),
            ('migration', 'gardenos_owner'),
            ('auth', 'supabase_auth_admin'),
            ('storage', 'supabase_storage_admin'),
            ('realtime', 'supabase_admin'),
            ('_realtime', 'supabase_admin'),
            ('extensions', null)
        ) as facts (schema_name, wanted)
        left join pg_catalog.pg_namespace as n on n.nspname = facts.schema_name
        left join pg_catalog.pg_roles as r on r.oid = n.nspowner
        where n.oid is null
            or r.rolname <> facts.wanted
            or (facts.wanted is null and not r.rolsuper)
    loop
        if spec.present then
            execute format('alter schema %I owner to %I', spec.schema_name, coalesce(spec.wanted, current_user));
            raise notice 'repaired: schema % belongs to % again',
                spec.schema_name, coalesce(spec.wanted, current_user);
        else
            execute format('create schema %I authorization %I', spec.schema_name, coalesce(spec.wanted, current_user));
        end if;
    end loop;
end
$bootstrap$;
