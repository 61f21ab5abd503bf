-- add_assets: assets of a tenant as they are after five events each; every tenth was changed again at the end of the log
INSERT INTO read_models.{assets} (
    tenant_id, asset_id, revision, position, created_position, status, live_status, media_kind, media, content,
    content_type, sha256, name, name_search, tags, subject, scope, origin, links, sources, holds,
    created_at, created_by, updated_at, updated_by, deleted_at
)
SELECT %(tenant_id)s, ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 5, last, 5 * n + 1,
       CASE WHEN h %% 20 = 3 THEN 'deleted' ELSE live_status END, live_status,
       CASE WHEN n < %(assets)s / 10 THEN 'document' WHEN h %% 1000 = 5 THEN 'audio' WHEN h %% 10 = 1 THEN 'video'
            WHEN h %% 2 = 0 THEN 'image' ELSE 'file' END,
       '{"media_kind": "image", "format": "png", "width": 1024, "height": 1024}',
       json_build_object('content_type', 'image/png', 'size', 1000000 + n, 'sha256', lpad(to_hex(n), 64, '0')),
       'image/' || share, lpad(to_hex(n), 64, '0'),
       'Castle ' || n || ' at dusk', 'castle ' || n || ' at dusk', shares, nullif('p_' || share, 'p_other'),
       'world:w' || h %% 20, ARRAY['model:sdxl', 'workflow:' || share, 'node:n' || h %% 10],
       ARRAY(SELECT 'client:' || s FROM unnest(shares) AS s) || ARRAY['claim:c' || h %% 1000, 'message:m' || n / 4],
       '{}', '{}',
       %(start)s + make_interval(secs => 5 * n + 1), 'user:' || share, %(start)s + make_interval(secs => last),
       'user:u_1', CASE WHEN h %% 20 = 3 THEN %(start)s + make_interval(secs => last) END
  FROM (
    SELECT n, h, last, CASE WHEN h %% 10 = 7 THEN 'pending' WHEN h %% 1000 = 9 THEN 'failed' ELSE 'ready' END AS live_status,
           shares, coalesce(shares[1], 'other') AS share
      FROM (
        SELECT n, h,
               CASE WHEN n %% 10 = 3 THEN 5 * %(assets)s + 1 + n / 10 * 7919 %% (%(assets)s / 10) ELSE 5 * n + 4 END AS last,
               array_remove(ARRAY[
                   CASE WHEN n IN (7, %(assets)s / 2, %(assets)s - 7) THEN 'three' END,
                   CASE WHEN h %% 1000 = 5 THEN 'thousandth' END,
                   CASE WHEN n < %(assets)s / 10 THEN 'old' WHEN n >= %(assets)s - %(assets)s / 10 THEN 'new' END,
                   CASE WHEN h %% 10 = 1 THEN 'tenth' END,
                   CASE WHEN h %% 10 = 2 AND n %% 10 <> 3 THEN 'unchanged' END,
                   CASE WHEN h %% 2 = 0 THEN 'half' ELSE 'other_half' END
               ], NULL) AS shares
          FROM (
            SELECT n, abs(hashint8(n)::bigint) AS h FROM generate_series(0::bigint, %(assets)s - 1) AS n
          ) AS numbers
      ) AS placed
  ) AS shared

-- add_references: the references of those assets
INSERT INTO read_models.{asset_references} (tenant_id, kind, id, asset_id, role, position)
SELECT tenant_id, split_part(r, ':', 1), substr(r, strpos(r, ':') + 1), asset_id, role, created_position
  FROM read_models.{assets}
 CROSS JOIN LATERAL (
    SELECT r, 'link' AS role FROM unnest(links) AS r UNION ALL SELECT r, 'origin' FROM unnest(origin) AS r
     UNION ALL SELECT scope, 'scope'
  ) AS those
 WHERE tenant_id = %(tenant_id)s

-- add_events: a log of which the times alone are looked at
INSERT INTO ledger.events (tenant_id, position, originator_id, originator_version, topic, effective_at, entry)
SELECT %(tenant_id)s, p, md5(p::text)::uuid, 1, 'asset.created', %(start)s + make_interval(secs => p), ''
  FROM generate_series(%(after)s::bigint + 1, %(head)s::bigint) AS p

-- move_head: the log's size
UPDATE ledger.log_heads SET position = %(head)s, effective_at = %(start)s + make_interval(secs => %(head)s)
 WHERE tenant_id = %(tenant_id)s

-- move_progress: all of the log counts as folded
UPDATE read_models.progress SET position = %(head)s, applied = %(head)s WHERE tenant_id = %(tenant_id)s

-- add_versions: of those assets two versions each, as they were created and as they are
INSERT INTO read_models.{asset_versions} (
    tenant_id, asset_id, revision, position, created_position, status, live_status, media_kind, media, content,
    content_type, sha256, name, name_search, tags, subject, scope, origin, sources, created_at, created_by,
    updated_at, updated_by, deleted_at, next_position
)
SELECT a.tenant_id, a.asset_id, v.revision, v.position, a.created_position, v.status, a.live_status, a.media_kind, a.media,
       a.content, a.content_type, a.sha256, a.name, a.name_search, a.tags, a.subject, a.scope, a.origin, a.sources,
       a.created_at, a.created_by, v.updated_at, v.updated_by, v.deleted_at, v.next_position
  FROM read_models.{assets} AS a CROSS JOIN LATERAL (VALUES
    (1, a.created_position, a.live_status, a.created_at, a.created_by, NULL, a.position),
    (a.revision, a.position, a.status, a.updated_at, a.updated_by, a.deleted_at, NULL)
  ) AS v (revision, position, status, updated_at, updated_by, deleted_at, next_position)
 WHERE a.tenant_id = %(tenant_id)s

-- add_trail: a row for each event of a log of which the times alone are there
INSERT INTO read_models.{audit_trail} (
    tenant_id, position, originator_id, revision, topic, actor, effective_at, correlation_id, refs, text_search
)
SELECT %(tenant_id)s, p, md5((p / 5)::text)::uuid, p %% 5 + 1,
       CASE p %% 5 WHEN 0 THEN 'asset.created' WHEN 1 THEN 'asset.linked' ELSE 'asset.described' END,
       CASE WHEN p %% 2 = 0 THEN 'worker:pipeline' ELSE 'user:u_' || p %% 1000 END,
       %(start)s + make_interval(secs => p), 'c' || p / 5, ARRAY['claim:c' || p %% 1000], 'castle ' || p || ' at dusk'
  FROM generate_series(%(after)s::bigint + 1, %(head)s::bigint) AS p
