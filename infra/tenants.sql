-- open_log: a new tenant and its empty log
SELECT ledger.open_log(%(tenant_id)s, %(name)s, %(at)s)

-- id_of_name: the tenant of a name, or null
SELECT ledger.tenant_named(%(name)s)

-- id_if_exists: whether the session's tenant is one
SELECT tenant_id FROM ledger.tenants WHERE tenant_id = %(tenant_id)s

-- tenants: every tenant with the head of its log
SELECT t.name, t.tenant_id, h.position, t.created_at
  FROM ledger.tenants AS t JOIN ledger.log_heads AS h USING (tenant_id) ORDER BY t.name
