-- Tells of each changed row of a table, once, in the transaction of the change: no commit, no event; no
-- event without a commit. Statement trigger of every table that has events; the same for all of them, so a
-- new table needs three triggers and no function. Rows are taken apart as JSON for the names of what
-- changed: twice the cost of a function for each table, and nothing to keep in step.
--
-- The payload has ids, row_version and names of columns, never a value: whoever delivers reads the row then,
-- with the rights it has then. One exception, because the row is gone by then: a file that was removed says
-- where its object lies. What triggers and workers touch often is no change of the row, and no event.
--
-- SECURITY DEFINER: nobody who changes a record writes the outbox. enable_nestloop: one statement may touch
-- one row and the next ten thousand.
set local role gardenos_publisher;

create or replace function app.note_event()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set plan_cache_mode = force_generic_plan
as $function$
declare
    aggregate constant text := tg_table_schema || '.' || tg_table_name;
    context record;
    headers jsonb;
begin
    -- no transaction id: the statement wrote nothing
    if pg_current_xact_id_if_assigned() is null then
        return null;
    end if;
    context := audit.context();
    headers := jsonb_strip_nulls(
        jsonb_build_object(
            'request_id', context.request_id,
            'actor_kind', context.actor_kind,
            'actor_id', context.actor_membership_id
        )
    );
    if tg_op = 'INSERT' then
        insert into integration.outbox_events (
            agency_id, aggregate, aggregate_id, type, payload, headers, txid, epoch, timeline
        )
        select
            n.agency_id,
            aggregate,
            n.id,
            aggregate || '.created',
            jsonb_strip_nulls(jsonb_build_object('row_version', to_jsonb(n) -> 'row_version')),
            headers,
            context.xid,
            context.epoch,
            context.timeline
          from new_rows as n;
    elsif tg_op = 'UPDATE' then
        insert into integration.outbox_events (
            agency_id, aggregate, aggregate_id, type, payload, headers, txid, epoch, timeline
        )
        select
            r.agency_id,
            aggregate,
            r.id,
            aggregate || case
                when r.before -> 'deleted_at' = 'null' and r.after -> 'deleted_at' <> 'null' then '.deleted'
                when r.before -> 'deleted_at' <> 'null' and r.after -> 'deleted_at' = 'null' then '.restored'
                else '.updated'
            end,
            jsonb_strip_nulls(
                jsonb_build_object(
                    'row_version', r.after -> 'row_version',
                    'changed', to_jsonb(
                        array(
                            select c.name
                              from unnest(changes.names) as c (name)
                             where c.name not in ('updated_at', 'updated_by', 'row_version')
                        )
                    )
                )
            ),
            headers,
            context.xid,
            context.epoch,
            context.timeline
          from (
              select
                  n.agency_id,
                  n.id,
                  to_jsonb(o) as before,
                  to_jsonb(n) as after
                from old_rows as o
                join new_rows as n
                  on n.agency_id = o.agency_id
                 and n.id = o.id
                -- without it each row is made JSON again for each of its columns
              offset 0
          ) as r
         cross join lateral (
              select array_agg(e.key order by e.key)
                from jsonb_each(r.after) as e
               where r.before -> e.key <> e.value
                 and e.key not in ('search', 'participant_ids', 'last_message_at', 'last_read_at')
          ) as changes (names)
         where changes.names is not null;
    else
        insert into integration.outbox_events (
            agency_id, aggregate, aggregate_id, type, payload, headers, txid, epoch, timeline
        )
        select
            o.agency_id,
            aggregate,
            o.id,
            aggregate || '.removed',
            jsonb_strip_nulls(
                jsonb_build_object(
                    'row_version', to_jsonb(o) -> 'row_version',
                    'provider', to_jsonb(o) -> 'provider',
                    'bucket', to_jsonb(o) -> 'bucket',
                    'object_path', to_jsonb(o) -> 'object_path'
                )
            ),
            headers,
            context.xid,
            context.epoch,
            context.timeline
          from old_rows as o;
    end if;
    return null;
end;
$function$;

revoke all on function app.note_event() from public;
grant execute on function app.note_event() to
    gardenos_owner;

comment on function app.note_event() is
'Writes one event of the outbox for each row that a statement changed.';

set local role gardenos_owner;
