-- groups: the sums of each group, in the order of their values. Lists of references are taken apart once they are summed:
-- the same ones come again every day
SELECT {group}, sum(t.assets)::bigint, sum(t.deleted)::bigint, sum(t.contents)::bigint, sum(t.bytes)::bigint,
       sum(t.requested)::bigint, sum(t.started)::bigint, sum(t.succeeded)::bigint, sum(t.failed)::bigint,
       sum(t.cancelled)::bigint, sum(t.requeued)::bigint
  FROM (
    SELECT {columns}, sum(t.assets) AS assets, sum(t.deleted) AS deleted, sum(t.contents) AS contents,
           sum(t.bytes) AS bytes, sum(t.requested) AS requested, sum(t.started) AS started,
           sum(t.succeeded) AS succeeded, sum(t.failed) AS failed, sum(t.cancelled) AS cancelled,
           sum(t.requeued) AS requeued
      FROM queries.{statistics} AS t WHERE {conditions} GROUP BY {columns}
  ) AS t {each} WHERE {bounds} GROUP BY 1 ORDER BY 1 LIMIT %(limit)s

-- durations: how many jobs of each group are in each bucket
SELECT {group}, t.bucket::bigint, sum(t.jobs)::bigint
  FROM (
    SELECT {columns}, d.key AS bucket, sum(d.value::bigint) AS jobs
      FROM queries.{statistics} AS t CROSS JOIN LATERAL json_each_text(t.durations) AS d
     WHERE {conditions} AND t.durations IS NOT NULL GROUP BY {columns}, d.key
  ) AS t {each} WHERE {bounds} GROUP BY 1, 2

-- costs: what the jobs of each group cost, by currency
SELECT {group}, t.currency, sum(t.amount)
  FROM (
    SELECT {columns}, c.key AS currency, sum(c.value::numeric) AS amount
      FROM queries.{statistics} AS t CROSS JOIN LATERAL json_each_text(t.costs) AS c
     WHERE {conditions} AND t.costs IS NOT NULL GROUP BY {columns}, c.key
  ) AS t {each} WHERE {bounds} GROUP BY 1, 2 ORDER BY 1, 2

-- group: the values of a group; they are compared as bytes, and what has none comes last
ARRAY[{values}]::text[] COLLATE "C"

-- unbounded: all groups
true

-- after_group: the groups after one
{group} > %(after)s::text[]

-- until_group: the groups up to one
{group} <= %(until)s::text[]

-- value_of_day: the day as text
to_char(t.day, 'YYYY-MM-DD')

-- value: what is of one value
t.{column}

-- one_value: one of the values of what may have several
{each}.value

-- each_value: a row for each of the values, one if there is none
LEFT JOIN LATERAL unnest(t.{column}) AS {each} (value) ON true

-- grain: the rows of one grain
t.grain = %(grain)s

-- first_day: from a day on
t.day >= %(first_day)s

-- last_day: up to and with a day
t.day <= %(last_day)s

-- media_kind: of one kind of media
t.media_kind = %(media_kind)s

-- creator: recorded or requested by one actor
t.creator = %(creator)s

-- workflow: of all these workflows
t.workflow @> %(workflow)s::text[]

-- node: of all these nodes
t.node @> %(node)s::text[]

-- provider: of all these providers
t.provider @> %(provider)s::text[]

-- model: of all these models
t.model @> %(model)s::text[]

-- client: of all these clients
t.client @> %(client)s::text[]

-- campaign: of all these campaigns
t.campaign @> %(campaign)s::text[]

-- run: of all these runs
t.run @> %(run)s::text[]

-- job: of a job with this id or run
(t.job @> ARRAY[{name}]::text[] OR t.run @> ARRAY[{name}]::text[])
