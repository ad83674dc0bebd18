-- A deal that has lines is worth their sum, whatever is written. SECURITY DEFINER: a key may be allowed to
-- write deals and not to read their lines.
set local role gardenos_crm_writer;

create or replace function app.keep_amount()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    new.amount := coalesce(
        (
            select sum(l.line_total)
              from crm.deal_line_items as l
             where l.agency_id = new.agency_id
               and l.deal_id = new.id
        ),
        new.amount
    );
    return new;
end;
$function$;

revoke all on function app.keep_amount() from public;
grant execute on function app.keep_amount() to
    gardenos_owner;

comment on function app.keep_amount() is
'Keeps the amount of a deal that has lines.';

set local role gardenos_owner;
