-- claim: lock checkpoints with events to fold until the transaction ends, those of a tenant together; those that wait for
-- a key come last. Whatever the transaction asks of tables then goes by index: plans are kept, also those that were made
-- while a table was small and read as a whole
SELECT w.number, p.tenant_id, p.position, h.position
  FROM (SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
               set_config('enable_mergejoin', 'off', true)) AS plans,
       unnest(%(projections)s::text[], %(versions)s::integer[]) WITH ORDINALITY AS w (projection, version, number)
  JOIN read_models.progress AS p USING (projection, version) JOIN ledger.log_heads AS h USING (tenant_id)
 WHERE p.position < h.position AND p.failed_position IS NULL AND (%(waiting)s OR p.failure IS NULL)
   AND (%(only)s::uuid IS NULL OR p.tenant_id = %(only)s)
 ORDER BY p.failure IS NOT NULL, uuid_hash_extended(p.tenant_id, (SELECT (random() * 1e9)::bigint))
 LIMIT %(claims)s FOR UPDATE OF p SKIP LOCKED

-- advance: move checkpoints from where they were claimed, count, and record where a fold stopped
UPDATE read_models.progress AS p
   SET position = n.position + n.folded, counted_to = n.position + n.folded,
       applied = CASE WHEN p.counted_to = p.position THEN p.applied ELSE p.position - p.quarantined END + n.folded,
       failed_position = n.failed_position, failure = n.failure
  FROM unnest(%(projections)s::text[], %(versions)s::integer[], %(tenant_ids)s::uuid[], %(positions)s::bigint[],
              %(folded)s::bigint[], %(failed)s::bigint[], %(failures)s::text[])
       AS n (projection, version, tenant_id, position, folded, failed_position, failure)
 WHERE (p.projection, p.version, p.tenant_id) = (n.projection, n.version, n.tenant_id) AND p.position = n.position
