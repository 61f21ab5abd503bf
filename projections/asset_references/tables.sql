-- Every reference of every asset: what made it, what it belongs to, what it is linked to now.
CREATE TABLE read_models.{table} (
    tenant_id uuid NOT NULL,
    kind      text NOT NULL,
    id        text NOT NULL,
    asset_id  uuid NOT NULL,
    role      text NOT NULL, -- origin, scope or link
    position  bigint NOT NULL, -- of the event that made the reference
    PRIMARY KEY (tenant_id, kind, id, asset_id)
);
-- An id belongs to one kind: as if they were independent, the planner would expect next to nothing of any reference.
CREATE STATISTICS read_models.{table}_identity ON tenant_id, kind, id FROM read_models.{table};

CREATE VIEW queries.{table} AS
    SELECT * FROM read_models.{table} WHERE tenant_id = ledger.current_tenant();
GRANT SELECT ON queries.{table} TO asset_ledger_service;
