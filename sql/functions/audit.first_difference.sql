-- Which row of a sealed batch is the first that is not as it was: the marks of the seal, four bytes of each
-- row's hash in their order, against the rows that are there. A row added looks like a row that was not
-- sealed, a row deleted like a mark without its row; anything else is a change or another order.
create or replace function audit.first_difference(
    sealed audit.seals,
    out log_id uuid,
    out problem text
)
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    present bigint;
    place bigint;
    before uuid;
begin
    if not exists (
        select 1
          from pg_inherits as i
         where i.inhparent = 'audit.log'::regclass
           and audit.month_of(i.inhrelid) = sealed.month
    ) then
        problem := format('all %s rows are gone: %s was detached and not retired', sealed.row_count, sealed.month);
        return;
    end if;

    select count(*)
      into present
      from audit.row_hashes as r
     where r.agency_id = sealed.agency_id
       and r.epoch = sealed.epoch
       and r.xid >= sealed.from_xid
       and r.xid < sealed.to_xid
       and audit.month_of(r.partition) = sealed.month;
    if present = 0 then
        problem := format('all %s rows of %s are gone', sealed.row_count, sealed.month);
        return;
    end if;

    select f.id, f.place, f.before
      into log_id, place, before
      from (
            select
                r.id,
                r.row_hash,
                row_number() over in_order as place,
                lag(r.id) over in_order as before
              from audit.row_hashes as r
             where r.agency_id = sealed.agency_id
               and r.epoch = sealed.epoch
               and r.xid >= sealed.from_xid
               and r.xid < sealed.to_xid
               and audit.month_of(r.partition) = sealed.month
            window in_order as (order by r.timeline, r.seq)
      ) as f
     where substring(f.row_hash from 1 for 4)
        is distinct from nullif(substring(sealed.row_marks from (f.place * 4 - 3)::integer for 4), ''::bytea)
     order by f.place
     limit 1;
    if place is null then
        problem := format('the last %s of its %s rows are gone', sealed.row_count - present, sealed.row_count);
        return;
    end if;
    problem := case
        when present < sealed.row_count then
            format('%s of its %s rows are gone, the first before this one', sealed.row_count - present, sealed.row_count)
        when present > sealed.row_count then
            format('%s rows were added to its %s, this one first', present - sealed.row_count, sealed.row_count)
        else 'this row was changed, or is in another place'
    end;
end;
$function$;

revoke all on function audit.first_difference(audit.seals) from public;
grant execute on function audit.first_difference(audit.seals) to
    authenticated,
    service_role,
    gardenos_auditor,
    gardenos_audit_sealer;

comment on function audit.first_difference(audit.seals) is
'The first row of a sealed batch that is not as it was, and what is wrong with it.';
