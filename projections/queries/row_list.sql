-- created_desc: the newest first
ORDER BY created_position DESC

-- created_asc: the oldest first
ORDER BY created_position

-- updated_desc: the last changed first
ORDER BY position DESC

-- updated_asc: the last changed last
ORDER BY position

-- after_created_desc: what comes after the last page
created_position < %(after)s

-- after_created_asc: what comes after the last page
created_position > %(after)s

-- after_updated_desc: what comes after the last page
position < %(after)s

-- after_updated_asc: what comes after the last page
position > %(after)s

-- created_after: recorded after a time (the position of that time, which the order's index serves)
created_position > %(created_after)s

-- created_before: recorded before a time
created_position <= %(created_before)s

-- updated_after: last changed after a time
position > %(updated_after)s

-- updated_before: last changed before a time
position <= %(updated_before)s

-- created_by_then: recorded up to the moment, as all that was valid then: where the index of that order begins
created_position <= %(as_of)s::bigint

-- recorded_by: recorded up to a position
created_position <= %(recorded_by)s
