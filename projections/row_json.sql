-- text: a text, or an array of texts
to_json({column})

-- number: a number
{column}::text

-- id: an id
'"' || {column}::text || '"'

-- time: a time in UTC with six fractional digits (RFC 3339)
to_char({column} AT TIME ZONE 'UTC', '"\""YYYY-MM-DD"T"HH24:MI:SS.US"Z\""')

-- document: JSON as it is kept
{column}

-- object: JSON with some members
CASE WHEN {column} IS NOT NULL THEN '{{' || {members} || '}}' END

-- member: one of these
{column} -> {name}

-- nullable: any of these where there may be none
coalesce({value}, 'null')

-- members: names and values one after the other
concat({parts})
