-- audit_trail: the audit trail of the session's tenant
SELECT position, originator_id, revision FROM queries.audit_trail_v1 AS t

-- newest_first: the order of the trail
ORDER BY t.position DESC

-- after_cursor: what comes after the last page
t.position < %(after)s

-- actor: what one actor did
t.actor = %(actor)s

-- topics: what happened, by topic
t.topic = ANY (%(topics)s)

-- asset: what happened to one asset
t.originator_id = %(asset)s

-- since: from a time on
t.effective_at >= %(since)s

-- until: before a time
t.effective_at < %(until)s

-- correlation_id: what one request did
t.correlation_id = %(correlation_id)s
