-- The life of one record, newest change first, for everybody who can read it now: when, who, for whom, and
-- what became of what. `before` is the id of the last row of the page before. What is left out, and why it
-- is safe, says audit.record_entries. No row when the record is out of reach or nothing is recorded of its
-- table: a search for ids learns nothing.
--
-- Owners and admins have audit.history besides, also of what is gone.
create or replace function app.record_history(
    in_table text,
    record_id uuid,
    before uuid default null,
    page_size integer default 100
)
returns table (
    id uuid,
    at timestamptz,
    actor_kind app.actor_kind,
    actor_membership_id uuid,
    actor_name text,
    on_behalf_of_name text,
    op app.audit_op,
    changes jsonb,
    summary text,
    is_redacted boolean
)
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
as $function$
declare
    its_agency uuid := app.agency_id();
    its_schema text := split_part(in_table, '.', 1);
    its_table text := split_part(in_table, '.', 2);
    page_limit integer := audit.page_limit(page_size);
    from_epoch integer := 2147483647;
    from_timeline integer := 2147483647;
    from_seq bigint := 9223372036854775807;
begin
    if not app.can_read(its_schema, its_table, record_history.record_id) then
        return;
    end if;
    if before is not null then
        select e.epoch, e.timeline, e.seq
          into from_epoch, from_timeline, from_seq
          from audit.record_entries as e
         where e.agency_id = its_agency
           and e.schema_name = its_schema
           and e.table_name = its_table
           and e.record_id = record_history.record_id
           and e.id = record_history.before;
        if not found then
            raise exception 'before is %, which is no row of the history of this record.', before
                using errcode = '22023';
        end if;
    end if;
    return query
        select
            e.id,
            e.at,
            e.actor_kind,
            e.actor_membership_id,
            a.display_name::text,
            b.display_name::text,
            e.op,
            c.changes,
            audit.summary(e.op, c.changes, e.is_redacted),
            e.is_redacted
          from audit.record_entries as e
         cross join lateral (
             select audit.changes(e.old_values, e.new_values)
         ) as c (changes)
          left join tenancy.memberships as a
            on a.agency_id = its_agency
           and a.user_id = e.actor_user_id
          left join tenancy.memberships as b
            on b.agency_id = its_agency
           and b.user_id = e.on_behalf_of_id
         where e.agency_id = its_agency
           and e.schema_name = its_schema
           and e.table_name = its_table
           and e.record_id = record_history.record_id
           and (e.epoch, e.timeline, e.seq) < (from_epoch, from_timeline, from_seq)
         order by e.epoch desc, e.timeline desc, e.seq desc
         limit page_limit;
end;
$function$;

revoke all on function app.record_history(text, uuid, uuid, integer) from public;
grant execute on function app.record_history(text, uuid, uuid, integer) to
    authenticated;

comment on function app.record_history(text, uuid, uuid, integer) is
'The changes of a record (in_table: schema.table) that the caller can read now, newest first.';
