-- What lists need beside the key: their two orders, and what no set of facets tells. The sets find everything else.
CREATE UNIQUE INDEX ON read_models.{table} (tenant_id, created_position);
CREATE UNIQUE INDEX ON read_models.{table} (tenant_id, position);
CREATE INDEX ON read_models.{table} (tenant_id, sha256) WHERE sha256 IS NOT NULL;
CREATE INDEX ON read_models.{table} (tenant_id, deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX ON read_models.{table} USING gin (tenant_id, name_search gin_trgm_ops);
