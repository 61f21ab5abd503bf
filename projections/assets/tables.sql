-- The current state of every asset.
CREATE TABLE read_models.{table} (
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
    sources          text[] NOT NULL, -- the assets that it was made from
    holds            text[] NOT NULL,
    created_at       timestamptz NOT NULL,
    created_by       text NOT NULL,
    updated_at       timestamptz NOT NULL,
    updated_by       text NOT NULL,
    deleted_at       timestamptz,
    PRIMARY KEY (tenant_id, asset_id)
);

CREATE VIEW queries.{table} AS
    SELECT * FROM read_models.{table} WHERE tenant_id = ledger.current_tenant();
GRANT SELECT ON queries.{table} TO asset_ledger_service;

-- Each asset has a place: the number of assets of its tenant that were created before it. The positions of creation by
-- blocks of places tell either from the other.
CREATE TABLE read_models.{table}_places (
    tenant_id      uuid NOT NULL,
    block          integer NOT NULL,
    first_position bigint NOT NULL,
    positions      bigint[] NOT NULL,
    PRIMARY KEY (tenant_id, block)
);
CREATE UNIQUE INDEX ON read_models.{table}_places (tenant_id, first_position);

-- The sets of the assets that have a facet, in chunks of places.
CREATE TABLE read_models.{table}_facets (
    tenant_id uuid NOT NULL,
    facet     text COLLATE "C" NOT NULL, -- what it is a value of
    value     text COLLATE "C" NOT NULL,
    chunk     integer NOT NULL,
    members   integer NOT NULL,          -- how many there are
    places    bytea NOT NULL,
    PRIMARY KEY (tenant_id, facet, value, chunk)
);
-- They are too short to be kept elsewhere.
ALTER TABLE read_models.{table}_facets ALTER COLUMN places SET STORAGE PLAIN;
ALTER TABLE read_models.{table}_places ALTER COLUMN positions SET STORAGE PLAIN;

CREATE VIEW queries.{table}_places AS
    SELECT * FROM read_models.{table}_places WHERE tenant_id = ledger.current_tenant();
CREATE VIEW queries.{table}_facets AS
    SELECT * FROM read_models.{table}_facets WHERE tenant_id = ledger.current_tenant();
GRANT SELECT ON queries.{table}_places, queries.{table}_facets TO asset_ledger_service;
