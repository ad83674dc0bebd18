-- A client takes consent back in the portal. It gives none there: a form with a text does.
create or replace function app.guard_consent()
returns trigger
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    if app.agency_role() = 'client' and (new.status <> 'withdrawn' or new.source <> 'portal') then
        raise exception 'In the portal consent is withdrawn only.'
            using errcode = '42501',
            hint = 'Send status withdrawn and source portal.';
    end if;
    return new;
end;
$function$;

revoke all on function app.guard_consent() from public;

comment on function app.guard_consent() is
'Refuses that a client grants consent.';
