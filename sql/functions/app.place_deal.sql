-- What a deal takes from its stage: status, when it closed, since when it is there. Nobody else sets them.
-- Time never runs backwards, so that two moves that waited for each other, or a failover to a slower clock,
-- make no negative stay. A stage that left the board takes no deal. SECURITY DEFINER: the history is not
-- read by all who may move a deal.
set local role gardenos_crm_writer;

create or replace function app.place_deal()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    stage record;
begin
    if tg_op = 'UPDATE' and new.stage_id = old.stage_id then
        new.status := old.status;
        new.stage_entered_at := old.stage_entered_at;
        new.closed_at := old.closed_at;
        return new;
    end if;
    select s.outcome, s.archived_at
      into stage
      from crm.pipeline_stages as s
     where s.agency_id = new.agency_id
       and s.pipeline_id = new.pipeline_id
       and s.id = new.stage_id
       for share;
    if not found then
        raise exception 'The pipeline has no such stage.'
            using errcode = '23503',
            schema = tg_table_schema,
            table = tg_table_name,
            column = 'stage_id',
            constraint = 'deals_stage_id_fkey';
    end if;
    if stage.archived_at is not null then
        raise exception 'The stage is archived and takes no deals.'
            using errcode = '23514',
            schema = tg_table_schema,
            table = tg_table_name,
            column = 'stage_id';
    end if;
    new.status := stage.outcome;
    new.stage_entered_at := clock_timestamp();
    new.closed_at := null;
    if tg_op = 'UPDATE' then
        new.stage_entered_at := greatest(new.stage_entered_at, old.stage_entered_at);
        if new.status = old.status then
            new.closed_at := old.closed_at;
        end if;
    end if;
    if new.status <> 'open' then
        new.closed_at := coalesce(new.closed_at, new.stage_entered_at);
    end if;
    if new.status <> 'lost' then
        new.lost_reason_id := null;
    end if;
    return new;
end;
$function$;

revoke all on function app.place_deal() from public;
grant execute on function app.place_deal() to
    gardenos_owner;

comment on function app.place_deal() is
'Sets what a deal takes from its stage.';

set local role gardenos_owner;
