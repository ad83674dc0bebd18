-- Writes the vectors that a worker made, and takes their jobs off the queue, in one transaction: after a
-- crash both are done or none is. For each job, what became of it:
--
-- * written: the vector stands, for exactly the text that it was made of;
-- * stale: the text has changed since it was read, and is in the queue with its new hash;
-- * lost: another worker has the job by now, because the lease was over;
-- * gone: the text, its model or the job is not there any more;
-- * busy: somebody is changing the text at this moment. Nothing was written and the lease goes on: call
--   again.
--
-- The text is locked first, so nobody else writes its vector or changes it until the end. A unique rule
-- with the tier in it does not hold across the tiers: the vector is updated in whichever it is, and
-- inserted only if there is none. Texts that are locked are skipped, not waited for: whoever edits several
-- texts in one transaction never meets a deadlock with a worker. 40001 means that the vector was just moved
-- to another tier: call again.
create or replace function app.finish_embedding_jobs(
    worker text,
    jobs uuid[],
    hashes bytea[],
    vectors extensions.vector[]
)
returns table (job_id uuid, outcome text)
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    agency constant uuid := app.agency_id();
    result record;
    job ai.embedding_jobs;
    model ai.embedding_models;
    source record;
    parent text;
    touched integer;
begin
    if agency is null then
        raise exception 'No agency is bound: a text belongs to one.'
            using errcode = '42501',
            hint = 'Begin with: select app.bind_worker(agency).';
    end if;
    if cardinality(jobs) is distinct from cardinality(hashes)
        or cardinality(jobs) is distinct from cardinality(vectors)
    then
        raise exception 'Give one hash and one vector for each job: there are % jobs, % hashes and % vectors.',
            coalesce(cardinality(jobs), 0), coalesce(cardinality(hashes), 0), coalesce(cardinality(vectors), 0)
            using errcode = '22023';
    end if;
    for result in
        select r.id, r.hash, r.embedding
          from unnest(jobs, hashes, vectors) as r (id, hash, embedding)
         order by r.id
    loop
        job_id := result.id;
        select *
          into job
          from ai.embedding_jobs as j
         where j.agency_id = agency
           and j.id = result.id;
        if not found then
            outcome := 'gone';
            return next;
            continue;
        end if;
        if job.chunk_id is not null then
            parent := 'chunk_id';
            select c.content_sha256, true as is_live
              into source
              from ai.chunks as c
             where c.agency_id = agency
               and c.id = job.chunk_id
               for no key update skip locked;
        else
            parent := 'memory_id';
            select c.content_sha256, c.deleted_at is null as is_live
              into source
              from ai.memories as c
             where c.agency_id = agency
               and c.id = job.memory_id
               for no key update skip locked;
        end if;
        if not found then
            outcome := 'busy';
            return next;
            continue;
        end if;
        -- nobody changes it any more; it may have changed before the lock
        select *
          into job
          from ai.embedding_jobs as j
         where j.agency_id = agency
           and j.id = result.id
           for update;
        if not found then
            outcome := 'gone';
            return next;
            continue;
        end if;
        if source.content_sha256 is distinct from result.hash then
            update ai.embedding_jobs as j
               set locked_by = null,
                   locked_until = null,
                   attempts = 0
             where j.agency_id = agency
               and j.id = result.id
               and j.locked_by = finish_embedding_jobs.worker;
            outcome := 'stale';
            return next;
            continue;
        end if;
        if job.locked_by is distinct from finish_embedding_jobs.worker then
            outcome := 'lost';
            return next;
            continue;
        end if;
        select *
          into strict model
          from ai.embedding_models as m
         where m.id = job.model_id;
        if not source.is_live or model.status = 'retired' then
            outcome := 'gone';
        else
            if extensions.vector_dims(result.embedding) is distinct from model.dims then
                raise exception 'A vector of model % has % numbers, not %.',
                    model.key, model.dims, coalesce(extensions.vector_dims(result.embedding)::text, 'none')
                    using errcode = '22023';
            end if;
            if extensions.vector_norm(result.embedding) = 0
                or (model.normalised and abs(extensions.vector_norm(result.embedding) - 1) > 0.01)
            then
                raise exception 'A vector of model % has %, not %.',
                    model.key,
                    case when model.normalised then 'the length 1' else 'a length' end,
                    extensions.vector_norm(result.embedding)
                    using errcode = '22023';
            end if;
            if to_regclass('ai.embeddings_' || model.storage) is null then
                raise exception 'There is no table for vectors of the kind %.', model.storage
                    using errcode = '0A000',
                    hint = 'A revision makes one from the template of the others.';
            end if;
            -- dynamic, so that the agency is a constant and its partitions are known at once
            execute format(
                'update ai.%I as e'
                ' set embedding = $1::extensions.%I, content_sha256 = $2, embedded_at = now()'
                ' where e.agency_id = $3 and e.%I = $4 and e.model_id = $5',
                'embeddings_' || model.storage,
                model.vector_type,
                parent
            )
                using result.embedding, result.hash, agency, coalesce(job.chunk_id, job.memory_id), model.id;
            get diagnostics touched = row_count;
            if touched = 0 then
                -- who may read it is copied by a trigger
                execute format(
                    'insert into ai.%I (agency_id, %I, model_id, content_sha256, embedding)'
                    ' values ($1, $2, $3, $4, $5::extensions.%I)',
                    'embeddings_' || model.storage,
                    parent,
                    model.vector_type
                )
                    using agency, coalesce(job.chunk_id, job.memory_id), model.id, result.hash, result.embedding;
            end if;
            outcome := 'written';
        end if;
        delete from ai.embedding_jobs as j
         where j.agency_id = agency
           and j.id = result.id;
        return next;
    end loop;
end;
$function$;

revoke all on function app.finish_embedding_jobs(text, uuid[], bytea[], extensions.vector[]) from public;
grant execute on function app.finish_embedding_jobs(text, uuid[], bytea[], extensions.vector[]) to
    gardenos_worker;

comment on function app.finish_embedding_jobs(text, uuid[], bytea[], extensions.vector[]) is
'Writes vectors and ends their jobs; for each: written, stale, lost, gone or busy.';
