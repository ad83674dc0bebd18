-- What records at this moment: every function of ours, every trigger, and whether the trail is protected,
-- each as a hash of its definition. Each seal holds the hash of all, so that a function that was replaced
-- or a trigger that was switched off for longer than one sealing stays visible.
--
-- SECURITY DEFINER, as the sealer: the revision stands in schema migration.
set local role gardenos_audit_sealer;

create or replace function audit.machinery(out machinery bytea, out revision text, out objects jsonb)
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    select jsonb_object_agg(o.name, encode(substring(sha256(convert_to(o.definition, 'UTF8')) from 1 for 8), 'hex'))
      into objects
      from (
            select
                'function ' || p.oid::regprocedure as name,
                json_build_array(
                    p.prosrc,
                    p.proconfig,
                    p.prosecdef,
                    p.proowner::regrole,
                    p.prolang,
                    p.provolatile
                )::text as definition
              from pg_proc as p
             where p.pronamespace in ('app'::regnamespace, 'audit'::regnamespace)
            union all
            select
                format('trigger %I on %s', t.tgname, t.tgrelid::regclass),
                json_build_array(
                    t.tgenabled,
                    t.tgtype,
                    t.tgfoid::regprocedure,
                    encode(t.tgargs, 'hex'),
                    t.tgattr::text,
                    t.tgoldtable,
                    t.tgnewtable,
                    t.tgqual is null
                )::text
              from pg_trigger as t
              join pg_class as c
                on c.oid = t.tgrelid
              join pg_namespace as n
                on n.oid = c.relnamespace
             where n.nspname in (
                'tenancy', 'crm', 'ai', 'langgraph', 'integration', 'governance', 'audit'
             )
               and not t.tgisinternal
               and t.tgparentid = 0
            union all
            select
                'table ' || c.oid::regclass,
                json_build_array(c.relrowsecurity, c.relforcerowsecurity, c.relowner::regrole)::text
              from pg_class as c
             where c.oid in ('audit.log'::regclass, 'audit.seals'::regclass, 'audit.retired'::regclass)
      ) as o;
    machinery := sha256(convert_to(objects::text, 'UTF8'));
    select v.version_num
      into revision
      from migration.alembic_version as v;
    revision := coalesce(revision, '');
end;
$function$;

revoke all on function audit.machinery() from public;
grant execute on function audit.machinery() to
    authenticated,
    service_role,
    gardenos_auditor;

comment on function audit.machinery() is
'What records now: a hash of all functions and triggers, the revision, and the hash of each.';

set local role gardenos_owner;
