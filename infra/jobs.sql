-- enqueue: a job waits for a worker, at this attempt
INSERT INTO ledger.job_queue (tenant_id, job_id, attempt, media_kind, provider, priority)
VALUES (%(tenant_id)s, %(job_id)s, %(attempt)s, %(media_kind)s, %(provider)s, %(priority)s)
    ON CONFLICT (tenant_id, job_id) DO UPDATE
   SET attempt = excluded.attempt, queued_at = clock_timestamp(), lease_until = NULL

-- lock: nobody else changes the job's place until we commit
SELECT FROM ledger.job_queue WHERE tenant_id = %(tenant_id)s AND job_id = %(job_id)s FOR UPDATE

-- leave: the job waits for nobody any more
DELETE FROM ledger.job_queue WHERE tenant_id = %(tenant_id)s AND job_id = %(job_id)s

-- lost: jobs whose worker has not been heard of in time
SELECT job_id, attempt FROM ledger.job_queue
 WHERE tenant_id = %(tenant_id)s AND lease_until < statement_timestamp()
 ORDER BY lease_until LIMIT 100 FOR UPDATE SKIP LOCKED

-- again: lost jobs wait for a worker, each at its next attempt
UPDATE ledger.job_queue SET attempt = attempt + 1, queued_at = clock_timestamp(), lease_until = NULL
 WHERE tenant_id = %(tenant_id)s AND job_id = ANY (%(job_ids)s)

-- waiting: jobs to hand out, the most urgent and then the oldest first
SELECT job_id, attempt FROM ledger.job_queue
 WHERE tenant_id = %(tenant_id)s AND lease_until IS NULL
   AND media_kind = coalesce(%(media_kind)s, media_kind)
   AND (%(provider)s::text IS NULL OR provider = %(provider)s)
 ORDER BY priority DESC, queued_at, job_id LIMIT %(most)s FOR UPDATE SKIP LOCKED

-- lease: a worker has the jobs until then
UPDATE ledger.job_queue SET lease_until = clock_timestamp() + make_interval(secs => %(seconds)s)
 WHERE tenant_id = %(tenant_id)s AND job_id = ANY (%(job_ids)s)

-- heartbeat: the worker still has it
UPDATE ledger.job_queue SET lease_until = clock_timestamp() + make_interval(secs => %(seconds)s)
 WHERE tenant_id = %(tenant_id)s AND job_id = %(job_id)s AND attempt = %(attempt)s AND lease_until >= clock_timestamp()
RETURNING lease_until

-- tenants_with_lost_jobs: where a worker has not been heard of in time
SELECT DISTINCT tenant_id FROM ledger.job_queue WHERE lease_until < statement_timestamp()
