-- Makes the partition of the agency bound in tier large, with an HNSW index of its own while it is empty.
-- True when it made one, false when it is there. It is the first step of a promotion (migrations/tiers.py).
--
-- All of it is one transaction: a run that is killed leaves nothing behind. Attaching it clones the foreign
-- keys, and for that no row of the tables they point to may be written. So these locks are asked for last
-- and together, everything else being done: once they are there, they are held for milliseconds. How long
-- they are asked for, with other writers behind, the caller says by lock_timeout, and tries again. Who reads
-- never waits.
--
-- SECURITY DEFINER, as the owner: only the owner of a table attaches partitions to it.
create or replace function app.make_tier_partition(storage text, distance text default 'cosine')
returns boolean
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    agency uuid := app.agency_id();
    parent text := 'embeddings_' || storage || '_large';
    partition text := parent || '_' || replace(agency::text, '-', '');
    operators text := split_part(storage, '_', 1) || case distance
        when 'cosine' then '_cosine_ops'
        when 'l2' then '_l2_ops'
        when 'inner_product' then '_ip_ops'
    end;
begin
    if agency is null then
        raise exception 'No agency is bound.'
            using errcode = '42501';
    end if;
    if operators is null or to_regclass(format('ai.%I', parent)) is null then
        raise exception 'There is no storage % with distance %.',
            coalesce(storage, 'null'), coalesce(distance, 'null')
            using errcode = '22023';
    end if;
    -- of two that make the same one, the second waits and finds it
    perform pg_advisory_xact_lock(hashtextextended(partition, 0));
    if exists (
        select 1
          from pg_inherits as i
         where i.inhparent = format('ai.%I', parent)::regclass
           and i.inhrelid = to_regclass(format('ai.%I', partition))
    ) then
        return false;
    end if;
    if to_regclass(format('ai.%I', partition)) is not null then
        raise exception 'ai.% is there, but is no partition of ai.%.', partition, parent
            using errcode = '55000',
            hint = 'Attach it again, or rename it.';
    end if;
    execute format(
        'create table ai.%I (like ai.%I including defaults including constraints including indexes'
        || ' including storage)',
        partition,
        parent
    );
    execute format('alter table ai.%I enable row level security', partition);
    execute format('alter table ai.%I force row level security', partition);
    execute format(
        'comment on table ai.%I is %L',
        partition,
        format('A partition of ai.embeddings_%s, for nobody to touch.', storage)
    );
    execute format(
        'create index on ai.%I using hnsw (embedding extensions.%I) with (m = 16, ef_construction = 64)',
        partition,
        operators
    );
    execute format(
        'lock table %s in share row exclusive mode',
        (
            select string_agg(distinct c.confrelid::regclass::text, ', ')
              from pg_constraint as c
             where c.conrelid = format('ai.%I', parent)::regclass
               and c.contype = 'f'
        )
    );
    execute format('alter table ai.%I attach partition ai.%I for values in (%L)', parent, partition, agency);
    return true;
end;
$function$;

revoke all on function app.make_tier_partition(text, text) from public;
grant execute on function app.make_tier_partition(text, text) to
    gardenos_worker;

comment on function app.make_tier_partition(text, text) is
'Makes the partition and the index of an agency in tier large; true when there was none.';
