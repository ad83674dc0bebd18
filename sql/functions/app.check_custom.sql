-- custom holds what custom_field_defs says, for the kind of record that the trigger names. A field that was
-- archived keeps its values and asks for none. An agent writes only the fields that are open to agents.
-- SECURITY DEFINER: whoever writes a record need not be able to read the definitions.
set local role gardenos_crm_writer;

create or replace function app.check_custom()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    before jsonb := case when tg_op = 'UPDATE' then old.custom else '{}' end;
    found record;
    fault text;
begin
    for found in
        select
            coalesce(f.key, d.key) as key,
            f.value,
            d.key is not null as is_known,
            d.data_type,
            d.options,
            d.agent_writable,
            d.required and d.archived_at is null as is_required
          from jsonb_each(new.custom) as f (key, value)
          full join (
              select c.key, c.data_type, c.options, c.agent_writable, c.required, c.archived_at
                from crm.custom_field_defs as c
               where c.agency_id = new.agency_id
                 and c.entity = tg_argv [0]::app.entity
          ) as d
            on d.key = f.key
    loop
        fault := case
            when not found.is_known then 'is not a custom field of a ' || tg_argv [0]
            when found.value is null and found.is_required then 'is required'
            when found.value is not null and not app.is_value_of(found.data_type, found.options, found.value)
                then 'must be of type ' || found.data_type
        end;
        if fault is not null then
            raise exception 'custom: "%" %.', found.key, fault
                using errcode = '23514',
                schema = tg_table_schema,
                table = tg_table_name,
                column = 'custom',
                hint = 'The fields are in crm.custom_field_defs. A field without a value is left out.';
        end if;
        if not found.agent_writable
            and found.value is distinct from before -> found.key
            and (select p.is_person from app.proof() as p) is false then
            raise exception 'custom: "%" is not written by agents.', found.key
                using errcode = '42501';
        end if;
    end loop;
    return new;
end;
$function$;

revoke all on function app.check_custom() from public;
grant execute on function app.check_custom() to
    gardenos_owner;

comment on function app.check_custom() is
'Refuses custom fields that do not agree with their definitions.';

set local role gardenos_owner;
