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

-- created_by: how many assets were created at or before some positions, in their order
SELECT coalesce(d.block * %(block)s + width_bucket(asked.position, d.positions), 0)
  FROM unnest(%(positions)s::bigint[]) WITH ORDINALITY AS asked (position, ordinal)
  LEFT JOIN LATERAL (
    SELECT block, positions FROM queries.{assets}_places
     WHERE first_position <= asked.position ORDER BY first_position DESC LIMIT 1
 ) AS d ON true
 ORDER BY asked.ordinal

-- sets: the sets of every criterion in those chunks in which all of them have members, in an order, and what they lack
WITH asked AS MATERIALIZED (
    SELECT * FROM unnest(%(facets)s::text[], %(values)s::text[], %(numbers)s::integer[]) AS a (facet, value, number)
), chunks AS MATERIALIZED (
    SELECT f.chunk FROM asked CROSS JOIN LATERAL (
        SELECT chunk FROM queries.{assets}_facets
         WHERE facet = asked.facet AND value = asked.value AND chunk BETWEEN %(first)s AND %(last)s OFFSET 0
    ) AS f
     WHERE asked.number >= 0
     GROUP BY f.chunk HAVING count(DISTINCT asked.number) = %(criteria)s
     ORDER BY f.chunk * %(direction)s LIMIT %(most)s
)
SELECT f.chunk, asked.number, f.members, f.places FROM asked CROSS JOIN LATERAL (
    SELECT chunk, members, places FROM queries.{assets}_facets
     WHERE facet = asked.facet AND value = asked.value AND chunk = ANY (ARRAY(SELECT chunk FROM chunks)) OFFSET 0
) AS f
 ORDER BY f.chunk * %(direction)s

-- members: the sets of some facets, in some chunks
SELECT asked.facet, asked.value, f.chunk, f.members, f.places
  FROM unnest(%(facets)s::text[], %(values)s::text[]) AS asked (facet, value) CROSS JOIN LATERAL (
    SELECT chunk, members, places FROM queries.{assets}_facets
     WHERE facet = asked.facet AND value = asked.value AND chunk BETWEEN %(first)s AND %(last)s OFFSET 0
) AS f

-- last_changed: the position of the last event of any asset
SELECT max(position) FROM queries.{assets}

-- changes_of: the positions of the last events of the assets at some places
SELECT p.place, a.position
  FROM unnest(%(places)s::integer[]) AS p (place) CROSS JOIN LATERAL (
    SELECT positions[p.place %% %(block)s + 1] AS created FROM queries.{assets}_places
     WHERE block = p.place / %(block)s OFFSET 0
 ) AS d CROSS JOIN LATERAL (
    SELECT position FROM queries.{assets} WHERE created_position = d.created OFFSET 0
 ) AS a

-- named: those of the assets at some places whose names are like a pattern
SELECT p.place
  FROM unnest(%(places)s::integer[]) AS p (place) CROSS JOIN LATERAL (
    SELECT positions[p.place %% %(block)s + 1] AS created FROM queries.{assets}_places
     WHERE block = p.place / %(block)s OFFSET 0
 ) AS d CROSS JOIN LATERAL (
    SELECT name_search FROM queries.{assets} WHERE created_position = d.created OFFSET 0
 ) AS a
 WHERE a.name_search LIKE %(pattern)s

-- having_terms: those of the assets at some places that have all of some terms
SELECT p.place
  FROM unnest(%(places)s::integer[]) AS p (place) CROSS JOIN LATERAL (
    SELECT positions[p.place %% %(block)s + 1] AS created FROM queries.{assets}_places
     WHERE block = p.place / %(block)s OFFSET 0
 ) AS d CROSS JOIN LATERAL (
    SELECT asset_id FROM queries.{assets} WHERE created_position = d.created OFFSET 0
 ) AS a CROSS JOIN LATERAL (
    SELECT terms FROM queries.{asset_terms}
     WHERE asset_id = a.asset_id AND next_position = 9223372036854775807 OFFSET 0
 ) AS t
 WHERE t.terms @> %(terms)s::text[]

-- changed_desc: the places of assets in the order of their last events, the newest first, at most so many
SELECT d.place, a.position FROM (
    SELECT created_position, position FROM queries.{assets}
     WHERE position > %(after)s AND position <= %(until)s ORDER BY position DESC LIMIT %(most)s
 ) AS a CROSS JOIN LATERAL (
    SELECT block * %(block)s + width_bucket(a.created_position, positions) - 1 AS place FROM queries.{assets}_places
     WHERE first_position <= a.created_position ORDER BY first_position DESC LIMIT 1
 ) AS d
 ORDER BY a.position DESC

-- changed_asc: the same, the oldest first
SELECT d.place, a.position FROM (
    SELECT created_position, position FROM queries.{assets}
     WHERE position > %(after)s AND position <= %(until)s ORDER BY position LIMIT %(most)s
 ) AS a CROSS JOIN LATERAL (
    SELECT block * %(block)s + width_bucket(a.created_position, positions) - 1 AS place FROM queries.{assets}_places
     WHERE first_position <= a.created_position ORDER BY first_position DESC LIMIT 1
 ) AS d
 ORDER BY a.position

-- rows: the assets at some places
SELECT a.*
  FROM unnest(%(places)s::integer[]) AS p (place) CROSS JOIN LATERAL (
    SELECT positions[p.place %% %(block)s + 1] AS created FROM queries.{assets}_places
     WHERE block = p.place / %(block)s OFFSET 0
 ) AS d CROSS JOIN LATERAL (
    SELECT * FROM queries.{assets} WHERE created_position = d.created OFFSET 0
 ) AS a

-- changed_rows: of the assets at some places, the first in the order of their last events that are in a span
SELECT a.*
  FROM unnest(%(places)s::integer[]) AS p (place) CROSS JOIN LATERAL (
    SELECT positions[p.place %% %(block)s + 1] AS created FROM queries.{assets}_places
     WHERE block = p.place / %(block)s OFFSET 0
 ) AS d CROSS JOIN LATERAL (
    SELECT * FROM queries.{assets} WHERE created_position = d.created OFFSET 0
 ) AS a
 WHERE a.position > %(after)s AND a.position <= %(until)s
 ORDER BY a.position * %(direction)s LIMIT %(limit)s

-- live_created_desc: those of the first assets in an order that are not deleted, in any order
SELECT * FROM (
    SELECT * FROM queries.{assets}
     WHERE created_position > %(after)s AND created_position <= %(until)s ORDER BY created_position DESC LIMIT %(most)s
) AS a
 WHERE status <> 'deleted'

-- live_created_asc: those of the first assets in an order that are not deleted, in any order
SELECT * FROM (
    SELECT * FROM queries.{assets}
     WHERE created_position > %(after)s AND created_position <= %(until)s ORDER BY created_position LIMIT %(most)s
) AS a
 WHERE status <> 'deleted'

-- live_updated_desc: those of the first assets in an order that are not deleted, in any order
SELECT * FROM (
    SELECT * FROM queries.{assets}
     WHERE position > %(after)s AND position <= %(until)s ORDER BY position DESC LIMIT %(most)s
) AS a
 WHERE status <> 'deleted'

-- live_updated_asc: those of the first assets in an order that are not deleted, in any order
SELECT * FROM (
    SELECT * FROM queries.{assets}
     WHERE position > %(after)s AND position <= %(until)s ORDER BY position LIMIT %(most)s
) AS a
 WHERE status <> 'deleted'
