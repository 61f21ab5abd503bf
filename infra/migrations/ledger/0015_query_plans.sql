-- What lists and the feed are planned by.

-- The feed by topic. Partial, though no topic is empty: a statement that does not say so cannot be served by it, so
-- that the plan of an append, made while the log is empty, has no other index to choose than the one it needs.
-- On a large log, build it beforehand without locking out writers, by the same statement with CONCURRENTLY.
CREATE INDEX IF NOT EXISTS events_topic ON ledger.events (tenant_id, topic, position) WHERE topic <> '';

-- Which projections have stopped is asked often, and few have.
CREATE INDEX progress_failures ON read_models.progress (projection, version, tenant_id) WHERE failure IS NOT NULL;

-- Which read models are being made anew, for those who read them.
CREATE VIEW queries.rebuilds AS SELECT projection, version, started_at FROM read_models.rebuilds;
ALTER VIEW queries.rebuilds OWNER TO asset_ledger_projector;
GRANT SELECT ON queries.rebuilds TO asset_ledger_service;

-- An id belongs to one kind, and often to one tenant. Read models that are there already learn what new ones are made
-- with.
DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['asset_references_v1', 'job_references_v1'] LOOP
        IF to_regclass('read_models.' || table_name) IS NOT NULL THEN
            EXECUTE format('CREATE STATISTICS read_models.%I ON tenant_id, kind, id FROM read_models.%I',
                           table_name || '_identity', table_name);
            EXECUTE format('ANALYZE read_models.%I', table_name);
        END IF;
    END LOOP;
END
$$;
