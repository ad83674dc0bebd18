-- Erases those rows of the trail of one record whose texts match a pattern: a mention that a person has
-- confirmed. The rest of its trail stays. SECURITY DEFINER: who erases does not read the trail.
set local role gardenos_audit_redactor;

create or replace function audit.redact_matching(agency uuid, record_table text, record uuid, pattern text)
returns bigint
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    return audit.redact_rows(
        redact_matching.agency,
        array(
            select l.id
              from audit.log as l
             where l.agency_id = redact_matching.agency
               and l.schema_name = split_part(redact_matching.record_table, '.', 1)
               and l.table_name = split_part(redact_matching.record_table, '.', 2)
               and l.record_id = redact_matching.record
               and l.salt is not null
               and concat_ws(e'\n', app.plain_text(l.old_values), app.plain_text(l.new_values))
                   ~* redact_matching.pattern
        )
    );
end;
$function$;

revoke all on function audit.redact_matching(uuid, text, uuid, text) from public;
grant execute on function audit.redact_matching(uuid, text, uuid, text) to
    gardenos_eraser;

comment on function audit.redact_matching(uuid, text, uuid, text) is
'Erases the rows of the trail of one record that match a pattern; returns how many.';

set local role gardenos_owner;
