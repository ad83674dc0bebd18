-- Extensions, all in schema `extensions`, so that no search_path of an API role needs `public`.
--
-- pgvector before 0.8 lacks iterative index scans, without which a filtered search silently returns too few
-- rows; HNSW faults are fixed in 0.8.4. An older version is updated when the server has a newer one.

do $bootstrap$
declare
    major constant text := (current_setting('server_version_num')::int / 10000)::text;
    wanted text;
    present record;
    offered text;
begin
    foreach wanted in array array['vector', 'btree_gin', 'btree_gist', 'pg_trgm']
    loop
        offered := (select default_version from pg_catalog.pg_available_extensions where name = wanted);
        select
            e.extversion,
            n.nspname
        into present
        from pg_catalog.pg_extension as e
        inner join pg_catalog.pg_namespace as n on n.oid = e.extnamespace
        where e.extname = wanted;

        if not found then
            if offered is null and wanted = 'vector' then
                raise exception 'pgvector is not installed on this server: install postgresql-%-pgvector or build pgvector 0.8.4 or newer, then run bootstrap again',
                    major
                    using errcode = '58P01';
            elsif offered is null then
                raise exception 'extension % is not installed on this server: install the contrib package of PostgreSQL %, then run bootstrap again',
                    wanted, major
                    using errcode = '58P01';
            end if;
            execute format('create extension %I schema extensions', wanted);
        elsif present.nspname <> 'extensions' then
            execute format('alter extension %I set schema extensions', wanted);
            raise notice 'repaired: extension % moved from schema % to extensions', wanted, present.nspname;
        end if;
    end loop;

    select
        e.extversion,
        n.nspname
    into present
    from pg_catalog.pg_extension as e
    inner join pg_catalog.pg_namespace as n on n.oid = e.extnamespace
    where e.extname = 'vector';
    offered := (select default_version from pg_catalog.pg_available_extensions where name = 'vector');
    if string_to_array(present.extversion, '.')::int[] < array[0, 8, 4]
        and string_to_array(offered, '.')::int[] > string_to_array(present.extversion, '.')::int[]
    then
        execute 'alter extension vector update';
        raise notice 'repaired: extension vector updated from % to %', present.extversion, offered;
        present.extversion := offered;
    end if;
    if string_to_array(present.extversion, '.')::int[] < array[0, 8] then
        raise exception 'pgvector % is too old: install version 0.8.4 or newer on this server, then run bootstrap again',
            present.extversion;
    elsif string_to_array(present.extversion, '.')::int[] < array[0, 8, 4] then
        raise warning 'pgvector % has HNSW faults that 0.8.4 fixed: install version 0.8.4 or newer, then run bootstrap again',
            present.extversion;
    end if;
end
$bootstrap$;
