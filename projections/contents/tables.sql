-- Every content version of every asset: which object in the store it is, and whether that is still there.
CREATE TABLE read_models.contents_v1 (
    tenant_id       uuid NOT NULL,
    asset_id        uuid NOT NULL,
    content_version integer NOT NULL,
    content_id      uuid NOT NULL,
    content_type    text,
    size            bigint,
    sha256          text,
    position        bigint NOT NULL, -- of the event that stored it
    stored_at       timestamptz NOT NULL,
    stored_by       text NOT NULL,
    purged_at       timestamptz,
    purged_by       text,
    PRIMARY KEY (tenant_id, asset_id, content_version)
);
CREATE UNIQUE INDEX ON read_models.contents_v1 (tenant_id, content_id);
CREATE INDEX ON read_models.contents_v1 (tenant_id, stored_at) WHERE purged_at IS NULL;

CREATE VIEW queries.contents_v1 AS
    SELECT * FROM read_models.contents_v1 WHERE tenant_id = ledger.current_tenant();
GRANT SELECT ON queries.contents_v1 TO asset_ledger_service;
