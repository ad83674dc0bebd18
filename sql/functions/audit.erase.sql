-- What an erasure does to the trail of an agency, last of all, because the deletes before it leave rows too.
-- It empties
--
--   all rows of the records named, and of those that this transaction deleted after the row "since";
--   all rows that were ever about one of these people: an address or a note that was deleted long ago;
--   every other row that holds an address of them (pattern), whatever it is about.
--
-- Called again it finds nothing. SECURITY DEFINER: who erases does not read the trail.
set local role gardenos_audit_redactor;

create or replace function audit.erase(
    agency uuid,
    since bigint,
    people uuid[],
    records jsonb,
    pattern text,
    loose text
)
returns bigint
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    return audit.redact_rows(
        erase.agency,
        array(
            select l.id
              from audit.log as l
              join (
                  select
                      split_part(r ->> 'table', '.', 1) as schema_name,
                      split_part(r ->> 'table', '.', 2) as table_name,
                      (r ->> 'id')::uuid as record_id
                    from jsonb_array_elements(erase.records) as r
                  union
                  select d.schema_name, d.table_name, d.record_id
                    from audit.log as d
                   where d.agency_id = erase.agency
                     and d.epoch = (select max(e.epoch) from migration.epochs as e)
                     and d.xid = pg_current_xact_id()
                     and d.seq > erase.since
                     and d.op = 'delete'
                  union
                  select p.schema_name, p.table_name, p.record_id
                    from audit.log as p
                   where p.agency_id = erase.agency
                     and p.salt is not null
                     and p.schema_name in ('crm', 'tenancy')
                     and (
                         p.new_values ->> 'contact_id' = any(erase.people::text[])
                         or p.old_values ->> 'contact_id' = any(erase.people::text[])
                     )
              ) as whole
                on whole.schema_name = l.schema_name
               and whole.table_name = l.table_name
               and whole.record_id = l.record_id
             where l.agency_id = erase.agency
               and l.salt is not null
            union
            select l.id
              from audit.log as l
             where l.agency_id = erase.agency
               and l.salt is not null
               and concat_ws(' ', l.old_values, l.new_values) ~* erase.loose
               and concat_ws(e'\n', app.plain_text(l.old_values), app.plain_text(l.new_values)) ~* erase.pattern
        )
    );
end;
$function$;

revoke all on function audit.erase(uuid, bigint, uuid[], jsonb, text, text) from public;
grant execute on function audit.erase(uuid, bigint, uuid[], jsonb, text, text) to
    gardenos_eraser;

comment on function audit.erase(uuid, bigint, uuid[], jsonb, text, text) is
'Empties what the trail of an agency holds of erased people; returns how many rows it emptied.';

set local role gardenos_owner;
