-- The keys that seal personal data, one per tenant and subject, wrapped by the key-encryption key.
CREATE SCHEMA keys;
GRANT USAGE ON SCHEMA keys TO asset_ledger_service, asset_ledger_projector;

-- One known value, wrapped: tells at start whether the key-encryption key is the one in use here.
CREATE TABLE keys.key_check (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    wrapped  bytea NOT NULL
);
GRANT SELECT, INSERT ON keys.key_check TO asset_ledger_service;

CREATE TABLE keys.subject_keys (
    tenant_id   uuid NOT NULL,
    subject     text NOT NULL, -- empty for what belongs to the tenant itself
    wrapped_key bytea NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, subject)
);
ALTER TABLE keys.subject_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE keys.subject_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON keys.subject_keys TO asset_ledger_service
    USING (tenant_id = nullif(current_setting('ledger.tenant_id', true), '')::uuid);
CREATE POLICY reads_every_tenant ON keys.subject_keys FOR SELECT TO asset_ledger_projector USING (true);
GRANT SELECT, INSERT ON keys.subject_keys TO asset_ledger_service;
GRANT SELECT ON keys.subject_keys TO asset_ledger_projector;
