-- queue: content is to go, as an event says; again it changes nothing
INSERT INTO ledger.purges
       (tenant_id, asset_id, content_version, content_id, actor_id, actor_type, correlation_id, reason,
        requested_revision)
SELECT %(tenant_id)s, %(asset_id)s, v.number, v.id, %(actor_id)s, %(actor_type)s, %(correlation_id)s, %(reason)s,
       %(revision)s
  FROM unnest(%(numbers)s::integer[], %(ids)s::uuid[]) AS v (number, id)
    ON CONFLICT DO NOTHING

-- has_unrecorded: whether content of the asset is about to go though no event says so yet
SELECT EXISTS (
    SELECT FROM ledger.purges WHERE tenant_id = %(tenant_id)s AND asset_id = %(asset_id)s AND requested_revision IS NULL
)

-- record_request: an event says by now that these are to go
UPDATE ledger.purges SET requested_revision = %(revision)s
 WHERE tenant_id = %(tenant_id)s AND asset_id = %(asset_id)s AND content_version = ANY (%(numbers)s)

-- pending: every content version that is about to go
SELECT asset_id, content_version FROM ledger.purges WHERE tenant_id = %(tenant_id)s

-- next_due: an asset with content whose time to go had come by a time
SELECT asset_id FROM ledger.purges WHERE tenant_id = %(tenant_id)s AND try_at <= %(until)s
 ORDER BY try_at LIMIT 1 FOR UPDATE SKIP LOCKED

-- pending_of_asset: what is about to go of an asset, what was asked for first before the rest, locked
SELECT content_version, requested_revision, actor_id, actor_type, correlation_id, reason FROM ledger.purges
 WHERE tenant_id = %(tenant_id)s AND asset_id = %(asset_id)s ORDER BY requested_at, content_version FOR UPDATE

-- complete: these are gone
DELETE FROM ledger.purges
 WHERE tenant_id = %(tenant_id)s AND asset_id = %(asset_id)s AND content_version = ANY (%(numbers)s)
RETURNING true

-- postpone: try again later, ever less often, once an hour at least
UPDATE ledger.purges
   SET attempts = attempts + 1, failure = %(failure)s,
       try_at = clock_timestamp() + least(make_interval(secs => power(2, least(attempts, 12))), interval '1 hour')
 WHERE tenant_id = %(tenant_id)s AND asset_id = %(asset_id)s

-- count: how many content versions are about to go, and why the last of them that failed did
SELECT count(*), max(failure) FROM ledger.purges WHERE tenant_id = %(tenant_id)s

