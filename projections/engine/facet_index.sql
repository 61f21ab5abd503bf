-- created_by: how many rows of a tenant were created at or before a position; nothing while the sets are to be built
SELECT asked.tenant_id, asked.position, coalesce(d.block * %(block)s + width_bucket(asked.position, d.positions), 0)
  FROM unnest(%(tenant_ids)s::uuid[], %(positions)s::bigint[]) AS asked (tenant_id, position)
  LEFT JOIN LATERAL (
    SELECT block, positions FROM read_models.{table}_places
     WHERE tenant_id = asked.tenant_id AND first_position <= asked.position ORDER BY first_position DESC LIMIT 1
 ) AS d ON true
 WHERE NOT EXISTS (SELECT FROM read_models.rebuilds WHERE projection = %(projection)s AND version = %(version)s)

-- append_places: the positions of new rows, behind those that are there
INSERT INTO read_models.{table}_places AS known (tenant_id, block, first_position, positions)
SELECT tenant_id, block, min(position), array_agg(position ORDER BY position)
  FROM unnest(%(tenant_ids)s::uuid[], %(blocks)s::integer[], %(positions)s::bigint[]) AS new (tenant_id, block, position)
 GROUP BY tenant_id, block ORDER BY tenant_id, block
    ON CONFLICT (tenant_id, block) DO UPDATE SET positions = known.positions || excluded.positions

-- build_settings: memory to bring the members of sets together
SELECT set_config('work_mem', '64MB', true)

-- build_places: the positions of all rows of all tenants
INSERT INTO read_models.{table}_places (tenant_id, block, first_position, positions)
SELECT tenant_id, place / %(block)s, min(created_position), array_agg(created_position ORDER BY created_position)
  FROM (
    SELECT tenant_id, created_position,
           row_number() OVER (PARTITION BY tenant_id ORDER BY created_position) - 1 AS place
      FROM read_models.{table}
 ) AS placed
 GROUP BY 1, 2 ORDER BY 1, 2

-- chunks: the chunks of places of all tenants, with their first and last positions and the number of their rows
SELECT tenant_id, block * %(block)s / %(chunk)s, min(first_position), max(positions[cardinality(positions)]),
       sum(cardinality(positions))::integer
  FROM read_models.{table}_places GROUP BY 1, 2 ORDER BY 1, 2
