-- Memberships: who may become whom, and nobody else.
--
-- On 15 INHERIT is an attribute of the member. From 16 on it belongs to each grant and `alter role …
-- noinherit` after the grant changes nothing, so each row of pg_auth_members is compared and repaired
-- there. A plain grant that someone else made (another grantor, or WITH ADMIN) is revoked too: it would
-- survive ours.
--
-- A strict member (`strict_members`) holds exactly the memberships listed here. storage-api's migration
-- 0002 runs `grant postgres to authenticator` when DB_INSTALL_ROLES is on, which lets PostgREST become a
-- superuser; and membership of supabase_storage_admin or authenticator is a path to service_role, which
-- bypasses RLS. A closed role (`closed_roles`) has no other member than those listed: it owns objects, or
-- the functions that read past RLS.

do $bootstrap$
declare
    per_grant constant boolean := current_setting('server_version_num')::int >= 160000;
    strict_members constant text[] := array[
        'anon', 'authenticated', 'service_role', 'authenticator', 'authenticator_ro',
        'gardenos_owner', 'gardenos_migrator', 'gardenos_app', 'gardenos_worker', 'gardenos_auditor',
        'gardenos_monitor', 'gardenos_membership_reader', 'gardenos_tenancy_writer', 'gardenos_sealer',
        'gardenos_search', 'gardenos_crm_writer', 'gardenos_merger', 'gardenos_audit_writer',
        'gardenos_audit_sealer', 'gardenos_audit_redactor', 'gardenos_publisher', 'gardenos_eraser',
        'gardenos_ai_writer'
    ];
    closed_roles constant text[] := array[
        'gardenos_owner', 'gardenos_membership_reader', 'gardenos_tenancy_writer', 'gardenos_sealer',
        'gardenos_search', 'gardenos_crm_writer', 'gardenos_merger', 'gardenos_audit_writer',
        'gardenos_audit_sealer', 'gardenos_audit_redactor', 'gardenos_publisher', 'gardenos_eraser',
        'gardenos_ai_writer'
    ];
    spec record;
begin
    create temporary table wanted_membership (
        member text,
        granted text,
        inherits boolean
    ) on commit drop;
    insert into pg_temp.wanted_membership (member, granted, inherits)
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
    -- an import writes as its owner (app.bind_import); without a bound import, authenticated sees no row
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
    ('gardenos_publisher', 'pg_read_all_stats', true);

    for spec in
        select
            m.rolname as member,
            g.rolname as granted,
            r.rolname as grantor
        from pg_catalog.pg_auth_members as a
        inner join pg_catalog.pg_roles as m on m.oid = a.member
        inner join pg_catalog.pg_roles as g on g.oid = a.roleid
        left join pg_catalog.pg_roles as r on r.oid = a.grantor
        left join pg_temp.wanted_membership as w on w.member = m.rolname and w.granted = g.rolname
        where
            (w.member is null and (m.rolname = any (strict_members) or (g.rolname = any (closed_roles) and not m.rolsuper)))
            -- 10 is the superuser that initdb made: the grantor of every grant a superuser makes from 16 on
            or (w.member is not null and (a.admin_option or (per_grant and a.grantor <> 10)))
    loop
        execute format('revoke %I from %I', spec.granted, spec.member)
            || case when per_grant then format(' granted by %I', spec.grantor) else '' end
            || ' cascade';
        raise notice 'repaired: role % is no longer a member of % by a grant of %',
            spec.member, spec.granted, coalesce(spec.grantor, 'a role that is gone');
    end loop;

    for spec in
        select
            w.member,
            w.granted,
            w.inherits,
            a.member is not null as present
        from pg_temp.wanted_membership as w
        left join pg_catalog.pg_roles as m on m.rolname = w.member
        left join pg_catalog.pg_roles as g on g.rolname = w.granted
        left join pg_catalog.pg_auth_members as a on a.member = m.oid and a.roleid = g.oid
        where
            a.member is null
            -- read as JSON, because 15 has no such columns and would refuse to parse them
            or (
                per_grant
                and (
                    (to_jsonb(a) ->> 'inherit_option')::boolean <> w.inherits
                    or not (to_jsonb(a) ->> 'set_option')::boolean
                )
            )
    loop
        execute format('grant %I to %I', spec.granted, spec.member)
            || case
                when per_grant then format(' with admin false, inherit %s, set true', spec.inherits::text)
                else ''
            end;
        if spec.present then
            raise notice 'repaired: role % is a member of % with inherit % and set true again',
                spec.member, spec.granted, spec.inherits;
        end if;
    end loop;

    drop table pg_temp.wanted_membership;
end
$bootstrap$;
