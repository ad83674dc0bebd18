-- Everything that hangs on contacts or companies, read off the foreign keys, so that a table that comes
-- later is not forgotten. Two do not move: consents, which are never changed and are read through
-- merged_into_id, and merge_records, which say what was. Items of the agents' store are named after their
-- subject: app.move_items moves them.
create or replace function app.children_of(record_table regclass)
returns table (table_name text, column_name text)
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    return query
    select c.conrelid::regclass::text, a.attname::text
      from pg_constraint as c
      join pg_attribute as a
        on a.attrelid = c.conrelid
       and a.attnum = any(c.conkey)
       and a.attname <> 'agency_id'
       and a.attgenerated = ''
     where c.contype = 'f'
       and c.confrelid = record_table
       and c.conparentid = 0
       and c.conrelid not in ('crm.consents'::regclass, 'crm.merge_records'::regclass)
     order by 1, 2;
end;
$function$;

revoke all on function app.children_of(regclass) from public;
grant execute on function app.children_of(regclass) to
    gardenos_merger;

comment on function app.children_of(regclass) is
'The columns that point to this table and move in a merge.';
