-- Every reference of every asset: what made it, what it belongs to, what it is or was linked to.
CREATE TABLE read_models.{table} (
    tenant_id        uuid NOT NULL,
    kind             text NOT NULL,
    id               text NOT NULL,
    asset_id         uuid NOT NULL,
    role             text NOT NULL,   -- origin, scope or link
    position         bigint NOT NULL, -- of the event that made the reference
    removed_position bigint,          -- of the event that removed it; null: it is there
    earlier          bigint[],        -- the positions at which it was made and removed before, in turns
    PRIMARY KEY (tenant_id, kind, id, asset_id) INCLUDE (removed_position)
);
-- An id belongs to one kind: as if they were independent, the planner would expect next to nothing of any reference.
CREATE STATISTICS read_models.{table}_identity ON tenant_id, kind, id FROM read_models.{table};

-- What is there now, and what ever was there.
CREATE VIEW queries.{table} AS
    SELECT tenant_id, kind, id, asset_id, role, position FROM read_models.{table}
     WHERE tenant_id = ledger.current_tenant() AND removed_position IS NULL;
CREATE VIEW queries.{table}_history AS
    SELECT * FROM read_models.{table} WHERE tenant_id = ledger.current_tenant();
GRANT SELECT ON queries.{table}, queries.{table}_history TO asset_ledger_service;
