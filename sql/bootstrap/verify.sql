-- What bootstrap should have made and did not find: one row for each thing, none when bootstrap is
-- complete.
--
-- One query over catalogues that every role may read, so that gardenos_migrator can ask it before each
-- upgrade. Timeouts are compared by presence only, because an operator may tune them. Columns that version
-- 15 does not have are read through JSON; there INHERIT is an attribute of the member instead.

with
role_fact (role_name, login, inherit, superuser, bypassrls, others) as (
    values
    ('postgres', null::boolean, null::boolean, null::boolean, null::boolean, null::boolean),
    ('supabase_admin', true, null, true, null, null),
    ('dashboard_user', null, false, false, false, false),
    ('supabase_auth_admin', true, false, false, false, false),
    ('supabase_storage_admin', true, false, false, false, false),
    ('supabase_realtime_admin', false, false, false, false, false),
    ('authenticator', true, false, false, false, false),
    ('authenticator_ro', true, false, false, false, false),
    ('anon', false, false, false, false, false),
    ('authenticated', false, false, false, false, false),
    ('service_role', false, false, false, true, false),
    ('gardenos_owner', false, false, false, false, false),
    ('gardenos_migrator', true, false, false, false, false),
    ('gardenos_app', true, false, false, false, false),
    ('gardenos_worker', true, false, false, false, false),
    ('gardenos_auditor', true, false, false, false, false),
    ('gardenos_monitor', true, true, false, false, false),
    ('gardenos_membership_reader', false, false, false, false, false),
    ('gardenos_tenancy_writer', false, false, false, false, false),
    ('gardenos_sealer', false, false, false, false, false),
    ('gardenos_search', false, false, false, false, false),
    ('gardenos_crm_writer', false, false, false, false, false),
    ('gardenos_ai_writer', false, false, false, false, false),
    ('gardenos_merger', false, false, false, false, false),
    ('gardenos_eraser', false, false, false, false, false),
    ('gardenos_audit_writer', false, false, false, false, false),
    ('gardenos_audit_sealer', false, false, false, false, false),
    ('gardenos_audit_redactor', false, false, false, false, false),
    ('gardenos_publisher', false, true, false, false, false)
),

setting_fact (role_name, setting, wanted) as (
    values
    ('supabase_auth_admin', 'search_path', 'auth'),
    ('supabase_auth_admin', 'idle_in_transaction_session_timeout', null),
    ('supabase_storage_admin', 'search_path', 'storage'),
    ('supabase_realtime_admin', 'search_path', 'public, extensions, realtime'),
    ('authenticator', 'statement_timeout', null),
    ('authenticator', 'lock_timeout', null),
    ('authenticator_ro', 'statement_timeout', null),
    ('authenticator_ro', 'lock_timeout', null),
    ('authenticator_ro', 'default_transaction_read_only', 'on'),
    ('anon', 'statement_timeout', null),
    ('authenticated', 'statement_timeout', null),
    ('gardenos_auditor', 'default_transaction_read_only', 'on')
),

membership_fact (member, granted, inherits) as (
    values
    ('authenticator', 'anon', false),
    ('authenticator', 'authenticated', false),
    ('authenticator', 'service_role', false),
    ('authenticator_ro', 'anon', false),
    ('authenticator_ro', 'authenticated', false),
    ('authenticator_ro', 'service_role', false),
    ('supabase_storage_admin', 'authenticator', false),
    ('supabase_realtime_admin', 'anon', false),
    ('supabase_realtime_admin', 'authenticated', false),
    ('supabase_realtime_admin', 'service_role', false),
    ('gardenos_app', 'authenticated', false),
    ('gardenos_worker', 'authenticated', false),
    ('gardenos_migrator', 'gardenos_owner', false),
    ('gardenos_migrator', 'gardenos_membership_reader', false),
    ('gardenos_migrator', 'gardenos_tenancy_writer', false),
    ('gardenos_migrator', 'gardenos_sealer', false),
    ('gardenos_migrator', 'gardenos_search', false),
    ('gardenos_migrator', 'gardenos_crm_writer', false),
    ('gardenos_migrator', 'gardenos_ai_writer', false),
    ('gardenos_migrator', 'gardenos_merger', false),
    ('gardenos_migrator', 'gardenos_eraser', false),
    ('gardenos_migrator', 'gardenos_audit_writer', false),
    ('gardenos_migrator', 'gardenos_audit_sealer', false),
    ('gardenos_migrator', 'gardenos_audit_redactor', false),
    ('gardenos_migrator', 'gardenos_publisher', false),
    ('gardenos_monitor', 'pg_monitor', true),
    ('gardenos_publisher', 'pg_read_all_stats', true)
),

narrow_role (role_name) as (
    values
    ('gardenos_membership_reader'),
    ('gardenos_tenancy_writer'),
    ('gardenos_sealer'),
    ('gardenos_search'),
    ('gardenos_crm_writer'),
    ('gardenos_ai_writer'),
    ('gardenos_merger'),
    ('gardenos_eraser'),
    ('gardenos_audit_writer'),
    ('gardenos_audit_sealer'),
    ('gardenos_audit_redactor'),
    ('gardenos_publisher')
),

membership as (
    select
        m.rolname as member,
        m.rolsuper as member_is_superuser,
        g.rolname as granted,
        a.admin_option,
        coalesce((to_jsonb(a) ->> 'inherit_option')::boolean, m.rolinherit) as inherits,
        coalesce((to_jsonb(a) ->> 'set_option')::boolean, true) as sets
    from pg_catalog.pg_auth_members as a
    inner join pg_catalog.pg_roles as m on a.member = m.oid
    inner join pg_catalog.pg_roles as g on a.roleid = g.oid
),

schema_fact (schema_name, owner) as (
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
),

extension_fact (extension_name) as (
    values
    ('vector'),
    ('btree_gin'),
    ('btree_gist'),
    ('pg_trgm')
),

reader (role_name) as (
    values
    ('authenticated'),
    ('service_role'),
    ('gardenos_worker'),
    ('gardenos_auditor')
),

schema_privilege (schema_name, privilege, role_name) as (
    select
        s.schema_name,
        'usage',
        r.role_name
    from (
        values
        ('app'),
        ('tenancy'),
        ('crm'),
        ('ai'),
        ('integration'),
        ('governance'),
        ('audit'),
        ('langgraph')
    ) as s (schema_name)
    cross join reader as r
    where not (s.schema_name = 'langgraph' and r.role_name = 'service_role')
    union all
    select
        s.schema_name,
        s.privilege,
        r.role_name
    from (
        values
        ('app', 'usage'),
        ('app', 'create'),
        ('tenancy', 'usage'),
        ('extensions', 'usage')
    ) as s (schema_name, privilege)
    cross join narrow_role as r
    union all
    select
        'extensions',
        'usage',
        r.role_name
    from role_fact as r
    where
        starts_with(r.role_name, 'gardenos_')
        or r.role_name in (
            'anon', 'authenticated', 'service_role', 'authenticator', 'authenticator_ro',
            'supabase_auth_admin', 'supabase_storage_admin', 'supabase_realtime_admin'
        )
    union all
    values
    ('app', 'usage', 'supabase_auth_admin'),
    ('app', 'usage', 'gardenos_app'),
    ('crm', 'usage', 'gardenos_search'),
    ('langgraph', 'usage', 'gardenos_crm_writer'),
    ('langgraph', 'usage', 'gardenos_eraser'),
    ('langgraph', 'usage', 'gardenos_merger'),
    ('crm', 'usage', 'gardenos_crm_writer'),
    ('crm', 'usage', 'gardenos_tenancy_writer'),
    ('governance', 'usage', 'gardenos_tenancy_writer'),
    ('governance', 'usage', 'gardenos_crm_writer'),
    ('crm', 'usage', 'gardenos_merger'),
    ('crm', 'usage', 'gardenos_ai_writer'),
    ('ai', 'usage', 'gardenos_ai_writer'),
    ('ai', 'usage', 'gardenos_tenancy_writer'),
    ('ai', 'usage', 'gardenos_search'),
    ('ai', 'usage', 'gardenos_crm_writer'),
    ('ai', 'usage', 'gardenos_merger'),
    ('ai', 'usage', 'gardenos_eraser'),
    ('ai', 'usage', 'gardenos_publisher'),
    ('integration', 'usage', 'gardenos_merger'),
    ('integration', 'usage', 'gardenos_publisher'),
    ('audit', 'usage', 'gardenos_publisher'),
    ('migration', 'usage', 'gardenos_publisher'),
    ('integration', 'usage', 'gardenos_crm_writer'),
    ('integration', 'usage', 'gardenos_membership_reader'),
    ('crm', 'usage', 'gardenos_eraser'),
    ('integration', 'usage', 'gardenos_eraser'),
    ('governance', 'usage', 'gardenos_eraser'),
    ('audit', 'usage', 'gardenos_eraser'),
    ('migration', 'usage', 'gardenos_eraser'),
    ('migration', 'usage', 'gardenos_sealer'),
    ('migration', 'usage', 'gardenos_audit_writer'),
    ('migration', 'usage', 'gardenos_audit_sealer'),
    ('migration', 'usage', 'gardenos_audit_redactor'),
    ('app', 'usage', 'gardenos_monitor'),
    ('audit', 'usage', 'gardenos_monitor'),
    ('audit', 'usage', 'gardenos_audit_writer'),
    ('audit', 'create', 'gardenos_audit_writer'),
    ('audit', 'usage', 'gardenos_audit_sealer'),
    ('audit', 'create', 'gardenos_audit_sealer'),
    ('audit', 'usage', 'gardenos_audit_redactor'),
    ('audit', 'create', 'gardenos_audit_redactor'),
    ('storage', 'usage', 'anon'),
    ('storage', 'usage', 'authenticated'),
    ('storage', 'usage', 'service_role')
),

schema_acl as (
    select
        n.nspname as schema_name,
        a.privilege_type as privilege,
        a.grantee <> 0 as is_role,
        a.grantee = n.nspowner as is_owner,
        coalesce(r.rolname, 'public') as grantee
    from pg_catalog.pg_namespace as n
    cross join lateral aclexplode(n.nspacl) as a
    left join pg_catalog.pg_roles as r on a.grantee = r.oid
),

finding (place, missing) as (
    select
        1,
        'role ' || f.role_name
    from role_fact as f
    where f.role_name not in (select r.rolname from pg_catalog.pg_roles as r)

    union all
    select
        2,
        'attribute ' || case when a.wanted then a.word else 'no' || a.word end || ' of role ' || f.role_name
    from role_fact as f
    inner join pg_catalog.pg_roles as r on f.role_name = r.rolname
    cross join
        lateral (
            values
            ('login', f.login, r.rolcanlogin),
            ('inherit', f.inherit, r.rolinherit),
            ('superuser', f.superuser, r.rolsuper),
            ('bypassrls', f.bypassrls, r.rolbypassrls),
            ('createdb', f.others, r.rolcreatedb),
            ('createrole', f.others, r.rolcreaterole),
            ('replication', f.others, r.rolreplication)
        ) as a (word, wanted, present)
    where a.wanted <> a.present

    union all
    select
        3,
        'setting ' || f.setting || ' of role ' || f.role_name
    from setting_fact as f
    inner join pg_catalog.pg_roles as r on f.role_name = r.rolname
    where
        not exists (
            select 1
            from pg_catalog.pg_db_role_setting as s
            cross join lateral unnest(s.setconfig) as pair (entry)
            where
                s.setrole = r.oid
                and s.setdatabase = 0
                and split_part(pair.entry, '=', 1) = f.setting
                and (f.wanted is null or substr(pair.entry, strpos(pair.entry, '=') + 1) = f.wanted)
        )

    union all
    select
        4,
        'membership of ' || f.member || ' in ' || f.granted
    from membership_fact as f
    where
        not exists (
            select 1
            from membership as m
            where
                m.member = f.member
                and m.granted = f.granted
        )

    union all
    select distinct
        5,
        'membership of ' || f.member || ' in ' || f.granted
        || ' with admin false, inherit ' || f.inherits::text || ', set true'
    from membership_fact as f
    inner join membership as m on f.member = m.member and f.granted = m.granted
    where
        m.admin_option
        or m.inherits <> f.inherits
        or not m.sets

    union all
    select distinct
        6,
        'revoke of the membership of ' || m.member || ' in ' || m.granted
    from membership as m
    left join membership_fact as f on m.member = f.member and m.granted = f.granted
    where
        f.member is null
        and (
            starts_with(m.member, 'gardenos_')
            or m.member in ('anon', 'authenticated', 'service_role', 'authenticator', 'authenticator_ro')
            or (
                not m.member_is_superuser
                and (m.granted = 'gardenos_owner' or m.granted in (select n.role_name from narrow_role as n))
            )
        )

    union all
    select
        7,
        'schema ' || f.schema_name
    from schema_fact as f
    where f.schema_name not in (select n.nspname from pg_catalog.pg_namespace as n)

    union all
    select
        8,
        'owner ' || coalesce(f.owner, 'with superuser') || ' of schema ' || f.schema_name
    from schema_fact as f
    inner join pg_catalog.pg_namespace as n on f.schema_name = n.nspname
    inner join pg_catalog.pg_roles as r on n.nspowner = r.oid
    where
        r.rolname <> f.owner
        or (f.owner is null and not r.rolsuper)

    union all
    select
        9,
        'extension ' || f.extension_name || ' in schema extensions'
    from extension_fact as f
    where
        not exists (
            select 1
            from pg_catalog.pg_extension as e
            inner join pg_catalog.pg_namespace as n on e.extnamespace = n.oid
            where
                e.extname = f.extension_name
                and n.nspname = 'extensions'
        )

    union all
    select
        10,
        'extension vector 0.8 or newer (' || e.extversion || ' is installed)'
    from pg_catalog.pg_extension as e
    where
        e.extname = 'vector'
        and string_to_array(e.extversion, '.')::int[] < array[0, 8]

    union all
    select distinct
        11,
        f.privilege || ' on schema ' || f.schema_name || ' for ' || f.role_name
    from schema_privilege as f
    inner join pg_catalog.pg_namespace as n on f.schema_name = n.nspname
    inner join pg_catalog.pg_roles as r on f.role_name = r.rolname
    where not has_schema_privilege(r.oid, n.oid, f.privilege)

    union all
    select
        12,
        'revoke of ' || lower(a.privilege) || ' on schema ' || a.schema_name || ' from ' || a.grantee
    from schema_acl as a
    inner join schema_fact as f on a.schema_name = f.schema_name and f.owner = 'gardenos_owner'
    where
        not a.is_owner
        and (
            not a.is_role
            or a.grantee = 'anon'
            or (
                a.privilege = 'CREATE'
                and not (a.schema_name = 'app' and a.grantee in (select n.role_name from narrow_role as n))
                and not (a.schema_name = 'audit' and starts_with(a.grantee, 'gardenos_audit_'))
            )
            or (
                a.schema_name = 'migration'
                and a.grantee in (
                    'authenticated', 'service_role', 'authenticator', 'authenticator_ro',
                    'gardenos_app', 'gardenos_worker'
                )
            )
        )

    union all
    select
        13,
        'revoke of create on schema ' || a.schema_name || ' from ' || a.grantee
    from schema_acl as a
    where
        a.schema_name in ('public', 'extensions')
        and a.privilege = 'CREATE'
        and (
            not a.is_role
            or a.grantee in (
                'anon', 'authenticated', 'service_role', 'authenticator', 'authenticator_ro',
                'gardenos_app', 'gardenos_worker', 'gardenos_auditor', 'gardenos_monitor'
            )
        )

    union all
    select
        14,
        'default privilege of ' || r.rolname || ': no execute on functions for public'
    from pg_catalog.pg_roles as r
    where
        (
            r.rolname in ('gardenos_owner', 'gardenos_migrator')
            or r.rolname in (select n.role_name from narrow_role as n)
        )
        and not exists (
            select 1
            from pg_catalog.pg_default_acl as d
            where
                d.defaclrole = r.oid
                and d.defaclnamespace = 0
                and d.defaclobjtype = 'f'
                and not exists (
                    select 1
                    from aclexplode(d.defaclacl) as a
                    where a.grantee = 0
                )
        )

    union all
    select distinct
        15,
        'revoke of the default privileges of ' || r.rolname || ' for ' || coalesce(g.rolname, 'public')
    from pg_catalog.pg_default_acl as d
    inner join pg_catalog.pg_roles as r on d.defaclrole = r.oid
    left join pg_catalog.pg_namespace as s on d.defaclnamespace = s.oid
    cross join lateral aclexplode(d.defaclacl) as a
    left join pg_catalog.pg_roles as g on a.grantee = g.oid
    where (
        (
            r.rolname in ('gardenos_owner', 'gardenos_migrator')
            or r.rolname in (select n.role_name from narrow_role as n)
        )
        and a.grantee <> d.defaclrole
        -- PUBLIC's default right to use types is wanted; its right to execute is found above
        and not (
            a.grantee = 0 and (d.defaclobjtype = 'T' or (d.defaclobjtype = 'f' and d.defaclnamespace = 0))
        )
    )
    or (
        g.rolname in ('anon', 'authenticated', 'service_role', 'authenticator', 'authenticator_ro')
        and (
            s.nspname is null
            or s.nspname in ('public', 'extensions')
            or s.nspname in (
                select f.schema_name
                from schema_fact as f
                where f.owner = 'gardenos_owner'
            )
        )
    )

    union all
    select
        16,
        'revoke of execute on the large object functions from public'
    where
        exists (
            select 1
            from pg_catalog.pg_proc as p
            cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
            where
                p.pronamespace = 'pg_catalog'::regnamespace
                and (starts_with(p.proname, 'lo_') or p.proname in ('loread', 'lowrite'))
                and a.grantee = 0
        )

    union all
    select distinct
        17,
        'revoke of ' || e.extname || ' from public'
    from pg_catalog.pg_extension as e
    inner join pg_catalog.pg_depend as d on e.oid = d.refobjid and d.deptype = 'e'
    left join pg_catalog.pg_proc as p on d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = p.oid
    left join pg_catalog.pg_class as c on d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid
    cross join
        lateral aclexplode(
            case
                when p.oid is not null then coalesce(p.proacl, acldefault('f', p.proowner))
                else coalesce(c.relacl, acldefault('r', c.relowner))
            end
        ) as a
    where
        e.extname in ('pg_stat_statements', 'pg_stat_kcache', 'pg_stat_monitor')
        and a.grantee = 0

    union all
    select
        18,
        'privilege to set log_min_messages for supabase_realtime_admin'
    from pg_catalog.pg_roles as r
    where
        r.rolname = 'supabase_realtime_admin'
        and not has_parameter_privilege(r.oid, 'log_min_messages', 'set')

    union all
    select
        19,
        'publication supabase_realtime, owned by gardenos_owner, for insert and update of single tables'
    where
        not exists (
            select 1
            from pg_catalog.pg_publication as p
            inner join pg_catalog.pg_roles as r on p.pubowner = r.oid
            where
                p.pubname = 'supabase_realtime'
                and r.rolname = 'gardenos_owner'
                and p.pubinsert
                and p.pubupdate
                and not p.pubdelete
                and not p.pubtruncate
                and not p.puballtables
                and p.oid not in (select pn.pnpubid from pg_catalog.pg_publication_namespace as pn)
        )

    union all
    select
        20,
        'event trigger ' || f.trigger_name
    from (
        values
        ('gardenos_pgrst_ddl', 'ddl_command_end', 'gardenos_notify_ddl'),
        ('gardenos_pgrst_drop', 'sql_drop', 'gardenos_notify_drop')
    ) as f (trigger_name, event, function_name)
    where
        not exists (
            select 1
            from pg_catalog.pg_event_trigger as e
            inner join pg_catalog.pg_roles as r on e.evtowner = r.oid
            inner join pg_catalog.pg_proc as p on e.evtfoid = p.oid
            inner join pg_catalog.pg_namespace as n on p.pronamespace = n.oid
            inner join pg_catalog.pg_roles as o on p.proowner = o.oid
            where
                e.evtname = f.trigger_name
                and e.evtevent = f.event
                and e.evtenabled = 'O'
                and e.evttags is null
                and r.rolsuper
                and o.rolsuper
                and p.proname = f.function_name
                and n.nspname = 'extensions'
                and p.proconfig @> array['search_path=""']
        )

    union all
    select
        21,
        'removal of the stored setting app.settings.jwt_secret'
    where exists (
        select 1
        from pg_catalog.pg_db_role_setting as s
        left join pg_catalog.pg_database as d on s.setdatabase = d.oid
        cross join lateral unnest(s.setconfig) as pair (entry)
        where
            split_part(pair.entry, '=', 1) = 'app.settings.jwt_secret'
            and (s.setdatabase = 0 or d.datname = current_database())
    )

    union all
    select
        22,
        'revocation of pg_stat_activity from public'
    where
        exists (
            select 1
            from pg_catalog.pg_class as c
            cross join lateral aclexplode(c.relacl) as a
            where
                c.oid = 'pg_catalog.pg_stat_activity'::regclass
                and a.grantee = 0
        )
        or exists (
            select 1
            from pg_catalog.pg_proc as p
            cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
            where
                p.pronamespace = 'pg_catalog'::regnamespace
                and p.proname in ('pg_stat_get_activity', 'pg_stat_get_backend_activity')
                and a.grantee = 0
        )

    union all
    select
        23,
        'revocation of temporary objects from public'
    where exists (
        select 1
        from pg_catalog.pg_database as d
        cross join lateral aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) as a
        where
            d.datname = current_database()
            and a.grantee = 0
            and a.privilege_type = 'TEMPORARY'
    )
)

select finding.missing
from finding
order by finding.place, finding.missing;
