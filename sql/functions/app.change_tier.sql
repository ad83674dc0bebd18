-- Begins to move the vectors of the agency bound to another tier: from now on new ones go there, and a
-- search reads both. Waits for who writes a vector of this agency (app.embedding_tier). Again is no error,
-- and a move may be turned round before it is done. app.move_embeddings does the rest.
create or replace function app.change_tier(storage text, tier text)
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    agency uuid := app.agency_id();
begin
    if tier is null or tier not in ('small', 'large') then
        raise exception 'A tier is small or large, not %.', coalesce(tier, 'null')
            using errcode = '22023';
    end if;
    if tier = 'large' and to_regclass(format(
        'ai.%I', 'embeddings_' || storage || '_large_' || replace(agency::text, '-', '')
    )) is null then
        raise exception 'The agency has no partition in tier large.'
            using errcode = '55000',
            hint = 'Make it with app.make_tier_partition.';
    end if;
    perform 1
       from ai.agency_tiers as t
      where t.agency_id = agency
        and t.storage = change_tier.storage;
    if not found then
        raise exception 'No active agency with vectors of storage % is bound.', coalesce(storage, 'null')
            using errcode = '22023';
    end if;
    update ai.agency_tiers as t
       set tier = change_tier.tier,
           state = 'moving'
     where t.agency_id = agency
       and t.storage = change_tier.storage
       and t.tier <> change_tier.tier;
end;
$function$;

revoke all on function app.change_tier(text, text) from public;
grant execute on function app.change_tier(text, text) to
    gardenos_worker;

comment on function app.change_tier(text, text) is
'Begins to move the vectors of the agency bound to the tier small or large.';
