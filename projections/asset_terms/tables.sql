-- What each asset is found by, for each stretch of its life in which that was the same.
CREATE TABLE read_models.{table} (
    tenant_id        uuid NOT NULL,
    asset_id         uuid NOT NULL,
    next_position    bigint NOT NULL, -- of the event that ended the stretch; the greatest number: it has not ended
    created_position bigint NOT NULL, -- of the asset
    position         bigint NOT NULL, -- of the event that began the stretch
    terms            text[] NOT NULL,
    of_content       text[],          -- those that only the metadata embedded in the bytes has
    PRIMARY KEY (tenant_id, asset_id, next_position)
);

CREATE VIEW queries.{table} AS
    SELECT * FROM read_models.{table} WHERE tenant_id = ledger.current_tenant();
GRANT SELECT ON queries.{table} TO asset_ledger_service;
