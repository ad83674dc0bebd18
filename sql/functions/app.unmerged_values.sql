-- The way back of app.merged_values. A field goes back as a whole, and only where nobody has changed it
-- since the merge; the others are named, so that a person can look at them.
create or replace function app.unmerged_values(
    winner jsonb,
    before_merge jsonb,
    merged jsonb,
    fields jsonb,
    out back jsonb,
    out changed_since text[]
)
returns record
language plpgsql
immutable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    custom jsonb := winner -> 'custom';
    field record;
begin
    back := '{}';
    changed_since := '{}';
    for field in
        select
            f.key,
            array_agg(c.name) as names,
            bool_and(winner -> c.name = coalesce(merged -> c.name, before_merge -> c.name)) as is_unchanged
          from jsonb_each(fields) as f
         cross join lateral jsonb_array_elements_text(f.value) as c (name)
         group by f.key
        having bool_or(merged ? c.name)
         order by f.key
    loop
        if field.is_unchanged then
            back := back || (
                select jsonb_object_agg(n.name, before_merge -> n.name)
                  from unnest(field.names) as n (name)
            );
        else
            changed_since := changed_since || field.key;
        end if;
    end loop;
    if merged ? 'custom' then
        for field in
            select k.key, before_merge -> 'custom' -> k.key as was, merged -> 'custom' -> k.key as became
              from jsonb_object_keys((before_merge -> 'custom') || (merged -> 'custom')) as k (key)
             where before_merge -> 'custom' -> k.key is distinct from merged -> 'custom' -> k.key
             order by k.key
        loop
            if custom -> field.key is distinct from field.became then
                changed_since := changed_since || ('custom.' || field.key);
            elsif field.was is null then
                custom := custom - field.key;
            else
                custom := custom || jsonb_build_object(field.key, field.was);
            end if;
        end loop;
        back := back || jsonb_build_object('custom', custom);
    end if;
end;
$function$;

revoke all on function app.unmerged_values(jsonb, jsonb, jsonb, jsonb) from public;
grant execute on function app.unmerged_values(jsonb, jsonb, jsonb, jsonb) to
    gardenos_merger;

comment on function app.unmerged_values(jsonb, jsonb, jsonb, jsonb) is
'The columns of the winner that go back when a merge is undone, and the fields that somebody changed since.';
