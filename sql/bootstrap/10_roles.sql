-- Roles of the cluster: who exists, and with which attributes.
--
-- One table of facts and one loop, because a role that is merely created once is not enough: an attribute
-- that drifted (NOINHERIT, BYPASSRLS) is a hole in every policy. A value of null means "leave it to the
-- operator": `postgres` may be the superuser or, where the superuser has another name, only the name that
-- gotrue's and storage's migrations insist on. Passwords are the operator's; none is ever set or changed
-- here.

do $bootstrap$
declare
    spec record;
    attribute record;
    wanted text;
begin
    if current_setting('server_version_num')::int < 150000 then
        raise exception 'PostgreSQL % is too old: gardenos-db needs version 15 or newer',
            current_setting('server_version');
    end if;
    if not (select rolsuper from pg_catalog.pg_roles where rolname = current_user) then
        raise exception 'bootstrap needs a superuser and % is not one: run it as a superuser', current_user
            using errcode = '42501';
    end if;

    for spec in
        select *
        from (
            values
            -- role, login, inherit, superuser, bypassrls, others (createdb, createrole, replication)
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
            -- inherits what PostgreSQL tells of standbys
            ('gardenos_publisher', false, true, false, false, false)
        ) as facts (role_name, login, inherit, superuser, bypassrls, others)
    loop
        if not exists (select 1 from pg_catalog.pg_roles where rolname = spec.role_name) then
            execute format(
                'create role %I %s',
                spec.role_name,
                concat_ws(
                    ' ',
                    case when spec.login then 'login' else 'nologin' end,
                    case when spec.inherit is false then 'noinherit' else 'inherit' end,
                    case when spec.superuser then 'superuser' else 'nosuperuser' end,
                    case when spec.bypassrls then 'bypassrls' else 'nobypassrls' end
                )
            );
        end if;

        for attribute in
            select facts.word, facts.wanted
            from pg_catalog.pg_roles as r
            cross join lateral (
                values
                ('login', spec.login, r.rolcanlogin),
                ('inherit', spec.inherit, r.rolinherit),
                ('superuser', spec.superuser, r.rolsuper),
                ('bypassrls', spec.bypassrls, r.rolbypassrls),
                ('createdb', spec.others, r.rolcreatedb),
                ('createrole', spec.others, r.rolcreaterole),
                ('replication', spec.others, r.rolreplication)
            ) as facts (word, wanted, present)
            where r.rolname = spec.role_name
                and facts.wanted <> facts.present
        loop
            wanted := case when attribute.wanted then attribute.word else 'no' || attribute.word end;
            execute format('alter role %I %s', spec.role_name, wanted);
            raise notice 'repaired: role % is % again', spec.role_name, wanted;
        end loop;
    end loop;
end
$bootstrap$;

-- Settings of roles. `keep` marks a default that an operator may tune (timeouts): it is set only where
-- there is none. The others are load-bearing: gotrue creates its ledger in the first schema of its
-- search_path, and the login for replicas must not try to write.

do $bootstrap$
declare
    spec record;
    present text;
begin
    for spec in
        select *
        from (
            values
            ('supabase_auth_admin', 'search_path', 'auth', false),
            ('supabase_auth_admin', 'idle_in_transaction_session_timeout', '60s', true),
            ('supabase_storage_admin', 'search_path', 'storage', false),
            ('supabase_realtime_admin', 'search_path', 'public, extensions, realtime', false),
            ('authenticator', 'statement_timeout', '8s', true),
            ('authenticator', 'lock_timeout', '8s', true),
            ('authenticator_ro', 'statement_timeout', '8s', true),
            ('authenticator_ro', 'lock_timeout', '8s', true),
            ('authenticator_ro', 'default_transaction_read_only', 'on', false),
            ('anon', 'statement_timeout', '3s', true),
            ('authenticated', 'statement_timeout', '8s', true),
            ('gardenos_auditor', 'default_transaction_read_only', 'on', false)
        ) as facts (role_name, setting, wanted, keep)
    loop
        present := (
            select substr(pair.entry, strpos(pair.entry, '=') + 1)
            from pg_catalog.pg_db_role_setting as s
            inner join pg_catalog.pg_roles as r on r.oid = s.setrole
            cross join lateral unnest(s.setconfig) as pair (entry)
            where r.rolname = spec.role_name
                and s.setdatabase = 0
                and split_part(pair.entry, '=', 1) = spec.setting
        );
        if present is null or (not spec.keep and present <> spec.wanted) then
            -- search_path is a list: quoted as one word it would name one schema
            execute format(
                case
                    when spec.setting = 'search_path' then 'alter role %I set %I = %s'
                    else 'alter role %I set %I = %L'
                end,
                spec.role_name,
                spec.setting,
                spec.wanted
            );
            if present is not null then
                raise notice 'repaired: % of role % is % again (it was %)',
                    spec.setting, spec.role_name, spec.wanted, present;
            end if;
        end if;
    end loop;
end
$bootstrap$;

-- `app.settings.jwt_secret`, as upstream's compose file stores it, lets any SQL read the key that signs
-- every token. Nothing of ours or of the services needs it in the database.

do $bootstrap$
declare
    spec record;
begin
    for spec in
        select
            s.setrole,
            d.datname,
            r.rolname,
            split_part(pair.entry, '=', 1) as setting
        from pg_catalog.pg_db_role_setting as s
        left join pg_catalog.pg_database as d on d.oid = s.setdatabase
        left join pg_catalog.pg_roles as r on r.oid = s.setrole
        cross join lateral unnest(s.setconfig) as pair (entry)
        where split_part(pair.entry, '=', 1) = 'app.settings.jwt_secret'
            and (s.setdatabase = 0 or d.datname = current_database())
    loop
        execute concat_ws(
            ' ',
            case
                when spec.rolname is not null then format('alter role %I', spec.rolname)
                when spec.datname is not null then format('alter database %I', spec.datname)
                else 'alter role all'
            end,
            case
                when spec.rolname is not null and spec.datname is not null then format('in database %I', spec.datname)
            end,
            format('reset %s', spec.setting)
        );
        raise warning 'removed the stored setting %: every SQL session could read the secret that signs tokens, so change that secret',
            spec.setting;
    end loop;
end
$bootstrap$;
