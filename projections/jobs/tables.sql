-- The current state of every job.
CREATE TABLE read_models.jobs_v2 (
    tenant_id        uuid NOT NULL,
    job_id           uuid NOT NULL,
    revision         integer NOT NULL,
    position         bigint NOT NULL, -- of the last event
    created_position bigint NOT NULL,
    status           text NOT NULL,
    attempt          integer NOT NULL,
    media_kind       text NOT NULL,
    provider         text,
    model            text,
    scope            text,
    refs             text[] NOT NULL,
    run              text,
    priority         integer NOT NULL,
    prompt_spec      json,
    snapshot         json,
    imported         json,            -- where an importer found it, with the times it had there
    subject          text,
    assets           text[] NOT NULL,
    error_code       text,
    error_message    text,
    error_search     text,            -- the message case-folded, for search
    costs            json NOT NULL,   -- one entry per attempt that said what it cost
    created_at       timestamptz NOT NULL,
    created_by       text NOT NULL,
    started_at       timestamptz,
    finished_at      timestamptz,
    updated_at       timestamptz NOT NULL,
    updated_by       text NOT NULL,
    PRIMARY KEY (tenant_id, job_id)
);
CREATE UNIQUE INDEX ON read_models.jobs_v2 (tenant_id, created_position);
CREATE UNIQUE INDEX ON read_models.jobs_v2 (tenant_id, position);
CREATE INDEX ON read_models.jobs_v2 (tenant_id, status, created_position);
CREATE INDEX ON read_models.jobs_v2 (tenant_id, created_by, created_position);
CREATE INDEX ON read_models.jobs_v2 (tenant_id, subject, created_position) WHERE subject IS NOT NULL;
CREATE INDEX ON read_models.jobs_v2 (tenant_id, run) WHERE run IS NOT NULL;
CREATE INDEX ON read_models.jobs_v2 USING gin (tenant_id, error_search gin_trgm_ops);

CREATE VIEW queries.jobs_v2 AS
    SELECT * FROM read_models.jobs_v2 WHERE tenant_id = ledger.current_tenant();
GRANT SELECT ON queries.jobs_v2 TO asset_ledger_service;
