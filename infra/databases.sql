-- roles: the three roles; the owner makes schemas for the projector, so it is one of its members
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['asset_ledger_owner', 'asset_ledger_service', 'asset_ledger_projector'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', role_name);
        END IF;
    END LOOP;
    GRANT asset_ledger_projector TO asset_ledger_owner;
END
$$

-- databases: which of ours there are
SELECT datname FROM pg_database WHERE datname IN ('asset_ledger', 'asset_ledger_keys')

-- create_log_database: the log and its read models
CREATE DATABASE asset_ledger OWNER asset_ledger_owner

-- create_keys_database: the keys, apart, so that a backup of the log carries none
CREATE DATABASE asset_ledger_keys OWNER asset_ledger_owner

-- backend: the process that serves this connection
SELECT pg_backend_pid()
