-- Which records of an agency have a text in the trail that matches a pattern, or, asked about one record,
-- whether it has. SECURITY DEFINER: who erases does not read the trail.
set local role gardenos_audit_redactor;

create or replace function audit.mentions(agency uuid, pattern text, loose text)
returns table (record_table text, record_id uuid)
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    return query
    select distinct l.schema_name || '.' || l.table_name, l.record_id
      from audit.log as l
     where l.agency_id = mentions.agency
       and l.salt is not null
       and concat_ws(' ', l.old_values, l.new_values) ~* mentions.loose
       and concat_ws(e'\n', app.plain_text(l.old_values), app.plain_text(l.new_values)) ~* mentions.pattern;
end;
$function$;

revoke all on function audit.mentions(uuid, text, text) from public;
grant execute on function audit.mentions(uuid, text, text) to
    gardenos_eraser;

comment on function audit.mentions(uuid, text, text) is
'The records whose trail has a text that matches a pattern.';

set local role gardenos_owner;
