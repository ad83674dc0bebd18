-- Where data about people lies: the columns whose comment begins with "personal:" or "free text:", in tables
-- of agencies. A column that comes later is found by its comment; tests refuse one without a mark. What the
-- database makes of other columns follows them. A row without an id cannot be named in a report: what agents
-- remember is reached by its thread or subject, and by app.scrub_agents.
create or replace function app.personal_columns()
returns table (table_name text, column_name text, mark text, is_json boolean, is_unique boolean)
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    return query
    select
        c.oid::regclass::text,
        a.attname::text,
        split_part(col_description(c.oid, a.attnum), ':', 1),
        coalesce(nullif(t.typbasetype, 0), t.oid) = 'jsonb'::regtype,
        exists (
            select 1
              from pg_index as i
             where i.indrelid = c.oid
               and i.indisunique
               and (
                   a.attnum = any(i.indkey::smallint[])
                   or exists (
                       select 1
                         from pg_depend as d
                        where d.classid = 'pg_class'::regclass
                          and d.objid = i.indexrelid
                          and d.refclassid = 'pg_class'::regclass
                          and d.refobjid = c.oid
                          and d.refobjsubid = a.attnum
                   )
               )
        )
      from pg_class as c
      join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      join pg_type as t on t.oid = a.atttypid
     where c.relnamespace::regnamespace::text in (
               'tenancy', 'crm', 'ai', 'integration', 'governance', 'langgraph'
           )
       and c.relkind in ('r', 'p')
       and not c.relispartition
       and a.attgenerated = ''
       and split_part(col_description(c.oid, a.attnum), ':', 1) in ('personal', 'free text')
       and exists (
           select 1
             from pg_attribute as k
            where k.attrelid = c.oid
              and k.attname = 'agency_id'
              and not k.attisdropped
       )
       and exists (
           select 1
             from pg_attribute as k
            where k.attrelid = c.oid
              and k.attname = 'id'
              and not k.attisdropped
       )
     order by 1, a.attnum;
end;
$function$;

revoke all on function app.personal_columns() from public;
grant execute on function app.personal_columns() to
    gardenos_eraser;

comment on function app.personal_columns() is
'The columns of agencies that hold data about people, as their comments mark them.';
