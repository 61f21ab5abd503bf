-- place: the places of rows by the positions of their creation, after new rows got the next ones; nothing while the sets
-- are to be built
WITH asked AS MATERIALIZED (
    SELECT a.tenant_id, a.position, a.is_new, coalesce(d.block * %(block)s + width_bucket(a.position, d.positions), 0) AS before
      FROM unnest(%(tenant_ids)s::uuid[], %(positions)s::bigint[], %(new)s::boolean[]) AS a (tenant_id, position, is_new)
      LEFT JOIN LATERAL (
        SELECT block, positions FROM read_models.{table}_places
         WHERE tenant_id = a.tenant_id AND first_position <= a.position ORDER BY first_position DESC LIMIT 1
     ) AS d ON true
     WHERE NOT EXISTS (SELECT FROM read_models.rebuilds WHERE projection = %(projection)s AND version = %(version)s)
), placed AS MATERIALIZED (
    SELECT tenant_id, position, is_new,
           (before - 1 + CASE WHEN is_new THEN row_number() OVER (PARTITION BY tenant_id, is_new ORDER BY position)
                              ELSE 0 END)::integer AS place
      FROM asked
), appended AS (
    INSERT INTO read_models.{table}_places AS known (tenant_id, block, first_position, positions)
    SELECT tenant_id, place / %(block)s, min(position), array_agg(position ORDER BY position)
      FROM placed WHERE is_new GROUP BY 1, 2 ORDER BY 1, 2
        ON CONFLICT (tenant_id, block) DO UPDATE SET positions = known.positions || excluded.positions
)
SELECT tenant_id, position, place FROM placed

-- remove_sets: remove some sets, which are written anew; returns them as they were
DELETE FROM read_models.{table}_facets AS f
 USING unnest(%(tenant_ids)s::uuid[], %(facets)s::text[], %(values)s::text[], %(chunks)s::integer[])
    AS k (tenant_id, facet, value, chunk)
 WHERE f.tenant_id = k.tenant_id AND f.facet = k.facet AND f.value = k.value AND f.chunk = k.chunk
RETURNING f.tenant_id, f.facet, f.value, f.chunk, f.members, f.places

-- add_sets: add those sets that have members; the bytes of all come one after the other
INSERT INTO read_models.{table}_facets (tenant_id, facet, value, chunk, members, places)
SELECT tenant_id, facet, value, chunk, members,
       substr(%(places)s::bytea, (sum(length) OVER (ROWS UNBOUNDED PRECEDING) - length + 1)::integer, length)
  FROM unnest(%(tenant_ids)s::uuid[], %(facets)s::text[], %(values)s::text[], %(chunks)s::integer[],
              %(members)s::integer[], %(lengths)s::integer[]) AS s (tenant_id, facet, value, chunk, members, length)
 WHERE members > 0

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
