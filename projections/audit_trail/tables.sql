-- One row per event: who, when, what, to what, on whose request. What changed and why are read from the log,
-- where they are sealed, so that nothing personal is kept twice.
CREATE TABLE read_models.audit_trail_v1 (
    tenant_id      uuid NOT NULL,
    position       bigint NOT NULL,
    originator_id  uuid NOT NULL,
    revision       integer NOT NULL,
    topic          text NOT NULL,
    actor          text NOT NULL,
    effective_at   timestamptz NOT NULL,
    correlation_id text NOT NULL,
    PRIMARY KEY (tenant_id, position)
);
CREATE INDEX ON read_models.audit_trail_v1 (tenant_id, originator_id, position);
CREATE INDEX ON read_models.audit_trail_v1 (tenant_id, actor, position);
CREATE INDEX ON read_models.audit_trail_v1 (tenant_id, topic, position);

CREATE VIEW queries.audit_trail_v1 AS
    SELECT * FROM read_models.audit_trail_v1 WHERE tenant_id = ledger.current_tenant();
GRANT SELECT ON queries.audit_trail_v1 TO asset_ledger_service;
