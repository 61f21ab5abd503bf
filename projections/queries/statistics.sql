-- groups: the sums of each group, in the order of their values; what has no value of a dimension comes after what has
SELECT {groups} sum(t.assets)::bigint, sum(t.deleted)::bigint, sum(t.contents)::bigint, sum(t.bytes)::bigint,
       sum(t.requested)::bigint, sum(t.started)::bigint, sum(t.succeeded)::bigint, sum(t.failed)::bigint,
       sum(t.cancelled)::bigint, sum(t.requeued)::bigint,
       string_agg(t.durations, ''::bytea), '[' || string_agg(t.costs::text, ',') || ']'
  FROM ({rows}) AS t WHERE {bounds} GROUP BY {grouped}
HAVING sum(t.assets) <> 0 OR sum(t.deleted) <> 0 OR sum(t.contents) <> 0 OR sum(t.bytes) <> 0 OR sum(t.requested) <> 0
    OR sum(t.started) <> 0 OR sum(t.succeeded) <> 0 OR sum(t.failed) <> 0 OR sum(t.cancelled) <> 0
    OR sum(t.requeued) <> 0
{ordered} LIMIT %(limit)s

-- last_group: the last group of a page, if there are so many, from the first groups of either source
SELECT {columns} FROM (({sums}) UNION ({changes})) AS t ORDER BY {columns} OFFSET %(limit)s - 1 LIMIT 1

-- first_groups: the first groups of rows
SELECT DISTINCT {columns} FROM ({rows}) AS t WHERE {bounds} ORDER BY {columns} LIMIT %(limit)s

-- rows: the rows that are summed
SELECT {columns} t.assets, t.deleted, t.contents, t.bytes, t.requested, t.started, t.succeeded, t.failed, t.cancelled,
       t.requeued, t.durations, t.costs
  FROM queries.{statistics} AS t {each} WHERE {conditions}

-- and_rows: rows from two sources
{sums} UNION ALL {changes}

-- group: a column of the groups
t.{column},

-- one_group: all in one group
()

-- in_order: in the order of the groups
ORDER BY {columns}

-- empty: in no order, since there is one group
/* one group */

-- column: a column of the groups, in their order
t.{column}

-- unbounded: all groups
true

-- after_group: the groups after one
({columns}) > ({values})

-- until_group: the groups up to one
({columns}) <= ({values})

-- until_value: the same of the first dimension alone, of which the planner knows how many rows it leaves
t.{column} <= {value}

-- not_missing: and what has no value of it comes later
NOT t.{column}

-- day: the day as it is kept
t.day,

-- media_kind: the kind as it is kept
t.media_kind,

-- value: the dimension that sums are apart by
t.missing AS {missing}, t.value AS {value},

-- creator_of: the creator of a combination or a change
false AS {missing}, t.creator AS {value},

-- one_of: one of the values of a combination or a change
{each}.value IS NULL AS {missing}, coalesce({each}.value, '') COLLATE "C" AS {value},

-- each_value: a row for each of the values, one if there is none
LEFT JOIN LATERAL unnest(t.{column}) AS {each} (value) ON true

-- sums: of a dimension, as they are now
t.grain = ANY (%(grains)s::text[]) AND t.dimension = %(dimension)s

-- sums_then: as they were up to and with a position
t.position <= %(summed)s AND t.next_position > %(summed)s AND t.changed_position <= %(summed)s

-- changes: of every event
t.grain = 'change'

-- changes_until: of events up to and with a position
t.position <= %(as_of)s

-- changes_since: of events after a position
t.position > %(summed)s

-- only_value: of one value of the dimension
NOT t.missing AND t.value = %(value)s

-- first_day: from a day on
t.day >= %(first_day)s

-- last_day: up to and with a day
t.day <= %(last_day)s

-- media_kind_is: of one kind of media
t.media_kind = %(media_kind_is)s

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
