-- add_key: a key that opens the API
INSERT INTO ledger.api_keys (tenant_id, key_id, secret_hash, holder_id, holder_type, issued_at)
VALUES (%(tenant_id)s, %(key_id)s, %(secret_hash)s, %(holder_id)s, %(holder_type)s, %(issued_at)s)

-- revoke_key: from now on it opens nothing
UPDATE ledger.api_keys SET revoked_at = %(at)s WHERE tenant_id = %(tenant_id)s AND key_id = %(key_id)s

-- holder: who a key acts as, unless it is revoked
SELECT holder_id, holder_type FROM ledger.api_keys
 WHERE tenant_id = %(tenant_id)s AND key_id = %(key_id)s AND secret_hash = %(secret_hash)s AND revoked_at IS NULL

-- keys: the keys of one tenant
SELECT key_id, holder_type, holder_id, issued_at, revoked_at FROM ledger.api_keys
 WHERE tenant_id = %(tenant_id)s ORDER BY issued_at
