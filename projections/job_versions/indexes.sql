-- What lists that look back need beside the key. The first two tell by themselves what was valid at a moment, in the
-- order of a list. The others find what is rare.
CREATE INDEX {table}_by_creation ON read_models.{table}
    (tenant_id, created_position, position, (coalesce(next_position, 9223372036854775807)));
CREATE INDEX {table}_by_change ON read_models.{table}
    (tenant_id, position, (coalesce(next_position, 9223372036854775807)));
CREATE INDEX ON read_models.{table} (tenant_id, status, created_position);
CREATE INDEX ON read_models.{table} (tenant_id, created_by, created_position);
CREATE INDEX ON read_models.{table} (tenant_id, subject, created_position) WHERE subject IS NOT NULL;
CREATE INDEX ON read_models.{table} (tenant_id, run) WHERE run IS NOT NULL;
CREATE INDEX ON read_models.{table} USING gin (tenant_id, error_search gin_trgm_ops);
