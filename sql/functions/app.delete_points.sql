-- The addresses of a contact go with it, at the same instant, and come back with it: otherwise a deleted
-- contact would keep its e-mail address taken. One that somebody else has taken since makes the restore
-- fail. SECURITY DEFINER: what goes together does not ask whether the writer sees every part.
set local role gardenos_crm_writer;

create or replace function app.delete_points()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    if new.deleted_at is not null then
        update crm.contact_points as p
           set deleted_at = new.deleted_at
         where p.agency_id = new.agency_id
           and p.contact_id = new.id
           and p.deleted_at is null;
    else
        update crm.contact_points as p
           set deleted_at = null
         where p.agency_id = new.agency_id
           and p.contact_id = new.id
           and p.deleted_at = old.deleted_at;
    end if;
    return null;
end;
$function$;

revoke all on function app.delete_points() from public;
grant execute on function app.delete_points() to
    gardenos_owner;

comment on function app.delete_points() is
'Deletes and restores the addresses of a contact with it.';

set local role gardenos_owner;
