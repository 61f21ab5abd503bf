-- What a stretch of one originator's events folds to, sealed: so that no read and no decision needs all of them.
-- Disposable: a row that is missing, of another fold or damaged only makes the log be folded again.
CREATE TABLE ledger.snapshots (
    tenant_id          uuid NOT NULL,
    originator_id      uuid NOT NULL,
    fold               text NOT NULL,       -- which fold made it, and of which version
    originator_version integer NOT NULL,    -- the revision it stands at
    position           bigint NOT NULL,     -- of the event of that revision
    subject            text,                -- whose key seals it; null: the tenant's
    state              bytea NOT NULL,
    kept_at            timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, originator_id, fold, originator_version)
);
-- Sealed bytes do not compress.
ALTER TABLE ledger.snapshots ALTER COLUMN state SET STORAGE EXTERNAL;
ALTER TABLE ledger.snapshots ENABLE ROW LEVEL SECURITY;
ALTER TABLE ledger.snapshots FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON ledger.snapshots TO asset_ledger_service USING (tenant_id = ledger.current_tenant());
CREATE POLICY every_tenant ON ledger.snapshots TO asset_ledger_owner USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON ledger.snapshots TO asset_ledger_service;

-- One originator from its nearest snapshot on, in one round trip: that snapshot as the first row if there is one (it
-- has no topic), then the events from the one that it stands at on, or from the first, at most so many.
-- at_version, at_position: the snapshot may stand at no later revision and position; null: at any.
CREATE FUNCTION ledger.stream_from_snapshot(
    of_tenant uuid, of_originator uuid, of_fold text, at_version integer, at_position bigint, until_version integer,
    most integer
) RETURNS TABLE (
    originator_version integer, topic text, entry bytea, "position" bigint, effective_at timestamptz, subject text
)
LANGUAGE plpgsql VOLATILE SET search_path = ledger, pg_temp
-- A plan cached while the tables were empty would scan them for ever.
SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
    since integer := 0;
BEGIN
    PERFORM set_config('ledger.tenant_id', of_tenant::text, true);
    SELECT s.originator_version, s.state, s.position, s.subject INTO originator_version, entry, "position", subject
      FROM snapshots AS s
     WHERE s.tenant_id = of_tenant AND s.originator_id = of_originator AND s.fold = of_fold
       AND s.originator_version <= coalesce(at_version, 2147483647)
       AND s.position <= coalesce(at_position, 9223372036854775807)
     ORDER BY s.originator_version DESC LIMIT 1;
    IF FOUND THEN
        since := originator_version;
        RETURN NEXT;
    END IF;
    RETURN QUERY SELECT e.originator_version, e.topic, e.entry, e.position, e.effective_at, NULL::text
      FROM events AS e
     WHERE e.tenant_id = of_tenant AND e.originator_id = of_originator
       AND e.originator_version >= since AND e.originator_version <= coalesce(until_version, 2147483647)
     ORDER BY e.originator_version LIMIT most;
END
$$;
REVOKE ALL ON FUNCTION ledger.stream_from_snapshot FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.stream_from_snapshot TO asset_ledger_service;
