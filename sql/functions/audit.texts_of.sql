-- All that the trail has of one record, as text: an erasure finds in it the names that it knows by their
-- hashes only. SECURITY DEFINER: who erases does not read the trail.
set local role gardenos_audit_redactor;

create or replace function audit.texts_of(agency uuid, record_table text, record uuid)
returns text
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    return (
        select string_agg(
            concat_ws(e'\n', app.plain_text(l.old_values), app.plain_text(l.new_values)), e'\n'
        )
          from audit.log as l
         where l.agency_id = texts_of.agency
           and l.schema_name = split_part(texts_of.record_table, '.', 1)
           and l.table_name = split_part(texts_of.record_table, '.', 2)
           and l.record_id = texts_of.record
           and l.salt is not null
    );
end;
$function$;

revoke all on function audit.texts_of(uuid, text, uuid) from public;
grant execute on function audit.texts_of(uuid, text, uuid) to
    gardenos_eraser;

comment on function audit.texts_of(uuid, text, uuid) is
'The texts that the trail has of one record.';

set local role gardenos_owner;
