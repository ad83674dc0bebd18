-- Takes a mention out that is one of an erased person: of this column of this record, and of its trail. A
-- row that is nothing but the datum goes; the path of an object is not changed, so its file goes, and with it
-- the object. Answers whether there was anything left to do.
create or replace function app.settle_mention(
    agency uuid,
    place text,
    field text,
    record uuid,
    pattern text
)
returns boolean
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    found_text text;
    known record;
    changed bigint := 0;
begin
    select * into known
      from app.personal_columns() as c
     where c.table_name = place
       and c.column_name = field;
    if known.table_name is not null then
        execute format('select c.%I::text from %s as c where c.agency_id = $1 and c.id = $2 for update', field, place)
            into found_text
            using agency, record;
    end if;
    if found_text is null then
        changed := 0;
    elsif (place, field) in (
        ('crm.files', 'object_path'), ('crm.messages', 'body_html_path'), ('crm.contact_points', 'value'),
        ('crm.contact_points', 'e164'), ('tenancy.invitations', 'email'), ('crm.participants', 'address')
    ) then
        execute format('delete from %s as c where c.agency_id = $1 and c.id = $2', place)
            using agency, record;
        changed := 1;
    elsif (place, field) in (('tenancy.memberships', 'work_email'), ('tenancy.memberships', 'avatar_path')) then
        execute format('update %s as c set %I = null where c.agency_id = $1 and c.id = $2', place, field)
            using agency, record;
        changed := 1;
    elsif known.is_json then
        if app.plain_text(found_text::jsonb) ~* pattern then
            execute format('update %s as c set %I = $3 where c.agency_id = $1 and c.id = $2', place, field)
                using agency, record, app.scrubbed(found_text::jsonb, pattern, 'erased');
            changed := 1;
        end if;
    elsif found_text ~* pattern then
        execute format('update %s as c set %I = $3 where c.agency_id = $1 and c.id = $2', place, field)
            using agency, record, left(
                regexp_replace(
                    found_text, pattern, case when known.is_unique then 'erased ' || record else 'erased' end, 'gi'
                ),
                greatest(length(found_text), 50)
            );
        changed := 1;
    end if;
    if pattern is not null then
        changed := changed + audit.redact_matching(agency, place, record, pattern);
    end if;
    return changed > 0;
end;
$function$;

revoke all on function app.settle_mention(uuid, text, text, uuid, text) from public;
grant execute on function app.settle_mention(uuid, text, text, uuid, text) to
    gardenos_eraser;

comment on function app.settle_mention(uuid, text, text, uuid, text) is
'Takes a mention of an erased person out of a column and out of the trail of its record.';
