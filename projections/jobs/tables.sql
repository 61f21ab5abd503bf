-- The current state of every job.
CREATE TABLE read_models.{table} (
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
    sources          text[] NOT NULL, -- the assets that it is made from
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

CREATE VIEW queries.{table} AS
    SELECT * FROM read_models.{table} WHERE tenant_id = ledger.current_tenant();
GRANT SELECT ON queries.{table} TO asset_ledger_service;
