-- A thread is a conversation of the agency, by its id. The keys of the library do not hold the agency: should
-- two agencies have a conversation of the same id, the thread belongs to the one that wrote first, and the
-- other is told (23505). Without this the library's insert of a value does nothing when the key is taken, and
-- loses it in silence. Who writes first is settled under a lock, because neither would see the other's row.
--
-- An agency without a conversation of that id learns nothing here: the policy refuses it, whoever has one.
-- SECURITY DEFINER: the rows of the other agency have to be seen.
set local role gardenos_crm_writer;

create or replace function app.check_thread()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    holder uuid;
begin
    if new.thread_id !~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' then
        raise exception 'A thread is a conversation, and % is not the id of one.',
            quote_literal(left(new.thread_id, 100))
            using errcode = '23514',
            schema = tg_table_schema,
            table = tg_table_name,
            constraint = tg_table_name || '_thread_is_conversation',
            hint = 'Make a row of crm.conversations and use its id, in lower case, as thread_id.';
    end if;
    for attempt in 1 .. 2 loop
        holder := case tg_table_name
            when 'checkpoints' then (
                select t.agency_id from langgraph.checkpoints as t where t.thread_id = new.thread_id limit 1
            )
            when 'checkpoint_blobs' then (
                select t.agency_id from langgraph.checkpoint_blobs as t where t.thread_id = new.thread_id limit 1
            )
            when 'checkpoint_writes' then (
                select t.agency_id from langgraph.checkpoint_writes as t where t.thread_id = new.thread_id limit 1
            )
        end;
        if holder = new.agency_id or not exists (
            select 1
              from crm.conversations as c
             where c.agency_id = new.agency_id
               and c.id = new.thread_id::uuid
        ) then
            return new;
        end if;
        if holder is not null then
            raise exception 'Thread % is taken: another agency has a conversation of the same id.', new.thread_id
                using errcode = '23505',
                schema = tg_table_schema,
                table = tg_table_name,
                hint = 'Use a new conversation for this thread.';
        end if;
        perform pg_advisory_xact_lock(hashtextextended('langgraph thread ' || new.thread_id, 0));
    end loop;
    return new;
end;
$function$;

revoke all on function app.check_thread() from public;
grant execute on function app.check_thread() to
    gardenos_owner;

comment on function app.check_thread() is
'Refuses a thread that is no conversation, and one that another agency has.';

set local role gardenos_owner;
