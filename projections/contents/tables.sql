-- Every content version of every asset: which object in the store it is, and whether that is still there.
CREATE TABLE read_models.{table} (
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

CREATE VIEW queries.{table} AS
    SELECT * FROM read_models.{table} WHERE tenant_id = ledger.current_tenant();
GRANT SELECT ON queries.{table} TO asset_ledger_service;
