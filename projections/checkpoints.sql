-- position: the checkpoint of the build that serves in the log of the session's tenant
SELECT position FROM queries.progress
 WHERE projection = (SELECT queries.served_build(ledger.current_tenant(), %(projection)s, %(version)s))
   AND version = %(version)s

-- lag: of each projection, how far the build that serves is behind the log of the session's tenant
SELECT asked.projection, asked.version, t.tenant_id, t.name, coalesce(p.position, 0), h.position,
       coalesce(p.quarantined, 0), p.failed_position, p.failure,
       CASE WHEN coalesce(p.position, 0) < h.position THEN (
           SELECT greatest(0, extract(epoch FROM clock_timestamp() - e.effective_at))::float8 FROM ledger.events AS e
            WHERE e.tenant_id = h.tenant_id AND e.position = coalesce(p.position, 0) + 1
       ) END, queries.served_build(h.tenant_id, asked.projection, asked.version), true
  FROM unnest(%(projections)s::text[], %(versions)s::integer[]) AS asked (projection, version)
 CROSS JOIN ledger.log_heads AS h JOIN ledger.tenants AS t USING (tenant_id)
  LEFT JOIN queries.progress AS p
    ON (p.projection, p.version)
     = (queries.served_build(h.tenant_id, asked.projection, asked.version), asked.version)
 WHERE h.tenant_id = ledger.current_tenant() ORDER BY asked.projection

-- stopped_at: the position that a projection has stopped at in the log of the session's tenant
SELECT failed_position FROM queries.progress WHERE projection = %(projection)s AND version = %(version)s

-- quarantine_event: set aside the event that a projection has stopped at; null unless it has stopped there
SELECT queries.quarantine_event(%(projection)s, %(version)s, %(position)s)

-- switch_build: have a build serve the session's tenant; null unless it is whole and as far as the one that serves
SELECT queries.switch_build(%(projection)s, %(version)s, %(build)s)
