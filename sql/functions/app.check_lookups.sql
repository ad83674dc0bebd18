-- A reference to the lists of short values must be to the right list. The arguments are pairs of column and
-- list. SECURITY DEFINER: whoever writes a record need not be able to read the lists.
set local role gardenos_crm_writer;

create or replace function app.check_lookups()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    changed jsonb := to_jsonb(new);
    value_id uuid;
begin
    for place in 0 .. tg_nargs - 1 by 2 loop
        value_id := changed ->> tg_argv [place];
        -- a row that is not there is the business of the foreign key
        if exists (
            select 1
              from crm.lookup_values as v
             where v.agency_id = new.agency_id
               and v.id = value_id
               and v.kind <> tg_argv [place + 1]::app.lookup_kind
        ) then
            raise exception '% must be of the list "%".', tg_argv [place], tg_argv [place + 1]
                using errcode = '23514',
                schema = tg_table_schema,
                table = tg_table_name,
                column = tg_argv [place];
        end if;
    end loop;
    return new;
end;
$function$;

revoke all on function app.check_lookups() from public;
grant execute on function app.check_lookups() to
    gardenos_owner;

comment on function app.check_lookups() is
'Refuses a reference to a value of another list.';

set local role gardenos_owner;
