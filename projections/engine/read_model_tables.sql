-- tables_present: which of these tables exist
SELECT name FROM unnest(%(tables)s::text[]) AS t (name) WHERE to_regclass('read_models.' || name) IS NOT NULL

-- columns: of a table, in order; none if it does not exist
SELECT attname FROM pg_attribute
 WHERE attrelid = to_regclass('read_models.' || %(table)s::text) AND attnum > 0 AND NOT attisdropped ORDER BY attnum

-- lock_progress_table: let one process at a time create tables
LOCK TABLE read_models.progress IN SHARE ROW EXCLUSIVE MODE

-- begin_rebuild: record that a read model is being rebuilt
INSERT INTO read_models.rebuilds (projection, version) VALUES (%(projection)s, %(version)s)
    ON CONFLICT (projection, version) DO UPDATE SET started_at = clock_timestamp()

-- rebuilding: whether a read model is being rebuilt
SELECT FROM read_models.rebuilds WHERE projection = %(projection)s AND version = %(version)s

-- claim_rebuild: lock a rebuild to end it, unless another process has locked it or slices are left
SELECT FROM read_models.rebuilds WHERE projection = %(projection)s AND version = %(version)s
   AND NOT EXISTS (SELECT FROM read_models.slices WHERE projection = %(projection)s AND version = %(version)s)
   FOR UPDATE SKIP LOCKED

-- end_rebuild: record that a read model is whole
DELETE FROM read_models.rebuilds WHERE projection = %(projection)s AND version = %(version)s

-- lock_progress_rows: lock the progress of every tenant, so that no process folds meanwhile
SELECT FROM read_models.progress WHERE projection = %(projection)s AND version = %(version)s
 ORDER BY tenant_id FOR UPDATE

-- index_build_settings: memory and time to build indexes
SELECT set_config('maintenance_work_mem', '256MB', true), set_config('statement_timeout', '6h', true)

-- delete_slices: give up every slice; whoever folds one is waited for
DELETE FROM read_models.slices WHERE projection = %(projection)s AND version = %(version)s

-- delete_progress: start over from the beginning of every log, with no event in quarantine
DELETE FROM read_models.progress WHERE projection = %(projection)s AND version = %(version)s

-- any_event: whether any tenant has events
SELECT FROM ledger.log_heads WHERE position > 0 LIMIT 1

-- block_enrolment: until the transaction ends: a row added after all progress rows were locked would be missed
SELECT pg_advisory_xact_lock(7352)
