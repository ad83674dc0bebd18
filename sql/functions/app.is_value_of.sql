-- Whether a value of a custom field is of its type. Dates and times are texts as in ISO 8601, and a time
-- says its zone: JSON has none of its own. A cast says whether the day exists.
create or replace function app.is_value_of(data_type app.field_type, options jsonb, value jsonb)
returns boolean
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    content text := value #>> '{}';
begin
    case data_type
        when 'number' then
            return jsonb_typeof(value) = 'number';
        when 'boolean' then
            return jsonb_typeof(value) = 'boolean';
        when 'multi_select' then
            return jsonb_typeof(value) = 'array' and value <@ options and not exists (
                select 1
                  from jsonb_array_elements(value) as e (chosen)
                 group by e.chosen
                having count(*) > 1
            );
        when 'select' then
            return jsonb_typeof(value) = 'string' and options @> jsonb_build_array(value);
        else
            null;
    end case;
    if jsonb_typeof(value) <> 'string' then
        return false;
    end if;
    case data_type
        when 'text' then
            return true;
        when 'url' then
            return length(content) <= 2000 and content ~ '^https?://[^\s]+$';
        when 'email' then
            perform content::app.email;
            return true;
        when 'date' then
            return content ~ '^\d{4}-\d{2}-\d{2}$' and content::date is not null;
        when 'timestamp' then
            return content ~ '^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})$'
                and content::timestamptz is not null;
    end case;
exception
    when data_exception or check_violation then
        return false;
end;
$function$;

revoke all on function app.is_value_of(app.field_type, jsonb, jsonb) from public;
grant execute on function app.is_value_of(app.field_type, jsonb, jsonb) to
    authenticated,
    gardenos_crm_writer;

comment on function app.is_value_of(app.field_type, jsonb, jsonb) is
'Whether this value of a custom field is of this type.';
