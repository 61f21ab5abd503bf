-- logs_to_cut: lock the logs of which nothing is folded yet and that have so many events
SELECT p.tenant_id, h.position FROM read_models.progress AS p JOIN ledger.log_heads AS h USING (tenant_id)
 WHERE p.projection = %(projection)s AND p.version = %(version)s
   AND p.position = 0 AND p.failed_position IS NULL AND h.position >= %(least)s
 ORDER BY p.tenant_id FOR UPDATE OF p

-- sample: the originators of events at even distances, in order
SELECT originator_id FROM ledger.events
 WHERE tenant_id = %(tenant_id)s
   AND position = ANY (ARRAY(SELECT generate_series(1, %(head)s::bigint, %(distance)s::bigint)))
 ORDER BY originator_id

-- add_slices: the slices of one log, in order
INSERT INTO read_models.slices
       (projection, version, tenant_id, number, after_originator, until_originator, after_position, until_position)
SELECT %(projection)s, %(version)s, %(tenant_id)s, s.number, s.after_o, s.until_o, s.after_p, s.until_p
  FROM unnest(%(after_o)s::uuid[], %(until_o)s::uuid[], %(after_p)s::bigint[], %(until_p)s::bigint[])
       WITH ORDINALITY AS s (after_o, until_o, after_p, until_p, number)

-- hold: keep a log from being folded in batches: 0 is the position of no event, and no failure
UPDATE read_models.progress SET failed_position = 0
 WHERE projection = %(projection)s AND version = %(version)s AND tenant_id = %(tenant_id)s

-- claim_slice: lock a slice that is to be folded and that no other process has locked
SELECT tenant_id, number, after_originator, until_originator, after_position, until_position FROM read_models.slices
 WHERE projection = %(projection)s AND version = %(version)s AND folded IS NULL
   AND (%(only)s::uuid IS NULL OR tenant_id = %(only)s)
 ORDER BY tenant_id, number LIMIT 1 FOR UPDATE SKIP LOCKED

-- mark_folded: record how many events a slice had
UPDATE read_models.slices SET folded = %(folded)s
 WHERE projection = %(projection)s AND version = %(version)s AND tenant_id = %(tenant_id)s AND number = %(number)s

-- folded_log: lock a log whose slices are all folded, with its end and the number of events
SELECT p.tenant_id, s.until_position, s.folded FROM read_models.progress AS p
  JOIN (SELECT tenant_id, max(until_position) AS until_position, sum(folded)::bigint AS folded
          FROM read_models.slices WHERE projection = %(projection)s AND version = %(version)s
         GROUP BY tenant_id HAVING count(*) = count(folded)) AS s USING (tenant_id)
 WHERE p.projection = %(projection)s AND p.version = %(version)s AND p.failed_position = 0
 ORDER BY p.tenant_id LIMIT 1 FOR UPDATE OF p SKIP LOCKED

-- lock_log: keep every other process from the log until the transaction ends
SELECT FROM read_models.progress
 WHERE projection = %(projection)s AND version = %(version)s AND tenant_id = %(tenant_id)s FOR UPDATE

-- release: let batches fold a log from a position on
UPDATE read_models.progress SET position = %(position)s, failed_position = NULL, failure = NULL
 WHERE projection = %(projection)s AND version = %(version)s AND tenant_id = %(tenant_id)s

-- delete_slices: of one log; whoever folds one of them is waited for
DELETE FROM read_models.slices
 WHERE projection = %(projection)s AND version = %(version)s AND tenant_id = %(tenant_id)s
