-- One secret per tenant, under which its digests are made. It cannot change without losing deduplication.
CREATE TABLE keys.tenant_secrets (
    tenant_id      uuid PRIMARY KEY,
    wrapped_secret bytea NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE keys.tenant_secrets ENABLE ROW LEVEL SECURITY;
ALTER TABLE keys.tenant_secrets FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON keys.tenant_secrets TO asset_ledger_service
    USING (tenant_id = nullif(current_setting('ledger.tenant_id', true), '')::uuid);
GRANT SELECT, INSERT ON keys.tenant_secrets TO asset_ledger_service;
