-- What a tenant lets in, and what it has declared. Control tables: a row changes in the transaction that appends
-- the event it goes with, before the append.
CREATE TABLE ledger.policies (
    tenant_id uuid PRIMARY KEY,
    policy    jsonb NOT NULL,
    revision  integer NOT NULL -- of the tenant, when the policy was set
);

CREATE TABLE ledger.declared_references (
    tenant_id uuid NOT NULL,
    kind      text NOT NULL,
    id        text NOT NULL,
    scope     text, -- written kind:id
    PRIMARY KEY (tenant_id, kind, id)
);

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['policies', 'declared_references'] LOOP
        EXECUTE format('ALTER TABLE ledger.%I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format('ALTER TABLE ledger.%I FORCE ROW LEVEL SECURITY', table_name);
        EXECUTE format('CREATE POLICY own_tenant ON ledger.%I TO asset_ledger_service
            USING (tenant_id = ledger.current_tenant())', table_name);
        EXECUTE format('CREATE POLICY every_tenant ON ledger.%I TO asset_ledger_owner
            USING (true)', table_name);
    END LOOP;
END
$$;
GRANT SELECT, INSERT, UPDATE ON ledger.policies TO asset_ledger_service;
GRANT SELECT, INSERT ON ledger.declared_references TO asset_ledger_service;

-- Appends what was decided under a tenant's policy, unless that has changed since: then there are no rows, and
-- nothing is appended. The policy is named by its revision; 0 is none. Like append in all else.
CREATE FUNCTION ledger.append_under(
    of_tenant uuid, policy_revision integer,
    tenant_ids uuid[], append_numbers integer[], originator_ids uuid[], originator_versions integer[],
    topics text[], recorded_ats timestamptz[], entries bytea[]
) RETURNS TABLE (event_position bigint, event_effective_at timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
BEGIN
    PERFORM lock_head(of_tenant);
    -- A new statement has a new snapshot: it sees the policy whose event was appended while we queued.
    IF policy_revision = coalesce((SELECT p.revision FROM policies AS p WHERE p.tenant_id = of_tenant), 0) THEN
        RETURN QUERY SELECT a.event_position, a.event_effective_at FROM append(
            tenant_ids, append_numbers, originator_ids, originator_versions, topics, recorded_ats, entries
        ) AS a;
    END IF;
END
$$;
REVOKE ALL ON FUNCTION ledger.append_under FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.append_under TO asset_ledger_service;
