-- Takes a person's addresses out of what agents remember about others: items of the store, and the values of
-- threads that stand in the checkpoint itself. Their rows have no id, so no mention of a name is listed for a
-- person to decide. What is serialised, as bytes, cannot be searched: it goes with its thread. The embedding
-- of an item that was changed was made of the old text. Answers how many rows of each column were changed.
create or replace function app.scrub_agents(agency uuid, pattern text, loose text)
returns jsonb
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    done jsonb := '{}';
    touched bigint;
begin
    if pattern is null then
        return done;
    end if;
    with changed as (
        update langgraph.store as s
           set value = app.scrubbed(s.value, pattern, 'erased')
         where s.agency_id = agency
           and s.value::text ~* loose
           and app.scrubbed(s.value, pattern, 'erased') <> s.value
        returning s.prefix, s.key
    ),
    outdated as (
        delete from langgraph.store_vectors as v
         using changed as c
         where v.prefix = c.prefix
           and v.key = c.key
    )
    select count(*) into touched
      from changed as c;
    if touched > 0 then
        done := done || jsonb_build_object('langgraph.store.value', touched);
    end if;
    -- versions and ids of a checkpoint are numbers that a phone could look like: values only
    update langgraph.checkpoints as c
       set checkpoint = jsonb_set(
               c.checkpoint, '{channel_values}', app.scrubbed(c.checkpoint -> 'channel_values', pattern, 'erased')
           )
     where c.agency_id = agency
       and (c.checkpoint -> 'channel_values')::text ~* loose
       and app.scrubbed(c.checkpoint -> 'channel_values', pattern, 'erased') <> c.checkpoint -> 'channel_values';
    get diagnostics touched = row_count;
    if touched > 0 then
        done := done || jsonb_build_object('langgraph.checkpoints.checkpoint', touched);
    end if;
    update langgraph.checkpoints as c
       set metadata = app.scrubbed(c.metadata, pattern, 'erased')
     where c.agency_id = agency
       and c.metadata::text ~* loose
       and app.scrubbed(c.metadata, pattern, 'erased') <> c.metadata;
    get diagnostics touched = row_count;
    if touched > 0 then
        done := done || jsonb_build_object('langgraph.checkpoints.metadata', touched);
    end if;
    return done;
end;
$function$;

revoke all on function app.scrub_agents(uuid, text, text) from public;
grant execute on function app.scrub_agents(uuid, text, text) to
    gardenos_eraser;

comment on function app.scrub_agents(uuid, text, text) is
'Takes a person''s addresses out of what agents remember about others; answers how many rows were changed.';
