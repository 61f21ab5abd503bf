-- current: the tenant's policy, and its revision
SELECT policy, revision FROM ledger.policies WHERE tenant_id = %(tenant_id)s

-- set: a policy in the place of the one before
INSERT INTO ledger.policies (tenant_id, policy, revision) VALUES (%(tenant_id)s, %(policy)s, %(revision)s)
    ON CONFLICT (tenant_id) DO UPDATE SET policy = excluded.policy, revision = excluded.revision

-- declared: those of the references that are declared, with their scopes
SELECT d.kind, d.id, d.scope
  FROM unnest(%(kinds)s::text[], %(ids)s::text[]) AS listed (kind, id)
  JOIN ledger.declared_references AS d ON d.tenant_id = %(tenant_id)s AND d.kind = listed.kind AND d.id = listed.id

-- declare: references become known; in one order, so that two who declare the same cannot deadlock
INSERT INTO ledger.declared_references (tenant_id, kind, id, scope)
SELECT %(tenant_id)s, new.kind, new.id, new.scope
  FROM unnest(%(kinds)s::text[], %(ids)s::text[], %(scopes)s::text[]) AS new (kind, id, scope)
 ORDER BY new.kind, new.id
    ON CONFLICT (tenant_id, kind, id) DO NOTHING
