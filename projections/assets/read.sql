-- assets: the assets of the session's tenant
SELECT * FROM queries.assets_v1 AS a

-- newest_first: the order of the list
ORDER BY a.created_position DESC

-- after_cursor: what comes after the last page
a.created_position < %(after)s

-- live: all but deleted ones
a.status <> 'deleted'

-- status: of one status
a.status = %(status)s

-- media_kind: of one kind
a.media_kind = %(media_kind)s

-- tags: with all of these tags
a.tags @> %(tags)s::text[]

-- created_after: recorded after a time
a.created_at > %(created_after)s

-- created_before: recorded before a time
a.created_at < %(created_before)s

-- name: whose name contains a text
a.name_search LIKE %(name)s

-- other_references: that have all of many references, counted for each candidate
(SELECT count(*) FROM unnest(%(kinds)s::text[], %(ids)s::text[]) AS asked (kind, id)
   JOIN queries.asset_references_v1 AS r USING (kind, id) WHERE r.asset_id = a.asset_id) = cardinality(%(kinds)s::text[])

-- reference: that have a reference (one condition for each of several)
EXISTS (SELECT FROM queries.asset_references_v1 AS r
         WHERE r.asset_id = a.asset_id AND r.kind = {kind} AND r.id = {id})
