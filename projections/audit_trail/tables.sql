-- One row per event: who, when, what, to what, on whose request. What changed and why are read from the log,
-- where they are sealed; all that is kept of them here is the words to search by.
CREATE TABLE read_models.audit_trail_v2 (
    tenant_id      uuid NOT NULL,
    position       bigint NOT NULL,
    originator_id  uuid NOT NULL,
    revision       integer NOT NULL,
    topic          text NOT NULL,
    actor          text NOT NULL,
    key_id         uuid,            -- which key acted; null: the ledger, an operator, or not known
    effective_at   timestamptz NOT NULL,
    correlation_id text NOT NULL,
    refs           text[] NOT NULL, -- the references that the event names
    text_search    text NOT NULL,   -- its words case-folded, so that search is the same on any server's locale
    PRIMARY KEY (tenant_id, position)
);
CREATE INDEX ON read_models.audit_trail_v2 (tenant_id, originator_id, position);
CREATE INDEX ON read_models.audit_trail_v2 (tenant_id, actor, position);
CREATE INDEX ON read_models.audit_trail_v2 (tenant_id, key_id, position) WHERE key_id IS NOT NULL;
CREATE INDEX ON read_models.audit_trail_v2 (tenant_id, topic, position);
CREATE INDEX ON read_models.audit_trail_v2 (tenant_id, correlation_id, position);
CREATE INDEX ON read_models.audit_trail_v2 USING gin (tenant_id, refs);
CREATE INDEX ON read_models.audit_trail_v2 USING gin (tenant_id, text_search gin_trgm_ops);

CREATE VIEW queries.audit_trail_v2 AS
    SELECT * FROM read_models.audit_trail_v2 WHERE tenant_id = ledger.current_tenant();
GRANT SELECT ON queries.audit_trail_v2 TO asset_ledger_service;
