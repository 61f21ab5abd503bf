-- jobs: the jobs of the session's tenant
SELECT * FROM queries.jobs_v2 AS j

-- count: how many of them
SELECT count(*) FROM queries.jobs_v2 AS j

-- created_desc: the newest first
ORDER BY j.created_position DESC

-- created_asc: the oldest first
ORDER BY j.created_position

-- updated_desc: the last changed first
ORDER BY j.position DESC

-- updated_asc: the last changed last
ORDER BY j.position

-- after_created_desc: what comes after the last page
j.created_position < %(after)s

-- after_created_asc: what comes after the last page
j.created_position > %(after)s

-- after_updated_desc: what comes after the last page
j.position < %(after)s

-- after_updated_asc: what comes after the last page
j.position > %(after)s

-- status: of one status
j.status = %(status)s

-- media_kind: that make one kind
j.media_kind = %(media_kind)s

-- provider: by one provider
j.provider = %(provider)s

-- model: with one model
j.model = %(model)s

-- requester: requested by one actor
j.created_by = %(requester)s

-- subject: whose data one person's is
j.subject = %(subject)s

-- created_after: requested after a time (as a range of positions, which the order's index serves)
j.created_position > ledger.position_at(ledger.current_tenant(), %(created_after)s)

-- created_before: requested before a time
j.created_position <= ledger.position_at(ledger.current_tenant(), %(created_before)s - interval '1 microsecond')

-- updated_after: last changed after a time
j.position > ledger.position_at(ledger.current_tenant(), %(updated_after)s)

-- updated_before: last changed before a time
j.position <= ledger.position_at(ledger.current_tenant(), %(updated_before)s - interval '1 microsecond')

-- error: whose error message contains a text
j.error_search LIKE %(error)s

-- job: of the ledger's id or of the engine's own
(j.job_id = {as_id}::uuid OR j.run = {as_run})

-- other_references: that have all of many references, counted for each candidate
(SELECT count(*) FROM unnest(%(kinds)s::text[], %(ids)s::text[]) AS asked (kind, id)
   JOIN queries.job_references_v1 AS r USING (kind, id) WHERE r.job_id = j.job_id) = cardinality(%(kinds)s::text[])

-- reference: that have a reference (one condition for each of several)
EXISTS (SELECT FROM queries.job_references_v1 AS r
         WHERE r.job_id = j.job_id AND r.kind = {kind} AND r.id = {id})
