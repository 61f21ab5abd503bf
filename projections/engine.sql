-- tables_present: whether a projection's table exists
SELECT to_regclass('read_models.' || %(table)s) IS NOT NULL

-- lock_progress: one change of tables at a time
LOCK TABLE read_models.progress IN SHARE ROW EXCLUSIVE MODE

-- reset: start over from the beginning of every log
DELETE FROM read_models.progress WHERE projection = %(projection)s

-- enrol: give every tenant a place in every projection
INSERT INTO read_models.progress (projection, version, tenant_id)
SELECT p.projection, p.version, h.tenant_id
  FROM unnest(%(projections)s::text[], %(versions)s::integer[]) AS p (projection, version)
 CROSS JOIN ledger.log_heads AS h
 WHERE NOT EXISTS (SELECT FROM read_models.progress AS known
                    WHERE (known.projection, known.version, known.tenant_id) = (p.projection, p.version, h.tenant_id))
    ON CONFLICT DO NOTHING

-- claim: tenants that have news, each for one worker alone until it commits
SELECT p.tenant_id, p.position FROM read_models.progress AS p JOIN ledger.log_heads AS h USING (tenant_id)
 WHERE p.projection = %(projection)s AND p.version = %(version)s
   AND p.position < h.position AND p.failed_position IS NULL
 LIMIT %(tenants)s FOR UPDATE OF p SKIP LOCKED

-- news: the events after each tenant's position
SELECT claimed.tenant_id, e.originator_id, e.originator_version, e.topic, e.entry, e.position, e.effective_at
  FROM unnest(%(tenant_ids)s::uuid[], %(positions)s::bigint[]) AS claimed (tenant_id, position)
 CROSS JOIN LATERAL (
    SELECT * FROM ledger.events AS e
     WHERE e.tenant_id = claimed.tenant_id AND e.position > claimed.position
     ORDER BY e.position LIMIT %(each)s
 ) AS e
 ORDER BY claimed.tenant_id, e.position

-- advance: move the tenants' positions, and say where a fold stopped
UPDATE read_models.progress AS p
   SET position = n.position, failed_position = n.failed_position, failure = n.failure
  FROM unnest(%(tenant_ids)s::uuid[], %(positions)s::bigint[], %(failed)s::bigint[], %(failures)s::text[])
       AS n (tenant_id, position, failed_position, failure)
 WHERE p.projection = %(projection)s AND p.version = %(version)s AND p.tenant_id = n.tenant_id

-- done: how many events a projection has folded, of how many there are
SELECT coalesce(sum(p.position), 0)::bigint, coalesce(sum(h.position), 0)::bigint,
       count(*) FILTER (WHERE p.failure IS NOT NULL)
  FROM ledger.log_heads AS h LEFT JOIN read_models.progress AS p
    ON p.tenant_id = h.tenant_id AND p.projection = %(projection)s AND p.version = %(version)s

-- lag: how far each projection is behind each log
SELECT wanted.projection, wanted.version, t.name, t.tenant_id, coalesce(p.position, 0), h.position,
       p.failed_position, p.failure
  FROM unnest(%(projections)s::text[], %(versions)s::integer[]) AS wanted (projection, version)
 CROSS JOIN ledger.log_heads AS h JOIN ledger.tenants AS t USING (tenant_id)
  LEFT JOIN read_models.progress AS p
    ON (p.projection, p.version, p.tenant_id) = (wanted.projection, wanted.version, h.tenant_id)
 ORDER BY wanted.projection, t.name

-- failures: the projections that have stopped, or wait for a key
SELECT p.projection, p.version, p.tenant_id, p.position, p.failure
  FROM unnest(%(projections)s::text[], %(versions)s::integer[]) AS wanted (projection, version)
  JOIN read_models.progress AS p USING (projection, version)
 WHERE p.failure IS NOT NULL ORDER BY p.projection, p.tenant_id

-- retry: let stopped projections try again
UPDATE read_models.progress SET failed_position = NULL, failure = NULL
 WHERE projection = %(projection)s AND failed_position IS NOT NULL

-- reached: how far a projection has folded the session's tenant
SELECT position FROM queries.progress WHERE projection = %(projection)s AND version = %(version)s
