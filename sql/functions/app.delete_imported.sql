-- Deletes (softly) records that an import made, as far as they have the row_version that is expected, with
-- the rights of whoever calls and in one savepoint. Answers those that it deleted; null when one of several
-- is refused, and the caller tries fewer. One record alone raises why.
create or replace function app.delete_imported(entity app.entity, ids uuid[], versions integer[])
returns uuid[]
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    agency uuid := app.agency_id();
    deleted uuid[];
begin
    case entity
        when 'contact' then
            with gone as (
                update crm.contacts as r
                   set deleted_at = now()
                  from unnest(ids, versions) as l (id, version)
                 where r.agency_id = agency
                   and r.id = l.id
                   and r.row_version = l.version
                   and r.deleted_at is null
                returning r.id
            )
            select array_agg(g.id) into deleted from gone as g;
        when 'company' then
            with gone as (
                update crm.companies as r
                   set deleted_at = now()
                  from unnest(ids, versions) as l (id, version)
                 where r.agency_id = agency
                   and r.id = l.id
                   and r.row_version = l.version
                   and r.deleted_at is null
                returning r.id
            )
            select array_agg(g.id) into deleted from gone as g;
        when 'deal' then
            with gone as (
                update crm.deals as r
                   set deleted_at = now()
                  from unnest(ids, versions) as l (id, version)
                 where r.agency_id = agency
                   and r.id = l.id
                   and r.row_version = l.version
                   and r.deleted_at is null
                returning r.id
            )
            select array_agg(g.id) into deleted from gone as g;
    end case;
    return coalesce(deleted, '{}');
exception
    when data_exception
        or integrity_constraint_violation
        or insufficient_privilege
        or sqlstate 'PT403'
        or sqlstate 'PT409' then
        if cardinality(ids) > 1 then
            return null;
        end if;
        raise;
end;
$function$;

revoke all on function app.delete_imported(app.entity, uuid[], integer[]) from public;
grant execute on function app.delete_imported(app.entity, uuid[], integer[]) to
    authenticated;

comment on function app.delete_imported(app.entity, uuid[], integer[]) is
'Deletes records that an import made and nobody changed; null when one of several is refused.';
