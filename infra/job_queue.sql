-- enqueue: a job waits for a worker, at this attempt
INSERT INTO ledger.job_queue (tenant_id, job_id, attempt, media_kind, provider, priority)
VALUES (%(tenant_id)s, %(job_id)s, %(attempt)s, %(media_kind)s, %(provider)s, %(priority)s)
    ON CONFLICT (tenant_id, job_id) DO UPDATE
   SET attempt = excluded.attempt, queued_at = clock_timestamp(), lease_until = NULL, claim = NULL

-- lock: nobody else changes the job's row until we commit
SELECT FROM ledger.job_queue WHERE tenant_id = %(tenant_id)s AND job_id = %(job_id)s FOR UPDATE

-- remove: the job waits for nobody any more
DELETE FROM ledger.job_queue WHERE tenant_id = %(tenant_id)s AND job_id = %(job_id)s

-- expired: jobs whose worker has not been heard of in time
SELECT job_id, attempt FROM ledger.job_queue
 WHERE tenant_id = %(tenant_id)s AND lease_until < statement_timestamp()
 ORDER BY lease_until LIMIT 100 FOR UPDATE SKIP LOCKED

-- requeue: lost jobs wait for a worker, each at its next attempt
UPDATE ledger.job_queue SET attempt = attempt + 1, queued_at = clock_timestamp(), lease_until = NULL, claim = NULL
 WHERE tenant_id = %(tenant_id)s AND job_id = ANY (%(job_ids)s)

-- available: jobs to hand out, the most urgent and then the oldest first
SELECT job_id, attempt FROM ledger.job_queue
 WHERE tenant_id = %(tenant_id)s AND lease_until IS NULL
   AND media_kind = coalesce(%(media_kind)s, media_kind)
   AND (%(provider)s::text IS NULL OR provider = %(provider)s)
 ORDER BY priority DESC, queued_at, job_id LIMIT %(limit)s FOR UPDATE SKIP LOCKED

-- lease: a worker has the jobs until then
UPDATE ledger.job_queue SET lease_until = clock_timestamp() + make_interval(secs => %(seconds)s), claim = %(claim)s
 WHERE tenant_id = %(tenant_id)s AND job_id = ANY (%(job_ids)s)

-- begin_claim: jobs are claimed under a key, unless they were before; waits for whoever is claiming under it now
INSERT INTO ledger.job_claims (tenant_id, claim, request) VALUES (%(tenant_id)s, %(claim)s, %(request)s)
    ON CONFLICT DO NOTHING RETURNING true

-- claim_request: what was asked for under a key
SELECT request FROM ledger.job_claims WHERE tenant_id = %(tenant_id)s AND claim = %(claim)s

-- leased_by: the jobs that are leased by a claim still, locked
SELECT job_id, attempt FROM ledger.job_queue
 WHERE tenant_id = %(tenant_id)s AND claim = %(claim)s AND lease_until >= statement_timestamp()
 ORDER BY priority DESC, queued_at, job_id FOR UPDATE

-- forget_claim: nothing was handed out
DELETE FROM ledger.job_claims WHERE tenant_id = %(tenant_id)s AND claim = %(claim)s

-- forget_old_claims: nobody asks for them again
DELETE FROM ledger.job_claims WHERE tenant_id = %(tenant_id)s AND claim IN (
    SELECT claim FROM ledger.job_claims
     WHERE tenant_id = %(tenant_id)s AND claimed_at < statement_timestamp() - interval '1 day'
     ORDER BY claimed_at LIMIT 1000 FOR UPDATE SKIP LOCKED
)

-- heartbeat: the worker still has it
UPDATE ledger.job_queue SET lease_until = clock_timestamp() + make_interval(secs => %(seconds)s)
 WHERE tenant_id = %(tenant_id)s AND job_id = %(job_id)s AND attempt = %(attempt)s AND lease_until >= clock_timestamp()
RETURNING lease_until

-- tenants_with_lost_jobs: where a worker has not been heard of in time
SELECT DISTINCT tenant_id FROM ledger.job_queue WHERE lease_until < statement_timestamp()
