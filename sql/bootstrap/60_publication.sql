-- The publication that Supabase Realtime reads.
--
-- Empty here: gardenos_owner adds table by table, in revisions. Deletes and truncates are not published,
-- because row-level security is not applied to them: every subscriber would get another agency's primary
-- key. A publication FOR ALL TABLES would publish the secrets' tables as well; it cannot be altered, only
-- replaced.

do $bootstrap$
declare
    heard constant text := current_setting('client_min_messages');
    present record;
    spec record;
begin
    select
        p.puballtables,
        p.pubinsert,
        p.pubupdate,
        p.pubdelete,
        p.pubtruncate,
        r.rolname
    into present
    from pg_catalog.pg_publication as p
    inner join pg_catalog.pg_roles as r on r.oid = p.pubowner
    where p.pubname = 'supabase_realtime';

    if found and present.puballtables then
        execute 'drop publication supabase_realtime';
        raise notice 'repaired: publication supabase_realtime was for all tables and is empty now';
    end if;
    if not found or present.puballtables then
        -- wal_level is the operator's: the server warns here when it is not logical
        perform set_config('client_min_messages', 'error', true);
        execute 'create publication supabase_realtime with (publish = ''insert, update'')';
        perform set_config('client_min_messages', heard, true);
        execute 'alter publication supabase_realtime owner to gardenos_owner';
        return;
    end if;

    for spec in
        select n.nspname
        from pg_catalog.pg_publication_namespace as pn
        inner join pg_catalog.pg_publication as p on p.oid = pn.pnpubid
        inner join pg_catalog.pg_namespace as n on n.oid = pn.pnnspid
        where p.pubname = 'supabase_realtime'
    loop
        execute format('alter publication supabase_realtime drop tables in schema %I', spec.nspname);
        raise notice 'repaired: publication supabase_realtime no longer takes every table of schema %', spec.nspname;
    end loop;
    if (present.pubinsert, present.pubupdate, present.pubdelete, present.pubtruncate) <> (true, true, false, false) then
        execute 'alter publication supabase_realtime set (publish = ''insert, update'')';
        raise notice 'repaired: publication supabase_realtime publishes insert and update only';
    end if;
    if present.rolname <> 'gardenos_owner' then
        execute 'alter publication supabase_realtime owner to gardenos_owner';
        raise notice 'repaired: publication supabase_realtime belongs to gardenos_owner again';
    end if;
end
$bootstrap$;
