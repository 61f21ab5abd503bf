-- copied: the same table again, with its key
CREATE TABLE read_models.copied (LIKE read_models.{table}, PRIMARY KEY (tenant_id, asset_id))

-- indexes: what creates the others on that table
SELECT replace(pg_get_indexdef(indexrelid), %(table)s, 'copied')
  FROM pg_index WHERE indrelid = format('read_models.%%I', %(table)s::text)::regclass AND NOT indisprimary

-- copy_out: its rows
COPY read_models.{table} TO STDOUT

-- copy_in: its rows again
COPY read_models.copied FROM STDIN

-- build_settings: what a rebuild sets before it creates indexes
SELECT set_config('maintenance_work_mem', '256MB', true)

-- analyze: what a rebuild does at its end
ANALYZE read_models.copied

-- count: how many rows there are
SELECT count(*) FROM read_models.{table}

-- drop: the copy goes again
DROP TABLE read_models.copied

-- sizes: the bytes of the log, and those of all read models, with their indexes
SELECT pg_total_relation_size('ledger.events'),
       (SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class
         WHERE relnamespace = 'read_models'::regnamespace AND relkind = 'r')
