-- append: a group of appends; a row per event: its position and effective time, or why its append was left out; no row,
-- and nothing appended, on another server than the one that was named
WITH server AS MATERIALIZED (
    SELECT %(again)s::boolean AS again
     WHERE %(server_started_at)s::timestamptz IS NULL OR CASE WHEN NOT pg_is_in_recovery() THEN
               pg_postmaster_start_time() = %(server_started_at)s
               AND left(pg_walfile_name(pg_current_wal_lsn()), 8) = %(server_timeline)s
           END
)
SELECT a.* FROM server, ledger.append(
    %(tenant_ids)s::uuid[], %(append_numbers)s::integer[], %(policy_revisions)s::integer[], %(originator_ids)s::uuid[],
    %(originator_versions)s::integer[], %(topics)s::text[], %(recorded_ats)s::timestamptz[], %(sizes)s::integer[],
    %(entries)b, %(head_wait)s, server.again
) AS a

-- stream: the events of one originator by revision, oldest first
SELECT originator_id, originator_version, topic, entry, position, effective_at
  FROM ledger.stream(%(tenant_id)s, %(originator_id)s, coalesce(%(gt)s, -1), coalesce(%(lte)s, 2147483647))
 LIMIT %(limit)s

-- stream_backwards: the events of one originator by revision, newest first
SELECT originator_id, originator_version, topic, entry, position, effective_at
  FROM ledger.stream(%(tenant_id)s, %(originator_id)s, coalesce(%(gt)s, -1), coalesce(%(lte)s, 2147483647))
 ORDER BY originator_version DESC LIMIT %(limit)s

-- page: the events of a tenant by position; `stop` is no further than the limit reaches, whatever the planner expects
SELECT originator_id, originator_version, topic, entry, position, effective_at FROM ledger.events
 WHERE tenant_id = %(tenant_id)s AND position BETWEEN %(start)s AND %(stop)s
 ORDER BY position

-- page_of_topics: the same, of some topics; read from end to end, so `stop` should not be far
SELECT originator_id, originator_version, topic, entry, position, effective_at FROM ledger.events
 WHERE tenant_id = %(tenant_id)s AND position >= %(start)s AND position <= coalesce(%(stop)s, 9223372036854775807)
   AND topic = ANY (%(topics)s)
 ORDER BY position LIMIT %(limit)s

-- at_positions: the events at some positions
SELECT originator_id, originator_version, topic, entry, position, effective_at FROM ledger.events
 WHERE tenant_id = %(tenant_id)s AND position = ANY (%(positions)s)
 ORDER BY position

-- with_documents: the events of a span of positions that refer to documents in the store
SELECT originator_id, originator_version, topic, entry, position, effective_at FROM ledger.events
 WHERE tenant_id = %(tenant_id)s AND position > %(after)s AND position <= %(until)s
   AND position('"documents":['::bytea IN entry) > 0
 ORDER BY position

-- streams_until: the events of several originators, each up to a revision
SELECT e.originator_id, e.originator_version, e.topic, e.entry, e.position, e.effective_at
  FROM unnest(%(originator_ids)s::uuid[], %(revisions)s::integer[]) AS requested (originator_id, revision)
  JOIN ledger.events AS e ON e.tenant_id = %(tenant_id)s AND e.originator_id = requested.originator_id
   AND e.originator_version <= requested.revision
 ORDER BY e.position

-- begun_by: those of several originators whose first event has a topic
SELECT e.originator_id FROM unnest(%(originator_ids)s::uuid[]) AS requested (originator_id)
  JOIN ledger.events AS e ON e.tenant_id = %(tenant_id)s AND e.originator_id = requested.originator_id
   AND e.originator_version = 1
 WHERE e.topic = %(topic)s

-- head: the last position of a tenant's log
SELECT position FROM ledger.log_heads WHERE tenant_id = %(tenant_id)s

-- position_at: the last position whose effective time is not after the given one
SELECT ledger.position_at(%(tenant_id)s, %(at)s)

-- lock_head: queue on the tenant's head until the transaction ends
SELECT ledger.lock_head(%(tenant_id)s)

-- heads_at: of each tenant, the head of its log, and the digest of the entry at a position
SELECT tenant, head, entry_digest FROM ledger.heads_at(%(tenant_ids)s::uuid[], %(positions)s::bigint[])
-- stream_from_snapshot: one originator's nearest snapshot, and its events from there on
SELECT originator_version, topic, entry, position, effective_at, subject
  FROM ledger.stream_from_snapshot(
      %(tenant_id)s, %(originator_id)s, %(fold)s, %(at_version)s, %(at_position)s, %(until_version)s, %(limit)s
  )

-- keep_snapshot: a snapshot, unless it is there already; the same again makes no difference
INSERT INTO ledger.snapshots (tenant_id, originator_id, fold, originator_version, position, subject, state)
VALUES (%(tenant_id)s, %(originator_id)s, %(fold)s, %(originator_version)s, %(position)s, %(subject)s, %(state)s)
    ON CONFLICT (tenant_id, originator_id, fold, originator_version) DO UPDATE
   SET position = excluded.position, subject = excluded.subject, state = excluded.state, kept_at = now()

-- drop_foreign_snapshots: those of other folds that no process has kept for a while
DELETE FROM ledger.snapshots
 WHERE tenant_id = %(tenant_id)s AND originator_id = %(originator_id)s AND fold <> %(fold)s
   AND kept_at < now() - interval '1 day'

-- drop_snapshot: a snapshot that does not open
DELETE FROM ledger.snapshots
 WHERE tenant_id = %(tenant_id)s AND originator_id = %(originator_id)s AND fold = %(fold)s
   AND originator_version = %(originator_version)s
