-- What lists need beside the key: the entries with a value, by its hash and the thousand positions that they are in. Many
-- entries of one value share what the index holds. Lists compare the value itself, and sort within a thousand.
CREATE INDEX {table}_by_originator ON read_models.{table} (uuid_hash(originator_id), ((position >> 10)::integer));
CREATE INDEX {table}_by_actor ON read_models.{table}
    ((hashtext(actor) # uuid_hash(tenant_id)), ((position >> 10)::integer));
CREATE INDEX {table}_by_key ON read_models.{table} (uuid_hash(key_id), ((position >> 10)::integer))
    WHERE key_id IS NOT NULL;
CREATE INDEX {table}_by_topic ON read_models.{table}
    ((hashtext(topic) # uuid_hash(tenant_id)), ((position >> 10)::integer));
CREATE INDEX {table}_by_correlation ON read_models.{table}
    ((hashtext(correlation_id) # uuid_hash(tenant_id)), ((position >> 10)::integer));
CREATE INDEX ON read_models.{table} USING gin (tenant_id, refs);
CREATE INDEX ON read_models.{table} USING gin (tenant_id, text_search gin_trgm_ops);
