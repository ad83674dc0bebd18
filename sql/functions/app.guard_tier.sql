-- A vector goes to the tier of its agency and to no other. The tier cannot be set here: a trigger that runs
-- before a row may not send it to another partition. The tier stays locked until the end of the transaction:
-- an agency is not moved while vectors are written for the tier it is in. SECURITY DEFINER: of another agency
-- than the writer's it is a policy that refuses the vector.
set local role gardenos_ai_writer;

create or replace function app.guard_tier()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    wanted text;
begin
    select t.tier
      into wanted
      from ai.agency_tiers as t
     where t.agency_id = new.agency_id
       and t.storage = new.storage
       for share;
    if wanted is distinct from new.tier then
        raise exception 'Vectors of this agency go to the tier %, not to %.', coalesce(wanted, 'of none'), new.tier
            using errcode = '23514',
            schema = tg_table_schema,
            table = tg_table_name,
            column = 'tier',
            hint = 'Leave tier out: its default is the right one.';
    end if;
    return new;
end;
$function$;

revoke all on function app.guard_tier() from public;
grant execute on function app.guard_tier() to
    gardenos_owner;

comment on function app.guard_tier() is
'Refuses a vector in another tier than that of its agency.';

set local role gardenos_owner;
