-- sums: what the changes of a tenant's log add to each sum between two multiples of `span`, in the order of the sums and
-- positions. A value that both parts of one change have is not changed by it.
WITH pairs AS MATERIALIZED (
    SELECT position FROM {table}_changes WHERE tenant_id = %(tenant_id)s AND value = '1'
), changes AS (
    SELECT c.*, (c.position - 1) / %(span)s AS span, p.position AS pair
      FROM {table}_changes AS c LEFT JOIN pairs AS p USING (position) WHERE c.tenant_id = %(tenant_id)s
), parts AS (
    SELECT day, media_kind, creator, workflow, node, provider, model, client, campaign, span, pair,
           min(position) AS first_position, max(position) AS last_position,
           sum(assets)::bigint AS assets, sum(deleted)::bigint AS deleted, sum(contents)::bigint AS contents,
           sum(bytes)::bigint AS bytes, sum(requested)::bigint AS requested, sum(started)::bigint AS started,
           sum(succeeded)::bigint AS succeeded, sum(failed)::bigint AS failed, sum(cancelled)::bigint AS cancelled,
           sum(requeued)::bigint AS requeued,
           string_agg(durations, ''::bytea) AS durations, string_agg(costs::text, ',') AS costs
      FROM changes GROUP BY day, media_kind, creator, workflow, node, provider, model, client, campaign, span, pair
    HAVING pair IS NULL OR count(*) = 1
), parts_of_sums AS (
    SELECT d.dimension, d.missing, d.value, days.day, p.media_kind,
           CASE WHEN d.combined THEN p.creator END AS creator, CASE WHEN d.combined THEN p.workflow END AS workflow,
           CASE WHEN d.combined THEN p.node END AS node, CASE WHEN d.combined THEN p.provider END AS provider,
           CASE WHEN d.combined THEN p.model END AS model, CASE WHEN d.combined THEN p.client END AS client,
           CASE WHEN d.combined THEN p.campaign END AS campaign, NULL::text[] AS job, NULL::text[] AS run,
           p.span, p.pair, p.first_position, p.last_position, p.assets, p.deleted, p.contents, p.bytes, p.requested,
           p.started, p.succeeded, p.failed, p.cancelled, p.requeued, p.durations, p.costs
      FROM parts AS p
     CROSS JOIN LATERAL (VALUES (p.day), ('')) AS days (day)
     CROSS JOIN LATERAL (
        SELECT 'total', false, '', false
        UNION ALL SELECT 'creator', false, p.creator, false
        UNION ALL SELECT 'combination', false, '', true
        UNION ALL SELECT k.dimension, e.value IS NULL, coalesce(e.value, ''), false
          FROM (VALUES ('workflow', p.workflow), ('node', p.node), ('provider', p.provider), ('model', p.model),
                       ('client', p.client), ('campaign', p.campaign)) AS k (dimension, ids)
          LEFT JOIN LATERAL unnest(k.ids) AS e (value) ON true
     ) AS d (dimension, missing, value, combined)
    UNION ALL
    SELECT k.dimension, e.value IS NULL, coalesce(e.value, ''), c.day, c.media_kind,
           NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           c.span, c.pair, c.position, c.position, c.assets, c.deleted, c.contents, c.bytes, c.requested,
           c.started, c.succeeded, c.failed, c.cancelled, c.requeued, c.durations, c.costs::text
      FROM changes AS c
     CROSS JOIN LATERAL (VALUES ('job', c.job), ('run', c.run)) AS k (dimension, ids)
      LEFT JOIN LATERAL unnest(k.ids) AS e (value) ON true
    UNION ALL
    SELECT 'job_combination', false, '', day, media_kind,
           creator, workflow, node, provider, model, client, campaign, job, run,
           span, pair, position, position, assets, deleted, contents, bytes, requested,
           started, succeeded, failed, cancelled, requeued, durations, costs::text
      FROM changes
), changed_parts AS (
    SELECT dimension, missing, value, day, media_kind, creator, workflow, node, provider, model, client, campaign,
           job, run, span,
           min(first_position) AS first_position, max(last_position) AS last_position,
           sum(assets) AS assets, sum(deleted) AS deleted, sum(contents) AS contents, sum(bytes) AS bytes,
           sum(requested) AS requested, sum(started) AS started, sum(succeeded) AS succeeded, sum(failed) AS failed,
           sum(cancelled) AS cancelled, sum(requeued) AS requeued,
           string_agg(durations, ''::bytea) AS durations, string_agg(costs, ',') AS costs
      FROM parts_of_sums
     GROUP BY dimension, missing, value, day, media_kind, creator, workflow, node, provider, model, client, campaign,
              job, run, span, pair
    HAVING pair IS NULL OR count(*) = 1
)
SELECT dimension, missing, value, day, media_kind, creator, workflow, node, provider, model, client, campaign, job,
       run, min(first_position), max(last_position),
       sum(assets)::bigint, sum(deleted)::bigint, sum(contents)::bigint, sum(bytes)::bigint, sum(requested)::bigint,
       sum(started)::bigint, sum(succeeded)::bigint, sum(failed)::bigint, sum(cancelled)::bigint,
       sum(requeued)::bigint, string_agg(durations, ''::bytea), '[' || string_agg(costs, ',') || ']'
  FROM changed_parts
 GROUP BY dimension, missing, value, day, media_kind, creator, workflow, node, provider, model, client, campaign, job,
          run, span
 ORDER BY dimension, missing, value, day, media_kind, creator, workflow, node, provider, model, client, campaign, job,
          run, span
