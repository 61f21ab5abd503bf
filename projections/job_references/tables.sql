-- Every reference of every job. They are part of its identity, so they never change.
CREATE TABLE read_models.{table} (
    tenant_id uuid NOT NULL,
    kind      text NOT NULL,
    id        text NOT NULL,
    job_id    uuid NOT NULL,
    PRIMARY KEY (tenant_id, kind, id, job_id)
);
-- An id belongs to one kind: as if they were independent, the planner would expect next to nothing of any reference.
CREATE STATISTICS read_models.{table}_identity ON tenant_id, kind, id FROM read_models.{table};

CREATE VIEW queries.{table} AS
    SELECT * FROM read_models.{table} WHERE tenant_id = ledger.current_tenant();
GRANT SELECT ON queries.{table} TO asset_ledger_service;
