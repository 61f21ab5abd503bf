-- What changes and sums are found by besides.
CREATE INDEX ON read_models.{table}_changes (tenant_id, day);
CREATE INDEX ON read_models.{table}_changes USING gin (tenant_id, job, run);
CREATE INDEX ON read_models.{table}_daily (tenant_id, dimension, day, missing, value);
CREATE INDEX ON read_models.{table}_daily
 USING gin (tenant_id, creator, workflow, node, provider, model, client, campaign, run)
 WHERE dimension IN ('combination', 'job_combination');
CREATE INDEX ON read_models.{table}_past
 USING gin (tenant_id, creator, workflow, node, provider, model, client, campaign)
 WHERE dimension = 'combination';
CREATE INDEX ON read_models.{table}_past_daily
 USING gin (tenant_id, creator, workflow, node, provider, model, client, campaign, run)
 WHERE dimension IN ('combination', 'job_combination');
CREATE INDEX ON read_models.{table}_past_daily (tenant_id, dimension, day, missing, value, next_position);
