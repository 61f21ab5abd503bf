-- Where read models live: tables that only the projector touches, views that show a session its own tenant.
CREATE SCHEMA read_models AUTHORIZATION asset_ledger_projector;
CREATE SCHEMA queries AUTHORIZATION asset_ledger_projector;
GRANT USAGE ON SCHEMA queries TO asset_ledger_service;

-- How far each projection has folded each tenant's log, and where it stopped if an event could not be folded.
CREATE TABLE read_models.progress (
    projection      text NOT NULL,
    version         integer NOT NULL,
    tenant_id       uuid NOT NULL,
    position        bigint NOT NULL DEFAULT 0,
    failed_position bigint,
    failure         text,
    PRIMARY KEY (projection, version, tenant_id)
);
ALTER TABLE read_models.progress OWNER TO asset_ledger_projector;

CREATE VIEW queries.progress AS
    SELECT projection, version, position, failed_position, failure
      FROM read_models.progress WHERE tenant_id = ledger.current_tenant();
ALTER VIEW queries.progress OWNER TO asset_ledger_projector;
GRANT SELECT ON queries.progress TO asset_ledger_service;
