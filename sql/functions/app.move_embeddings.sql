-- Moves so many vectors of the agency bound to the tier it is to be in. The state after that is "ready" once
-- the other tier is empty, until then "moving". Each batch is a transaction of its own: whatever ends the
-- run, each vector is in one of the tiers, and the next run goes on.
--
-- Vectors that somebody else is writing are passed over. Who meets one that was just moved gets 40001, and
-- tries again.
create or replace function app.move_embeddings(
    storage text,
    batch_size integer default 100,
    out moved integer,
    out state text
)
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    agency uuid := app.agency_id();
    place record;
    away text;
    is_left boolean;
begin
    select t.tier, t.state
      into place
      from ai.agency_tiers as t
     where t.agency_id = agency
       and t.storage = move_embeddings.storage
       for share;
    if not found then
        raise exception 'No active agency with vectors of storage % is bound.', coalesce(storage, 'null')
            using errcode = '22023';
    end if;
    moved := 0;
    state := place.state;
    if state = 'ready' then
        return;
    end if;
    away := case place.tier when 'large' then 'small' else 'large' end;
    execute format(
        'update ai.%1$I as e set tier = %2$L where e.agency_id = %4$L and e.tier = %3$L and e.id = any(array('
        || 'select s.id from ai.%1$I as s where s.agency_id = %4$L and s.tier = %3$L'
        || ' limit $1 for update skip locked))',
        'embeddings_' || storage,
        place.tier,
        away,
        agency
    )
      using batch_size;
    get diagnostics moved = row_count;
    if moved > 0 then
        return;
    end if;
    execute format(
        'select exists (select 1 from ai.%I as e where e.agency_id = %L and e.tier = %L)',
        'embeddings_' || storage,
        agency,
        away
    )
       into is_left;
    if not is_left then
        state := 'ready';
        update ai.agency_tiers as t
           set state = 'ready'
         where t.agency_id = agency
           and t.storage = move_embeddings.storage;
    end if;
end;
$function$;

revoke all on function app.move_embeddings(text, integer) from public;
grant execute on function app.move_embeddings(text, integer) to
    gardenos_worker;

comment on function app.move_embeddings(text, integer) is
'Moves a batch of vectors to the tier of the agency bound: how many, and "ready" when all are there.';
