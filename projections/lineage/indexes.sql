-- The way back.
CREATE INDEX ON read_models.{table} (tenant_id, to_id);
