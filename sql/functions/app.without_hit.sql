-- The open mentions of an erasure without one that was decided.
create or replace function app.without_hit(hits jsonb, place text, field text, record uuid)
returns jsonb
language plpgsql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    return (
        select coalesce(jsonb_agg(o.hit order by o.place) filter (where o.hit -> 'ids' <> '[]'), '[]')
          from (
              select
                  h.place,
                  case
                      when h.hit ->> 'table' = without_hit.place and h.hit ->> 'column' = without_hit.field
                          then h.hit || jsonb_build_object('ids', (h.hit -> 'ids') - record::text)
                      else h.hit
                  end as hit
                from jsonb_array_elements(hits) with ordinality as h (hit, place)
          ) as o
    );
end;
$function$;

revoke all on function app.without_hit(jsonb, text, text, uuid) from public;
grant execute on function app.without_hit(jsonb, text, text, uuid) to
    gardenos_eraser;

comment on function app.without_hit(jsonb, text, text, uuid) is
'The open mentions of an erasure without one of them.';
