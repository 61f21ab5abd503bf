-- What the sums are found by beside the key.
CREATE INDEX ON read_models.{table}_jobs (tenant_id, day);
CREATE INDEX ON read_models.{table}_jobs USING gin (tenant_id, job, run);
CREATE INDEX ON read_models.{table}_summaries (tenant_id, day);
