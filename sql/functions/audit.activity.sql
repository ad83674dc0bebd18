-- What happened in an agency, newest first, a page at a time: for people, in the order of ids, which is
-- the order of the writers' clocks. `before` is the id of the last row of the page before. A cursor, not
-- an OFFSET: the thousandth page costs what the first one does, and a row that is written meanwhile moves
-- nothing.
--
-- The primary key (agency, id) serves the page and prunes the months outside of since and until; an actor
-- has an index of its own; a table that is rarely written is found by the index of records. So that the
-- planner sees which conditions there are, each call is planned for its values.
--
-- `at` is when the statement began, an id when the row was written: later, by as long as the statement
-- ran.
create or replace function audit.activity(
    actor uuid default null,
    in_table text default null,
    of_op app.audit_op default null,
    since timestamptz default null,
    until timestamptz default null,
    before uuid default null,
    page_size integer default 50,
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
    table_name text,
    record_id uuid,
    changed text[],
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
    longest_statement constant interval := '1 day';
    its_agency uuid := audit.reader_agency(agency);
    its_schema text;
    its_table text;
    first_id uuid := app.uuid_v7_floor(coalesce(since, timestamptz '1970-01-01 00:00:00+00'));
    end_id uuid := app.uuid_v7_floor(coalesce(until, now()) + longest_statement);
    page_limit integer := audit.page_limit(page_size);
begin
    if in_table is not null then
        select t.schema_name, t.table_name
          into its_schema, its_table
          from audit.audited_table(its_agency, in_table) as t;
    end if;
    end_id := least(end_id, before);
    return query
        with page as materialized (
            select
                l.id,
                l.at,
                l.actor_kind,
                l.actor_user_id,
                l.on_behalf_of_id,
                l.api_key_id,
                l.agency_role,
                l.op,
                l.schema_name,
                l.table_name,
                l.record_id,
                l.changed,
                l.request_id,
                l.ip
              from audit.log as l
             where l.agency_id = its_agency
               and l.id >= first_id
               and l.id < end_id
               and (activity.since is null or l.at >= activity.since)
               and (activity.until is null or l.at < activity.until)
               and (activity.actor is null or l.actor_user_id = activity.actor)
               and (its_table is null or (l.table_name = its_table and l.schema_name = its_schema))
               and (activity.of_op is null or l.op = activity.of_op)
             order by l.id desc
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
            p.schema_name || '.' || p.table_name,
            p.record_id,
            p.changed,
            p.request_id,
            p.ip
          from page as p
          left join tenancy.memberships as a
            on a.agency_id = its_agency
           and a.user_id = p.actor_user_id
          left join tenancy.memberships as b
            on b.agency_id = its_agency
           and b.user_id = p.on_behalf_of_id
         order by p.id desc;
end;
$function$;

revoke all on function audit.activity(
    uuid, text, app.audit_op, timestamptz, timestamptz, uuid, integer, uuid
) from public;
grant execute on function audit.activity(
    uuid, text, app.audit_op, timestamptz, timestamptz, uuid, integer, uuid
) to
    authenticated,
    service_role,
    gardenos_auditor;

comment on function audit.activity(uuid, text, app.audit_op, timestamptz, timestamptz, uuid, integer, uuid) is
'A page of what happened, newest first; before is the id of the last row seen. For owners and admins.';
