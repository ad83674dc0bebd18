-- A memory is about the same for life; only a merge moves it to the record that is left. The trigger's WHEN
-- clause finds the change, so the function only has to refuse it.
create or replace function app.forbid_subject_change()
returns trigger
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    raise exception 'A memory stays about what it is about.'
        using errcode = 'PT403',
        hint = 'Write a new memory, and let this one be superseded by it.';
end;
$function$;

revoke all on function app.forbid_subject_change() from public;

comment on function app.forbid_subject_change() is
'Refuses a change of what a memory is about.';
