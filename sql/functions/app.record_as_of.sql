-- A record that the caller can read now as it was at a moment: the row of today with every later change
-- taken back, as audit.as_of does it for owners and admins. Null when it did not exist then, and when it is
-- out of reach. A time from which values are not for the caller (audit.record_entries) is refused: a row
-- half of today and half of then would be a lie. Columns whose changes nobody records are absent.
create or replace function app.record_as_of(in_table text, record_id uuid, moment timestamptz)
returns jsonb
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
as $function$
declare
    left_out constant text[] := array['search', 'participant_ids', 'last_message_at'];
    its_agency uuid := app.agency_id();
    its_schema text := split_part(in_table, '.', 1);
    its_table text := split_part(in_table, '.', 2);
    state jsonb;
    change record;
begin
    if moment is null then
        raise exception 'Say which moment: it is null.'
            using errcode = '22004';
    end if;
    if not app.can_read(its_schema, its_table, record_as_of.record_id)
        or not app.may('audit.log:select', 'owner', 'admin', 'manager', 'member', 'viewer') then
        return null;
    end if;
    execute format('select to_jsonb(r) from %I.%I as r where r.agency_id = $1 and r.id = $2', its_schema, its_table)
       into state
      using its_agency, record_as_of.record_id;
    for change in
        select e.op, e.at, e.changed, e.old_values, e.is_before, e.is_redacted
          from audit.record_entries as e
         where e.agency_id = its_agency
           and e.schema_name = its_schema
           and e.table_name = its_table
           and e.record_id = record_as_of.record_id
           and e.op <> 'redact'
         order by e.epoch desc, e.timeline desc, e.seq desc
    loop
        exit when change.at <= moment;
        if change.op = 'insert' then
            return null;
        end if;
        if change.is_before then
            raise exception 'This record was shared otherwise at that time, so it is not shown as it was.'
                using errcode = '22023',
                hint = 'Ask for a later time, or an owner or admin of the agency.';
        end if;
        state := state - change.changed || coalesce(change.old_values, '{}');
    end loop;
    if (state ->> 'created_at')::timestamptz > moment then
        return null;
    end if;
    return state - left_out;
end;
$function$;

revoke all on function app.record_as_of(text, uuid, timestamptz) from public;
grant execute on function app.record_as_of(text, uuid, timestamptz) to
    authenticated;

comment on function app.record_as_of(text, uuid, timestamptz) is
'A record (in_table: schema.table) that the caller can read now, as it was then; null when it was not there.';
