-- listed_now: the assets of the session's tenant
queries.{assets}

-- listed_then: the versions of them that were valid at a moment
(SELECT * FROM queries.{asset_versions}
  WHERE position <= %(as_of)s::bigint AND coalesce(next_position, 9223372036854775807) > %(as_of)s::bigint)

-- references_now: the references that assets have
queries.{asset_references}

-- references_then: the references that assets had at a moment
(SELECT * FROM queries.{asset_references}_history
  WHERE position <= %(as_of)s::bigint AND (removed_position IS NULL OR removed_position > %(as_of)s::bigint)
     OR earlier IS NOT NULL AND width_bucket(%(as_of)s::bigint, earlier) %% 2 = 1)

-- terms_now: what the assets are found by
(SELECT * FROM queries.{asset_terms} WHERE next_position = 9223372036854775807)

-- terms_then: what they were found by at a moment
(SELECT * FROM queries.{asset_terms}
  WHERE position <= %(as_of)s::bigint AND next_position > %(as_of)s::bigint)

-- found_created_desc: the assets with all of some terms, the newest first, from one chunk after the other: a nested loop
SELECT a.* FROM generate_series(
    (SELECT max(l.created_position) FROM {listed} AS l WHERE l.created_position <= %(terms_until)s::bigint) >> 14,
    %(terms_since)s::bigint >> 14, -1) AS chunk
 CROSS JOIN LATERAL (
    SELECT t.asset_id AS found_id FROM {terms} AS t
     WHERE t.created_position >> 14 = chunk AND t.terms @> %(terms)s::text[]
       AND t.created_position BETWEEN %(terms_since)s::bigint AND %(terms_until)s::bigint
     ORDER BY t.created_position DESC OFFSET 0
 ) AS found
 CROSS JOIN LATERAL (SELECT * FROM {listed} AS l WHERE l.asset_id = found_id LIMIT 1) AS a

-- found_created_asc: the oldest first
SELECT a.* FROM generate_series(
    %(terms_since)s::bigint >> 14,
    (SELECT max(l.created_position) FROM {listed} AS l WHERE l.created_position <= %(terms_until)s::bigint) >> 14) AS chunk
 CROSS JOIN LATERAL (
    SELECT t.asset_id AS found_id FROM {terms} AS t
     WHERE t.created_position >> 14 = chunk AND t.terms @> %(terms)s::text[]
       AND t.created_position BETWEEN %(terms_since)s::bigint AND %(terms_until)s::bigint
     ORDER BY t.created_position OFFSET 0
 ) AS found
 CROSS JOIN LATERAL (SELECT * FROM {listed} AS l WHERE l.asset_id = found_id LIMIT 1) AS a

-- count_in_chunks: how many assets have all of some terms in the newest `chunks`; more than `most` are not counted
SELECT count(*) FROM (
    SELECT FROM (
        SELECT max(l.created_position) >> 14 AS chunk FROM {listed} AS l
         WHERE l.created_position <= %(terms_until)s::bigint
     ) AS newest
     CROSS JOIN generate_series(
        newest.chunk, greatest(newest.chunk - %(chunks)s::bigint, %(terms_since)s::bigint >> 14), -1) AS chunks (chunk)
     CROSS JOIN LATERAL (
        SELECT FROM {terms} AS t
         WHERE t.created_position >> 14 = chunks.chunk AND t.terms @> %(terms)s::text[]
           AND t.created_position BETWEEN %(terms_since)s::bigint AND %(terms_until)s::bigint LIMIT %(most)s
     ) AS found LIMIT %(most)s
) AS those

-- found_first: their number and ids, of at most `most` assets with all of some terms
SELECT count(*), coalesce(array_agg(asset_id), '{}')::text
  FROM (SELECT t.asset_id FROM {terms} AS t WHERE t.terms @> %(terms)s::text[] LIMIT %(most)s) AS those

-- found: the assets with all of some terms, which were found first
SELECT a.* FROM unnest(%(found)s::uuid[]) AS found_id
 CROSS JOIN LATERAL (SELECT * FROM {listed} AS l WHERE l.asset_id = found_id LIMIT 1) AS a

-- is_found: among those that were found first
a.asset_id = ANY (%(found)s::uuid[])

-- by_bitmap: no statistics let a table be read that an index of terms tells of
SELECT set_config(name, 'off', true) FROM unnest('{enable_seqscan,enable_indexscan,enable_indexonlyscan}'::text[]) AS name

-- by_any_scan: let the planner choose again
SELECT set_config(name, reset_val, true) FROM pg_settings
 WHERE name IN ('enable_seqscan', 'enable_indexscan', 'enable_indexonlyscan')

-- has_terms: with all of some terms, looked at for each candidate
EXISTS (SELECT FROM {terms} AS t WHERE t.asset_id = a.asset_id AND t.terms @> %(terms)s::text[] OFFSET 0)

-- among_found: with all of some terms, which are found first
a.asset_id IN (SELECT t.asset_id FROM {terms} AS t WHERE t.terms @> %(terms)s::text[])

-- assets: the assets of the list
SELECT * FROM {listed} AS a

-- documents: of the assets of a page whether they have content, and their members as JSON
created_position, position, content IS NOT NULL, {first_members}, {others}

-- count: how many of them
SELECT count(*) FROM {listed} AS a

-- before: what some assets, by the positions at which they were created, were at an earlier moment
SELECT earlier.asset_id, earlier.revision, earlier.status
  FROM unnest(%(created_positions)s::bigint[]) AS asked (created_position)
 CROSS JOIN LATERAL (
    SELECT v.asset_id, v.revision, v.status FROM queries.{asset_versions} AS v
     WHERE v.created_position = asked.created_position AND v.position <= %(since)s::bigint
     ORDER BY v.position DESC LIMIT 1
 ) AS earlier

-- changed_since: with an event after an earlier moment
a.position > %(since)s::bigint

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
        SELECT FROM {references} AS r
         WHERE r.kind = ANY (string_to_array(asked.kinds, ',')) AND r.id = asked.id LIMIT %(many)s
    ) AS those
 ) AS counted
 ORDER BY counted.assets, asked.ordinal

-- has_rare: that have a reference which few have: those are found first
a.asset_id = ANY (ARRAY(
    SELECT r.asset_id FROM {references} AS r WHERE r.kind = ANY ({kinds}) AND r.id = {id}
))

-- has: that have a reference (one condition for each of several)
EXISTS (SELECT FROM {references} AS r
         WHERE r.asset_id = a.asset_id AND r.kind = {kind} AND r.id = {id})

-- has_of_kinds: that have a reference of one of several kinds
EXISTS (SELECT FROM {references} AS r
         WHERE r.asset_id = a.asset_id AND r.kind = ANY ({kinds}) AND r.id = {id})

-- has_others: that have all of many references, counted for each candidate
(SELECT count(*) FROM unnest(%(kinds)s::text[], %(ids)s::text[]) AS asked (kinds, id)
  WHERE EXISTS (SELECT FROM {references} AS r
                 WHERE r.asset_id = a.asset_id AND r.kind = ANY (string_to_array(asked.kinds, ','))
                   AND r.id = asked.id)) = cardinality(%(kinds)s::text[])
