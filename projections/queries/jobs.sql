-- listed_now: the jobs of the session's tenant
queries.{jobs}

-- listed_then: the versions of them that were valid at a moment
(SELECT * FROM queries.{job_versions}
  WHERE position <= %(as_of)s::bigint AND coalesce(next_position, 9223372036854775807) > %(as_of)s::bigint)

-- references_now: the references of jobs, which never change
queries.{job_references}

-- references_then: the same
queries.{job_references}

-- jobs: the jobs of the list
SELECT * FROM {listed} AS j

-- documents: of the jobs of a page their members as JSON
created_position, position, {members}

-- count: how many of them
SELECT count(*) FROM {listed} AS j

-- status: of one status
j.status = %(status)s

-- media_kind: that make one kind
j.media_kind = %(media_kind)s

-- requester: requested by one actor
j.created_by = %(requester)s

-- subject: whose data one person's is
j.subject = %(subject)s

-- error: whose error message contains a text
j.error_search LIKE %(error)s

-- job: of the ledger's id or of the engine's own
(j.job_id = {as_id}::uuid OR j.run = {as_run})

-- rarest_first: references by how many jobs have them, the fewest first; more than `many` are not counted
SELECT asked.ordinal, counted.jobs
  FROM unnest(%(kinds)s::text[], %(ids)s::text[]) WITH ORDINALITY AS asked (kinds, id, ordinal)
 CROSS JOIN LATERAL (
    SELECT count(*) AS jobs FROM (
        SELECT FROM {references} AS r
         WHERE r.kind = ANY (string_to_array(asked.kinds, ',')) AND r.id = asked.id LIMIT %(many)s
    ) AS those
 ) AS counted
 ORDER BY counted.jobs, asked.ordinal

-- has_rare: that have a reference which few have: those are found first
j.job_id = ANY (ARRAY(
    SELECT r.job_id FROM {references} AS r WHERE r.kind = ANY ({kinds}) AND r.id = {id}
))

-- has: that have a reference (one condition for each of several)
EXISTS (SELECT FROM {references} AS r
         WHERE r.job_id = j.job_id AND r.kind = {kind} AND r.id = {id})

-- has_others: that have all of many references, counted for each candidate
(SELECT count(*) FROM unnest(%(kinds)s::text[], %(ids)s::text[]) AS asked (kinds, id)
  WHERE EXISTS (SELECT FROM {references} AS r
                 WHERE r.job_id = j.job_id AND r.kind = ANY (string_to_array(asked.kinds, ','))
                   AND r.id = asked.id)) = cardinality(%(kinds)s::text[])
