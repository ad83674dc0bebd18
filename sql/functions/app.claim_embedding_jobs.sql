-- Leases texts of the bound agency that wait for a vector, those of the models that the worker can make.
-- Commit before embedding, so that no transaction is open meanwhile. A worker that dies is followed by
-- another one when the lease ends; nobody waits for anybody (SKIP LOCKED).
--
-- A text that was leased twice without an answer may be what kills the workers. It is leased alone, so that
-- it takes no others along, and given up after eight attempts.
--
-- content_sha256 is that of the text that is answered: hand it to app.finish_embedding_jobs.
create or replace function app.claim_embedding_jobs(
    worker text,
    models text[],
    batch integer default 32,
    lease interval default '5 minutes'
)
returns table (
    job_id uuid,
    chunk_id uuid,
    memory_id uuid,
    model_key text,
    dims integer,
    attempt integer,
    content text,
    content_sha256 bytea
)
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    max_attempts constant integer := 8;
    agency constant uuid := app.agency_id();
    unknown text;
    model_ids uuid[];
begin
    if agency is null then
        raise exception 'No agency is bound: a text belongs to one.'
            using errcode = '42501',
            hint = 'Begin with: select app.bind_worker(agency).';
    end if;
    if worker is null or length(btrim(worker)) not between 1 and 200 then
        raise exception 'A worker needs a name of 1 to 200 characters, its own: leases are told apart by it.'
            using errcode = '22023';
    end if;
    if batch is null or batch not between 1 and 1000 then
        raise exception 'A batch has between 1 and 1000 texts, not %.', coalesce(batch::text, 'null')
            using errcode = '22023';
    end if;
    if lease is null or lease not between interval '5 seconds' and interval '1 hour' then
        raise exception 'A lease lasts between 5 seconds and 1 hour, not %.', coalesce(lease::text, 'null')
            using errcode = '22023';
    end if;
    if not app.is_agency_active() then
        return;
    end if;
    select w.key
      into unknown
      from unnest(coalesce(models, array[null::text])) as w (key)
     where not exists (
         select 1
           from ai.embedding_models as m
          where m.key = w.key
     )
     limit 1;
    if found then
        raise exception 'There is no embedding model %.', coalesce(quote_literal(unknown), 'null')
            using errcode = 'P0002';
    end if;
    model_ids := array(
        select m.id
          from ai.embedding_models as m
         where m.key = any(models)
           and m.status <> 'retired'
    );
    return query
        with due as (
            select
                j.id,
                j.priority,
                j.run_after,
                j.locked_until is not null and j.attempts >= 2 as is_suspect
              from ai.embedding_jobs as j
             where j.agency_id = agency
               and j.dead_at is null
               and j.run_after <= now()
               and (j.locked_until is null or j.locked_until < now())
               and j.model_id = any(model_ids)
             order by j.priority, j.run_after, j.id
             limit batch
               for update skip locked
        ),
        head as (
            select d.id, d.is_suspect
              from due as d
             order by d.priority, d.run_after, d.id
             limit 1
        ),
        taken as (
            update ai.embedding_jobs as j
               set attempts = least(j.attempts + 1, max_attempts),
                   locked_by = case when j.attempts < max_attempts then claim_embedding_jobs.worker end,
                   locked_until = case when j.attempts < max_attempts then now() + lease end,
                   last_error = case
                       when j.attempts < max_attempts then j.last_error
                       else 'No worker that had it answered.'
                   end,
                   dead_at = case when j.attempts >= max_attempts then now() end
              from due as d
              cross join head as h
             where j.agency_id = agency
               and j.id = d.id
               and case when h.is_suspect then d.id = h.id else not d.is_suspect end
            returning j.*
        )
        select
            t.id,
            t.chunk_id,
            t.memory_id,
            m.key::text,
            m.dims,
            t.attempts::integer,
            coalesce(c.content::text, r.content::text),
            coalesce(c.content_sha256, r.content_sha256)::bytea
          from taken as t
          join ai.embedding_models as m
            on m.id = t.model_id
          left join ai.chunks as c
            on c.agency_id = agency
           and c.id = t.chunk_id
          left join ai.memories as r
            on r.agency_id = agency
           and r.id = t.memory_id
         where t.dead_at is null
           and coalesce(c.id, r.id) is not null
         order by m.key, t.priority, t.run_after, t.id;
end;
$function$;

revoke all on function app.claim_embedding_jobs(text, text[], integer, interval) from public;
grant execute on function app.claim_embedding_jobs(text, text[], integer, interval) to
    gardenos_worker;

comment on function app.claim_embedding_jobs(text, text[], integer, interval) is
'Leases texts of the bound agency that wait for a vector of one of these models.';
