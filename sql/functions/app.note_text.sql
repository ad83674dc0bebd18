-- Queues texts that are new or changed, in the transaction of the change: for the model of their agency and
-- for each one that is being built. Statement trigger of ai.chunks and ai.memories. A text has one job for
-- each model, however often it is edited.
--
-- An edit waits ten seconds for the next one, five minutes at most after the first: nobody pays for each
-- keystroke. It takes the job away from the worker that has it, and gives a text that was given up a new
-- chance. The worker's answer for the old text is refused when it comes (app.finish_embedding_jobs).
--
-- A memory in the trash has no job and no vector (app.spread_memory); when it is restored, it is queued.
--
-- SECURITY DEFINER: nobody who writes a text writes the queue.
set local role gardenos_publisher;

create or replace function app.note_text()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    pause constant interval := interval '10 seconds';
    first_in_time constant uuid := app.uuid_v7_floor(now() - interval '5 minutes');
begin
    if tg_table_name = 'chunks' and tg_op = 'INSERT' then
        insert into ai.embedding_jobs (agency_id, chunk_id, model_id, content_sha256)
        select n.agency_id, n.id, m.id, n.content_sha256
          from new_rows as n
          join tenancy.agencies as a
            on a.id = n.agency_id
          join ai.embedding_models as m
            on m.status = 'building'
            or (m.id = a.embedding_model_id and m.status = 'active')
         order by n.agency_id, n.id, m.id
        on conflict (agency_id, chunk_id, model_id) where chunk_id is not null do nothing;
    elsif tg_table_name = 'chunks' then
        insert into ai.embedding_jobs as j (agency_id, chunk_id, model_id, content_sha256, run_after)
        select n.agency_id, n.id, m.id, n.content_sha256, now() + pause
          from old_rows as o
          join new_rows as n
            on n.agency_id = o.agency_id
           and n.id = o.id
          join tenancy.agencies as a
            on a.id = n.agency_id
          join ai.embedding_models as m
            on m.status = 'building'
            or (m.id = a.embedding_model_id and m.status = 'active')
         where n.content_sha256 <> o.content_sha256
         order by n.agency_id, n.id, m.id
        on conflict (agency_id, chunk_id, model_id) where chunk_id is not null do update
           set content_sha256 = excluded.content_sha256,
               run_after = case
                   when j.id >= first_in_time then excluded.run_after
                   else least(j.run_after, excluded.run_after)
               end,
               attempts = 0,
               locked_by = null,
               locked_until = null,
               last_error = null,
               dead_at = null;
    elsif tg_op = 'INSERT' then
        insert into ai.embedding_jobs (agency_id, memory_id, model_id, content_sha256)
        select n.agency_id, n.id, m.id, n.content_sha256
          from new_rows as n
          join tenancy.agencies as a
            on a.id = n.agency_id
          join ai.embedding_models as m
            on m.status = 'building'
            or (m.id = a.embedding_model_id and m.status = 'active')
         where n.deleted_at is null
         order by n.agency_id, n.id, m.id
        on conflict (agency_id, memory_id, model_id) where memory_id is not null do nothing;
    else
        insert into ai.embedding_jobs as j (agency_id, memory_id, model_id, content_sha256, run_after)
        select
            n.agency_id,
            n.id,
            m.id,
            n.content_sha256,
            case when o.deleted_at is null then now() + pause else now() end
          from old_rows as o
          join new_rows as n
            on n.agency_id = o.agency_id
           and n.id = o.id
          join tenancy.agencies as a
            on a.id = n.agency_id
          join ai.embedding_models as m
            on m.status = 'building'
            or (m.id = a.embedding_model_id and m.status = 'active')
         where n.deleted_at is null
           and (
               o.deleted_at is not null
               or n.content_sha256 <> o.content_sha256
           )
         order by n.agency_id, n.id, m.id
        on conflict (agency_id, memory_id, model_id) where memory_id is not null do update
           set content_sha256 = excluded.content_sha256,
               run_after = case
                   when j.id >= first_in_time then excluded.run_after
                   else least(j.run_after, excluded.run_after)
               end,
               attempts = 0,
               locked_by = null,
               locked_until = null,
               last_error = null,
               dead_at = null;
    end if;
    return null;
end;
$function$;

revoke all on function app.note_text() from public;
grant execute on function app.note_text() to
    gardenos_owner;

comment on function app.note_text() is
'Queues each text that a statement wrote or changed, for the models that need its vector.';

set local role gardenos_owner;
