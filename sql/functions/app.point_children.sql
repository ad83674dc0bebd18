-- Points the children of one record to another: all but the ids in "stay", or, on the way back, only those
-- in "ids". The names in the statement come from the catalogue (app.children_of). Only merges call it, as
-- their own role: a child moves whether or not the person who merges can see it.
create or replace function app.point_children(
    agency uuid,
    record_table regclass,
    from_id uuid,
    to_id uuid,
    stay uuid[] default '{}',
    ids jsonb default null
)
returns jsonb
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    moved jsonb := '{}';
    place record;
    found uuid[];
begin
    for place in select c.table_name, c.column_name from app.children_of(record_table) as c loop
        execute format(
            'with changed as ('
            ' update %1$s as c set %2$I = $1'
            ' where c.agency_id = $2 and c.%2$I = $3 and c.id <> all($4)'
            ' and ($5 is null or c.id = any($5))'
            ' returning c.id'
            ') select array_agg(c.id order by c.id) from changed as c',
            place.table_name,
            place.column_name
        )
            into found
            using to_id, agency, from_id, stay, case
                when ids is not null then array(
                    select jsonb_array_elements_text(
                        coalesce(ids -> (place.table_name || '.' || place.column_name), '[]')
                    )::uuid
                )
            end;
        if found is not null then
            moved := moved || jsonb_build_object(place.table_name || '.' || place.column_name, found);
        end if;
    end loop;
    return moved;
end;
$function$;

revoke all on function app.point_children(uuid, regclass, uuid, uuid, uuid[], jsonb) from public;
grant execute on function app.point_children(uuid, regclass, uuid, uuid, uuid[], jsonb) to
    gardenos_merger;

comment on function app.point_children(uuid, regclass, uuid, uuid, uuid[], jsonb) is
'Points children from one record to another and answers which: {"schema.table.column": [ids]}.';
