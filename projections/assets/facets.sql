-- members: of some chunks of tenants' assets, the members of each facet as a list of places, some perhaps twice
SELECT c.tenant_id, f.facet, f.value, c.chunk, string_agg(int2send(a.place), ''::bytea)
  FROM unnest(%(tenant_ids)s::uuid[], %(chunks)s::integer[], %(firsts)s::bigint[], %(lasts)s::bigint[])
    AS c (tenant_id, chunk, first, last)
 CROSS JOIN LATERAL (
    SELECT (row_number() OVER (ORDER BY created_position) - 1)::smallint AS place,
           position, status, media_kind, content_type, created_by, subject, tags, scope, origin, links
      FROM read_models.{table}
     WHERE tenant_id = c.tenant_id AND created_position BETWEEN c.first AND c.last OFFSET 0
 ) AS a
 CROSS JOIN LATERAL (
    SELECT * FROM (VALUES
        ('status', a.status), ('media_kind', a.media_kind), ('creator', a.created_by), ('subject', a.subject),
        ('content_type', a.content_type), ('ref', a.scope), ('changed_18', (a.position >> 18)::text),
        ('changed_14', (a.position >> 14)::text), ('changed_10', (a.position >> 10)::text)
    ) AS single (facet, value) WHERE value IS NOT NULL
     UNION ALL SELECT 'tag', tag FROM unnest(a.tags) AS tag
     UNION ALL SELECT 'ref', reference FROM unnest(a.origin || a.links) AS reference
 ) AS f
 GROUP BY c.tenant_id, c.chunk, f.facet, f.value
