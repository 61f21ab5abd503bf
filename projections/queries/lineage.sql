-- up: the edges that lead to some assets and jobs. A reference to a job of the ledger is the job itself. Each part is
-- limited by itself, so that what has very many edges is not read and sorted whole.
SELECT e.start, e.node, e.kind, e.position FROM (
    (SELECT l.from_type || ':' || l.from_id, l.to_type || ':' || l.to_id, l.kind, l.position
       FROM queries.{lineage} AS l WHERE l.to_id = ANY (%(assets)s::uuid[] || %(jobs)s::uuid[])
      LIMIT %(limit)s)
    UNION ALL
    (SELECT CASE WHEN j.job_id IS NULL THEN 'reference:' || named.reference ELSE named.reference END,
            'asset:' || a.asset_id, r.role, r.position
       FROM queries.{assets} AS a
      CROSS JOIN LATERAL unnest(a.origin || a.links || a.scope) AS named (reference)
       JOIN queries.{asset_references} AS r
         ON r.kind = split_part(named.reference, ':', 1)
        AND r.id = substr(named.reference, strpos(named.reference, ':') + 1) AND r.asset_id = a.asset_id
       LEFT JOIN queries.{jobs} AS j
         ON r.kind = 'job' AND j.job_id = CASE WHEN r.id ~ %(uuid)s THEN r.id::uuid END
      WHERE a.asset_id = ANY (%(assets)s::uuid[])
      LIMIT %(limit)s)
    UNION ALL
    (SELECT CASE WHEN j.job_id IS NULL THEN 'reference:' || named.reference ELSE named.reference END,
            'job:' || asked.job_id,
            CASE WHEN named.reference = asked.scope THEN 'scope'
                 WHEN split_part(named.reference, ':', 1) = ANY (%(origin_kinds)s::text[]) THEN 'origin'
                 ELSE 'link' END,
            asked.created_position
       FROM queries.{jobs} AS asked
      CROSS JOIN LATERAL unnest(asked.refs || asked.scope) AS named (reference)
       LEFT JOIN queries.{jobs} AS j
         ON j.job_id = CASE WHEN starts_with(named.reference, 'job:') AND substr(named.reference, 5) ~ %(uuid)s
                            THEN substr(named.reference, 5)::uuid END
      WHERE asked.job_id = ANY (%(jobs)s::uuid[]) AND named.reference IS NOT NULL
      LIMIT %(limit)s)
) AS e (start, node, kind, position)
 ORDER BY e.position, e.start, e.node LIMIT %(limit)s

-- down: the edges that lead from some assets and jobs
SELECT e.start, e.node, e.kind, e.position FROM (
    (SELECT l.from_type || ':' || l.from_id, l.to_type || ':' || l.to_id, l.kind, l.position
       FROM queries.{lineage} AS l WHERE l.from_id = ANY (%(assets)s::uuid[] || %(jobs)s::uuid[])
      LIMIT %(limit)s)
    UNION ALL
    (SELECT 'job:' || r.id, 'asset:' || r.asset_id, r.role, r.position
       FROM queries.{asset_references} AS r WHERE r.kind = 'job' AND r.id = ANY (%(jobs)s::text[])
      LIMIT %(limit)s)
    UNION ALL
    (SELECT 'job:' || r.id, 'job:' || j.job_id,
            CASE WHEN j.scope = 'job:' || r.id THEN 'scope' ELSE 'origin' END, j.created_position
       FROM queries.{job_references} AS r JOIN queries.{jobs} AS j USING (job_id)
      WHERE r.kind = 'job' AND r.id = ANY (%(jobs)s::text[])
      LIMIT %(limit)s)
) AS e (start, node, kind, position)
 ORDER BY e.position, e.start, e.node LIMIT %(limit)s

-- down_from_reference: the edges that lead from a reference
SELECT 'reference:' || %(kind)s::text || ':' || %(id)s::text, e.node, e.kind, e.position FROM (
    (SELECT 'asset:' || r.asset_id, r.role, r.position
       FROM queries.{asset_references} AS r WHERE r.kind = %(kind)s AND r.id = %(id)s
      ORDER BY r.asset_id LIMIT %(limit)s)
    UNION ALL
    (SELECT 'job:' || j.job_id,
            CASE WHEN j.scope = %(kind)s::text || ':' || %(id)s::text THEN 'scope'
                 WHEN r.kind = ANY (%(origin_kinds)s::text[]) THEN 'origin'
                 ELSE 'link' END,
            j.created_position
       FROM queries.{job_references} AS r JOIN queries.{jobs} AS j USING (job_id)
      WHERE r.kind = %(kind)s AND r.id = %(id)s
      ORDER BY r.job_id LIMIT %(limit)s)
) AS e (node, kind, position)
 ORDER BY e.position, e.node LIMIT %(limit)s

-- assets: what is told of some assets
SELECT 'asset:' || a.asset_id, a.created_position, a.created_at, a.name, a.media_kind, a.status
  FROM queries.{assets} AS a WHERE a.asset_id = ANY (%(ids)s::uuid[])

-- jobs: what is told of some jobs
SELECT 'job:' || j.job_id, j.created_position, j.created_at, j.status, j.provider, j.model, j.media_kind, j.updated_at
  FROM queries.{jobs} AS j WHERE j.job_id = ANY (%(ids)s::uuid[])

-- times: when some events took effect
SELECT e.position, e.effective_at FROM ledger.events AS e
 WHERE e.tenant_id = %(tenant_id)s AND e.position = ANY (%(positions)s::bigint[])
