-- audit_trail: the audit trail of the session's tenant
SELECT position, originator_id, revision, topic FROM queries.{audit_trail} AS t

-- newest_first: the order of the trail
ORDER BY t.position DESC

-- after_cursor: what comes after the last page
t.position < %(after)s

-- recorded_by: recorded up to a position
t.position <= %(recorded_by)s

-- actor: what one actor did
t.actor = %(actor)s

-- key: what was done with one key
t.key_id = %(key)s

-- topics: what happened, by topic
t.topic = ANY (%(topics)s)

-- asset: what happened to one asset
t.originator_id = %(asset)s

-- job: what happened to one job, and to every asset that was ever said to be made by it
t.originator_id IN (
    SELECT %(job)s::uuid
    UNION ALL
    SELECT named.originator_id FROM queries.{audit_trail} AS named
     WHERE named.refs @> ARRAY['job:' || %(job)s::uuid] AND starts_with(named.topic, 'asset.')
)

-- references: what names all of these references
t.refs @> %(references)s::text[]

-- text: whose words contain a text
t.text_search LIKE %(text)s

-- since: from a time on (the position of that time, which the order's index serves)
t.position > %(since)s

-- until: before a time
t.position <= %(until)s

-- correlation_id: what one request did (by the digest that the index has of it, which is half as long)
hashtextextended(t.correlation_id, 0) = hashtextextended(%(correlation_id)s, 0)
    AND t.correlation_id = %(correlation_id)s

-- positions_of_topics: how far the trail goes, and the next positions of some topics in it: of each by the trail's index
WITH trail AS MATERIALIZED (
    SELECT coalesce(max(position), 0) AS ends FROM queries.progress
     WHERE projection = %(build)s AND version = %(version)s
)
SELECT trail.ends, ARRAY(
           SELECT next.position FROM unnest(%(topics)s::text[]) AS requested (topic)
            CROSS JOIN LATERAL (
               SELECT t.position FROM queries.{audit_trail} AS t
                WHERE t.topic = requested.topic AND t.position > %(after)s AND t.position <= least(trail.ends, %(until)s)
                ORDER BY t.position LIMIT %(limit)s
            ) AS next
            ORDER BY next.position LIMIT %(limit)s
       )
  FROM trail
