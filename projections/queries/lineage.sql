-- edges_now: the edges between assets and jobs
queries.{lineage}

-- edges_then: those that were there at a moment: none is ever removed
(SELECT * FROM queries.{lineage} WHERE position <= %(as_of)s::bigint)

-- listed_now: the assets
queries.{assets}

-- listed_then: the versions of them that were valid at a moment
(SELECT * FROM queries.{asset_versions}
  WHERE position <= %(as_of)s::bigint AND coalesce(next_position, 9223372036854775807) > %(as_of)s::bigint)

-- references_now: the references that assets have
queries.{asset_references}

-- references_then: the references that assets had at a moment, each with the event that had made it then
(SELECT kind, id, asset_id, role,
        CASE WHEN position <= %(as_of)s::bigint THEN position
             ELSE earlier[width_bucket(%(as_of)s::bigint, earlier)] END AS position
   FROM queries.{asset_references}_history
  WHERE position <= %(as_of)s::bigint AND (removed_position IS NULL OR removed_position > %(as_of)s::bigint)
     OR earlier IS NOT NULL AND width_bucket(%(as_of)s::bigint, earlier) %% 2 = 1)

-- worked_now: the jobs
queries.{jobs}

-- worked_then: the versions of them that were valid at a moment
(SELECT * FROM queries.{job_versions}
  WHERE position <= %(as_of)s::bigint AND coalesce(next_position, 9223372036854775807) > %(as_of)s::bigint)

-- without_links: the assets whose versions have too many links to hold them, and the revisions of those
SELECT a.asset_id, a.revision FROM {listed} AS a WHERE a.asset_id = ANY (%(ids)s::uuid[]) AND a.links IS NULL

-- up: the edges that lead to some assets and jobs. A reference to a job of the ledger is the job itself. Each part is
-- limited by itself, so that what has very many edges is not read and sorted whole.
SELECT e.start, e.node, e.kind, e.position FROM (
    (SELECT l.from_type || ':' || l.from_id, l.to_type || ':' || l.to_id, l.kind, l.position
       FROM {edges} AS l WHERE l.to_id = ANY (%(assets)s::uuid[] || %(jobs)s::uuid[])
      LIMIT %(limit)s)
    UNION ALL
    (SELECT CASE WHEN j.job_id IS NULL THEN 'reference:' || named.reference ELSE named.reference END,
            'asset:' || named.asset_id, r.role, r.position
       FROM (
          SELECT a.asset_id, own.reference FROM {listed} AS a
           CROSS JOIN LATERAL unnest(a.origin || a.links || a.scope) AS own (reference)
           WHERE a.asset_id = ANY (%(assets)s::uuid[])
          UNION ALL
          SELECT * FROM unnest(%(linked_assets)s::uuid[], %(links)s::text[])
       ) AS named
       JOIN {references} AS r
         ON r.kind = split_part(named.reference, ':', 1)
        AND r.id = substr(named.reference, strpos(named.reference, ':') + 1) AND r.asset_id = named.asset_id
       LEFT JOIN {worked} AS j
         ON r.kind = 'job' AND j.job_id = CASE WHEN r.id ~ %(uuid)s THEN r.id::uuid END
      LIMIT %(limit)s)
    UNION ALL
    (SELECT CASE WHEN j.job_id IS NULL THEN 'reference:' || named.reference ELSE named.reference END,
            'job:' || asked.job_id,
            CASE WHEN named.reference = asked.scope THEN 'scope'
                 WHEN split_part(named.reference, ':', 1) = ANY (%(origin_kinds)s::text[]) THEN 'origin'
                 ELSE 'link' END,
            asked.created_position
       FROM {worked} AS asked
      CROSS JOIN LATERAL unnest(asked.refs || asked.scope) AS named (reference)
       LEFT JOIN {worked} AS j
         ON j.job_id = CASE WHEN starts_with(named.reference, 'job:') AND substr(named.reference, 5) ~ %(uuid)s
                            THEN substr(named.reference, 5)::uuid END
      WHERE asked.job_id = ANY (%(jobs)s::uuid[]) AND named.reference IS NOT NULL
      LIMIT %(limit)s)
) AS e (start, node, kind, position)
 ORDER BY e.position, e.start, e.node LIMIT %(limit)s

-- down: the edges that lead from some assets and jobs
SELECT e.start, e.node, e.kind, e.position FROM (
    (SELECT l.from_type || ':' || l.from_id, l.to_type || ':' || l.to_id, l.kind, l.position
       FROM {edges} AS l WHERE l.from_id = ANY (%(assets)s::uuid[] || %(jobs)s::uuid[])
      LIMIT %(limit)s)
    UNION ALL
    (SELECT 'job:' || r.id, 'asset:' || r.asset_id, r.role, r.position
       FROM {references} AS r WHERE r.kind = 'job' AND r.id = ANY (%(jobs)s::text[])
      LIMIT %(limit)s)
    UNION ALL
    (SELECT 'job:' || r.id, 'job:' || j.job_id,
            CASE WHEN j.scope = 'job:' || r.id THEN 'scope' ELSE 'origin' END, j.created_position
       FROM queries.{job_references} AS r JOIN {worked} AS j USING (job_id)
      WHERE r.kind = 'job' AND r.id = ANY (%(jobs)s::text[])
      LIMIT %(limit)s)
) AS e (start, node, kind, position)
 ORDER BY e.position, e.start, e.node LIMIT %(limit)s

-- down_from_reference: the edges that lead from a reference
SELECT 'reference:' || %(kind)s::text || ':' || %(id)s::text, e.node, e.kind, e.position FROM (
    (SELECT 'asset:' || r.asset_id, r.role, r.position
       FROM {references} AS r WHERE r.kind = %(kind)s AND r.id = %(id)s
      ORDER BY r.asset_id LIMIT %(limit)s)
    UNION ALL
    (SELECT 'job:' || j.job_id,
            CASE WHEN j.scope = %(kind)s::text || ':' || %(id)s::text THEN 'scope'
                 WHEN r.kind = ANY (%(origin_kinds)s::text[]) THEN 'origin'
                 ELSE 'link' END,
            j.created_position
       FROM queries.{job_references} AS r JOIN {worked} AS j USING (job_id)
      WHERE r.kind = %(kind)s AND r.id = %(id)s
      ORDER BY r.job_id LIMIT %(limit)s)
) AS e (node, kind, position)
 ORDER BY e.position, e.node LIMIT %(limit)s

-- assets: what is told of some assets
SELECT 'asset:' || a.asset_id, a.created_position, a.created_at, a.name, a.media_kind, a.status
  FROM {listed} AS a WHERE a.asset_id = ANY (%(ids)s::uuid[])

-- jobs: what is told of some jobs
SELECT 'job:' || j.job_id, j.created_position, j.created_at, j.status, j.provider, j.model, j.media_kind, j.updated_at
  FROM {worked} AS j WHERE j.job_id = ANY (%(ids)s::uuid[])

-- times: when some events took effect
SELECT e.position, e.effective_at FROM ledger.events AS e
 WHERE e.tenant_id = %(tenant_id)s AND e.position = ANY (%(positions)s::bigint[])
