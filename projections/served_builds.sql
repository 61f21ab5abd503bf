-- served: the builds that serve a tenant, in the order of the read models, and those that are being rebuilt
SELECT b.builds, b.rebuilding
  FROM queries.served_builds(%(tenant_id)s, %(projections)s::text[], %(versions)s::integer[]) AS b
