-- What lists need beside the key.
CREATE UNIQUE INDEX ON read_models.{table} (tenant_id, created_position);
CREATE UNIQUE INDEX ON read_models.{table} (tenant_id, position);
CREATE INDEX ON read_models.{table} (tenant_id, status, created_position);
CREATE INDEX ON read_models.{table} (tenant_id, created_by, created_position);
CREATE INDEX ON read_models.{table} (tenant_id, subject, created_position) WHERE subject IS NOT NULL;
CREATE INDEX ON read_models.{table} (tenant_id, run) WHERE run IS NOT NULL;
CREATE INDEX ON read_models.{table} USING gin (tenant_id, error_search gin_trgm_ops);
