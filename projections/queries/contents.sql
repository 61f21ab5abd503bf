-- due: assets that were deleted longer ago than they are kept, with content that is still there
SELECT a.asset_id FROM queries.{assets} AS a
 WHERE a.deleted_at < statement_timestamp() - %(retention)s::interval AND a.holds = '{}'
   AND EXISTS (SELECT FROM queries.{contents} AS c WHERE c.asset_id = a.asset_id AND c.purged_at IS NULL)
   AND NOT EXISTS (SELECT FROM ledger.purges AS p WHERE p.tenant_id = a.tenant_id AND p.asset_id = a.asset_id)
 ORDER BY a.deleted_at LIMIT %(most)s

-- superseded: live assets under no hold with content in whose place newer has been for longer than it is kept
SELECT c.asset_id FROM queries.{contents} AS c JOIN queries.{assets} AS a USING (asset_id)
 WHERE c.purged_at IS NULL AND a.deleted_at IS NULL AND a.holds = '{}'
   AND EXISTS (SELECT FROM queries.{contents} AS n
                WHERE n.asset_id = c.asset_id AND n.content_version > c.content_version
                  AND n.stored_at < statement_timestamp() - %(retention)s::interval)
   AND NOT EXISTS (SELECT FROM ledger.purges AS p WHERE p.tenant_id = c.tenant_id AND p.asset_id = c.asset_id)
 GROUP BY c.asset_id LIMIT %(most)s

-- bytes: how many there are of some assets
SELECT asset_id, coalesce(sum(size), 0)::bigint FROM queries.{contents}
 WHERE asset_id = ANY (%(asset_ids)s) AND purged_at IS NULL GROUP BY asset_id

-- tenants_with_old: where content may be there still of assets that were deleted, or of versions that were superseded,
-- longer ago than they are kept
SELECT DISTINCT c.tenant_id FROM read_models.{contents} AS c JOIN read_models.{assets} AS a USING (tenant_id, asset_id)
 WHERE c.purged_at IS NULL
   AND (a.deleted_at < statement_timestamp() - %(retention)s::interval
        OR EXISTS (SELECT FROM read_models.{contents} AS n
                    WHERE n.tenant_id = c.tenant_id AND n.asset_id = c.asset_id
                      AND n.content_version > c.content_version
                      AND n.stored_at < statement_timestamp() - %(retention)s::interval))
