-- The life of one record, newest change first: when, who, on whose behalf, and what became of what. In
-- the order of the trail (epoch, timeline, seq), never of a clock. `before` is the id of the last row of
-- the page before.
--
-- The same id may be a record of two agencies: a history is always that of one.
create or replace function audit.history(
    in_table text,
    record_id uuid,
    before uuid default null,
    page_size integer default 100,
    agency uuid default null
)
returns table (
    id uuid,
    at timestamptz,
    actor_kind app.actor_kind,
    actor_user_id uuid,
    actor_name text,
    on_behalf_of_id uuid,
    on_behalf_of_name text,
    api_key_id uuid,
    agency_role text,
    op app.audit_op,
    changes jsonb,
    summary text,
    is_redacted boolean,
    request_id text,
    ip inet
)
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
as $function$
declare
    its_agency uuid := audit.reader_agency(agency);
    its_schema text;
    its_table text;
    from_epoch integer := 2147483647;
    from_timeline integer := 2147483647;
    from_seq bigint := 9223372036854775807;
    end_id uuid := app.uuid_v7_floor(now() + interval '1 day');
    page_limit integer := audit.page_limit(page_size);
begin
    select t.schema_name, t.table_name
      into its_schema, its_table
      from audit.audited_table(its_agency, in_table) as t;
    if before is not null then
        select l.epoch, l.timeline, l.seq
          into from_epoch, from_timeline, from_seq
          from audit.log as l
         where l.agency_id = its_agency
           and l.id = history.before
           and l.record_id = history.record_id;
        if not found then
            raise exception 'before is %, which is no row of the history of this record.', before
                using errcode = '22023';
        end if;
    end if;
    return query
        with page as materialized (
            select *
              from audit.log as l
             where l.agency_id = its_agency
               and l.table_name = its_table
               and l.record_id = history.record_id
               and l.schema_name = its_schema
               and l.id < end_id
               and (l.epoch, l.timeline, l.seq) < (from_epoch, from_timeline, from_seq)
             order by l.epoch desc, l.timeline desc, l.seq desc
             limit page_limit
        )
        select
            p.id,
            p.at,
            p.actor_kind,
            p.actor_user_id,
            a.display_name::text,
            p.on_behalf_of_id,
            b.display_name::text,
            p.api_key_id,
            p.agency_role,
            p.op,
            c.changes,
            audit.summary(p.op, c.changes, c.is_redacted),
            c.is_redacted,
            p.request_id,
            p.ip
          from page as p
          cross join lateral (
              select
                  audit.changes(p.old_values, p.new_values),
                  p.values_hash is not null
          ) as c (changes, is_redacted)
          left join tenancy.memberships as a
            on a.agency_id = its_agency
           and a.user_id = p.actor_user_id
          left join tenancy.memberships as b
            on b.agency_id = its_agency
           and b.user_id = p.on_behalf_of_id
         order by p.epoch desc, p.timeline desc, p.seq desc;
end;
$function$;

revoke all on function audit.history(text, uuid, uuid, integer, uuid) from public;
grant execute on function audit.history(text, uuid, uuid, integer, uuid) to
    authenticated,
    service_role,
    gardenos_auditor;

comment on function audit.history(text, uuid, uuid, integer, uuid) is
'The changes of one record (in_table: schema.table), newest first, and who made them. For owners and admins.';
