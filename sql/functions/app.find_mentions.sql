-- Every column of the agency that may hold data about people, searched for a pattern: {"table": …, "column":
-- …, "ids": […]} for each that has some. A text is found by the loose pattern and looked at by the exact one.
create or replace function app.find_mentions(agency uuid, pattern text, loose text)
returns table (place text, field text, ids uuid[])
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    one record;
begin
    for one in
        select c.*
          from app.personal_columns() as c
         where (c.table_name, c.column_name) not in (
             ('governance.suppressions', 'value_hash'),
             ('governance.erasure_requests', 'label_masked')
         )
    loop
        execute format(
            'select array_agg(c.id order by c.id) from %s as c'
            ' where c.agency_id = $1 and c.%2$I::text ~* $2 and %3$s ~* $3',
            one.table_name,
            one.column_name,
            format(case when one.is_json then 'app.plain_text(c.%I)' else 'c.%I::text' end, one.column_name)
        )
            into ids
            using agency, case when one.is_json then loose else pattern end, pattern;
        if ids is not null then
            place := one.table_name;
            field := one.column_name;
            return next;
        end if;
    end loop;
end;
$function$;

revoke all on function app.find_mentions(uuid, text, text) from public;
grant execute on function app.find_mentions(uuid, text, text) to
    gardenos_eraser;

comment on function app.find_mentions(uuid, text, text) is
'The records of an agency that match a pattern in a column that may hold data about people.';
