-- Poison events that an operator has set aside: the projection of this version goes on after them as if they were not
-- there. They go with their checkpoint, so a rebuild tries them again.
CREATE TABLE read_models.quarantine (
    projection     text NOT NULL,
    version        integer NOT NULL,
    tenant_id      uuid NOT NULL,
    position       bigint NOT NULL,
    failure        text NOT NULL, -- why the event could not be folded
    quarantined_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (projection, version, tenant_id, position),
    FOREIGN KEY (projection, version, tenant_id) REFERENCES read_models.progress ON DELETE CASCADE
);
ALTER TABLE read_models.quarantine OWNER TO asset_ledger_projector;

-- A checkpoint is the sum of the events that were folded and of those that were set aside. Each is counted by itself,
-- so that a fold that was lost or done twice shows.
ALTER TABLE read_models.progress
    ADD COLUMN applied bigint NOT NULL DEFAULT 0,
    ADD COLUMN quarantined bigint NOT NULL DEFAULT 0,
    ADD COLUMN counted_to bigint NOT NULL DEFAULT 0; -- the checkpoint of the last count: a release before does not count
UPDATE read_models.progress SET applied = position, counted_to = position;

CREATE OR REPLACE VIEW queries.progress AS
    SELECT projection, version, position, failed_position, failure, quarantined
      FROM read_models.progress WHERE tenant_id = ledger.current_tenant();

-- Sets aside the event that a projection has stopped at in the log of the session's tenant, and lets it go on after it.
-- Returns why it had stopped; null, and nothing is changed, unless it stands stopped at exactly this position.
CREATE FUNCTION queries.quarantine_event(of_projection text, of_version integer, at_position bigint) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = read_models, pg_temp AS $$
DECLARE
    of_tenant uuid := ledger.current_tenant();
    cause text;
BEGIN
    SELECT p.failure INTO cause FROM progress AS p
     WHERE p.projection = of_projection AND p.version = of_version AND p.tenant_id = of_tenant
       AND p.failed_position = at_position AND p.position = at_position - 1 FOR UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    UPDATE progress AS p
       SET position = at_position, quarantined = p.quarantined + 1, counted_to = at_position,
           applied = CASE WHEN p.counted_to = p.position THEN p.applied ELSE p.position - p.quarantined END,
           failed_position = NULL, failure = NULL
     WHERE p.projection = of_projection AND p.version = of_version AND p.tenant_id = of_tenant;
    INSERT INTO quarantine (projection, version, tenant_id, position, failure)
    VALUES (of_projection, of_version, of_tenant, at_position, cause);
    RETURN cause;
END
$$;
ALTER FUNCTION queries.quarantine_event OWNER TO asset_ledger_projector;
REVOKE ALL ON FUNCTION queries.quarantine_event FROM PUBLIC;
GRANT EXECUTE ON FUNCTION queries.quarantine_event TO asset_ledger_service;
