-- Bounds what agents' threads take: a turn writes some hundred rows, and only the last of them are needed to
-- go on. Of threads that nobody has written to for so long, the longest idle first, the latest checkpoint of
-- each namespace stays, with its writes and the values that it names; the rest goes, and what stays has no
-- parent any more where that went. As the library's prune(strategy='keep_latest') does it, a checkpoint older
-- than version 4 keeps the parent that its pending sends stand in, and the namespace of one call of a
-- subgraph goes with the checkpoint of the outermost graph that it began from.
--
-- Left alone are threads with a running or suspended run, threads that somebody is writing to, and threads
-- with a DeltaChannel, whose latest value is made of older checkpoints. The conversation is locked: every new
-- row of a thread has to wait for it, so nothing is written while this looks.
create or replace function app.prune_threads(older_than interval, max_threads integer default 100)
returns table (thread_id text, checkpoints bigint, writes bigint, blobs bigint)
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    agency uuid := app.agency_id();
    thread record;
    kept_ns text[];
    kept_ids text[];
    gone_ns text[];
    pruned integer := 0;
begin
    if agency is null then
        raise exception 'Threads are pruned in one agency: none is bound.'
            using errcode = '42501',
            hint = 'begin; select app.bind_worker(''<agency>''); select * from app.prune_threads(''1 day'', 100); commit;';
    end if;
    if older_than is null or older_than < interval '0' then
        raise exception 'older_than is %: give an interval that is not below zero.',
            coalesce(older_than::text, 'null')
            using errcode = '22023';
    end if;
    if max_threads is null or max_threads < 1 then
        raise exception 'max_threads is %: give a number above zero.', coalesce(max_threads::text, 'null')
            using errcode = '22023';
    end if;
    for thread in
        select c.conversation_id as id, c.thread_id as name, max(c.created_at) as written_at
          from langgraph.checkpoints as c
         where c.agency_id = agency
         group by c.conversation_id, c.thread_id
        having max(c.created_at) <= now() - older_than
           and count(*) > 1
         order by max(c.created_at), c.thread_id
    loop
        exit when pruned >= max_threads;
        perform 1
           from crm.conversations as c
          where c.agency_id = agency
            and c.id = thread.id
            for update skip locked;
        continue when not found;
        continue when exists (
            select 1
              from ai.agent_runs as r
             where r.agency_id = agency
               and r.conversation_id = thread.id
               and r.status in ('running', 'suspended')
        ) or exists (
            select 1
              from langgraph.checkpoints as c
             where c.thread_id = thread.name
               and (
                   c.created_at > now() - older_than
                   or c.metadata ? 'counters_since_delta_snapshot'
                   or c.metadata ? 'delta_writes_versioned'
               )
        ) or exists (
            -- the snapshot of a DeltaChannel: true, and yet a value of its own
            select 1
              from langgraph.checkpoints as c
             cross join lateral jsonb_each(c.checkpoint -> 'channel_values') as v
              join langgraph.checkpoint_blobs as b
                on b.thread_id = c.thread_id
               and b.checkpoint_ns = c.checkpoint_ns
               and b.channel = v.key
               and b.version = c.checkpoint -> 'channel_versions' ->> v.key
             where c.thread_id = thread.name
               and v.value = 'true'::jsonb
        );

        with heads as (
            select distinct on (c.checkpoint_ns)
                c.checkpoint_ns,
                c.checkpoint_id,
                c.parent_checkpoint_id,
                (c.checkpoint ->> 'v')::integer < 4 as is_old,
                c.metadata -> 'parents' ->> '' as root
              from langgraph.checkpoints as c
             where c.thread_id = thread.name
             order by c.checkpoint_ns desc, c.checkpoint_id desc
        ),
        with_sends as (
            select h.checkpoint_ns, h.parent_checkpoint_id as checkpoint_id
              from heads as h
             where h.is_old
               and exists (
                   select 1
                     from langgraph.checkpoint_writes as w
                    where w.thread_id = thread.name
                      and w.checkpoint_ns = h.checkpoint_ns
                      and w.checkpoint_id = h.parent_checkpoint_id
                      and w.channel = '__pregel_tasks'
               )
        ),
        needed as (
            select h.checkpoint_ns, h.checkpoint_id
              from heads as h
             union all
            select s.checkpoint_ns, s.checkpoint_id
              from with_sends as s
        ),
        ended_calls as (
            select h.checkpoint_ns
              from heads as h
             where strpos(h.checkpoint_ns, ':') > 0
               and exists (
                   select 1
                     from langgraph.checkpoints as r
                    where r.thread_id = thread.name
                      and r.checkpoint_ns = ''
                      and r.checkpoint_id = h.root
               )
               and not exists (
                   select 1
                     from needed as n
                    where n.checkpoint_ns = ''
                      and n.checkpoint_id = h.root
               )
        )
        select
            array_agg(n.checkpoint_ns) filter (where e.checkpoint_ns is null),
            array_agg(n.checkpoint_id) filter (where e.checkpoint_ns is null),
            coalesce(array_agg(distinct e.checkpoint_ns) filter (where e.checkpoint_ns is not null), '{}')
          into kept_ns, kept_ids, gone_ns
          from needed as n
          left join ended_calls as e on e.checkpoint_ns = n.checkpoint_ns;

        -- writes can come before their checkpoint: those of a step that is not there yet stay
        delete from langgraph.checkpoint_writes as w
         where w.thread_id = thread.name
           and (
               w.checkpoint_ns = any(gone_ns)
               or exists (
                   select 1
                     from langgraph.checkpoints as c
                    where c.thread_id = w.thread_id
                      and c.checkpoint_ns = w.checkpoint_ns
                      and c.checkpoint_id = w.checkpoint_id
               )
           )
           and (w.checkpoint_ns, w.checkpoint_id) not in (
               select k.ns, k.id from unnest(kept_ns, kept_ids) as k (ns, id)
           );
        get diagnostics writes = row_count;
        delete from langgraph.checkpoints as c
         where c.thread_id = thread.name
           and (c.checkpoint_ns, c.checkpoint_id) not in (
               select k.ns, k.id from unnest(kept_ns, kept_ids) as k (ns, id)
           );
        get diagnostics checkpoints = row_count;
        continue when checkpoints = 0;
        update langgraph.checkpoints as c
           set parent_checkpoint_id = null
         where c.thread_id = thread.name
           and c.parent_checkpoint_id is not null
           and (c.checkpoint_ns, c.parent_checkpoint_id) not in (
               select k.ns, k.id from unnest(kept_ns, kept_ids) as k (ns, id)
           );
        delete from langgraph.checkpoint_blobs as b
         where b.thread_id = thread.name
           and not exists (
               select 1
                 from langgraph.checkpoints as c
                where c.thread_id = b.thread_id
                  and c.checkpoint_ns = b.checkpoint_ns
                  and c.checkpoint -> 'channel_versions' ->> b.channel = b.version
           );
        get diagnostics blobs = row_count;
        pruned := pruned + 1;
        thread_id := thread.name;
        return next;
    end loop;
end;
$function$;

revoke all on function app.prune_threads(interval, integer) from public;
grant execute on function app.prune_threads(interval, integer) to
    gardenos_worker;

comment on function app.prune_threads(interval, integer) is
'Keeps of idle threads the latest checkpoint of each namespace; answers what went, a row for each thread.';
