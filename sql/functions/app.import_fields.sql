-- Reads one line of a file as a record, by the mapping of its job: columns of the record with values of
-- their types, addresses with their normalised form, and the keys by which the record may be known. The
-- first value that is no good is refused with the name of its field in `column`; the message repeats no
-- value, because it is kept when the line is erased. Empty values are left out: an import empties
-- nothing.
create or replace function app.import_fields(settings jsonb, raw jsonb)
returns jsonb
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    entity constant app.entity := settings ->> 'entity';
    own constant text[] := case entity
        when 'contact' then array[
            'full_name', 'first_name', 'last_name', 'job_title', 'locale', 'timezone', 'do_not_contact', 'lifecycle',
            'source', 'email', 'phone', 'company_domain', 'role_title'
        ]
        when 'company' then array[
            'name', 'domain', 'industry', 'employees', 'annual_revenue', 'currency', 'street', 'city', 'region',
            'postal_code', 'country'
        ]
        when 'deal' then array[
            'title', 'pipeline', 'stage', 'amount', 'currency', 'expected_close_on', 'lost_reason', 'source',
            'company_domain', 'contact_email'
        ]
    end || array['owner_id', 'team_id'];
    cell record;
    field text;
    value text;
    expected text;
    typed jsonb;
    stage jsonb;
    definition record;
    fields jsonb := '{}';
    custom jsonb := '{}';
    links jsonb := '{}';
    points jsonb := '[]';
    keys text[] := '{}';
    name text;
begin
    for cell in
        select m.value as field, btrim(raw ->> m.key) as value
          from jsonb_each_text(settings -> 'mapping') as m
         order by m.value, m.key
    loop
        field := cell.field;
        value := nullif(cell.value, '');
        if starts_with(field, 'custom.') then
            expected := 'a custom field of a ' || entity;
            select d.type, d.options
              into definition
              from jsonb_to_record(settings -> 'custom' -> substr(field, 8)) as d (
                  type app.field_type, options jsonb
              );
            if definition.type is null then
                raise exception using errcode = '22023';
            end if;
            continue when value is null;
            expected := 'of type ' || definition.type;
            typed := case definition.type
                when 'number' then to_jsonb(value::numeric)
                when 'boolean' then to_jsonb(value::boolean)
                when 'multi_select' then (
                    select to_jsonb(array_agg(distinct btrim(e.one)))
                      from unnest(string_to_array(value, ';')) as e (one)
                     where btrim(e.one) <> ''
                )
                else to_jsonb(value)
            end;
            if not app.is_value_of(definition.type, definition.options, typed) then
                raise exception using errcode = '23514';
            end if;
            custom := custom || jsonb_build_object(substr(field, 8), typed);
            continue;
        end if;
        expected := 'a field of a ' || entity;
        if field is null or not field = any(own) then
            raise exception using errcode = '22023';
        end if;
        continue when value is null;
        case field
            when 'email' then
                expected := 'an e-mail address';
                value := lower(value)::app.email;
                continue when 'email:' || value = any(keys);
                keys := keys || ('email:' || value);
                points := points || jsonb_build_object(
                    'kind', 'email',
                    'value', value,
                    'norm', value,
                    'is_primary', not points @> '[{"kind": "email"}]'
                );
            when 'phone' then
                expected := 'a phone number';
                typed := to_jsonb(regexp_replace(value, '[^0-9+]', '', 'g'));
                if length(typed #>> '{}') < 3 or length(value) > 1000 then
                    raise exception using errcode = '23514';
                end if;
                continue when 'phone:' || (typed #>> '{}') = any(keys);
                keys := keys || ('phone:' || (typed #>> '{}'));
                points := points || jsonb_build_object(
                    'kind', 'phone',
                    'value', value,
                    'norm', typed,
                    'e164', case when typed #>> '{}' ~ '^\+[1-9][0-9]{6,14}$' then typed end,
                    'is_primary', not points @> '[{"kind": "phone"}]'
                );
            when 'domain', 'company_domain' then
                expected := 'a host name such as garden.example';
                value := regexp_replace(lower(value), '^https?://(www\.)?|[/?#].*$', '', 'g')::app.hostname;
                if field = 'domain' then
                    fields := fields || jsonb_build_object(field, value);
                    keys := keys || ('domain:' || value);
                else
                    links := links || jsonb_build_object(field, value);
                end if;
            when 'contact_email' then
                expected := 'an e-mail address';
                links := links || jsonb_build_object(field, lower(value)::app.email);
            when 'role_title' then
                expected := 'at most 200 characters long';
                links := links || jsonb_build_object(field, value::app.label);
            when 'pipeline', 'stage' then
                links := links || jsonb_build_object(field, lower(value));
            when 'lifecycle', 'source', 'industry', 'lost_reason' then
                expected := 'a value of the list';
                typed := settings -> 'lists' -> (
                    case field when 'lifecycle' then 'lifecycle_stage' else field end || ':' || lower(value)
                );
                if typed is null then
                    raise exception using errcode = '23503';
                end if;
                fields := fields || jsonb_build_object(field || '_id', typed);
            when 'do_not_contact' then
                expected := 'yes or no';
                fields := fields || jsonb_build_object(field, value::boolean);
            when 'employees' then
                expected := 'a whole number, 0 or more';
                if value::integer < 0 then
                    raise exception using errcode = '23514';
                end if;
                fields := fields || jsonb_build_object(field, value::integer);
            when 'amount', 'annual_revenue' then
                expected := 'a number such as 1234.50, 0 or more';
                if value::numeric(18, 4) < 0 then
                    raise exception using errcode = '23514';
                end if;
                fields := fields || jsonb_build_object(field, value::numeric(18, 4));
            when 'currency' then
                expected := 'a currency such as EUR';
                -- a cast to char(n) would cut the rest off
                if length(value) <> 3 then
                    raise exception using errcode = '22001';
                end if;
                fields := fields || jsonb_build_object(field, upper(value)::app.currency);
            when 'country' then
                expected := 'a country such as DE';
                -- a cast to char(n) would cut the rest off
                if length(value) <> 2 then
                    raise exception using errcode = '22001';
                end if;
                fields := fields || jsonb_build_object(field, upper(value)::app.country);
            when 'expected_close_on' then
                expected := 'a date such as 2026-05-31';
                if value !~ '^\d{4}-\d{2}-\d{2}$' then
                    raise exception using errcode = '22007';
                end if;
                fields := fields || jsonb_build_object(field, value::date);
            when 'owner_id', 'team_id' then
                expected := 'an id';
                fields := fields || jsonb_build_object(field, value::uuid);
            else
                expected := 'at most 200 characters long';
                fields := fields || jsonb_build_object(field, value::app.label);
        end case;
    end loop;

    field := 'custom.' || (
        select d.key
          from jsonb_each(settings -> 'custom') as d
         where (d.value ->> 'required')::boolean
           and not custom ? d.key
         limit 1
    );
    expected := 'filled in';
    -- a record that is known has it already; whether this one is, only the run can tell
    if field is not null and keys = '{}' then
        raise exception using errcode = '23502';
    end if;
    case entity
        when 'contact' then
            field := 'full_name';
            name := coalesce(
                fields ->> 'full_name',
                nullif(concat_ws(' ', fields ->> 'first_name', fields ->> 'last_name'), ''),
                points -> 0 ->> 'value'
            );
        when 'company' then
            field := 'name';
            name := coalesce(fields ->> 'name', fields ->> 'domain');
            if fields ? 'annual_revenue' and not fields ? 'currency' and keys = '{}' then
                field := 'currency';
                raise exception using errcode = '23502';
            end if;
        when 'deal' then
            field := 'currency';
            if not fields ? field then
                raise exception using errcode = '23502';
            end if;
            field := 'stage';
            expected := 'a stage of the pipeline';
            stage := settings -> 'stages' -> concat(links ->> 'pipeline', '/', links ->> 'stage');
            if stage is null then
                raise exception using errcode = '23503';
            end if;
            fields := fields || stage;
            field := 'title';
            expected := 'filled in';
            name := fields ->> 'title';
    end case;
    if name is null then
        raise exception using errcode = '23502';
    end if;
    expected := 'at most 200 characters long';
    name := name::app.label;
    if custom <> '{}' then
        fields := fields || jsonb_build_object('custom', custom);
    end if;
    return jsonb_build_object('fields', fields, 'name', name, 'points', points, 'links', links, 'keys', keys);
exception
    when data_exception or check_violation or foreign_key_violation or not_null_violation then
        raise exception '% must be %.', coalesce(field, 'The mapping'), expected
            using errcode = sqlstate,
            column = coalesce(field, 'mapping');
end;
$function$;

revoke all on function app.import_fields(jsonb, jsonb) from public;
grant execute on function app.import_fields(jsonb, jsonb) to
    authenticated;

comment on function app.import_fields(jsonb, jsonb) is
'One line of a file as a record, by the settings of its import; refuses what is no good, by field.';
