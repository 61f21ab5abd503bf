-- Claims that were made under a key: so that a worker whose answer was lost can ask for the same jobs again. A row is
-- there for a day, also when none of its jobs is leased any more: the key never hands out others.
CREATE TABLE ledger.job_claims (
    tenant_id  uuid NOT NULL,
    claim      text NOT NULL, -- a digest of who claimed and the key
    request    text NOT NULL, -- a digest of what was asked for
    claimed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, claim)
);
CREATE INDEX job_claims_old ON ledger.job_claims (tenant_id, claimed_at);
ALTER TABLE ledger.job_claims ENABLE ROW LEVEL SECURITY;
ALTER TABLE ledger.job_claims FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON ledger.job_claims TO asset_ledger_service USING (tenant_id = ledger.current_tenant());
GRANT SELECT, INSERT, UPDATE, DELETE ON ledger.job_claims TO asset_ledger_service;

ALTER TABLE ledger.job_queue ADD COLUMN claim text; -- the claim under a key that the job is leased by
CREATE INDEX job_queue_claimed ON ledger.job_queue (tenant_id, claim) WHERE claim IS NOT NULL;
