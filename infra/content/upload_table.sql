-- begin: an object may come to be in the store; beginning it again changes nothing else
INSERT INTO ledger.uploads (tenant_id, content_id, asset_id, size, sha256, content_type, parts, part_size, expires_at)
VALUES (%(tenant_id)s, %(content_id)s, %(asset_id)s, %(size)s, %(sha256)s, %(content_type)s, %(parts)s, %(part_size)s,
        clock_timestamp() + make_interval(secs => %(seconds)s))
    ON CONFLICT (tenant_id, content_id) DO UPDATE SET expires_at = excluded.expires_at
RETURNING content_id, asset_id, size, sha256, content_type, parts, part_size, expires_at, taken

-- begin_each: objects of any kind and size may come to be in the store; beginning them again changes nothing else
INSERT INTO ledger.uploads (tenant_id, content_id, asset_id, expires_at)
SELECT %(tenant_id)s, content_id, asset_id, clock_timestamp() + make_interval(secs => %(seconds)s)
  FROM unnest(%(content_ids)s::uuid[], %(asset_ids)s::uuid[]) AS begun (content_id, asset_id)
    ON CONFLICT (tenant_id, content_id) DO UPDATE SET expires_at = excluded.expires_at
RETURNING content_id, asset_id, size, sha256, content_type, parts, part_size, expires_at, taken

-- find: an upload under way
SELECT content_id, asset_id, size, sha256, content_type, parts, part_size, expires_at, taken FROM ledger.uploads
 WHERE tenant_id = %(tenant_id)s AND content_id = %(content_id)s AND asset_id = %(asset_id)s AND revoked_at IS NULL

-- lock: how often bytes were taken for an upload under way, which is locked for the transaction around
SELECT taken FROM ledger.uploads
 WHERE tenant_id = %(tenant_id)s AND content_id = %(content_id)s AND revoked_at IS NULL FOR UPDATE

-- count_move: bytes were taken for it, once more
UPDATE ledger.uploads SET taken = taken + 1 WHERE tenant_id = %(tenant_id)s AND content_id = %(content_id)s
RETURNING taken

-- end: the log knows of the objects
DELETE FROM ledger.uploads
 WHERE tenant_id = %(tenant_id)s AND content_id = ANY (%(content_ids)s) AND revoked_at IS NULL RETURNING true

-- revoke: the object goes, and nothing of the upload is recorded any more; to be looked after later if that fails, ever
-- less often, once an hour at least
UPDATE ledger.uploads
   SET revoked_at = coalesce(revoked_at, clock_timestamp()), expires_at = least(expires_at, clock_timestamp()),
       attempts = attempts + 1,
       sweep_at = clock_timestamp() + least(make_interval(mins => power(2, least(attempts, 6))::integer), interval '1 hour')
 WHERE tenant_id = %(tenant_id)s AND content_id = %(content_id)s RETURNING true

-- forget: the object of a revoked upload is gone
DELETE FROM ledger.uploads
 WHERE tenant_id = %(tenant_id)s AND content_id = %(content_id)s AND revoked_at IS NOT NULL RETURNING true

-- next_expired: an upload whose time is over and that was not put off, locked
SELECT content_id, asset_id, size, sha256, content_type, parts, part_size, expires_at, taken FROM ledger.uploads
 WHERE tenant_id = %(tenant_id)s AND expires_at < clock_timestamp() AND coalesce(sweep_at <= clock_timestamp(), true)
 ORDER BY expires_at LIMIT 1 FOR UPDATE SKIP LOCKED

-- tenants_with_due_content: where uploads were left behind, or content is about to go
SELECT tenant_id FROM ledger.uploads
 WHERE expires_at < clock_timestamp() AND coalesce(sweep_at <= clock_timestamp(), true)
 UNION
SELECT tenant_id FROM ledger.purges WHERE try_at <= clock_timestamp()

-- under_way: the objects that may be in the store without the log knowing of them
SELECT content_id FROM ledger.uploads WHERE tenant_id = %(tenant_id)s
