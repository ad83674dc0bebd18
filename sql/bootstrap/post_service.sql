-- Our policies and revokes on the tables that storage-api and realtime made.
--
-- Run as superuser after the first start of the services and after each of their upgrades, whose migrations
-- grant again what is revoked here. What does not exist yet is skipped. Only an owner or a superuser can do
-- this, and gardenos_migrator must not be a member of those owners: that would be a path to service_role.
--
-- RLS is enabled on these tables but not forced. Their owners are the services themselves, which keep their
-- own books in them outside any tenant and have no policy: forcing it would stop the service and protect
-- nobody, since no API role is a member of an owner.
--
-- Policies compare text with text and never cast a name or a topic: one raising policy stops every
-- subscriber of every agency. They use the columns and core functions only, because a policy that depends
-- on a function of the service would block the service's next migration.

do $post_service$
declare
    api_roles constant text[] := array['public', 'anon', 'authenticated', 'service_role'];
    unwanted constant text[] := array['TRUNCATE', 'REFERENCES', 'TRIGGER', 'MAINTAIN'];
    spec record;
begin
    -- a long query of a service must not make every other one queue behind us
    perform set_config('lock_timeout', '5s', true);

    -- upstream grants ALL on storage's tables: neither RLS nor a trigger stops TRUNCATE
    for spec in
        select
            c.oid::regclass as target,
            g.grantee,
            string_agg(distinct a.privilege_type, ', ') as privileges
        from pg_catalog.pg_class as c
        inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
        cross join lateral aclexplode(c.relacl) as a
        left join pg_catalog.pg_roles as r on r.oid = a.grantee
        cross join lateral (values (coalesce(r.rolname, 'public'))) as g (grantee)
        where n.nspname in ('storage', 'realtime')
            and c.relkind in ('r', 'p', 'v', 'm', 'f')
            and g.grantee = any (api_roles)
            and a.privilege_type = any (unwanted)
        group by c.oid, g.grantee
    loop
        execute format('revoke %s on table %s from %s cascade', spec.privileges, spec.target, spec.grantee);
    end loop;

    for spec in
        select
            r.rolname as creator,
            n.nspname,
            g.grantee,
            string_agg(distinct a.privilege_type, ', ') as privileges
        from pg_catalog.pg_default_acl as d
        inner join pg_catalog.pg_namespace as n on n.oid = d.defaclnamespace
        inner join pg_catalog.pg_roles as r on r.oid = d.defaclrole
        cross join lateral aclexplode(d.defaclacl) as a
        left join pg_catalog.pg_roles as m on m.oid = a.grantee
        cross join lateral (values (coalesce(m.rolname, 'public'))) as g (grantee)
        where n.nspname in ('storage', 'realtime')
            and d.defaclobjtype = 'r'
            and g.grantee = any (api_roles)
            and a.privilege_type = any (unwanted)
        group by r.rolname, n.nspname, g.grantee
    loop
        execute format(
            'alter default privileges for role %I in schema %I revoke %s on tables from %s',
            spec.creator,
            spec.nspname,
            spec.privileges,
            spec.grantee
        );
    end loop;

    -- the claims of every subscriber of every agency, without RLS; realtime reads them as superuser
    if to_regclass('realtime.subscription') is not null then
        execute 'revoke all on table realtime.subscription from public, anon, authenticated, service_role cascade';
    end if;

    -- a partition that is asked directly answers by its own policies, and it has none
    for spec in
        select
            c.oid::regclass as target,
            c.relrowsecurity
        from pg_catalog.pg_partition_tree(to_regclass('realtime.messages')) as t
        inner join pg_catalog.pg_class as c on c.oid = t.relid
        where t.level > 0
    loop
        if exists (
            select 1
            from pg_catalog.pg_class as c
            cross join lateral aclexplode(c.relacl) as a
            left join pg_catalog.pg_roles as r on r.oid = a.grantee
            where c.oid = spec.target
                and coalesce(r.rolname, 'public') = any (api_roles)
        ) then
            execute format('revoke all on table %s from public, anon, authenticated, service_role cascade', spec.target);
        end if;
        if not spec.relrowsecurity then
            execute format('alter table %s enable row level security', spec.target);
        end if;
    end loop;

    -- REVOKE takes back what the owner granted and says nothing about grants of somebody else
    for spec in
        select
            c.oid::regclass as target,
            r.rolname,
            p.privilege
        from pg_catalog.pg_class as c
        inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
        cross join pg_catalog.pg_roles as r
        cross join (
            values
            ('truncate'),
            ('references'),
            ('trigger')
        ) as p (privilege)
        where n.nspname in ('storage', 'realtime')
            and c.relkind in ('r', 'p', 'v', 'm', 'f')
            and r.rolname in ('anon', 'authenticated', 'service_role')
            and has_table_privilege(r.oid, c.oid, p.privilege)
    loop
        raise exception 'role % still has % on %: find out who granted it and revoke it as that role',
            spec.rolname, spec.privilege, spec.target;
    end loop;
end
$post_service$;

-- Storage. Files of the agencies are in the private bucket `agency-files`, and the first folder of a name
-- is the agency: `agency-files/<agency id>/…`. All buckets share one table, so each policy of ours tests
-- the bucket first: the floor binds our bucket whatever a sibling's policy allows, and leaves the siblings
-- alone. Owners and admins, who see every record of their agency, reach its objects directly. For everybody
-- else the service that knows the record signs a URL: the name of an object does not tell who may see that
-- record.

do $post_service$
declare
    tenant constant text := $$pg_catalog.split_part(objects.name, '/', 1) = (select app.agency_id())::text$$;
    staff constant text := $$(select app.agency_role())::text in ('owner', 'admin')$$;
    owner constant text := $$(select app.agency_role())::text = 'owner'$$;
    ours constant text := $$objects.bucket_id = 'agency-files'$$;
    others constant text := $$objects.bucket_id is distinct from 'agency-files'$$;
    present text;
    spec record;
begin
    perform set_config('lock_timeout', '5s', true);

    if to_regclass('storage.objects') is null then
        raise notice 'skipped: storage.objects does not exist yet, so run this again after the first start of storage-api';
        return;
    end if;
    if to_regprocedure('app.agency_id()') is null or to_regprocedure('app.agency_role()') is null then
        raise notice 'skipped: app.agency_id() does not exist yet, so run this again after alembic upgrade head (until then no policy opens storage.objects)';
        return;
    end if;

    execute 'alter table storage.objects enable row level security';
    foreach present in array array[
        'gardenos_floor_anon', 'gardenos_floor', 'gardenos_select', 'gardenos_insert', 'gardenos_update', 'gardenos_delete'
    ]
    loop
        if exists (
            select 1
            from pg_catalog.pg_policy as p
            where p.polrelid = 'storage.objects'::regclass
                and p.polname = present
        ) then
            execute format('drop policy %I on storage.objects', present);
        end if;
    end loop;

    -- anon may not execute app.agency_id(): a floor that called it would raise for every bucket
    execute format(
        'create policy gardenos_floor_anon on storage.objects as restrictive for all to anon using (%1$s) with check (%1$s)',
        others
    );
    execute format(
        'create policy gardenos_floor on storage.objects as restrictive for all to authenticated using (%1$s) with check (%1$s)',
        others || ' or ' || tenant
    );
    execute format(
        'create policy gardenos_select on storage.objects for select to authenticated using (%s)',
        concat_ws(' and ', ours, tenant, staff)
    );
    execute format(
        'create policy gardenos_insert on storage.objects for insert to authenticated with check (%s)',
        concat_ws(' and ', ours, tenant, staff)
    );
    execute format(
        'create policy gardenos_update on storage.objects for update to authenticated using (%1$s) with check (%1$s)',
        concat_ws(' and ', ours, tenant, staff)
    );
    execute format(
        'create policy gardenos_delete on storage.objects for delete to authenticated using (%s)',
        concat_ws(' and ', ours, tenant, owner)
    );

    -- storage-api serves a public bucket without asking any policy
    if exists (
        select 1
        from pg_catalog.pg_attribute as a
        where a.attrelid = to_regclass('storage.buckets')
            and a.attname = 'public'
            and not a.attisdropped
    ) then
        for spec in execute $$update storage.buckets set public = false where id = 'agency-files' and public returning id$$
        loop
            raise warning 'repaired: bucket % was public, so its files could be read without a token', spec.id;
        end loop;
        execute $$
            insert into storage.buckets (id, name, public)
            values ('agency-files', 'agency-files', false)
            on conflict do nothing
        $$;
    end if;
end
$post_service$;

-- Realtime. A channel of an agency is `agency:<agency id>` or `agency:<agency id>:<anything>`. The service
-- writes the channel into the column topic of the rows it probes with, and a client that calls
-- realtime.send chooses that column but also the setting behind realtime.topic(): so the column is what
-- decides. Staff listens and is present; a viewer does not send, and clients of an agency have no channel.

do $post_service$
declare
    others constant text := $$not pg_catalog.starts_with(messages.topic, 'agency:')$$;
    tenant constant text := $$(
        messages.topic = 'agency:' || (select app.agency_id())::text
        or pg_catalog.starts_with(messages.topic, 'agency:' || (select app.agency_id())::text || ':')
    )$$;
    staff constant text := $$(select app.agency_role())::text <> 'client'$$;
    sender constant text := $$(messages.extension = 'presence' or (select app.agency_role())::text <> 'viewer')$$;
    kinds constant text := $$messages.extension in ('broadcast', 'presence')$$;
    present text;
begin
    perform set_config('lock_timeout', '5s', true);

    if to_regclass('realtime.messages') is null then
        raise notice 'skipped: realtime.messages does not exist yet, so run this again after the first start of realtime';
        return;
    end if;
    if to_regprocedure('app.agency_id()') is null or to_regprocedure('app.agency_role()') is null then
        raise notice 'skipped: app.agency_id() does not exist yet, so run this again after alembic upgrade head (until then no policy opens realtime.messages)';
        return;
    end if;

    execute 'alter table realtime.messages enable row level security';
    foreach present in array array['gardenos_floor_anon', 'gardenos_floor', 'gardenos_select', 'gardenos_insert']
    loop
        if exists (
            select 1
            from pg_catalog.pg_policy as p
            where p.polrelid = 'realtime.messages'::regclass
                and p.polname = present
        ) then
            execute format('drop policy %I on realtime.messages', present);
        end if;
    end loop;

    execute format(
        'create policy gardenos_floor_anon on realtime.messages as restrictive for all to anon using (%1$s) with check (%1$s)',
        others
    );
    execute format(
        'create policy gardenos_floor on realtime.messages as restrictive for all to authenticated using (%1$s) with check (%1$s)',
        others || ' or ' || tenant
    );
    execute format(
        'create policy gardenos_select on realtime.messages for select to authenticated using (%s)',
        concat_ws(' and ', kinds, tenant, staff)
    );
    execute format(
        'create policy gardenos_insert on realtime.messages for insert to authenticated with check (%s)',
        concat_ws(' and ', kinds, tenant, staff, sender)
    );
end
$post_service$;
