-- find: the digest of the key that the subject's entries are sealed with
SELECT key_digest FROM ledger.sealed_subjects WHERE tenant_id = %(tenant_id)s AND subject = %(subject)s

-- claim: from now on the subject's entries are sealed with the key of this digest, unless they are with another
INSERT INTO ledger.sealed_subjects AS s (tenant_id, subject, key_digest)
VALUES (%(tenant_id)s, %(subject)s, %(key_digest)s)
ON CONFLICT (tenant_id, subject) DO UPDATE SET key_digest = excluded.key_digest WHERE s.key_digest IS NULL
