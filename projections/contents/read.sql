-- due: assets that were deleted before a time, with content that is still there
SELECT a.asset_id FROM queries.assets_v2 AS a
 WHERE a.deleted_at < %(before)s AND a.holds = '{}'
   AND EXISTS (SELECT FROM queries.contents_v1 AS c WHERE c.asset_id = a.asset_id AND c.purged_at IS NULL)
   AND NOT EXISTS (SELECT FROM ledger.purges AS p WHERE p.tenant_id = a.tenant_id AND p.asset_id = a.asset_id)
 ORDER BY a.deleted_at LIMIT %(most)s

-- known: content that is recorded and not purged
SELECT content_id, asset_id, content_version FROM queries.contents_v1 WHERE purged_at IS NULL

-- tenants_with_deleted: where assets were deleted before a time whose content may be there still
SELECT DISTINCT a.tenant_id FROM read_models.assets_v2 AS a JOIN read_models.contents_v1 AS c USING (tenant_id, asset_id)
 WHERE a.deleted_at < %(before)s AND c.purged_at IS NULL
