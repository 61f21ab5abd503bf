-- find: the wrapped key of one subject
SELECT wrapped_key FROM keys.subject_keys WHERE tenant_id = %(tenant_id)s AND subject = %(subject)s

-- add: a new subject's key, unless another process was first
INSERT INTO keys.subject_keys (tenant_id, subject, wrapped_key)
VALUES (%(tenant_id)s, %(subject)s, %(wrapped_key)s) ON CONFLICT DO NOTHING

-- find_check: the wrapped known value
SELECT wrapped FROM keys.key_check

-- add_check: the known value as this key-encryption key wraps it, unless there is one already
INSERT INTO keys.key_check (wrapped) VALUES (%(wrapped)s) ON CONFLICT DO NOTHING

-- find_secret: the wrapped secret of one tenant
SELECT wrapped_secret FROM keys.tenant_secrets WHERE tenant_id = %(tenant_id)s

-- add_secret: a tenant's secret, unless another process was first
INSERT INTO keys.tenant_secrets (tenant_id, wrapped_secret) VALUES (%(tenant_id)s, %(wrapped_secret)s)
    ON CONFLICT DO NOTHING

-- add_many: keys of several subjects, where there are none
INSERT INTO keys.subject_keys (tenant_id, subject, wrapped_key)
SELECT %(tenant_id)s, k.subject, k.wrapped_key
  FROM unnest(%(subjects)s::text[], %(wrapped_keys)s::bytea[]) AS k (subject, wrapped_key)
ON CONFLICT DO NOTHING

-- find_many: the wrapped keys of several subjects
SELECT subject, wrapped_key FROM keys.subject_keys WHERE tenant_id = %(tenant_id)s AND subject = ANY (%(subjects)s)
