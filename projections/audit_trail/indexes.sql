-- What lists need beside the key.
CREATE INDEX ON read_models.{table} (tenant_id, originator_id, position);
CREATE INDEX ON read_models.{table} (tenant_id, actor, position);
CREATE INDEX ON read_models.{table} (tenant_id, key_id, position) WHERE key_id IS NOT NULL;
CREATE INDEX ON read_models.{table} (tenant_id, topic, position);
CREATE INDEX {table}_by_request ON read_models.{table} (tenant_id, hashtextextended(correlation_id, 0), position);
CREATE INDEX ON read_models.{table} USING gin (tenant_id, refs);
CREATE INDEX ON read_models.{table} USING gin (tenant_id, text_search gin_trgm_ops);
