-- Uploads under way: which object may be in the store without the log knowing of it. A control table: a row is there
-- before the first byte, and goes in the transaction that appends the event, or once the object was removed.
CREATE TABLE ledger.uploads (
    tenant_id    uuid NOT NULL,
    content_id   uuid NOT NULL,
    asset_id     uuid NOT NULL,
    size         bigint,
    sha256       text,
    content_type text,
    parts        text,                 -- the store's own id of a multipart upload
    part_size    bigint,
    begun_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, content_id)
);
CREATE INDEX uploads_expiring ON ledger.uploads (expires_at);
ALTER TABLE ledger.uploads ENABLE ROW LEVEL SECURITY;
ALTER TABLE ledger.uploads FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON ledger.uploads TO asset_ledger_service USING (tenant_id = ledger.current_tenant());
GRANT SELECT, INSERT, UPDATE, DELETE ON ledger.uploads TO asset_ledger_service;
CREATE POLICY reads_every_tenant ON ledger.uploads FOR SELECT TO asset_ledger_projector USING (true);
GRANT SELECT ON ledger.uploads TO asset_ledger_projector;

-- Content that is being purged: decided, but perhaps not gone yet. Tried until it is; then the event is appended and
-- the row goes, in one transaction.
CREATE TABLE ledger.purges (
    tenant_id       uuid NOT NULL,
    asset_id        uuid NOT NULL,
    content_version integer NOT NULL,
    content_id      uuid NOT NULL,
    actor_id        text NOT NULL,
    actor_type      text NOT NULL,
    correlation_id  text NOT NULL,
    requested_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    try_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempts        integer NOT NULL DEFAULT 0,
    failure         text,
    PRIMARY KEY (tenant_id, asset_id, content_version)
);
CREATE INDEX purges_due ON ledger.purges (try_at);
ALTER TABLE ledger.purges ENABLE ROW LEVEL SECURITY;
ALTER TABLE ledger.purges FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON ledger.purges TO asset_ledger_service USING (tenant_id = ledger.current_tenant());
GRANT SELECT, INSERT, UPDATE, DELETE ON ledger.purges TO asset_ledger_service;
CREATE POLICY reads_every_tenant ON ledger.purges FOR SELECT TO asset_ledger_projector USING (true);
GRANT SELECT ON ledger.purges TO asset_ledger_projector;
