-- The next token is for this agency: it must be one that the user can enter now. Only functions and
-- service_role write the column; this holds for them too.
create or replace function app.check_active_agency()
returns trigger
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    if not app.is_live_member(new.id, new.active_agency_id) then
        raise exception 'User % is not an active member of agency %.', new.id, new.active_agency_id
            using errcode = '23514';
    end if;
    return new;
end;
$function$;

revoke all on function app.check_active_agency() from public;

comment on function app.check_active_agency() is
'Refuses an active_agency_id that is not a live membership.';
