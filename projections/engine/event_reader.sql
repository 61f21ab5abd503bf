-- read_events: the events of position ranges; the limit keeps the planner from joining with the whole table
SELECT s.ordinal, e.originator_id, e.originator_version, e.topic, e.entry, e.position, e.effective_at
  FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS s (tenant_id, after, until, ordinal)
 CROSS JOIN LATERAL (
    SELECT * FROM ledger.events AS e
     WHERE e.tenant_id = s.tenant_id AND e.position > s.after AND e.position <= s.until
     ORDER BY e.position LIMIT s.until - s.after
 ) AS e
 ORDER BY s.ordinal, e.position
