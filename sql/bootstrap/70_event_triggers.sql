-- PostgREST reloads its schema cache when the schema changes.
--
-- The two event triggers of PostgREST's manual ("Automatic Schema Cache Reloading"). They run with the
-- rights of whoever runs the DDL, services included, so they touch nothing but the catalogue functions made
-- for them, their search_path is pinned, and they belong to a superuser. Temporary objects, which no API
-- shows, are skipped.

create or replace function extensions.gardenos_notify_ddl() returns event_trigger
language plpgsql
set search_path = ''
as $function$
begin
    if exists (
        select 1
        from pg_catalog.pg_event_trigger_ddl_commands() as c
        where c.schema_name is distinct from 'pg_temp'
            and c.command_tag in (
                'CREATE SCHEMA', 'ALTER SCHEMA',
                'CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE',
                'CREATE FOREIGN TABLE', 'ALTER FOREIGN TABLE',
                'CREATE VIEW', 'ALTER VIEW',
                'CREATE MATERIALIZED VIEW', 'ALTER MATERIALIZED VIEW',
                'CREATE FUNCTION', 'ALTER FUNCTION',
                'CREATE TRIGGER',
                'CREATE TYPE', 'ALTER TYPE',
                'CREATE RULE',
                'COMMENT'
            )
    ) then
        notify pgrst, 'reload schema';
    end if;
end
$function$;

create or replace function extensions.gardenos_notify_drop() returns event_trigger
language plpgsql
set search_path = ''
as $function$
begin
    if exists (
        select 1
        from pg_catalog.pg_event_trigger_dropped_objects() as d
        where not d.is_temporary
            and d.object_type in (
                'schema', 'table', 'foreign table', 'view', 'materialized view', 'function', 'trigger', 'type', 'rule'
            )
    ) then
        notify pgrst, 'reload schema';
    end if;
end
$function$;

revoke execute on function extensions.gardenos_notify_ddl() from public;
revoke execute on function extensions.gardenos_notify_drop() from public;

do $bootstrap$
declare
    spec record;
begin
    for spec in
        select
            facts.trigger_name,
            facts.event,
            facts.function_name,
            e.oid is not null as present
        from (
            values
            ('gardenos_pgrst_ddl', 'ddl_command_end', 'gardenos_notify_ddl'),
            ('gardenos_pgrst_drop', 'sql_drop', 'gardenos_notify_drop')
        ) as facts (trigger_name, event, function_name)
        left join pg_catalog.pg_event_trigger as e on e.evtname = facts.trigger_name
        left join pg_catalog.pg_roles as r on r.oid = e.evtowner
        where e.oid is null
            or e.evtevent <> facts.event
            or e.evtenabled <> 'O'
            or e.evttags is not null
            or e.evtfoid <> format('extensions.%I()', facts.function_name)::regprocedure
            or not r.rolsuper
    loop
        if spec.present then
            execute format('drop event trigger %I', spec.trigger_name);
            raise notice 'repaired: event trigger % is as it was', spec.trigger_name;
        end if;
        execute format(
            'create event trigger %I on %s execute function extensions.%I()',
            spec.trigger_name,
            spec.event,
            spec.function_name
        );
    end loop;
    for spec in
        select
            p.oid::regprocedure as signature
        from pg_catalog.pg_proc as p
        inner join pg_catalog.pg_roles as r on r.oid = p.proowner
        where p.oid in (
                'extensions.gardenos_notify_ddl()'::regprocedure,
                'extensions.gardenos_notify_drop()'::regprocedure
            )
            and not r.rolsuper
    loop
        execute format('alter function %s owner to %I', spec.signature, current_user);
        raise notice 'repaired: function % belongs to % again', spec.signature, current_user;
    end loop;
end
$bootstrap$;
