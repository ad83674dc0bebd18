-- When a month left the trail, for the owner, who sees no row of audit.retired. SECURITY DEFINER for that
-- reason; it tells no agency's business.
set local role gardenos_audit_sealer;

create or replace function audit.retired_at(month date)
returns timestamptz
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    return (
        select max(r.retired_at)
          from audit.retired as r
         where r.month = retired_at.month
    );
end;
$function$;

revoke all on function audit.retired_at(date) from public;
grant execute on function audit.retired_at(date) to
    gardenos_owner;

comment on function audit.retired_at(date) is
'When a month was retired; null when it was not, or held no row.';

set local role gardenos_owner;
