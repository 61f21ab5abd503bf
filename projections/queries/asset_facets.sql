-- content_types: the media types that assets of the tenant have and that begin with a text, at most so many
WITH RECURSIVE types (value) AS (
    (SELECT value FROM queries.{assets}_facets
      WHERE facet = 'content_type' AND value >= %(prefix)s ORDER BY value LIMIT 1)
    UNION ALL
    SELECT (SELECT f.value FROM queries.{assets}_facets AS f
             WHERE f.facet = 'content_type' AND f.value > types.value ORDER BY f.value LIMIT 1)
      FROM types WHERE starts_with(types.value, %(prefix)s)
)
SELECT value FROM types WHERE starts_with(value, %(prefix)s) LIMIT %(most)s

-- sets: the sets of every criterion in those chunks in which all of them have members, in an order
WITH asked AS MATERIALIZED (
    SELECT * FROM unnest(%(facets)s::text[], %(values)s::text[], %(numbers)s::integer[]) AS a (facet, value, number)
), chunks AS MATERIALIZED (
    SELECT f.chunk FROM asked CROSS JOIN LATERAL (
        SELECT chunk FROM queries.{assets}_facets
         WHERE facet = asked.facet AND value = asked.value AND chunk BETWEEN %(first)s AND %(last)s OFFSET 0
    ) AS f
     GROUP BY f.chunk HAVING count(DISTINCT asked.number) = %(criteria)s
     ORDER BY f.chunk * %(direction)s LIMIT %(most)s
)
SELECT chunks.chunk, asked.number, f.members, f.places FROM chunks CROSS JOIN asked CROSS JOIN LATERAL (
    SELECT members, places FROM queries.{assets}_facets
     WHERE facet = asked.facet AND value = asked.value AND chunk = chunks.chunk OFFSET 0
) AS f
 ORDER BY chunks.chunk * %(direction)s

-- changed: the sets of assets whose last events are in some blocks, in some chunks
SELECT b.block, f.chunk, f.members, f.places
  FROM unnest(%(blocks)s::integer[]) AS b (block) CROSS JOIN LATERAL (
    SELECT chunk, members, places FROM queries.{assets}_facets
     WHERE facet = 'changed' AND value = b.block::text AND chunk = ANY (%(chunks)s) OFFSET 0
) AS f

-- last_changed: the position of the last event of any asset
SELECT max(position) FROM queries.{assets}

-- positions_of: when the assets that were created at some positions were changed last
SELECT created_position, position FROM queries.{assets} WHERE created_position = ANY (%(places)s)

-- changed_desc: the assets in the order of their last events, the newest first, at most so many
SELECT created_position, position FROM queries.{assets}
 WHERE position > %(after)s AND position <= %(until)s ORDER BY position DESC LIMIT %(most)s

-- changed_asc: the same, the oldest first
SELECT created_position, position FROM queries.{assets}
 WHERE position > %(after)s AND position <= %(until)s ORDER BY position LIMIT %(most)s

-- rows: the assets that were created at some positions
SELECT * FROM queries.{assets} WHERE created_position = ANY (%(places)s)

-- live_created_desc: those of the first assets in an order that are not deleted
SELECT * FROM (
    SELECT * FROM queries.{assets}
     WHERE created_position > %(after)s AND created_position <= %(until)s ORDER BY created_position DESC LIMIT %(most)s
) AS a
 WHERE status <> 'deleted' ORDER BY created_position DESC LIMIT %(limit)s

-- live_created_asc: those of the first assets in an order that are not deleted
SELECT * FROM (
    SELECT * FROM queries.{assets}
     WHERE created_position > %(after)s AND created_position <= %(until)s ORDER BY created_position LIMIT %(most)s
) AS a
 WHERE status <> 'deleted' ORDER BY created_position LIMIT %(limit)s

-- live_updated_desc: those of the first assets in an order that are not deleted
SELECT * FROM (
    SELECT * FROM queries.{assets}
     WHERE position > %(after)s AND position <= %(until)s ORDER BY position DESC LIMIT %(most)s
) AS a
 WHERE status <> 'deleted' ORDER BY position DESC LIMIT %(limit)s

-- live_updated_asc: those of the first assets in an order that are not deleted
SELECT * FROM (
    SELECT * FROM queries.{assets}
     WHERE position > %(after)s AND position <= %(until)s ORDER BY position LIMIT %(most)s
) AS a
 WHERE status <> 'deleted' ORDER BY position LIMIT %(limit)s
