-- table: the ledger's read model `assets`, with all of its indexes
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS btree_gin;
CREATE TABLE assets (
    tenant_id        uuid NOT NULL,
    asset_id         uuid NOT NULL,
    revision         integer NOT NULL,
    position         bigint NOT NULL,
    created_position bigint NOT NULL,
    status           text NOT NULL,
    live_status      text NOT NULL,
    media_kind       text NOT NULL,
    media            json NOT NULL,
    content          json,
    content_type     text,
    sha256           text,
    name             text,
    name_search      text,
    file_name        text,
    description      text,
    tags             text[] NOT NULL,
    metadata         json,
    prompt_spec      json,
    source_url       text,
    imported         json,
    subject          text,
    scope            text,
    origin           text[] NOT NULL,
    links            text[] NOT NULL,
    sources          text[] NOT NULL,
    holds            text[] NOT NULL,
    created_at       timestamptz NOT NULL,
    created_by       text NOT NULL,
    updated_at       timestamptz NOT NULL,
    updated_by       text NOT NULL,
    deleted_at       timestamptz,
    PRIMARY KEY (tenant_id, asset_id)
);
CREATE UNIQUE INDEX ON assets (tenant_id, created_position);
CREATE UNIQUE INDEX ON assets (tenant_id, position);
CREATE INDEX ON assets (tenant_id, created_by, created_position);
CREATE INDEX ON assets (tenant_id, subject, created_position) WHERE subject IS NOT NULL;
CREATE INDEX ON assets (tenant_id, sha256) WHERE sha256 IS NOT NULL;
CREATE INDEX ON assets (tenant_id, content_type text_pattern_ops) WHERE content_type IS NOT NULL;
CREATE INDEX ON assets (tenant_id, status, created_position);
CREATE INDEX ON assets (tenant_id, media_kind, created_position);
CREATE INDEX ON assets USING gin (tenant_id, tags);
CREATE INDEX ON assets USING gin (tenant_id, name_search gin_trgm_ops);

-- load: the row that an event touches
SELECT tenant_id, asset_id, revision, position, created_position, status, live_status, media_kind, media, content,
       content_type, sha256, name, name_search, file_name, description, tags, metadata, prompt_spec, source_url, imported,
       subject, scope, origin, links, sources, holds, created_at, created_by, updated_at, updated_by, deleted_at
  FROM assets WHERE tenant_id = %s AND asset_id = %s

-- upsert: the row as it is after the event
INSERT INTO assets (
    tenant_id, asset_id, revision, position, created_position, status, live_status, media_kind, media, content,
    content_type, sha256, name, name_search, file_name, description, tags, metadata, prompt_spec, source_url, imported,
    subject, scope, origin, links, sources, holds, created_at, created_by, updated_at, updated_by, deleted_at
) VALUES (
    %(tenant_id)s, %(asset_id)s, %(revision)s, %(position)s, %(created_position)s, %(status)s, %(live_status)s,
    %(media_kind)s, %(media)s, %(content)s, %(content_type)s, %(sha256)s, %(name)s, %(name_search)s, %(file_name)s,
    %(description)s, %(tags)s, %(metadata)s, %(prompt_spec)s, %(source_url)s, %(imported)s, %(subject)s, %(scope)s,
    %(origin)s,
    %(links)s, %(sources)s, %(holds)s, %(created_at)s, %(created_by)s, %(updated_at)s, %(updated_by)s, %(deleted_at)s
) ON CONFLICT (tenant_id, asset_id) DO UPDATE SET
    revision = excluded.revision, position = excluded.position, created_position = excluded.created_position,
    status = excluded.status, live_status = excluded.live_status, media_kind = excluded.media_kind,
    media = excluded.media, content = excluded.content, content_type = excluded.content_type,
    sha256 = excluded.sha256, name = excluded.name, name_search = excluded.name_search,
    file_name = excluded.file_name, description = excluded.description, tags = excluded.tags,
    metadata = excluded.metadata, prompt_spec = excluded.prompt_spec, source_url = excluded.source_url,
    imported = excluded.imported,
    subject = excluded.subject, scope = excluded.scope, origin = excluded.origin, links = excluded.links,
    sources = excluded.sources, holds = excluded.holds, created_at = excluded.created_at, created_by = excluded.created_by,
    updated_at = excluded.updated_at, updated_by = excluded.updated_by, deleted_at = excluded.deleted_at
