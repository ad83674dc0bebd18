-- The amount of a deal is the sum of its lines; without lines it stays as it is. The deals are locked first
-- and summed by a later statement: of two writers the second sees the lines of the first. SECURITY DEFINER:
-- a key may be allowed to write lines and not deals.
set local role gardenos_crm_writer;

create or replace function app.total_deals()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    touched uuid[];
    agencies uuid[];
begin
    select array_agg(t.agency_id), array_agg(t.deal_id)
      into agencies, touched
      from (select distinct c.agency_id, c.deal_id from changed_rows as c) as t;
    perform 1
       from crm.deals as d
      where (d.agency_id, d.id) in (select * from unnest(agencies, touched))
      order by d.agency_id, d.id
        for no key update;
    update crm.deals as d
       set amount = t.total
      from (
          select l.agency_id, l.deal_id, sum(l.line_total) as total
            from crm.deal_line_items as l
           where (l.agency_id, l.deal_id) in (select * from unnest(agencies, touched))
           group by l.agency_id, l.deal_id
      ) as t
     where d.agency_id = t.agency_id
       and d.id = t.deal_id
       and d.amount is distinct from t.total;
    return null;
end;
$function$;

revoke all on function app.total_deals() from public;
grant execute on function app.total_deals() to
    gardenos_owner;

comment on function app.total_deals() is
'Sums the lines of deals.';

set local role gardenos_owner;
