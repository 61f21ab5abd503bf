-- add_terms: of each asset of a tenant, its tags as words of a prompt, a model, a seed, a member of metadata that a hundredth
-- have, and twenty of 20,000 words
INSERT INTO read_models.{asset_terms} (tenant_id, asset_id, next_position, created_position, position, terms)
SELECT tenant_id, asset_id, 9223372036854775807, created_position, created_position,
       ARRAY(SELECT 'word:' || tag FROM unnest(tags) AS tag)
       || ARRAY['model:sdxl', 'seed:' || created_position, 'metadata.take=' || created_position / 5 %% 100]
       || ARRAY(SELECT 'word:w' || abs(hashint8(created_position * 31 + i)::bigint) %% 20000
                  FROM generate_series(1, 20) AS i)
  FROM read_models.{assets} WHERE tenant_id = %(tenant_id)s

-- move_progress: all of the log counts as folded
UPDATE read_models.progress SET position = l.position, applied = l.position FROM ledger.log_heads AS l
 WHERE l.tenant_id = %(tenant_id)s AND progress.tenant_id = l.tenant_id
