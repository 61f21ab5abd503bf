-- What lists need beside the key.
CREATE UNIQUE INDEX ON read_models.{table} (tenant_id, content_id);
CREATE INDEX ON read_models.{table} (tenant_id, stored_at) WHERE purged_at IS NULL;
