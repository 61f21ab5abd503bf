-- no_statistics: autovacuum would make them at some moment
ALTER TABLE ledger.events SET (autovacuum_enabled = off)

-- events: one event for each asset, and another for every tenth, spread over the year 2025
INSERT INTO ledger.events (tenant_id, position, originator_id, originator_version, topic, effective_at, entry)
SELECT %(tenant_id)s, p, md5('asset ' || CASE WHEN p <= %(assets)s THEN p ELSE (p - %(assets)s) * 10 END)::uuid,
       1 + (p > %(assets)s)::integer,
       CASE WHEN p %% 50000 = 7 THEN 'asset.held' WHEN p <= %(assets)s THEN 'asset.created' ELSE 'asset.described' END,
       timestamptz '2025-01-01 00:00Z' + p * (interval '365 days' / (%(assets)s * 1.1)), '{}'
  FROM generate_series(1, %(assets)s + %(assets)s / 10) AS p

-- head: where the log ends
UPDATE ledger.log_heads SET position = %(assets)s + %(assets)s / 10, effective_at = '2026-01-01 00:00Z'
 WHERE tenant_id = %(tenant_id)s

-- assets: as if they had been folded from the events
INSERT INTO read_models.{assets} (
    tenant_id, asset_id, revision, position, created_position, status, live_status, media_kind, media, content_type,
    sha256, name, name_search, tags, subject, origin, links, sources, holds, created_at, created_by, updated_at, updated_by,
    deleted_at)
SELECT %(tenant_id)s, md5('asset ' || n)::uuid, 1 + (n %% 10 = 0)::integer,
       CASE WHEN n %% 10 = 0 THEN %(assets)s + n / 10 ELSE n END, n,
       CASE WHEN n %% 100 = 3 THEN 'deleted' WHEN n %% 1000 = 5 THEN 'failed' ELSE 'ready' END, 'ready',
       CASE n %% 100 WHEN 1 THEN 'audio' WHEN 2 THEN 'video' ELSE 'image' END, '{}', 'image/' || n %% 20,
       md5(n / 2 || 'x') || md5(n / 2 || 'y'), 'Asset number ' || n, 'asset number ' || n,
       ARRAY['common', 'tag-' || n %% (%(assets)s / 10)], CASE WHEN n %% 3 = 0 THEN 'u_' || n %% (%(assets)s / 20) END,
       '{}', '{}', '{}', '{}', at, CASE WHEN n %% 500 = 9 THEN 'user:rare' ELSE 'worker:busy' END, at, 'worker:busy',
       CASE WHEN n %% 100 = 3 THEN at END
  FROM generate_series(1, %(assets)s) AS n,
       LATERAL (SELECT timestamptz '2025-01-01 00:00Z' + n * (interval '365 days' / (%(assets)s * 1.1)) AS at) AS t

-- earlier_versions: what every tenth asset was before its second event
INSERT INTO read_models.{asset_versions}
SELECT a.*, a.position FROM read_models.{assets} AS a WHERE a.tenant_id = %(tenant_id)s AND a.revision = 2

-- first_revisions: which they were of
UPDATE read_models.{asset_versions} SET revision = 1, position = created_position WHERE tenant_id = %(tenant_id)s

-- versions: what the assets are
INSERT INTO read_models.{asset_versions}
SELECT a.*, NULL FROM read_models.{assets} AS a WHERE a.tenant_id = %(tenant_id)s

-- references: six of each asset, of which some are everywhere and some nowhere else
INSERT INTO read_models.{asset_references} (tenant_id, kind, id, asset_id, role, position)
SELECT %(tenant_id)s, kind, id, md5('asset ' || n)::uuid, 'link', n
  FROM generate_series(1, %(assets)s) AS n
 CROSS JOIN LATERAL (VALUES
    ('client', 'c' || (n %% 20 = 0)::integer), ('workflow', 'w' || n %% 40), ('node', 'n' || n %% 40 %% 8),
    ('model', 'sd-' || (n %% 7 = 0)::integer), ('run', 'r' || n / 50), ('message', 'm' || n / 4)
 ) AS r (kind, id)

-- earlier_terms: what every tenth asset was found by before its second event
INSERT INTO read_models.{asset_terms}
SELECT %(tenant_id)s, md5('asset ' || n)::uuid, %(assets)s + n / 10, n, n, ARRAY['word:earlier', 'word:common'], NULL
  FROM generate_series(10, %(assets)s, 10) AS n

-- terms: words that all, half, few and only old assets have
INSERT INTO read_models.{asset_terms}
SELECT %(tenant_id)s, md5('asset ' || n)::uuid, 9223372036854775807, n,
       CASE WHEN n %% 10 = 0 THEN %(assets)s + n / 10 ELSE n END,
       ARRAY['word:common', 'word:' || CASE n %% 2 WHEN 0 THEN 'even' ELSE 'odd' END, 'seed:' || n,
             'metadata.take=' || n %% 100, CASE WHEN n < %(assets)s / 10 THEN 'word:old' ELSE 'word:late' END,
             'word:w' || n %% (%(assets)s / 10)], NULL
  FROM generate_series(1, %(assets)s) AS n

-- jobs: one for every tenth asset
INSERT INTO read_models.{jobs} (
    tenant_id, job_id, revision, position, created_position, status, attempt, media_kind, refs, sources, run, priority, assets,
    costs, error_search, created_at, created_by, updated_at, updated_by)
SELECT %(tenant_id)s, md5('job ' || n)::uuid, 1, n * 10, n * 10, CASE n %% 100 WHEN 0 THEN 'failed' ELSE 'succeeded' END, 1,
       'image', '{}', '{}', 'r' || n, 0, '{}', '[]', CASE n %% 100 WHEN 0 THEN 'out of memory ' || n END, at, 'worker:busy', at,
       'worker:busy'
  FROM generate_series(1, %(assets)s / 10) AS n,
       LATERAL (SELECT timestamptz '2025-01-01 00:00Z' + n * 10 * (interval '365 days' / (%(assets)s * 1.1)) AS at) AS t

-- job_versions: each is what it was from the start
INSERT INTO read_models.{job_versions}
SELECT j.*, NULL FROM read_models.{jobs} AS j WHERE j.tenant_id = %(tenant_id)s

-- job_references: two of each job
INSERT INTO read_models.{job_references} (tenant_id, kind, id, job_id)
SELECT %(tenant_id)s, kind, id, md5('job ' || n)::uuid FROM generate_series(1, %(assets)s / 10) AS n
 CROSS JOIN LATERAL (VALUES ('client', 'c' || (n %% 20 = 0)::integer), ('claim', 'cl' || n / 2)) AS r (kind, id)

-- trail: a row for each event
INSERT INTO read_models.{audit_trail} (
    tenant_id, position, originator_id, revision, topic, actor, effective_at, correlation_id, refs, text_search)
SELECT tenant_id, position, originator_id, originator_version, topic,
       CASE WHEN position %% 500 = 9 THEN 'user:rare' ELSE 'worker:busy' END, effective_at, 'req-' || position / 5,
       ARRAY['client:c' || (position %% 20 = 0)::integer, 'message:m' || position / 4], 'asset number ' || position
  FROM ledger.events WHERE tenant_id = %(tenant_id)s

-- folded: every read model has come to the end of the log
UPDATE read_models.progress SET position = %(assets)s + %(assets)s / 10 WHERE tenant_id = %(tenant_id)s

-- pages: how many pages of tables and indexes the session has fetched and not reported yet
SELECT sum(pg_stat_get_xact_blocks_fetched(c.oid))::bigint FROM pg_class AS c
 WHERE c.relnamespace IN ('read_models'::regnamespace, 'ledger'::regnamespace) AND c.relkind IN ('r', 'i')
