-- claim: lock tenants with events to fold until the transaction ends; those that wait for a key come last
SELECT p.tenant_id, p.position, h.position FROM read_models.progress AS p JOIN ledger.log_heads AS h USING (tenant_id)
 WHERE p.projection = %(projection)s AND p.version = %(version)s
   AND p.position < h.position AND p.failed_position IS NULL AND (%(waiting)s OR p.failure IS NULL)
   AND (%(only)s::uuid IS NULL OR p.tenant_id = %(only)s)
 ORDER BY p.failure IS NOT NULL, random()
 LIMIT %(tenants)s FOR UPDATE OF p SKIP LOCKED

-- advance: move the checkpoints of tenants from where they were claimed, count, and record where a fold stopped
UPDATE read_models.progress AS p
   SET position = n.position + n.folded, counted_to = n.position + n.folded,
       applied = CASE WHEN p.counted_to = p.position THEN p.applied ELSE p.position - p.quarantined END + n.folded,
       failed_position = n.failed_position, failure = n.failure
  FROM unnest(%(tenant_ids)s::uuid[], %(positions)s::bigint[], %(folded)s::bigint[], %(failed)s::bigint[],
              %(failures)s::text[]) AS n (tenant_id, position, folded, failed_position, failure)
 WHERE p.projection = %(projection)s AND p.version = %(version)s AND p.tenant_id = n.tenant_id
   AND p.position = n.position
