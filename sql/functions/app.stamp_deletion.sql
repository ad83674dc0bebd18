-- Soft delete is an update of deleted_at. The instant and the person are ours, not the client's: a restore
-- finds what was deleted together by that instant.
create or replace function app.stamp_deletion()
returns trigger
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    new.deleted_at := case when new.deleted_at is not null then now() end;
    new.deleted_by := case when new.deleted_at is not null then app.membership_id() end;
    return new;
end;
$function$;

revoke all on function app.stamp_deletion() from public;

comment on function app.stamp_deletion() is
'Stamps deleted_at and deleted_by when a row is deleted or restored.';
