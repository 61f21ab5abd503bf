-- wait_for_enrolment: until no rebuild blocks enrolment, and keep rebuilds from blocking it until the transaction ends
SELECT pg_advisory_xact_lock_shared(7352)

-- enrol: add a progress row for every tenant and projection
INSERT INTO read_models.progress (projection, version, tenant_id)
SELECT p.projection, p.version, h.tenant_id
  FROM read_models.present(%(projections)s::text[], %(versions)s::integer[]) AS p
 CROSS JOIN ledger.log_heads AS h
 WHERE NOT EXISTS (SELECT FROM read_models.progress AS known
                    WHERE (known.projection, known.version, known.tenant_id) = (p.projection, p.version, h.tenant_id))
 ORDER BY p.projection, p.version, h.tenant_id -- one order, so that two at once cannot deadlock
    ON CONFLICT DO NOTHING

-- activity: changes with every append, new tenant, rebuild, stop and retry; whether a tenant waits for a key
SELECT coalesce(sum(h.position), 0)::bigint, count(*),
       (SELECT count(*) FROM read_models.rebuilds),
       (SELECT count(*) FROM read_models.progress WHERE failure IS NOT NULL),
       EXISTS (SELECT FROM read_models.progress WHERE failure IS NOT NULL AND failed_position IS NULL)
  FROM ledger.log_heads AS h

-- pending: for each projection: events to fold, tenants to enrol, a rebuild to end
SELECT w.projection, w.version,
       bool_or(p.position < h.position AND p.failed_position IS NULL AND (%(waiting)s OR p.failure IS NULL))
       OR EXISTS (SELECT FROM read_models.slices AS s WHERE (s.projection, s.version) = (w.projection, w.version)),
       bool_or(p.tenant_id IS NULL),
       EXISTS (SELECT FROM read_models.rebuilds AS r WHERE (r.projection, r.version) = (w.projection, w.version))
  FROM read_models.present(%(projections)s::text[], %(versions)s::integer[]) AS w
 CROSS JOIN ledger.log_heads AS h
  LEFT JOIN read_models.progress AS p
    ON (p.projection, p.version, p.tenant_id) = (w.projection, w.version, h.tenant_id)
 GROUP BY w.projection, w.version

-- backlog: the number of events to fold, without tenants that have stopped or wait for a key
SELECT coalesce(sum(h.position - p.position), 0)::bigint
  FROM read_models.progress AS p JOIN ledger.log_heads AS h USING (tenant_id)
 WHERE p.projection = %(projection)s AND p.version = %(version)s AND p.failure IS NULL

-- totals: the number of events folded, of events recorded, and of tenants that have stopped or wait for a key
SELECT coalesce(sum(p.position), 0)::bigint + (
           SELECT coalesce(sum(s.folded), 0)::bigint FROM read_models.slices AS s
            WHERE s.projection = %(projection)s AND s.version = %(version)s
       ),
       coalesce(sum(h.position), 0)::bigint, count(*) FILTER (WHERE p.failure IS NOT NULL)
  FROM ledger.log_heads AS h LEFT JOIN read_models.progress AS p
    ON p.tenant_id = h.tenant_id AND p.projection = %(projection)s AND p.version = %(version)s

-- lag: how far each build is behind each log, the age in seconds of the first event after its checkpoint, and whether it
-- serves; a join could make the planner read all events, where this probes an index
SELECT asked.projection, asked.version, t.tenant_id, t.name, coalesce(p.position, 0), h.position,
       coalesce(p.quarantined, 0), p.failed_position, p.failure,
       CASE WHEN coalesce(p.position, 0) < h.position THEN (
           SELECT greatest(0, extract(epoch FROM clock_timestamp() - e.effective_at))::float8 FROM ledger.events AS e
            WHERE e.tenant_id = h.tenant_id AND e.position = coalesce(p.position, 0) + 1
       ) END, asked.projection, coalesce(own.build, everybody.build, m.read_model) = asked.projection
  FROM read_models.present(%(projections)s::text[], %(versions)s::integer[]) AS asked
  JOIN unnest(%(projections)s::text[], %(read_models)s::text[]) AS m (projection, read_model) USING (projection)
 CROSS JOIN ledger.log_heads AS h JOIN ledger.tenants AS t USING (tenant_id)
  LEFT JOIN read_models.served_builds AS own
    ON (own.projection, own.version, own.tenant_id) = (m.read_model, asked.version, h.tenant_id)
  LEFT JOIN read_models.served_builds AS everybody
    ON (everybody.projection, everybody.version, everybody.tenant_id) = (m.read_model, asked.version, %(everybody)s)
  LEFT JOIN read_models.progress AS p
    ON (p.projection, p.version, p.tenant_id) = (asked.projection, asked.version, h.tenant_id)
 ORDER BY asked.projection, t.name

-- late: the tenants whose projections have stopped, wait for a key or have not folded an event of that age, those that
-- have stopped first; without rebuilds
WITH behind AS MATERIALIZED (
    SELECT asked.projection, asked.version, t.tenant_id, t.name, p.position, h.position AS head, p.quarantined,
           p.failed_position, p.failure,
           CASE WHEN p.position < h.position THEN (
               SELECT greatest(0, extract(epoch FROM clock_timestamp() - e.effective_at))::float8 FROM ledger.events AS e
                WHERE e.tenant_id = h.tenant_id AND e.position = p.position + 1
           ) END AS seconds
      FROM read_models.present(%(projections)s::text[], %(versions)s::integer[]) AS asked
      JOIN read_models.progress AS p USING (projection, version)
      JOIN ledger.log_heads AS h ON h.tenant_id = p.tenant_id JOIN ledger.tenants AS t ON t.tenant_id = p.tenant_id
     WHERE p.position < h.position AND NOT EXISTS (
               SELECT FROM read_models.rebuilds AS r
                WHERE (r.projection, r.version) = (asked.projection, asked.version)
           )
)
SELECT behind.*, projection, queries.served_build(tenant_id, m.read_model, version) = projection
  FROM behind JOIN unnest(%(projections)s::text[], %(read_models)s::text[]) AS m (projection, read_model)
       USING (projection)
 WHERE failure IS NOT NULL OR seconds >= %(seconds)s
 ORDER BY failure IS NULL, seconds DESC LIMIT %(most)s

-- miscounted: checkpoints that are not the sum of what was folded and what was set aside; a release before does not count
SELECT p.projection, p.version, p.tenant_id, p.position, p.applied, p.quarantined, coalesce(q.events, 0)
  FROM read_models.present(%(projections)s::text[], %(versions)s::integer[]) AS asked
  JOIN read_models.progress AS p USING (projection, version)
  LEFT JOIN (
      SELECT projection, version, tenant_id, count(*) AS events FROM read_models.quarantine GROUP BY 1, 2, 3
  ) AS q ON (q.projection, q.version, q.tenant_id) = (p.projection, p.version, p.tenant_id)
 WHERE p.applied + p.quarantined <> p.position AND p.counted_to = p.position OR p.quarantined <> coalesce(q.events, 0)
 ORDER BY p.projection, p.tenant_id LIMIT 20

-- quarantined: the events that were set aside, by projection, tenant's name and position
SELECT q.projection, q.version, t.name, q.position, q.quarantined_at, q.failure
  FROM read_models.quarantine AS q JOIN ledger.tenants AS t USING (tenant_id)
 ORDER BY q.projection, q.version, t.name, q.position

-- failures: the tenants whose projections have stopped or wait for a key, and whether they are served from that build
SELECT p.projection, p.version, p.tenant_id, p.position, p.failure,
       queries.served_build(p.tenant_id, m.read_model, p.version) = p.projection
  FROM read_models.present(%(projections)s::text[], %(versions)s::integer[]) AS asked
  JOIN unnest(%(projections)s::text[], %(read_models)s::text[]) AS m (projection, read_model) USING (projection)
  JOIN read_models.progress AS p USING (projection, version)
 WHERE p.failure IS NOT NULL ORDER BY p.projection, p.tenant_id

-- delay: the number of events folded, and the age in seconds of the oldest event that is not
WITH place AS MATERIALIZED (
    SELECT h.tenant_id, coalesce(p.position, 0) AS position, h.position AS head,
           p.failure IS NOT NULL OR EXISTS (
               SELECT FROM read_models.rebuilds AS r WHERE (r.projection, r.version) = (w.projection, w.version)
           ) AS held_back
      FROM read_models.present(%(projections)s::text[], %(versions)s::integer[]) AS w
     CROSS JOIN ledger.log_heads AS h
      LEFT JOIN read_models.progress AS p
        ON (p.projection, p.version, p.tenant_id) = (w.projection, w.version, h.tenant_id)
)
SELECT (SELECT coalesce(sum(position), 0) FROM place)::bigint,
       coalesce(extract(epoch FROM clock_timestamp() - min(e.effective_at)), 0)::float8
  FROM (SELECT DISTINCT tenant_id, position FROM place WHERE position < head AND NOT held_back LIMIT 100) AS behind
  JOIN ledger.events AS e ON e.tenant_id = behind.tenant_id AND e.position = behind.position + 1

-- retry: let stopped projections try again; a log that is cut into slices waits for those
UPDATE read_models.progress SET failed_position = NULL, failure = NULL
 WHERE projection = %(projection)s AND version = %(version)s AND failed_position > 0
