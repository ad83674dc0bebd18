-- What the winner of a merge gets. A field is one column, or several that only make sense together: an
-- address, an amount with its currency, owner and team. choices names a field and says "winner" or "loser";
-- where it says nothing the winner keeps what it has, and takes the field of the loser if its own is empty.
-- Custom fields follow the same rule key by key: {"custom": {"size": "loser"}}.
create or replace function app.merged_values(winner jsonb, loser jsonb, fields jsonb, choices jsonb)
returns jsonb
language plpgsql
immutable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    chosen jsonb := coalesce(choices, '{}');
    chosen_custom jsonb := coalesce(chosen -> 'custom', '{}');
    custom jsonb := (loser -> 'custom') || (winner -> 'custom');
    taken jsonb;
    unknown text;
    field record;
begin
    if jsonb_typeof(chosen) <> 'object' or jsonb_typeof(chosen_custom) <> 'object' then
        raise exception 'The choices of a merge are an object of fields.'
            using errcode = '22023',
            hint = 'For example {"job_title": "loser", "custom": {"size": "loser"}}.';
    end if;
    select c.key
      into unknown
      from (
          select e.key, e.value, fields ? e.key as is_known
            from jsonb_each(chosen - 'custom') as e
          union all
          select 'custom.' || e.key, e.value, (winner -> 'custom') ? e.key or (loser -> 'custom') ? e.key
            from jsonb_each(chosen_custom) as e
      ) as c
     where not c.is_known
        or c.value not in ('"winner"', '"loser"')
     order by 1
     limit 1;
    if unknown is not null then
        raise exception 'The choice of "%" is not known.', unknown
            using errcode = '22023',
            hint = 'Choose "winner" or "loser" for a field of: '
                || (select string_agg(k.key, ', ' order by k.key) from jsonb_object_keys(fields) as k (key))
                || ', custom.';
    end if;

    taken := (
        select coalesce(jsonb_object_agg(c.name, loser -> c.name), '{}')
          from jsonb_each(fields) as f
         cross join lateral jsonb_array_elements_text(f.value) as c (name)
         where coalesce(
             chosen ->> f.key = 'loser',
             not exists (
                 select 1
                   from jsonb_array_elements_text(f.value) as own (name)
                  where winner -> own.name <> 'null'
             )
         )
    );
    for field in select e.key from jsonb_each_text(chosen_custom) as e where e.value = 'loser' loop
        custom := custom - field.key;
        if (loser -> 'custom') ? field.key then
            custom := custom || jsonb_build_object(field.key, loser -> 'custom' -> field.key);
        end if;
    end loop;
    taken := taken || jsonb_build_object('custom', custom);
    return (
        select coalesce(jsonb_object_agg(t.key, t.value), '{}')
          from jsonb_each(taken) as t
         where t.value is distinct from winner -> t.key
    );
end;
$function$;

revoke all on function app.merged_values(jsonb, jsonb, jsonb, jsonb) from public;
grant execute on function app.merged_values(jsonb, jsonb, jsonb, jsonb) to
    gardenos_merger;

comment on function app.merged_values(jsonb, jsonb, jsonb, jsonb) is
'The columns of the winner that a merge changes, with their new values. 22023 for an unknown choice.';
