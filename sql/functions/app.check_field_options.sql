-- The choices of a select field are texts; other fields have none.
create or replace function app.check_field_options()
returns trigger
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    if new.data_type in ('select', 'multi_select') then
        if jsonb_array_length(new.options) = 0 or exists (
            select 1
              from jsonb_array_elements(new.options) as o (choice)
             where jsonb_typeof(o.choice) <> 'string'
        ) then
            raise exception 'The options of a select field are a list of texts, at least one.'
                using errcode = '23514';
        end if;
    elsif new.options <> '[]' then
        raise exception 'Only the select types have options.'
            using errcode = '23514';
    end if;
    return new;
end;
$function$;

revoke all on function app.check_field_options() from public;

comment on function app.check_field_options() is
'Refuses options that cannot be chosen.';
