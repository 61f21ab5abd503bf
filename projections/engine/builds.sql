-- serving: for every tenant, and at last for those that come later, the build of a read model that serves
SELECT tenant_id, queries.served_build(tenant_id, %(projection)s, %(version)s)
  FROM (SELECT tenant_id FROM ledger.log_heads ORDER BY tenant_id) AS tenants
 UNION ALL
SELECT %(everybody)s, queries.served_build(%(everybody)s, %(projection)s, %(version)s)

-- in_use: whether anybody is served from a build, or was a minute ago: lists that began before a switch may read it still
SELECT queries.served_build(%(everybody)s, %(first)s, %(version)s) = %(projection)s
    OR EXISTS (SELECT FROM read_models.served_builds AS s
                WHERE s.projection = %(first)s AND s.version = %(version)s AND s.build = %(projection)s),
       EXISTS (SELECT FROM read_models.served_builds AS s
                WHERE s.projection = %(first)s AND s.version = %(version)s
                  AND s.previous = %(projection)s AND s.switched_at > clock_timestamp() - interval '1 minute')

-- forget_previous: a build cannot serve again as it was
UPDATE read_models.served_builds SET previous = NULL
 WHERE projection = %(first)s AND version = %(version)s AND previous = %(projection)s

-- serve_everybody: have a build serve the tenants that come later
INSERT INTO read_models.served_builds (projection, version, tenant_id, build, previous)
VALUES (%(projection)s, %(version)s, %(everybody)s, %(build)s, %(previous)s)
    ON CONFLICT (projection, version, tenant_id)
    DO UPDATE SET build = excluded.build, previous = excluded.previous, switched_at = excluded.switched_at

-- previous: the build that served everybody before, if it can serve again
SELECT previous FROM read_models.served_builds
 WHERE projection = %(projection)s AND version = %(version)s AND tenant_id = %(everybody)s

-- forget: nobody is served any more from an older version
DELETE FROM read_models.served_builds WHERE projection = %(projection)s AND version = %(version)s

-- one_snapshot: let the transaction see one moment
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY

-- checkpoints: the positions of some builds in one tenant's log, and why they have stopped
SELECT p.projection, p.version, p.position, p.failure
  FROM unnest(%(projections)s::text[], %(versions)s::integer[]) AS asked (projection, version)
  JOIN read_models.progress AS p USING (projection, version) WHERE p.tenant_id = %(tenant_id)s
