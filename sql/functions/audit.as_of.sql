-- A record as it was at a moment: the row of today, or what its deletion removed, with every later change
-- taken back. Going back from today needs no change before that moment, so it works for records that are
-- older than the trail and after months were retired. Null when the record did not exist then.
--
-- A statement counts from when it began. Where clocks disagree (after a failover) the order of the trail
-- decides: all changes up to the last one that began by then.
--
-- Nothing is invented. A column whose value was erased from the trail is absent, and so are the columns
-- whose changes nobody records (schema.md 2.3). A record without kept values is refused.
--
-- Typed: select * from jsonb_populate_record(null::tenancy.teams, audit.as_of('tenancy.teams', …, …)).
create or replace function audit.as_of(
    in_table text,
    record_id uuid,
    moment timestamptz,
    agency uuid default null
)
returns jsonb
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
as $function$
declare
    not_recorded constant text[] := array[
        'last_used_at', 'last_accessed_at', 'access_count', 'last_read_at', 'last_message_at', 'participant_ids',
        'attempts', 'locked_by', 'locked_until', 'tier'
    ];
    its_agency uuid := audit.reader_agency(agency);
    its_schema text;
    its_table text;
    its_key text;
    change record;
    state jsonb;
    is_known boolean := false;
    is_traced boolean := false;
begin
    if moment is null then
        raise exception 'Say which moment: it is null.'
            using errcode = '22004';
    end if;
    select t.schema_name, t.table_name
      into its_schema, its_table
      from audit.audited_table(its_agency, in_table) as t;

    -- the row of today, as far as the caller may see it
    its_key := (
        select string_agg(format('t.%I = $%s', a.attname, case a.attname when 'id' then 1 else 2 end), ' and ')
          from pg_namespace as n
          join pg_class as c on c.relnamespace = n.oid
          join pg_attribute as a on a.attrelid = c.oid
         where n.nspname = its_schema
           and c.relname = its_table
           and a.attname in ('id', 'agency_id')
           and has_table_privilege(c.oid, 'select')
    );
    if its_key is not null then
        execute format('select to_jsonb(t) from %I.%I as t where %s', its_schema, its_table, its_key)
           into state
          using record_id, its_agency;
        is_known := state is not null;
    end if;

    for change in
        select l.op, l.at, l.changed, l.old_values, l.salt, l.values_hash
          from audit.log as l
         where l.agency_id = its_agency
           and l.table_name = its_table
           and l.record_id = as_of.record_id
           and l.schema_name = its_schema
           and l.op <> 'redact'
         order by l.epoch desc, l.timeline desc, l.seq desc
    loop
        is_traced := true;
        exit when change.at <= moment;
        if change.salt is null and change.values_hash is null and change.op <> 'insert' then
            raise exception 'The trail of this record of % keeps no values, so it cannot be rebuilt.', in_table
                using errcode = '22023';
        end if;
        case change.op
            when 'insert' then
                state := null;
                is_known := true;
            when 'delete' then
                state := coalesce(change.old_values, '{}');
                is_known := true;
            else
                state := state - change.changed || coalesce(change.old_values, '{}');
        end case;
    end loop;

    if not is_known and not (is_traced and change.op = 'delete' and change.at <= moment) then
        raise exception 'Nothing is known of such a record of % at that time.', in_table
            using errcode = 'PT404';
    end if;
    if (state ->> 'created_at')::timestamptz > moment then
        return null;
    end if;
    return state - not_recorded;
end;
$function$;

revoke all on function audit.as_of(text, uuid, timestamptz, uuid) from public;
grant execute on function audit.as_of(text, uuid, timestamptz, uuid) to
    authenticated,
    service_role,
    gardenos_auditor;

comment on function audit.as_of(text, uuid, timestamptz, uuid) is
'A record of a table (schema.table) as it was at a moment; null when it did not exist then.';
