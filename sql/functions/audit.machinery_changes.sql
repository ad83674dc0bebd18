-- What differs between two states of the machinery, by name. SECURITY DEFINER, as the sealer: the states
-- stand in schema migration.
set local role gardenos_audit_sealer;

create or replace function audit.machinery_changes(earlier bytea, later bytea)
returns text
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    present record := audit.machinery();
    before jsonb;
    after jsonb;
begin
    select m.objects into before from migration.machinery as m where m.machinery = earlier;
    select m.objects into after from migration.machinery as m where m.machinery = later;
    if after is null and later = present.machinery then
        after := present.objects;
    end if;
    if before is null or after is null then
        return 'a state that was not kept';
    end if;
    return (
        select string_agg(
            case
                when a.key is null then b.key || ' is gone'
                when b.key is null then a.key || ' is new'
                else a.key || ' was changed'
            end,
            ', '
            order by coalesce(a.key, b.key)
        )
          from jsonb_each_text(before) as b
          full join jsonb_each_text(after) as a
            on a.key = b.key
         where a.value is distinct from b.value
    );
end;
$function$;

revoke all on function audit.machinery_changes(bytea, bytea) from public;
grant execute on function audit.machinery_changes(bytea, bytea) to
    authenticated,
    service_role,
    gardenos_auditor;

comment on function audit.machinery_changes(bytea, bytea) is
'The functions and triggers that differ between two states of the machinery.';

set local role gardenos_owner;
