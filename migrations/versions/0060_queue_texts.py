"""Queue texts

Reason:    texts that are written or changed are queued for the models that need their vector; workers
           lease them, write vectors and cut documents; agencies change to another model.
Locks:     AccessExclusive on the tables of ai and on tenancy.agencies, for a moment.
Duration:  milliseconds.
Way back:  drops functions, triggers and policies. Jobs and vectors stay.
"""

from migrations.runner.execute import execute

revision = "0060"
down_revision = "0059"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        -- How many agencies search with a model.
        --
        -- SECURITY DEFINER: the owner, whose revisions retire models, sees no agency.
        set local role gardenos_publisher;

        create or replace function app.agencies_of_model(model_id uuid)
        returns bigint
        language sql
        volatile
        parallel safe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
            select count(*)
              from tenancy.agencies as a
             where a.embedding_model_id = agencies_of_model.model_id;
        $function$;

        revoke all on function app.agencies_of_model(uuid) from public;
        grant execute on function app.agencies_of_model(uuid) to
            service_role,
            gardenos_owner;

        comment on function app.agencies_of_model(uuid) is
        'How many agencies search with an embedding model.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_publisher;

        -- squawk-ignore ban-drop-function -- made again with an argument that has a default, in this transaction
        drop function app.agencies_with_work();

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Which agencies have work of a kind: what a worker that knows no agency asks before it binds to one. Ids,
        -- nothing else. `events`: events to publish, deliveries that are due. `texts`: documents to cut, texts that
        -- wait for a vector. Hops from one agency to the next in the indexes of what is not done: there are many
        -- events and few agencies.
        --
        -- SECURITY DEFINER: a worker sees one agency at a time, and only when it is bound.
        set local role gardenos_publisher;

        create or replace function app.agencies_with_work(kind text default 'events')
        returns setof uuid
        language plpgsql
        stable
        parallel safe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            case kind
                when 'events' then
                    return query
                        with recursive publishing as (
                            (
                                select e.agency_id
                                  from integration.outbox_events as e
                                 where e.published_at is null
                                 order by e.agency_id
                                 limit 1
                            )
                            union all
                            select (
                                select e.agency_id
                                  from integration.outbox_events as e
                                 where e.agency_id > p.agency_id
                                   and e.published_at is null
                                 order by e.agency_id
                                 limit 1
                            )
                              from publishing as p
                             where p.agency_id is not null
                        ),
                        delivering as (
                            (
                                select d.agency_id
                                  from integration.webhook_deliveries as d
                                 where d.status in ('pending', 'failed')
                                 order by d.agency_id
                                 limit 1
                            )
                            union all
                            select (
                                select d.agency_id
                                  from integration.webhook_deliveries as d
                                 where d.agency_id > p.agency_id
                                   and d.status in ('pending', 'failed')
                                 order by d.agency_id
                                 limit 1
                            )
                              from delivering as p
                             where p.agency_id is not null
                        )
                        select p.agency_id
                          from publishing as p
                         where p.agency_id is not null
                        union
                        select w.agency_id
                          from delivering as w
                         where exists (
                            select 1
                              from integration.webhook_deliveries as d
                             where d.agency_id = w.agency_id
                               and d.status in ('pending', 'failed')
                               and d.next_attempt_at <= now()
                         );
                when 'texts' then
                    return query
                        with recursive embedding as (
                            (
                                select j.agency_id
                                  from ai.embedding_jobs as j
                                 where j.dead_at is null
                                 order by j.agency_id
                                 limit 1
                            )
                            union all
                            select (
                                select j.agency_id
                                  from ai.embedding_jobs as j
                                 where j.agency_id > p.agency_id
                                   and j.dead_at is null
                                 order by j.agency_id
                                 limit 1
                            )
                              from embedding as p
                             where p.agency_id is not null
                        ),
                        cutting as (
                            (
                                select d.agency_id
                                  from ai.documents as d
                                 where d.status in ('pending', 'stale')
                                   and d.deleted_at is null
                                 order by d.agency_id
                                 limit 1
                            )
                            union all
                            select (
                                select d.agency_id
                                  from ai.documents as d
                                 where d.agency_id > p.agency_id
                                   and d.status in ('pending', 'stale')
                                   and d.deleted_at is null
                                 order by d.agency_id
                                 limit 1
                            )
                              from cutting as p
                             where p.agency_id is not null
                        ),
                        busy as (
                            select w.agency_id
                              from embedding as w
                             where exists (
                                 select 1
                                   from ai.embedding_jobs as j
                                  where j.agency_id = w.agency_id
                                    and j.dead_at is null
                                    and j.run_after <= now()
                                    and (j.locked_until is null or j.locked_until < now())
                             )
                            union
                            select c.agency_id
                              from cutting as c
                        )
                        select a.id
                          from busy as b
                          join tenancy.agencies as a
                            on a.id = b.agency_id
                         where a.status = 'active'
                           and a.deleted_at is null;
                else
                    raise exception 'There is no work of the kind %: it is events or texts.', coalesce(quote_literal(kind), 'null')
                        using errcode = '22023';
            end case;
        end;
        $function$;

        revoke all on function app.agencies_with_work(text) from public;
        grant execute on function app.agencies_with_work(text) to
            gardenos_worker;

        comment on function app.agencies_with_work(text) is
        'The agencies with events to publish or deliveries that are due (events), or texts to cut or embed (texts).';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
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
        """
    )
    execute(
        r"""
        -- Removes vectors and jobs of a retired model from the bound agency, at most so many of each at a time.
        -- Answers how many: call it, each time in a transaction of its own, until that is 0.
        create or replace function app.delete_embeddings(model_key text, batch integer default 1000)
        returns integer
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            agency constant uuid := app.agency_id();
            model ai.embedding_models;
            vectors integer;
            jobs integer;
        begin
            if agency is null then
                raise exception 'No agency is bound: a vector belongs to one.'
                    using errcode = '42501',
                    hint = 'Begin with: select app.bind_worker(agency).';
            end if;
            if batch is null or batch not between 1 and 100000 then
                raise exception 'A batch has between 1 and 100000 vectors, not %.', coalesce(batch::text, 'null')
                    using errcode = '22023';
            end if;
            select *
              into model
              from ai.embedding_models as m
             where m.key = delete_embeddings.model_key;
            if not found then
                raise exception 'There is no embedding model %.', coalesce(quote_literal(model_key), 'null')
                    using errcode = 'P0002';
            end if;
            if model.status <> 'retired' then
                raise exception 'Model % is %: only vectors of a retired model are removed.', model.key, model.status
                    using errcode = '55000';
            end if;
            delete from ai.embedding_jobs as j
             where j.agency_id = agency
               and j.id in (
                   select o.id
                     from ai.embedding_jobs as o
                    where o.agency_id = agency
                      and o.model_id = model.id
                    limit batch
                      for update skip locked
               );
            get diagnostics jobs = row_count;
            -- dynamic, so that the agency is a constant and its partitions are known at once
            execute format(
                'delete from ai.%1$I as e where e.agency_id = $1 and e.id in ('
                ' select o.id from ai.%1$I as o where o.agency_id = $1 and o.model_id = $2'
                ' limit $3 for update skip locked)',
                'embeddings_' || model.storage
            )
                using agency, model.id, batch;
            get diagnostics vectors = row_count;
            return vectors + jobs;
        end;
        $function$;

        revoke all on function app.delete_embeddings(text, integer) from public;
        grant execute on function app.delete_embeddings(text, integer) to
            gardenos_worker;

        comment on function app.delete_embeddings(text, integer) is
        'Removes vectors and jobs of a retired model from the bound agency; returns how many.';
        """
    )
    execute(
        r"""
        -- The queue of embeddings in numbers: monitoring sees no row of it. Each number is counted up to 10 000: an
        -- alarm needs to know that there are many, not how many. waiting_seconds is how long the next job of some
        -- agency has been due.
        --
        -- SECURITY DEFINER: whoever monitors sees no agency's queue.
        set local role gardenos_publisher;

        create or replace function app.embedding_health(
            out jobs_waiting bigint,
            out waiting_seconds double precision,
            out jobs_dead bigint,
            out agencies_dead bigint,
            out documents_failed bigint
        )
        language plpgsql
        stable
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            most constant integer := 10000;
        begin
            jobs_waiting := (
                select count(*)
                  from (
                      select 1
                        from ai.embedding_jobs as j
                       where j.dead_at is null
                         and j.run_after <= now()
                       limit most
                  ) as w
            );
            with recursive agency as (
                (
                    select j.agency_id
                      from ai.embedding_jobs as j
                     where j.dead_at is null
                     order by j.agency_id
                     limit 1
                )
                union all
                select (
                    select j.agency_id
                      from ai.embedding_jobs as j
                     where j.agency_id > a.agency_id
                       and j.dead_at is null
                     order by j.agency_id
                     limit 1
                )
                  from agency as a
                 where a.agency_id is not null
            )
            select coalesce(max(extract(epoch from now() - h.run_after)), 0)
              into waiting_seconds
              from agency as a
             cross join lateral (
                 select j.run_after
                   from ai.embedding_jobs as j
                  where j.agency_id = a.agency_id
                    and j.dead_at is null
                    and j.run_after <= now()
                  order by j.priority, j.run_after
                  limit 1
             ) as h;
            select count(*), count(distinct d.agency_id)
              into jobs_dead, agencies_dead
              from (
                  select j.agency_id
                    from ai.embedding_jobs as j
                   where j.dead_at is not null
                   limit most
              ) as d;
            documents_failed := (
                select count(*)
                  from (
                      select 1
                        from ai.documents as d
                       where d.status = 'failed'
                         and d.deleted_at is null
                       limit most
                  ) as f
            );
        end;
        $function$;

        revoke all on function app.embedding_health() from public;
        grant execute on function app.embedding_health() to
            gardenos_monitor;

        comment on function app.embedding_health() is
        'How many texts wait for a vector, for how long, and how many were given up.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- How far a model is in the bound agency: its texts, those without a current vector, and of the queue what
        -- waits and what was given up. An agency that lacks nothing can change to the model.
        create or replace function app.embedding_progress(
            model_key text,
            out texts bigint,
            out lacking bigint,
            out waiting bigint,
            out dead bigint
        )
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            agency constant uuid := app.agency_id();
            model uuid;
        begin
            select m.id
              into model
              from ai.embedding_models as m
             where m.key = embedding_progress.model_key;
            if not found then
                raise exception 'There is no embedding model %.', coalesce(quote_literal(model_key), 'null')
                    using errcode = 'P0002';
            end if;
            texts := (
                select count(*)
                  from ai.chunks as c
                 where c.agency_id = agency
            ) + (
                select count(*)
                  from ai.memories as c
                 where c.agency_id = agency
                   and c.deleted_at is null
            );
            lacking := (
                select count(*)
                  from app.lacking_vectors(agency, model) as l
            );
            select count(*) filter (where j.dead_at is null), count(*) filter (where j.dead_at is not null)
              into waiting, dead
              from ai.embedding_jobs as j
             where j.agency_id = agency
               and j.model_id = model;
        end;
        $function$;

        revoke all on function app.embedding_progress(text) from public;
        grant execute on function app.embedding_progress(text) to
            gardenos_worker;

        comment on function app.embedding_progress(text) is
        'Of the bound agency: its texts, those that lack a vector of a model, jobs that wait and that were given up.';
        """
    )
    execute(
        r"""
        -- Notes that a text could not be embedded, and why. It is tried again after a minute, then twice as long
        -- each time; after eight attempts, some two hours, it is given up, and an alarm counts it
        -- (app.embedding_health). Answers failed or dead; null when the worker has the job no more, because the
        -- text changed or its lease ended.
        create or replace function app.fail_embedding_job(worker text, job_id uuid, error text)
        returns text
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            max_attempts constant integer := 8;
            is_dead boolean;
        begin
            update ai.embedding_jobs as j
               set run_after = clock_timestamp() + interval '30 seconds' * power(2, j.attempts),
                   dead_at = case when j.attempts >= max_attempts then clock_timestamp() end,
                   last_error = left(fail_embedding_job.error, 1000),
                   locked_by = null,
                   locked_until = null
             where j.agency_id = app.agency_id()
               and j.id = fail_embedding_job.job_id
               and j.locked_by = fail_embedding_job.worker
            returning j.dead_at is not null into is_dead;
            return case when is_dead then 'dead' when not is_dead then 'failed' end;
        end;
        $function$;

        revoke all on function app.fail_embedding_job(text, uuid, text) from public;
        grant execute on function app.fail_embedding_job(text, uuid, text) to
            gardenos_worker;

        comment on function app.fail_embedding_job(text, uuid, text) is
        'Notes that a text could not be embedded: failed (tried again) or dead; null when the job is another''s.';
        """
    )
    execute(
        r"""
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
        """
    )
    execute(
        r"""
        -- An agency changes to another model in one statement, and only when nothing is lost by it: each text that
        -- its present model finds has a vector of the new one. Two models' vectors are never compared, so a text
        -- without one would not be found any more. A text whose edit waits for its vector in either model is no
        -- obstacle. An agency without a model has nothing to lose.
        --
        -- Runs after the row, and so after its foreign key: the key has locked the model, which cannot be retired
        -- until the end (app.guard_model_status).
        --
        -- SECURITY DEFINER: whether an agency has all vectors does not depend on what the writer may read.
        set local role gardenos_publisher;

        create or replace function app.guard_agency_model()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            model ai.embedding_models;
            present uuid := case when tg_op = 'UPDATE' then old.embedding_model_id end;
            lacking bigint;
            dead bigint;
        begin
            if new.embedding_model_id is null or new.embedding_model_id = present then
                return null;
            end if;
            select *
              into strict model
              from ai.embedding_models as m
             where m.id = new.embedding_model_id;
            if model.status = 'retired' then
                raise exception 'Model % is retired: no agency can change to it.', model.key
                    using errcode = '55000';
            end if;
            if present is null then
                return null;
            end if;
            select
                count(*),
                count(*) filter (
                    where exists (
                        select 1
                          from ai.embedding_jobs as j
                         where j.agency_id = new.id
                           and coalesce(j.chunk_id, j.memory_id) = coalesce(l.chunk_id, l.memory_id)
                           and j.model_id = model.id
                           and j.dead_at is not null
                    )
                )
              into lacking, dead
              from (
                  select n.chunk_id, n.memory_id
                    from app.lacking_vectors(new.id, model.id) as n
                  except
                  select p.chunk_id, p.memory_id
                    from app.lacking_vectors(new.id, present) as p
              ) as l;
            if lacking > 0 then
                raise exception 'The agency cannot change to model %: % of its texts have no vector of it, of which % were given up.',
                    model.key, lacking, dead
                    using errcode = '55000',
                    hint = 'As the worker, bound to the agency: app.queue_embeddings queues what lacks, app.requeue_embeddings '
                        'what was given up, app.embedding_progress says how far it is.';
            end if;
            return null;
        end;
        $function$;

        revoke all on function app.guard_agency_model() from public;
        grant execute on function app.guard_agency_model() to
            gardenos_owner;

        comment on function app.guard_agency_model() is
        'Refuses another embedding model of an agency before all vectors are there.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- A model is retired when no agency searches with it any more. The lock waits for agencies that are
        -- changing to it at this moment, and makes later ones see that it is retired. What makes a vector never
        -- changes: a model with other numbers is another model.
        create or replace function app.guard_model_status()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            agencies bigint;
        begin
            if (new.key, new.provider, new.model, new.vector_type, new.dims, new.distance, new.normalised)
                is distinct from (old.key, old.provider, old.model, old.vector_type, old.dims, old.distance, old.normalised)
            then
                raise exception 'What model % is never changes: its vectors would be those of two models.', old.key
                    using errcode = '23514',
                    hint = 'Insert another model, with status building.';
            end if;
            if new.status = 'retired' and old.status <> 'retired' then
                perform 1
                   from ai.embedding_models as m
                  where m.id = new.id
                    for update;
                agencies := app.agencies_of_model(new.id);
                if agencies > 0 then
                    raise exception 'Model % cannot be retired: % agencies search with it.', new.key, agencies
                        using errcode = '55000',
                        hint = 'Change tenancy.agencies.embedding_model_id first.';
                end if;
            end if;
            return null;
        end;
        $function$;

        revoke all on function app.guard_model_status() from public;

        comment on function app.guard_model_status() is
        'Refuses to retire an embedding model that agencies use, and to change what a model is.';
        """
    )
    execute(
        r"""
        -- The texts of an agency without a vector of a model, or with one that is stale: of another hash. What is
        -- to be queued for a new model, and what keeps an agency from changing to it. The reader's policies decide
        -- which texts there are. Dynamic, so that the agency is a constant and its partitions are known at once.
        create or replace function app.lacking_vectors(agency_id uuid, model_id uuid)
        returns table (chunk_id uuid, memory_id uuid, content_sha256 bytea)
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            storage constant text := (
                select m.storage
                  from ai.embedding_models as m
                 where m.id = lacking_vectors.model_id
            );
        begin
            if storage is null or to_regclass('ai.embeddings_' || storage) is null then
                raise exception 'There is no table for vectors of the kind %.', coalesce(storage, 'null')
                    using errcode = '0A000',
                    hint = 'A revision makes one from the template of the others.';
            end if;
            return query execute format(
                'select c.id, null::uuid, c.content_sha256::bytea from ai.chunks as c'
                ' where c.agency_id = $1 and not exists ('
                ' select from ai.%1$I as e where e.agency_id = $1 and e.chunk_id = c.id'
                ' and e.model_id = $2 and e.content_sha256 = c.content_sha256)'
                ' union all'
                ' select null::uuid, c.id, c.content_sha256::bytea from ai.memories as c'
                ' where c.agency_id = $1 and c.deleted_at is null and not exists ('
                ' select from ai.%1$I as e where e.agency_id = $1 and e.memory_id = c.id'
                ' and e.model_id = $2 and e.content_sha256 = c.content_sha256)',
                'embeddings_' || storage
            )
                using lacking_vectors.agency_id, lacking_vectors.model_id;
        end;
        $function$;

        revoke all on function app.lacking_vectors(uuid, uuid) from public;
        grant execute on function app.lacking_vectors(uuid, uuid) to
            gardenos_worker,
            gardenos_publisher;

        comment on function app.lacking_vectors(uuid, uuid) is
        'The texts of an agency that have no vector of a model, or a stale one.';
        """
    )
    execute(
        r"""
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
        """
    )
    execute(
        r"""
        -- Queues texts of the bound agency that lack a vector of a model, or have a stale one, and no job: for a
        -- model that is being built, and for whatever the triggers did not see (a restored dump). At most so many
        -- at a time. Answers how many: call it, each time in a transaction of its own, until that is 0. They come
        -- after what people write meanwhile.
        --
        -- A text is locked while its job is made, and skipped when somebody has it: their own trigger queues it.
        create or replace function app.queue_embeddings(model_key text, batch integer default 10000)
        returns integer
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            backfill constant integer := 200;
            agency constant uuid := app.agency_id();
            model ai.embedding_models;
            queued integer;
        begin
            if agency is null then
                raise exception 'No agency is bound: a text belongs to one.'
                    using errcode = '42501',
                    hint = 'Begin with: select app.bind_worker(agency).';
            end if;
            if batch is null or batch not between 1 and 100000 then
                raise exception 'A batch has between 1 and 100000 texts, not %.', coalesce(batch::text, 'null')
                    using errcode = '22023';
            end if;
            select *
              into model
              from ai.embedding_models as m
             where m.key = queue_embeddings.model_key;
            if not found then
                raise exception 'There is no embedding model %.', coalesce(quote_literal(model_key), 'null')
                    using errcode = 'P0002';
            end if;
            if model.status = 'retired' then
                raise exception 'Model % is retired: nothing is embedded with it any more.', model.key
                    using errcode = '55000';
            end if;
            insert into ai.embedding_jobs (agency_id, chunk_id, memory_id, model_id, content_sha256, priority)
            with lacking as materialized (
                select l.chunk_id, l.memory_id
                  from app.lacking_vectors(agency, model.id) as l
                 where not exists (
                     select 1
                       from ai.embedding_jobs as j
                      where j.agency_id = agency
                        and j.chunk_id = l.chunk_id
                        and j.model_id = model.id
                 )
                   and not exists (
                     select 1
                       from ai.embedding_jobs as j
                      where j.agency_id = agency
                        and j.memory_id = l.memory_id
                        and j.model_id = model.id
                 )
                 limit batch
            ),
            chunk as (
                select c.id, c.content_sha256
                  from ai.chunks as c
                 where c.agency_id = agency
                   and c.id in (
                       select l.chunk_id
                         from lacking as l
                   )
                   for no key update skip locked
            ),
            memory as (
                select c.id, c.content_sha256
                  from ai.memories as c
                 where c.agency_id = agency
                   and c.deleted_at is null
                   and c.id in (
                       select l.memory_id
                         from lacking as l
                   )
                   for no key update skip locked
            )
            select agency, c.id, null::uuid, model.id, c.content_sha256, backfill
              from chunk as c
            union all
            select agency, null::uuid, c.id, model.id, c.content_sha256, backfill
              from memory as c
            on conflict do nothing;
            get diagnostics queued = row_count;
            return queued;
        end;
        $function$;

        revoke all on function app.queue_embeddings(text, integer) from public;
        grant execute on function app.queue_embeddings(text, integer) to
            gardenos_worker;

        comment on function app.queue_embeddings(text, integer) is
        'Queues texts of the bound agency that lack a current vector of a model; returns how many.';
        """
    )
    execute(
        r"""
        -- Gives back what a worker leased in the bound agency and did not try: when it stops, or when whoever
        -- embeds for it cannot be reached, which is no fault of the texts. The attempt is not counted. A job that
        -- somebody is changing is left alone; its lease ends by itself. Answers how many were given back.
        create or replace function app.release_embedding_jobs(worker text, pause interval default '0')
        returns integer
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            released integer;
        begin
            if pause is null or pause not between interval '0' and interval '1 day' then
                raise exception 'The pause is between 0 and 1 day, not %.', coalesce(pause::text, 'null')
                    using errcode = '22023';
            end if;
            update ai.embedding_jobs as j
               set locked_by = null,
                   locked_until = null,
                   attempts = greatest(j.attempts - 1, 0),
                   run_after = greatest(j.run_after, now() + pause)
             where j.agency_id = app.agency_id()
               and j.id in (
                   select h.id
                     from ai.embedding_jobs as h
                    where h.agency_id = app.agency_id()
                      and h.locked_by = release_embedding_jobs.worker
                      and h.dead_at is null
                      for update skip locked
               );
            get diagnostics released = row_count;
            return released;
        end;
        $function$;

        revoke all on function app.release_embedding_jobs(text, interval) from public;
        grant execute on function app.release_embedding_jobs(text, interval) to
            gardenos_worker;

        comment on function app.release_embedding_jobs(text, interval) is
        'Gives back what a worker leased in the bound agency and did not try; returns how many.';
        """
    )
    execute(
        r"""
        -- Gives texts of the bound agency that were given up another eight attempts, at most so many at a time.
        -- Answers how many: call it until that is 0, after what made them fail was mended.
        create or replace function app.requeue_embeddings(batch integer default 1000)
        returns integer
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            requeued integer;
        begin
            if batch is null or batch not between 1 and 100000 then
                raise exception 'A batch has between 1 and 100000 texts, not %.', coalesce(batch::text, 'null')
                    using errcode = '22023';
            end if;
            update ai.embedding_jobs as j
               set dead_at = null,
                   attempts = 0,
                   run_after = now(),
                   locked_by = null,
                   locked_until = null
             where j.agency_id = app.agency_id()
               and j.id in (
                   select d.id
                     from ai.embedding_jobs as d
                    where d.agency_id = app.agency_id()
                      and d.dead_at is not null
                    limit batch
                      for update skip locked
               );
            get diagnostics requeued = row_count;
            return requeued;
        end;
        $function$;

        revoke all on function app.requeue_embeddings(integer) from public;
        grant execute on function app.requeue_embeddings(integer) to
            gardenos_worker;

        comment on function app.requeue_embeddings(integer) is
        'Gives texts of the bound agency that were given up new attempts; returns how many.';
        """
    )
    execute(
        r"""
        grant execute on function app.uuid_v7_floor(at timestamp with time zone) to gardenos_publisher;
        """
    )
    execute(
        r"""
        create or replace trigger queue_insert
        after insert on ai.chunks
        referencing new table as new_rows
        for each statement
        execute function app.note_text();
        """
    )
    execute(
        r"""
        create or replace trigger queue_update
        after update on ai.chunks
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function app.note_text();
        """
    )
    execute(
        r"""
        grant select on table ai.chunks to gardenos_publisher;
        """
    )
    execute(
        r"""
        create policy "the publisher looks for work"
        on ai.chunks
        as permissive
        for select
        to gardenos_publisher
        using (
            true
        );
        """
    )
    execute(
        r"""
        grant select on table ai.documents to gardenos_publisher;
        """
    )
    execute(
        r"""
        create policy "the publisher looks for work"
        on ai.documents
        as permissive
        for select
        to gardenos_publisher
        using (
            true
        );
        """
    )
    execute(
        r"""
        grant select, insert, update on table ai.embedding_jobs to gardenos_publisher;
        """
    )
    execute(
        r"""
        create policy "triggers queue texts"
        on ai.embedding_jobs
        as permissive
        for all
        to gardenos_publisher
        using (
            true
        )
        with check (
            true
        );
        """
    )
    execute(
        r"""
        create or replace trigger guard_status
        after update on ai.embedding_models
        for each row
        execute function app.guard_model_status();
        """
    )
    execute(
        r"""
        grant select on table ai.embedding_models to gardenos_publisher;
        """
    )
    execute(
        r"""
        create policy "the publisher looks for work"
        on ai.embedding_models
        as permissive
        for select
        to gardenos_publisher
        using (
            true
        );
        """
    )
    execute(
        r"""
        grant select on table ai.embeddings_halfvec_3072 to gardenos_publisher;
        """
    )
    execute(
        r"""
        create policy "the publisher looks for work"
        on ai.embeddings_halfvec_3072
        as permissive
        for select
        to gardenos_publisher
        using (
            true
        );
        """
    )
    execute(
        r"""
        grant select on table ai.embeddings_vector_1536 to gardenos_publisher;
        """
    )
    execute(
        r"""
        create policy "the publisher looks for work"
        on ai.embeddings_vector_1536
        as permissive
        for select
        to gardenos_publisher
        using (
            true
        );
        """
    )
    execute(
        r"""
        create or replace trigger queue_insert
        after insert on ai.memories
        referencing new table as new_rows
        for each statement
        execute function app.note_text();
        """
    )
    execute(
        r"""
        create or replace trigger queue_update
        after update on ai.memories
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function app.note_text();
        """
    )
    execute(
        r"""
        grant select on table ai.memories to gardenos_publisher;
        """
    )
    execute(
        r"""
        create policy "the publisher looks for work"
        on ai.memories
        as permissive
        for select
        to gardenos_publisher
        using (
            true
        );
        """
    )
    execute(
        r"""
        create or replace trigger guard_model
        after insert or update of embedding_model_id on tenancy.agencies
        for each row
        execute function app.guard_agency_model();
        """
    )
    execute(
        r"""
        grant select on table tenancy.agencies to gardenos_publisher;
        """
    )
    execute(
        r"""
        create policy "the publisher looks for work"
        on tenancy.agencies
        as permissive
        for select
        to gardenos_publisher
        using (
            true
        );
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop policy "the publisher looks for work" on tenancy.agencies;
        """
    )
    execute(
        r"""
        revoke select on table tenancy.agencies from gardenos_publisher cascade;
        """
    )
    execute(
        r"""
        drop trigger guard_model on tenancy.agencies;
        """
    )
    execute(
        r"""
        drop policy "the publisher looks for work" on ai.memories;
        """
    )
    execute(
        r"""
        revoke select on table ai.memories from gardenos_publisher cascade;
        """
    )
    execute(
        r"""
        drop trigger queue_update on ai.memories;
        """
    )
    execute(
        r"""
        drop trigger queue_insert on ai.memories;
        """
    )
    execute(
        r"""
        drop policy "the publisher looks for work" on ai.embeddings_vector_1536;
        """
    )
    execute(
        r"""
        revoke select on table ai.embeddings_vector_1536 from gardenos_publisher cascade;
        """
    )
    execute(
        r"""
        drop policy "the publisher looks for work" on ai.embeddings_halfvec_3072;
        """
    )
    execute(
        r"""
        revoke select on table ai.embeddings_halfvec_3072 from gardenos_publisher cascade;
        """
    )
    execute(
        r"""
        drop policy "the publisher looks for work" on ai.embedding_models;
        """
    )
    execute(
        r"""
        revoke select on table ai.embedding_models from gardenos_publisher cascade;
        """
    )
    execute(
        r"""
        drop trigger guard_status on ai.embedding_models;
        """
    )
    execute(
        r"""
        drop policy "triggers queue texts" on ai.embedding_jobs;
        """
    )
    execute(
        r"""
        revoke select, insert, update on table ai.embedding_jobs from gardenos_publisher cascade;
        """
    )
    execute(
        r"""
        drop policy "the publisher looks for work" on ai.documents;
        """
    )
    execute(
        r"""
        revoke select on table ai.documents from gardenos_publisher cascade;
        """
    )
    execute(
        r"""
        drop policy "the publisher looks for work" on ai.chunks;
        """
    )
    execute(
        r"""
        revoke select on table ai.chunks from gardenos_publisher cascade;
        """
    )
    execute(
        r"""
        drop trigger queue_update on ai.chunks;
        """
    )
    execute(
        r"""
        drop trigger queue_insert on ai.chunks;
        """
    )
    execute(
        r"""
        revoke execute on function app.uuid_v7_floor(at timestamp with time zone) from gardenos_publisher cascade;
        """
    )
    execute(
        r"""
        drop function app.requeue_embeddings(batch integer);
        """
    )
    execute(
        r"""
        drop function app.release_embedding_jobs(worker text, pause interval);
        """
    )
    execute(
        r"""
        drop function app.queue_embeddings(model_key text, batch integer);
        """
    )
    execute(
        r"""
        set local role gardenos_publisher;

        drop function app.note_text();

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        drop function app.lacking_vectors(agency_id uuid, model_id uuid);
        """
    )
    execute(
        r"""
        drop function app.guard_model_status();
        """
    )
    execute(
        r"""
        set local role gardenos_publisher;

        drop function app.guard_agency_model();

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        drop function app.finish_embedding_jobs(worker text, jobs uuid[], hashes bytea[], vectors extensions.vector[]);
        """
    )
    execute(
        r"""
        drop function app.fail_embedding_job(worker text, job_id uuid, error text);
        """
    )
    execute(
        r"""
        drop function app.embedding_progress(model_key text);
        """
    )
    execute(
        r"""
        set local role gardenos_publisher;

        drop function app.embedding_health();

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        drop function app.delete_embeddings(model_key text, batch integer);
        """
    )
    execute(
        r"""
        drop function app.claim_embedding_jobs(worker text, models text[], batch integer, lease interval);
        """
    )
    execute(
        r"""
        set local role gardenos_publisher;

        drop function app.agencies_with_work(kind text);

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_publisher;

        CREATE OR REPLACE FUNCTION app.agencies_with_work()
         RETURNS SETOF uuid
         LANGUAGE sql
         STABLE PARALLEL SAFE SECURITY DEFINER
         SET search_path TO 'pg_catalog', 'pg_temp'
        AS $function$
            with recursive publishing as (
                (
                    select e.agency_id
                      from integration.outbox_events as e
                     where e.published_at is null
                     order by e.agency_id
                     limit 1
                )
                union all
                select (
                    select e.agency_id
                      from integration.outbox_events as e
                     where e.agency_id > p.agency_id
                       and e.published_at is null
                     order by e.agency_id
                     limit 1
                )
                  from publishing as p
                 where p.agency_id is not null
            ),
            delivering as (
                (
                    select d.agency_id
                      from integration.webhook_deliveries as d
                     where d.status in ('pending', 'failed')
                     order by d.agency_id
                     limit 1
                )
                union all
                select (
                    select d.agency_id
                      from integration.webhook_deliveries as d
                     where d.agency_id > p.agency_id
                       and d.status in ('pending', 'failed')
                     order by d.agency_id
                     limit 1
                )
                  from delivering as p
                 where p.agency_id is not null
            )
            select p.agency_id
              from publishing as p
             where p.agency_id is not null
            union
            select w.agency_id
              from delivering as w
             where exists (
                select 1
                  from integration.webhook_deliveries as d
                 where d.agency_id = w.agency_id
                   and d.status in ('pending', 'failed')
                   and d.next_attempt_at <= now()
             );
        $function$;

        revoke execute on function app.agencies_with_work() from public cascade;

        grant execute on function app.agencies_with_work() to gardenos_worker;

        comment on function app.agencies_with_work() is
        'The agencies with events to publish or deliveries that are due.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_publisher;

        drop function app.agencies_of_model(model_id uuid);

        set local role gardenos_owner;
        """
    )
