-- Every reference of every job. They are part of its identity, so they never change.
CREATE TABLE read_models.job_references_v1 (
    tenant_id uuid NOT NULL,
    kind      text NOT NULL,
    id        text NOT NULL,
    job_id    uuid NOT NULL,
    PRIMARY KEY (tenant_id, kind, id, job_id)
);
-- An id belongs to one kind: as if they were independent, the planner would expect next to nothing of any reference.
CREATE STATISTICS read_models.job_references_v1_identity ON tenant_id, kind, id FROM read_models.job_references_v1;

CREATE VIEW queries.job_references_v1 AS
    SELECT * FROM read_models.job_references_v1 WHERE tenant_id = ledger.current_tenant();
GRANT SELECT ON queries.job_references_v1 TO asset_ledger_service;
