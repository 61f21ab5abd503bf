-- tables_present: which of these tables exist
SELECT name FROM unnest(%(tables)s::text[]) AS t (name) WHERE to_regclass('read_models.' || name) IS NOT NULL

-- lock_progress: one making of tables at a time
LOCK TABLE read_models.progress IN SHARE ROW EXCLUSIVE MODE

-- begin_rebuild: remember that a read model is being made anew, one at a time
INSERT INTO read_models.rebuilds (projection, version) VALUES (%(projection)s, %(version)s)
    ON CONFLICT (projection, version) DO UPDATE SET started_at = clock_timestamp()

-- rebuilding: whether a read model is being made anew
SELECT FROM read_models.rebuilds WHERE projection = %(projection)s AND version = %(version)s

-- take_rebuild: to end it, unless somebody else has it
SELECT FROM read_models.rebuilds WHERE projection = %(projection)s AND version = %(version)s FOR UPDATE SKIP LOCKED

-- end_rebuild: the read model is whole
DELETE FROM read_models.rebuilds WHERE projection = %(projection)s AND version = %(version)s

-- hold: every tenant's place in a version of a projection, so that nobody folds meanwhile
SELECT FROM read_models.progress WHERE projection = %(projection)s AND version = %(version)s
 ORDER BY tenant_id FOR UPDATE

-- left: how many events wait to be folded, where nothing holds them back
SELECT coalesce(sum(h.position - p.position), 0)::bigint
  FROM read_models.progress AS p JOIN ledger.log_heads AS h USING (tenant_id)
 WHERE p.projection = %(projection)s AND p.version = %(version)s AND p.failure IS NULL

-- roomy: memory and time to make indexes in
SELECT set_config('maintenance_work_mem', '256MB', true), set_config('statement_timeout', '6h', true)

-- reset: start over from the beginning of every log
DELETE FROM read_models.progress WHERE projection = %(projection)s AND version = %(version)s

-- logged: whether any tenant has events
SELECT FROM ledger.log_heads WHERE position > 0 LIMIT 1

-- may_enrol: until the transaction ends, unless a read model is just being made anew
SELECT pg_advisory_xact_lock_shared(7352)

-- none_enrol: until the transaction ends: a place given after all were held would be missed
SELECT pg_advisory_xact_lock(7352)

-- enrol: give every tenant a place in every projection
INSERT INTO read_models.progress (projection, version, tenant_id)
SELECT p.projection, p.version, h.tenant_id
  FROM unnest(%(projections)s::text[], %(versions)s::integer[]) AS p (projection, version)
 CROSS JOIN ledger.log_heads AS h
 WHERE NOT EXISTS (SELECT FROM read_models.progress AS known
                    WHERE (known.projection, known.version, known.tenant_id) = (p.projection, p.version, h.tenant_id))
 ORDER BY p.projection, p.version, h.tenant_id -- one order, so that two at once cannot deadlock
    ON CONFLICT DO NOTHING

-- pulse: what changes with every append, new tenant, rebuild, stop and retry; and whether tenants wait for a key
SELECT coalesce(sum(h.position), 0)::bigint, count(*),
       (SELECT count(*) FROM read_models.rebuilds),
       (SELECT count(*) FROM read_models.progress WHERE failure IS NOT NULL),
       EXISTS (SELECT FROM read_models.progress WHERE failure IS NOT NULL AND failed_position IS NULL)
  FROM ledger.log_heads AS h

-- work: for each projection whether there are news, tenants that are not enrolled, a rebuild to end
SELECT w.projection, w.version,
       bool_or(p.position < h.position AND p.failed_position IS NULL AND (%(waiting)s OR p.failure IS NULL)),
       bool_or(p.tenant_id IS NULL),
       EXISTS (SELECT FROM read_models.rebuilds AS r WHERE (r.projection, r.version) = (w.projection, w.version))
  FROM unnest(%(projections)s::text[], %(versions)s::integer[]) AS w (projection, version)
 CROSS JOIN ledger.log_heads AS h
  LEFT JOIN read_models.progress AS p
    ON (p.projection, p.version, p.tenant_id) = (w.projection, w.version, h.tenant_id)
 GROUP BY w.projection, w.version

-- claim: tenants that have news, each for one worker alone until it commits; those that wait for a key come last
SELECT p.tenant_id, p.position, h.position FROM read_models.progress AS p JOIN ledger.log_heads AS h USING (tenant_id)
 WHERE p.projection = %(projection)s AND p.version = %(version)s
   AND p.position < h.position AND p.failed_position IS NULL AND (%(waiting)s OR p.failure IS NULL)
   AND (%(only)s::uuid IS NULL OR p.tenant_id = %(only)s)
 ORDER BY p.failure IS NOT NULL, random()
 LIMIT %(tenants)s FOR UPDATE OF p SKIP LOCKED

-- news: the events of stretches of logs; the limit keeps the planner from joining with the whole table
SELECT s.ordinal, e.originator_id, e.originator_version, e.topic, e.entry, e.position, e.effective_at
  FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS s (tenant_id, after, until, ordinal)
 CROSS JOIN LATERAL (
    SELECT * FROM ledger.events AS e
     WHERE e.tenant_id = s.tenant_id AND e.position > s.after AND e.position <= s.until
     ORDER BY e.position LIMIT s.until - s.after
 ) AS e
 ORDER BY s.ordinal, e.position

-- advance: move the tenants' positions, and say where a fold stopped
UPDATE read_models.progress AS p
   SET position = n.position, failed_position = n.failed_position, failure = n.failure
  FROM unnest(%(tenant_ids)s::uuid[], %(positions)s::bigint[], %(failed)s::bigint[], %(failures)s::text[])
       AS n (tenant_id, position, failed_position, failure)
 WHERE p.projection = %(projection)s AND p.version = %(version)s AND p.tenant_id = n.tenant_id

-- fail: stop one tenant before the event after its position
UPDATE read_models.progress SET failed_position = position + 1, failure = %(failure)s
 WHERE projection = %(projection)s AND version = %(version)s AND tenant_id = %(tenant_id)s AND position = %(position)s

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

-- oldest_news: how many events are folded, and since when the first that is not folded waits, in seconds
WITH place AS MATERIALIZED (
    SELECT h.tenant_id, coalesce(p.position, 0) AS position, h.position AS head,
           p.failure IS NOT NULL OR EXISTS (
               SELECT FROM read_models.rebuilds AS r WHERE (r.projection, r.version) = (w.projection, w.version)
           ) AS held_back
      FROM unnest(%(projections)s::text[], %(versions)s::integer[]) AS w (projection, version)
     CROSS JOIN ledger.log_heads AS h
      LEFT JOIN read_models.progress AS p
        ON (p.projection, p.version, p.tenant_id) = (w.projection, w.version, h.tenant_id)
)
SELECT (SELECT coalesce(sum(position), 0) FROM place)::bigint,
       coalesce(extract(epoch FROM clock_timestamp() - min(e.effective_at)), 0)::float8
  FROM (SELECT DISTINCT tenant_id, position FROM place WHERE position < head AND NOT held_back LIMIT 100) AS behind
  JOIN ledger.events AS e ON e.tenant_id = behind.tenant_id AND e.position = behind.position + 1

-- retry: let stopped projections try again
UPDATE read_models.progress SET failed_position = NULL, failure = NULL
 WHERE projection = %(projection)s AND version = %(version)s AND failed_position IS NOT NULL

-- reached: how far a projection has folded the session's tenant
SELECT position FROM queries.progress WHERE projection = %(projection)s AND version = %(version)s

-- begin_list: name the tenant and bound the statements of a list; tell what is made anew of what it reads
SELECT set_config('ledger.tenant_id', %(tenant_id)s::text, true),
       set_config('statement_timeout', %(milliseconds)s, true),
       set_config('lock_timeout', '0', true),  -- waits for locks are part of the list's time
       ARRAY(
           SELECT r.projection FROM queries.rebuilds AS r
             JOIN unnest(%(projections)s::text[], %(versions)s::integer[]) AS w (projection, version)
            USING (projection, version) ORDER BY 1
       )

-- begin_list_of_times: the same, and the positions that the list's times stand for
SELECT set_config('ledger.tenant_id', %(tenant_id)s::text, true),
       set_config('statement_timeout', %(milliseconds)s, true),
       set_config('lock_timeout', '0', true),
       ARRAY(
           SELECT r.projection FROM queries.rebuilds AS r
             JOIN unnest(%(projections)s::text[], %(versions)s::integer[]) AS w (projection, version)
            USING (projection, version) ORDER BY 1
       ),
       ARRAY(
           SELECT ledger.position_at(%(tenant_id)s::uuid, m.at - interval '1 microsecond' * m.exclusive::integer)
             FROM unnest(%(moments)s::timestamptz[], %(exclusive)s::boolean[])
                  WITH ORDINALITY AS m (at, exclusive, ordinal)
            ORDER BY m.ordinal
       )

-- rebuilding_of: which of some read models are being made anew
SELECT ARRAY(
    SELECT r.projection FROM queries.rebuilds AS r
      JOIN unnest(%(projections)s::text[], %(versions)s::integer[]) AS w (projection, version)
     USING (projection, version) ORDER BY 1
)
