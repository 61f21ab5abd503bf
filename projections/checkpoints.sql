-- position: the checkpoint of a projection in the log of the session's tenant
SELECT position FROM queries.progress WHERE projection = %(projection)s AND version = %(version)s
