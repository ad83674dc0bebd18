-- A contact that was erased stays what it is: as a place that consents and history point to. Only who works
-- with it may still be cleared.
create or replace function app.guard_anonymised()
returns trigger
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    if (new.full_name, new.first_name, new.last_name, new.job_title, new.locale, new.timezone, new.custom)
        is distinct from
        (old.full_name, old.first_name, old.last_name, old.job_title, old.locale, old.timezone, old.custom)
        or not new.do_not_contact
        or new.anonymised_at is distinct from old.anonymised_at then
        raise exception 'Contact % was erased and is not changed any more.', old.id
            using errcode = 'PT403',
            hint = 'Make a new contact if the person comes back.';
    end if;
    return new;
end;
$function$;

revoke all on function app.guard_anonymised() from public;

comment on function app.guard_anonymised() is
'Refuses to change a contact that was erased.';
