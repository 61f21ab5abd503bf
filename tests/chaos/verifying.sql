-- prepare: tables for what was attempted and told
CREATE SCHEMA chaos;
CREATE UNLOGGED TABLE chaos.attempts (
    tenant_id uuid, originator_id uuid, revision integer, position bigint, digest bytea
);
CREATE UNLOGGED TABLE chaos.acks (LIKE chaos.attempts);
CREATE UNLOGGED TABLE chaos.refusals (LIKE chaos.attempts)

-- logged: the log, with its entries' digests
CREATE UNLOGGED TABLE chaos.logged AS
SELECT tenant_id, originator_id, originator_version AS revision, position, substring(sha256(entry) FOR 16) AS digest,
       effective_at
  FROM ledger.events;
ANALYZE chaos.attempts, chaos.acks, chaos.refusals, chaos.logged

-- lost: acknowledged events that are not in the log as they were told
SELECT count(*) FROM chaos.acks AS a WHERE NOT EXISTS (
    SELECT FROM chaos.logged AS l WHERE (l.tenant_id, l.originator_id, l.revision, l.position, l.digest)
         = (a.tenant_id, a.originator_id, a.revision, a.position, a.digest)
)

-- told_twice: acknowledged events that were told twice
SELECT count(*) - count(DISTINCT (tenant_id, position)) FROM chaos.acks

-- doubled: events in the log twice
SELECT count(*) FROM (SELECT FROM chaos.logged GROUP BY tenant_id, digest HAVING count(*) > 1) AS twice

-- invented: events that nobody attempted
SELECT count(*) FROM chaos.logged AS l WHERE l.revision > 0 AND l.originator_id <> l.tenant_id AND NOT EXISTS (
    SELECT FROM chaos.attempts AS a WHERE (l.tenant_id, l.originator_id, l.revision, l.digest)
         = (a.tenant_id, a.originator_id, a.revision, a.digest)
)

-- refused_and_kept: events that were refused and are in the log
SELECT count(*) FROM chaos.logged AS l JOIN chaos.refusals AS r
    ON (l.tenant_id, l.originator_id, l.revision, l.digest) = (r.tenant_id, r.originator_id, r.revision, r.digest)

-- revisions_twice: revisions that were given twice
SELECT count(*) FROM (
    SELECT FROM chaos.logged GROUP BY tenant_id, originator_id, revision HAVING count(*) > 1
) AS twice

-- revisions_skipped: revisions that were skipped
SELECT count(*) FROM (
    SELECT FROM chaos.logged GROUP BY tenant_id, originator_id HAVING count(*) <> max(revision) OR min(revision) <> 1
) AS skipped

-- positions_skipped: positions that are not dense
SELECT count(*) FROM (
    SELECT position - lag(position, 1, 0::bigint) OVER (PARTITION BY tenant_id ORDER BY position) AS step
      FROM chaos.logged
) AS steps WHERE step <> 1

-- heads_elsewhere: heads that are not at the last position
SELECT count(*) FROM ledger.log_heads AS h WHERE (h.position, h.effective_at) IS DISTINCT FROM (
    SELECT (l.position, l.effective_at) FROM chaos.logged AS l WHERE l.tenant_id = h.tenant_id
     ORDER BY l.position DESC LIMIT 1
)

-- times_fallen: effective times that fall
SELECT count(*) FROM (
    SELECT effective_at < lag(effective_at) OVER (PARTITION BY tenant_id ORDER BY position) AS falls FROM chaos.logged
) AS times WHERE falls

-- digests: a tenant's log in order
SELECT digest FROM chaos.logged WHERE tenant_id = %s ORDER BY position
