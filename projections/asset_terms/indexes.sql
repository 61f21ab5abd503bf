-- By chunks of 16,384 positions of creation: a list in that order asks for one chunk after the other.
CREATE INDEX {table}_by_term ON read_models.{table} USING gin (tenant_id, (created_position >> 14), terms);
