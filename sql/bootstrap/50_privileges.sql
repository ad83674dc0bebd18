-- Privileges on schemas, default privileges, and what PUBLIC must not have.
--
-- USAGE is granted here and never on a table: tables, functions and policies grant for themselves, in
-- revisions. A privilege that a later revision grants to a role we do not list stays. PUBLIC, anon and, on
-- `migration`, every API role and worker are cleaned on each run, and CREATE is left to the owner and to
-- the roles that own the SECURITY DEFINER functions in `app`.

do $bootstrap$
declare
    managed constant text[] := array[
        'app', 'tenancy', 'crm', 'ai', 'langgraph', 'integration', 'governance', 'audit', 'migration'
    ];
    narrow constant text[] := array[
        'gardenos_membership_reader', 'gardenos_tenancy_writer', 'gardenos_sealer', 'gardenos_search',
        'gardenos_crm_writer', 'gardenos_merger', 'gardenos_audit_writer', 'gardenos_audit_sealer',
        'gardenos_audit_redactor', 'gardenos_publisher', 'gardenos_eraser', 'gardenos_ai_writer'
    ];
    auditing constant text[] := array[
        'gardenos_audit_writer', 'gardenos_audit_sealer', 'gardenos_audit_redactor'
    ];
    spec record;
begin
    for spec in
        select
            n.nspname as schema_name,
            facts.privilege,
            r.rolname as role_name
        from (
            values
            (
                array['app'], 'usage',
                array[
                    'authenticated', 'service_role', 'supabase_auth_admin',
                    'gardenos_app', 'gardenos_worker', 'gardenos_auditor'
                ] || narrow
            ),
            (array['app'], 'create', narrow),
            (
                array['tenancy', 'crm', 'ai', 'integration', 'governance', 'audit'], 'usage',
                array['authenticated', 'service_role', 'gardenos_worker', 'gardenos_auditor']
            ),
            (
                array['langgraph'], 'usage',
                array[
                    'authenticated', 'gardenos_worker', 'gardenos_auditor', 'gardenos_crm_writer',
                    'gardenos_merger', 'gardenos_eraser'
                ]
            ),
            (array['tenancy'], 'usage', narrow),
            (array['crm'], 'usage', array['gardenos_search']),
            (array['crm', 'governance', 'integration'], 'usage', array['gardenos_crm_writer']),
            (array['ai', 'audit'], 'usage', array['gardenos_crm_writer']),
            (array['ai'], 'usage', array['gardenos_eraser']),
            (array['crm', 'integration'], 'usage', array['gardenos_merger']),
            (array['crm', 'ai'], 'usage', array['gardenos_ai_writer']),
            (
                array['ai'], 'usage',
                array[
                    'gardenos_tenancy_writer', 'gardenos_search', 'gardenos_crm_writer', 'gardenos_merger',
                    'gardenos_eraser', 'gardenos_publisher'
                ]
            ),
            (array['integration', 'audit', 'migration'], 'usage', array['gardenos_publisher']),
            (array['integration'], 'usage', array['gardenos_membership_reader']),
            (array['crm', 'governance'], 'usage', array['gardenos_tenancy_writer']),
            (array['crm', 'integration', 'governance', 'audit'], 'usage', array['gardenos_eraser']),
            (
                array['migration'], 'usage',
                array['gardenos_sealer', 'gardenos_eraser'] || auditing
            ),
            (array['audit'], 'usage', auditing),
            (array['audit'], 'create', auditing),
            (array['app', 'audit'], 'usage', array['gardenos_monitor']),
            (
                array['extensions'], 'usage',
                array[
                    'anon', 'authenticated', 'service_role', 'authenticator', 'authenticator_ro',
                    'supabase_auth_admin', 'supabase_storage_admin', 'supabase_realtime_admin',
                    'gardenos_owner', 'gardenos_migrator', 'gardenos_app', 'gardenos_worker', 'gardenos_auditor',
                    'gardenos_monitor'
                ] || narrow
            ),
            -- neither gotrue nor storage-api grants USAGE on its schema; nothing of an API role belongs in `auth`
            (array['storage'], 'usage', array['anon', 'authenticated', 'service_role'])
        ) as facts (schema_names, privilege, role_names)
        cross join lateral unnest(facts.schema_names) as place (schema_name)
        cross join lateral unnest(facts.role_names) as grantee (role_name)
        inner join pg_catalog.pg_namespace as n on n.nspname = place.schema_name
        inner join pg_catalog.pg_roles as r on r.rolname = grantee.role_name
        where not exists (
            select 1
            from aclexplode(n.nspacl) as a
            where a.grantee = r.oid
                and lower(a.privilege_type) = facts.privilege
        )
    loop
        execute format('grant %s on schema %I to %I', spec.privilege, spec.schema_name, spec.role_name);
    end loop;

    for spec in
        select
            n.nspname,
            a.privilege_type,
            case when a.grantee = 0 then 'public' else quote_ident(r.rolname) end as grantee
        from pg_catalog.pg_namespace as n
        cross join lateral aclexplode(n.nspacl) as a
        left join pg_catalog.pg_roles as r on r.oid = a.grantee
        where n.nspname = any (managed)
            and a.grantee <> n.nspowner
            and (
                a.grantee = 0
                or r.rolname = 'anon'
                or (
                    a.privilege_type = 'CREATE'
                    and not (n.nspname = 'app' and r.rolname = any (narrow))
                    and not (n.nspname = 'audit' and r.rolname = any (auditing))
                )
                or (
                    n.nspname = 'migration'
                    and r.rolname in (
                        'authenticated', 'service_role', 'authenticator', 'authenticator_ro',
                        'gardenos_app', 'gardenos_worker'
                    )
                )
            )
    loop
        execute format('revoke %s on schema %I from %s cascade', spec.privilege_type, spec.nspname, spec.grantee);
        raise notice 'repaired: % on schema % is revoked from %', spec.privilege_type, spec.nspname, spec.grantee;
    end loop;

    -- whoever may create in public or extensions can plant a function in somebody's search_path
    for spec in
        select
            n.nspname,
            case when a.grantee = 0 then 'public' else quote_ident(r.rolname) end as grantee
        from pg_catalog.pg_namespace as n
        cross join lateral aclexplode(n.nspacl) as a
        left join pg_catalog.pg_roles as r on r.oid = a.grantee
        where n.nspname in ('public', 'extensions')
            and a.privilege_type = 'CREATE'
            and (
                a.grantee = 0
                or r.rolname in (
                    'anon', 'authenticated', 'service_role', 'authenticator', 'authenticator_ro',
                    'gardenos_app', 'gardenos_worker', 'gardenos_auditor', 'gardenos_monitor'
                )
            )
    loop
        execute format('revoke create on schema %I from %s cascade', spec.nspname, spec.grantee);
    end loop;
end
$bootstrap$;

-- Default privileges. PostgreSQL gives PUBLIC the right to execute every new function. It can be taken back
-- per creating role and only globally: with `in schema` the statement succeeds and does nothing. Upstream's
-- `alter default privileges … grant all on tables to anon, authenticated` opens each new table before its
-- policies exist, so any such entry is removed, whoever it belongs to.

do $bootstrap$
declare
    creators constant text[] := array[
        'gardenos_owner', 'gardenos_migrator', 'gardenos_membership_reader', 'gardenos_tenancy_writer',
        'gardenos_sealer', 'gardenos_search', 'gardenos_crm_writer', 'gardenos_merger',
        'gardenos_audit_writer', 'gardenos_audit_sealer', 'gardenos_audit_redactor', 'gardenos_publisher',
        'gardenos_eraser', 'gardenos_ai_writer'
    ];
    creator text;
    spec record;
begin
    foreach creator in array creators
    loop
        if not exists (
            select 1
            from pg_catalog.pg_default_acl as d
            inner join pg_catalog.pg_roles as r on r.oid = d.defaclrole
            where r.rolname = creator
                and d.defaclnamespace = 0
                and d.defaclobjtype = 'f'
                and not exists (select 1 from aclexplode(d.defaclacl) as a where a.grantee = 0)
        ) then
            execute format('alter default privileges for role %I revoke execute on functions from public', creator);
        end if;
    end loop;

    for spec in
        select distinct
            r.rolname,
            n.nspname,
            case d.defaclobjtype
                when 'r' then 'tables'
                when 'S' then 'sequences'
                when 'f' then 'functions'
                when 'T' then 'types'
                when 'n' then 'schemas'
                when 'L' then 'large objects'
            end as kind,
            case when a.grantee = 0 then 'public' else quote_ident(g.rolname) end as grantee
        from pg_catalog.pg_default_acl as d
        inner join pg_catalog.pg_roles as r on r.oid = d.defaclrole
        left join pg_catalog.pg_namespace as n on n.oid = d.defaclnamespace
        cross join lateral aclexplode(d.defaclacl) as a
        left join pg_catalog.pg_roles as g on g.oid = a.grantee
        where
            -- PUBLIC may use every type unless told otherwise: a domain in a table would be of no use without it
            (
                r.rolname = any (creators)
                and a.grantee <> d.defaclrole
                and not (d.defaclobjtype = 'T' and a.grantee = 0)
            )
            or (
                g.rolname in ('anon', 'authenticated', 'service_role', 'authenticator', 'authenticator_ro')
                and (
                    n.nspname is null
                    or n.nspname in (
                        'public', 'extensions', 'app', 'tenancy', 'crm', 'ai', 'langgraph', 'integration',
                        'governance', 'audit', 'migration'
                    )
                )
            )
    loop
        execute concat_ws(
            ' ',
            format('alter default privileges for role %I', spec.rolname),
            case when spec.nspname is not null then format('in schema %I', spec.nspname) end,
            format('revoke all on %s from %s cascade', spec.kind, spec.grantee)
        );
        raise notice 'repaired: default privileges of % on % are no longer granted to %',
            spec.rolname, spec.kind, spec.grantee;
    end loop;
end
$bootstrap$;

-- Large objects have no row-level security, and their functions are open to PUBLIC by default.

do $bootstrap$
declare
    spec record;
begin
    for spec in
        select p.oid::regprocedure as signature
        from pg_catalog.pg_proc as p
        where p.pronamespace = 'pg_catalog'::regnamespace
            and (starts_with(p.proname, 'lo_') or p.proname in ('loread', 'lowrite'))
            and exists (
                select 1
                from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
                where a.grantee = 0
            )
    loop
        execute format('revoke execute on function %s from public', spec.signature);
    end loop;
end
$bootstrap$;

-- The statement statistics hold the texts of every agency's statements. They are for monitoring alone.

do $bootstrap$
declare
    spec record;
begin
    for spec in
        select
            'function ' || p.oid::regprocedure::text as target,
            p.proname not like '%reset%' as readable,
            'execute' as privilege,
            coalesce(p.proacl, acldefault('f', p.proowner)) as acl
        from pg_catalog.pg_extension as e
        inner join pg_catalog.pg_depend as d on d.refobjid = e.oid and d.deptype = 'e'
        inner join pg_catalog.pg_proc as p on d.classid = 'pg_proc'::regclass and p.oid = d.objid
        where e.extname in ('pg_stat_statements', 'pg_stat_kcache', 'pg_stat_monitor')
        union all
        select
            'table ' || c.oid::regclass::text,
            true,
            'select',
            coalesce(c.relacl, acldefault('r', c.relowner))
        from pg_catalog.pg_extension as e
        inner join pg_catalog.pg_depend as d on d.refobjid = e.oid and d.deptype = 'e'
        inner join pg_catalog.pg_class as c on d.classid = 'pg_class'::regclass and c.oid = d.objid
        where e.extname in ('pg_stat_statements', 'pg_stat_kcache', 'pg_stat_monitor')
    loop
        if exists (select 1 from aclexplode(spec.acl) as a where a.grantee = 0) then
            execute format('revoke all on %s from public', spec.target);
            if spec.readable then
                execute format('grant %s on %s to pg_monitor', spec.privilege, spec.target);
            end if;
        end if;
    end loop;
end
$bootstrap$;

-- What other sessions of the same login are running, and objects that outlive a transaction. A service
-- logs in once for all agencies: in pg_stat_activity injected SQL would read the statements of the others,
-- and a temporary table or function would wait on the pooled connection for the next agency. Monitoring
-- reads the first, and the migrator, to name whoever holds its lock; nobody needs the second.

do $bootstrap$
declare
    spec record;
begin
    for spec in
        select
            'function ' || p.oid::regprocedure::text as target,
            'execute' as privilege,
            coalesce(p.proacl, acldefault('f', p.proowner)) as acl
        from pg_catalog.pg_proc as p
        where p.pronamespace = 'pg_catalog'::regnamespace
            and p.proname in ('pg_stat_get_activity', 'pg_stat_get_backend_activity')
        union all
        select
            'table ' || c.oid::regclass::text,
            'select',
            c.relacl
        from pg_catalog.pg_class as c
        where c.oid = 'pg_catalog.pg_stat_activity'::regclass
    loop
        if exists (select 1 from aclexplode(spec.acl) as a where a.grantee = 0) then
            execute format('revoke all on %s from public', spec.target);
        end if;
        execute format('grant %s on %s to pg_monitor, gardenos_migrator', spec.privilege, spec.target);
    end loop;

    if exists (
        select 1
        from pg_catalog.pg_database as d
        cross join lateral aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) as a
        where d.datname = current_database()
            and a.grantee = 0
            and a.privilege_type = 'TEMPORARY'
    ) then
        execute format('revoke temporary on database %I from public', current_database());
    end if;
end
$bootstrap$;

-- realtime's schema dump sets this parameter as its role; without the grant it fails.

do $bootstrap$
begin
    if not has_parameter_privilege('supabase_realtime_admin', 'log_min_messages', 'set') then
        execute 'grant set on parameter log_min_messages to supabase_realtime_admin';
    end if;
end
$bootstrap$;
