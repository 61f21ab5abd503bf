-- The current state of every asset.
CREATE TABLE read_models.assets_v2 (
    tenant_id        uuid NOT NULL,
    asset_id         uuid NOT NULL,
    revision         integer NOT NULL,
    position         bigint NOT NULL, -- of the last event
    created_position bigint NOT NULL,
    status           text NOT NULL,
    live_status      text NOT NULL,   -- what the status is again once a deleted asset is restored
    media_kind       text NOT NULL,
    media            json NOT NULL,
    content          json,
    content_type     text,            -- in lower case: media types have no other (RFC 6838, section 4.2)
    sha256           text,
    name             text,
    name_search      text,            -- the name case-folded, so that search is the same on any server's locale
    file_name        text,
    description      text,
    tags             text[] NOT NULL,
    metadata         json,
    prompt_spec      json,
    source_url       text,
    imported         json,            -- where an importer found it, with the times it had there
    subject          text,
    scope            text,
    origin           text[] NOT NULL,
    links            text[] NOT NULL,
    holds            text[] NOT NULL,
    created_at       timestamptz NOT NULL,
    created_by       text NOT NULL,
    updated_at       timestamptz NOT NULL,
    updated_by       text NOT NULL,
    deleted_at       timestamptz,
    PRIMARY KEY (tenant_id, asset_id)
);
CREATE UNIQUE INDEX ON read_models.assets_v2 (tenant_id, created_position);
CREATE UNIQUE INDEX ON read_models.assets_v2 (tenant_id, position);
CREATE INDEX ON read_models.assets_v2 (tenant_id, created_by, created_position);
CREATE INDEX ON read_models.assets_v2 (tenant_id, subject, created_position) WHERE subject IS NOT NULL;
CREATE INDEX ON read_models.assets_v2 (tenant_id, sha256) WHERE sha256 IS NOT NULL;
CREATE INDEX ON read_models.assets_v2 (tenant_id, content_type text_pattern_ops) WHERE content_type IS NOT NULL;
CREATE INDEX ON read_models.assets_v2 (tenant_id, status, created_position);
CREATE INDEX ON read_models.assets_v2 (tenant_id, media_kind, created_position);
CREATE INDEX ON read_models.assets_v2 (tenant_id, deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX ON read_models.assets_v2 USING gin (tenant_id, tags);
CREATE INDEX ON read_models.assets_v2 USING gin (tenant_id, name_search gin_trgm_ops);

CREATE VIEW queries.assets_v2 AS
    SELECT * FROM read_models.assets_v2 WHERE tenant_id = ledger.current_tenant();
GRANT SELECT ON queries.assets_v2 TO asset_ledger_service;
