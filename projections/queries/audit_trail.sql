-- audit_trail: the audit trail of the session's tenant
SELECT position, originator_id, revision, topic FROM queries.{audit_trail} AS t

-- newest_first: the order of the trail
ORDER BY t.position DESC

-- newest_first_by_span: the same, as indexes by hash and span have it, up to the order within a span
ORDER BY t.span DESC, t.position DESC

-- after_cursor: what comes after the last page
t.position < %(after)s

-- after_cursor_by_span: the same, as a range of indexes by hash and span
coalesce(t.position < %(after)s, false) AND t.span <= (%(after)s::bigint >> 10)::integer

-- recorded_by: recorded up to a position
t.position <= %(recorded_by)s

-- recorded_by_by_span: the same, as a range of indexes by hash and span
coalesce(t.position <= %(recorded_by)s, false) AND t.span <= (%(recorded_by)s::bigint >> 10)::integer

-- actor: what one actor did
t.actor_hash = hashtext(%(actor)s) # uuid_hash(ledger.current_tenant()) AND coalesce(t.actor = %(actor)s, false)

-- key: what was done with one key
t.key_hash = uuid_hash(%(key)s) AND coalesce(t.key_id = %(key)s, false)

-- topic: what happened, by one topic
t.topic_hash = hashtext(%(topic)s) # uuid_hash(ledger.current_tenant()) AND coalesce(t.topic = %(topic)s, false)

-- topics: what happened, by topics
t.topic_hash = ANY (ARRAY(
    SELECT hashtext(topic) # uuid_hash(ledger.current_tenant()) FROM unnest(%(topics)s::text[]) AS requested (topic)
)) AND coalesce(t.topic = ANY (%(topics)s), false)

-- asset: what happened to one asset
t.originator_hash = uuid_hash(%(asset)s) AND coalesce(t.originator_id = %(asset)s, false)

-- job: what happened to one job, and to every asset that was ever said to be made by it
(t.originator_hash, t.originator_id) IN (
    SELECT uuid_hash(%(job)s), %(job)s::uuid
    UNION ALL
    SELECT named.originator_hash, named.originator_id FROM queries.{audit_trail} AS named
     WHERE named.refs @> ARRAY['job:' || %(job)s::uuid] AND starts_with(named.topic, 'asset.')
)

-- references: what names all of these references
t.refs @> %(references)s::text[]

-- text: whose words contain a text
t.text_search LIKE %(text)s

-- since: from a time on (the position of that time, which the order's index serves)
t.position > %(since)s

-- since_by_span: the same, as a range of indexes by hash and span
coalesce(t.position > %(since)s, false) AND t.span >= (%(since)s::bigint >> 10)::integer

-- until: before a time
t.position <= %(until)s

-- until_by_span: the same, as a range of indexes by hash and span
coalesce(t.position <= %(until)s, false) AND t.span <= (%(until)s::bigint >> 10)::integer

-- correlation_id: what one request did
t.correlation_hash = hashtext(%(correlation_id)s) # uuid_hash(ledger.current_tenant())
    AND coalesce(t.correlation_id = %(correlation_id)s, false)

-- positions_of_topics: how far the trail goes, and the next positions of some topics in it: of each by the trail's index
WITH trail AS MATERIALIZED (
    SELECT coalesce(max(position), 0) AS ends FROM queries.progress
     WHERE projection = %(build)s AND version = %(version)s
)
SELECT trail.ends, ARRAY(
           SELECT next.position FROM unnest(%(topics)s::text[]) AS requested (topic)
            CROSS JOIN LATERAL (
               SELECT t.position FROM queries.{audit_trail} AS t
                WHERE t.topic_hash = hashtext(requested.topic) # uuid_hash(ledger.current_tenant())
                  AND coalesce(t.topic = requested.topic, false)
                  AND t.span BETWEEN (%(after)s::bigint >> 10)::integer
                                 AND (least(trail.ends, %(until)s) >> 10)::integer
                  AND coalesce(t.position > %(after)s AND t.position <= least(trail.ends, %(until)s), false)
                ORDER BY t.span, t.position LIMIT %(limit)s
            ) AS next
            ORDER BY next.position LIMIT %(limit)s
       )
  FROM trail
