-- The queue of embeddings, each number up to 10 000. jobs_waiting: texts that are due. waiting_seconds: how
-- long the next one of some agency has been due, an alarm above an hour: does a worker run, and has it that
-- model? jobs_dead: texts that were given up after eight attempts, in agencies_dead agencies; last_error of
-- ai.embedding_jobs says why, app.requeue_embeddings() tries again. documents_failed: documents that cannot
-- be cut; their error says why.
--
-- values: jobs_waiting, waiting_seconds, jobs_dead, agencies_dead, documents_failed
select
    h.jobs_waiting,
    h.waiting_seconds,
    h.jobs_dead,
    h.agencies_dead,
    h.documents_failed
from app.embedding_health() as h;
