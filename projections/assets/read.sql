-- assets: the assets of the session's tenant
SELECT * FROM queries.assets_v2 AS a

-- count: how many of them
SELECT count(*) FROM queries.assets_v2 AS a

-- created_desc: the newest first
ORDER BY a.created_position DESC

-- created_asc: the oldest first
ORDER BY a.created_position

-- updated_desc: the last changed first
ORDER BY a.position DESC

-- updated_asc: the last changed last
ORDER BY a.position

-- after_created_desc: what comes after the last page
a.created_position < %(after)s

-- after_created_asc: what comes after the last page
a.created_position > %(after)s

-- after_updated_desc: what comes after the last page
a.position < %(after)s

-- after_updated_asc: what comes after the last page
a.position > %(after)s

-- live: all but deleted ones
a.status <> 'deleted'

-- status: of one status
a.status = %(status)s

-- media_kind: of one kind
a.media_kind = %(media_kind)s

-- creator: recorded by one actor
a.created_by = %(creator)s

-- subject: whose data one person's is
a.subject = %(subject)s

-- sha256: whose content has this digest
a.sha256 = %(sha256)s

-- content_type: whose media type begins with a text
a.content_type LIKE %(content_type)s

-- tags: with all of these tags
a.tags @> %(tags)s::text[]

-- created_after: recorded after a time (as a range of positions, which the order's index serves)
a.created_position > ledger.position_at(ledger.current_tenant(), %(created_after)s)

-- created_before: recorded before a time
a.created_position <= ledger.position_at(ledger.current_tenant(), %(created_before)s - interval '1 microsecond')

-- updated_after: last changed after a time
a.position > ledger.position_at(ledger.current_tenant(), %(updated_after)s)

-- updated_before: last changed before a time
a.position <= ledger.position_at(ledger.current_tenant(), %(updated_before)s - interval '1 microsecond')

-- deleted_before: deleted since before a time
a.deleted_at < %(deleted_before)s

-- name: whose name contains a text
a.name_search LIKE %(name)s

-- other_references: that have all of many references, counted for each candidate
(SELECT count(*) FROM unnest(%(kinds)s::text[], %(ids)s::text[]) AS asked (kind, id)
   JOIN queries.asset_references_v1 AS r USING (kind, id) WHERE r.asset_id = a.asset_id) = cardinality(%(kinds)s::text[])

-- reference: that have a reference (one condition for each of several)
EXISTS (SELECT FROM queries.asset_references_v1 AS r
         WHERE r.asset_id = a.asset_id AND r.kind = {kind} AND r.id = {id})

-- job: made by a job, by the ledger's id or by the engine's own
EXISTS (SELECT FROM queries.asset_references_v1 AS r
         WHERE r.asset_id = a.asset_id AND r.kind IN ('job', 'run') AND r.id = {id})
