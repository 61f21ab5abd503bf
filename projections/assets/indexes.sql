-- What lists need beside the key.
CREATE UNIQUE INDEX ON read_models.{table} (tenant_id, created_position);
CREATE UNIQUE INDEX ON read_models.{table} (tenant_id, position);
CREATE INDEX ON read_models.{table} (tenant_id, created_by, created_position);
CREATE INDEX ON read_models.{table} (tenant_id, subject, created_position) WHERE subject IS NOT NULL;
CREATE INDEX ON read_models.{table} (tenant_id, sha256) WHERE sha256 IS NOT NULL;
CREATE INDEX ON read_models.{table} (tenant_id, content_type text_pattern_ops) WHERE content_type IS NOT NULL;
CREATE INDEX ON read_models.{table} (tenant_id, status, created_position);
CREATE INDEX ON read_models.{table} (tenant_id, media_kind, created_position);
CREATE INDEX ON read_models.{table} (tenant_id, deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX ON read_models.{table} USING gin (tenant_id, tags);
CREATE INDEX ON read_models.{table} USING gin (tenant_id, name_search gin_trgm_ops);
