-- One row for each stay of a deal in a stage. The row of the deal is locked by its update, so that the
-- stays follow one another without gap or overlap. SECURITY DEFINER: nobody writes the history.
set local role gardenos_crm_writer;

create or replace function app.note_stage()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    if tg_op = 'UPDATE' then
        update crm.deal_stage_history as h
           set left_at = new.stage_entered_at
         where h.agency_id = new.agency_id
           and h.deal_id = new.id
           and h.left_at is null;
    end if;
    insert into crm.deal_stage_history (
        agency_id,
        deal_id,
        from_stage_id,
        to_stage_id,
        entered_at,
        changed_by_id
    )
    values (
        new.agency_id,
        new.id,
        case when tg_op = 'UPDATE' then old.stage_id end,
        new.stage_id,
        new.stage_entered_at,
        app.membership_id()
    );
    return null;
end;
$function$;

revoke all on function app.note_stage() from public;
grant execute on function app.note_stage() to
    gardenos_owner;

comment on function app.note_stage() is
'Writes the stage history of a deal.';

set local role gardenos_owner;
