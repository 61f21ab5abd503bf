-- assets: the assets of the session's tenant
SELECT * FROM queries.{assets} AS a

-- count: how many of them
SELECT count(*) FROM queries.{assets} AS a

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

-- deleted_before: deleted since before a time
a.deleted_at < %(deleted_before)s

-- name: whose name contains a text
a.name_search LIKE %(name)s

-- rarest_first: references by how many assets have them, the fewest first; more than `many` are not counted
SELECT asked.ordinal, counted.assets
  FROM unnest(%(kinds)s::text[], %(ids)s::text[]) WITH ORDINALITY AS asked (kinds, id, ordinal)
 CROSS JOIN LATERAL (
    SELECT count(*) AS assets FROM (
        SELECT FROM queries.{asset_references} AS r
         WHERE r.kind = ANY (string_to_array(asked.kinds, ',')) AND r.id = asked.id LIMIT %(many)s
    ) AS those
 ) AS counted
 ORDER BY counted.assets, asked.ordinal

-- has_rare: that have a reference which few have: those are found first
a.asset_id = ANY (ARRAY(
    SELECT r.asset_id FROM queries.{asset_references} AS r WHERE r.kind = ANY ({kinds}) AND r.id = {id}
))

-- has: that have a reference (one condition for each of several)
EXISTS (SELECT FROM queries.{asset_references} AS r
         WHERE r.asset_id = a.asset_id AND r.kind = {kind} AND r.id = {id})

-- has_of_kinds: that have a reference of one of several kinds
EXISTS (SELECT FROM queries.{asset_references} AS r
         WHERE r.asset_id = a.asset_id AND r.kind = ANY ({kinds}) AND r.id = {id})

-- has_others: that have all of many references, counted for each candidate
(SELECT count(*) FROM unnest(%(kinds)s::text[], %(ids)s::text[]) AS asked (kinds, id)
  WHERE EXISTS (SELECT FROM queries.{asset_references} AS r
                 WHERE r.asset_id = a.asset_id AND r.kind = ANY (string_to_array(asked.kinds, ','))
                   AND r.id = asked.id)) = cardinality(%(kinds)s::text[])
