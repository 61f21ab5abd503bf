-- Nobody holds a tenant's head for long without a word, whatever became of him: a service that is frozen between an
-- append and its commit would else keep everybody else from writing. These are the defaults of the database, for every
-- connection that does not say otherwise, such as those that a pooler opens. Whoever may not set a default goes on
-- without it: the service's own connections set theirs.
DO $$
DECLARE
    bound record;
BEGIN
    FOR bound IN
        SELECT * FROM (VALUES
            ('idle_in_transaction_session_timeout', '5s', '60s'),
            ('lock_timeout', '3s', '60s'),
            ('statement_timeout', '15s', '120s'),
            ('transaction_timeout', '60s', '0'), -- since PostgreSQL 17
            ('default_transaction_isolation', 'read committed', 'read committed')
        ) AS b (name, service, projector) JOIN pg_settings USING (name)
    LOOP
        BEGIN
            EXECUTE format('ALTER DATABASE %I SET %I = %L', current_database(), bound.name, bound.service);
        EXCEPTION WHEN insufficient_privilege THEN
            RAISE NOTICE 'the default of % stays as it is: only the owner of the database sets it', bound.name;
        END;
        -- The two who work for long: batches and indexes of read models, and migrations. A role may set its own.
        BEGIN
            EXECUTE format('ALTER ROLE asset_ledger_owner IN DATABASE %I SET %I = %L', current_database(), bound.name,
                CASE bound.name WHEN 'default_transaction_isolation' THEN bound.service ELSE '0' END);
            SET LOCAL ROLE asset_ledger_projector;
            EXECUTE format('ALTER ROLE asset_ledger_projector IN DATABASE %I SET %I = %L', current_database(),
                bound.name, bound.projector);
        EXCEPTION WHEN insufficient_privilege THEN
            RAISE NOTICE 'the default of % for a role stays as it is', bound.name;
        END;
        RESET ROLE;
    END LOOP;
END
$$;
