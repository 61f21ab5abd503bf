-- Every version of every job: the columns of the jobs, and until when they were so.
CREATE TABLE read_models.{table} (
    LIKE read_models.{listed},
    next_position bigint, -- of the event that ended the version; null: it is valid still
    PRIMARY KEY (tenant_id, job_id, revision)
);
-- Null: there are too many to be held once more, and the log has them.
ALTER TABLE read_models.{table} ALTER costs DROP NOT NULL;

CREATE VIEW queries.{table} AS
    SELECT * FROM read_models.{table} WHERE tenant_id = ledger.current_tenant();
GRANT SELECT ON queries.{table} TO asset_ledger_service;
