-- The log: one dense sequence of events per tenant, written by one function and changed by nobody.

CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS btree_gin;

CREATE SCHEMA ledger;
GRANT USAGE ON SCHEMA ledger TO asset_ledger_service, asset_ledger_projector;

CREATE TABLE ledger.log_heads (
    tenant_id    uuid PRIMARY KEY,
    position     bigint NOT NULL DEFAULT 0,
    effective_at timestamptz NOT NULL DEFAULT '-infinity'
);

CREATE TABLE ledger.events (
    tenant_id          uuid NOT NULL,
    position           bigint NOT NULL,
    originator_id      uuid NOT NULL,
    originator_version integer NOT NULL,
    topic              text NOT NULL,
    effective_at       timestamptz NOT NULL,
    entry              bytea NOT NULL CHECK (octet_length(entry) <= 65535),
    PRIMARY KEY (tenant_id, position),
    UNIQUE (tenant_id, originator_id, originator_version)
);
-- Entries are read far more often than they are large, and compress badly once sealed.
ALTER TABLE ledger.events ALTER COLUMN entry SET STORAGE EXTERNAL;

CREATE TABLE ledger.tenants (
    tenant_id  uuid PRIMARY KEY,
    name       text NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX tenants_name ON ledger.tenants (name);

CREATE TABLE ledger.api_keys (
    tenant_id   uuid NOT NULL,
    key_id      uuid NOT NULL,
    secret_hash bytea NOT NULL,
    holder_id   text NOT NULL,
    holder_type text NOT NULL,
    issued_at   timestamptz NOT NULL,
    revoked_at  timestamptz,
    PRIMARY KEY (tenant_id, key_id)
);

-- Isolation: a session sees the tenant it has named, and nothing before it has named one.
CREATE FUNCTION ledger.current_tenant() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT nullif(current_setting('ledger.tenant_id', true), '')::uuid $$;

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['log_heads', 'events', 'tenants', 'api_keys'] LOOP
        EXECUTE format('ALTER TABLE ledger.%I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format('ALTER TABLE ledger.%I FORCE ROW LEVEL SECURITY', table_name);
        EXECUTE format('CREATE POLICY own_tenant ON ledger.%I TO asset_ledger_service
            USING (tenant_id = ledger.current_tenant())', table_name);
        EXECUTE format('CREATE POLICY every_tenant ON ledger.%I TO asset_ledger_owner
            USING (true)', table_name);
        EXECUTE format('CREATE POLICY reads_every_tenant ON ledger.%I FOR SELECT TO asset_ledger_projector
            USING (true)', table_name);
    END LOOP;
END
$$;

GRANT SELECT ON ledger.log_heads, ledger.events, ledger.tenants, ledger.api_keys TO asset_ledger_service;
GRANT INSERT, UPDATE (revoked_at) ON ledger.api_keys TO asset_ledger_service;
GRANT SELECT ON ledger.log_heads, ledger.events, ledger.tenants TO asset_ledger_projector;

-- Privileges refuse changes to the service; this refuses them to the owner too.
CREATE FUNCTION ledger.refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the log is append-only: % on % is refused', tg_op, tg_table_name USING ERRCODE = 'AL003'; END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger.events
    FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON ledger.events
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER never_removed BEFORE DELETE OR TRUNCATE ON ledger.log_heads
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- Opens a tenant's log: its control row and its head. The name must be new.
CREATE FUNCTION ledger.open_log(new_tenant uuid, tenant_name text, at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
BEGIN
    INSERT INTO tenants (tenant_id, name, created_at) VALUES (new_tenant, tenant_name, at);
    INSERT INTO log_heads (tenant_id) VALUES (new_tenant);
END
$$;

-- The tenant of a name, or null: for operators, who know names and not ids.
CREATE FUNCTION ledger.tenant_named(tenant_name text) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ledger, pg_temp AS
$$ SELECT tenant_id FROM tenants WHERE name = tenant_name $$;

-- Appends a group of appends, each whole or not at all. Events of one append carry the same append number.
-- Returns a row per event, in the order given: its position and effective time, or nulls where its append
-- met a revision that is taken. Raises AL001 for a tenant without a log, AL002 for a clock ahead of ours.
CREATE FUNCTION ledger.append(
    tenant_ids uuid[], append_numbers integer[], originator_ids uuid[], originator_versions integer[],
    topics text[], recorded_ats timestamptz[], entries bytea[]
) RETURNS TABLE (event_position bigint, event_effective_at timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = ledger, pg_temp
-- A plan cached while the table was empty would scan it for ever.
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    locked integer;
    latest timestamptz;
BEGIN
    -- 1. Queue on the heads, in one order, so that groups cannot deadlock.
    SELECT count(*) INTO locked FROM (
        SELECT FROM log_heads WHERE tenant_id = ANY (tenant_ids) ORDER BY tenant_id FOR UPDATE
    ) AS heads;
    IF locked < (SELECT count(DISTINCT t) FROM unnest(tenant_ids) AS t) THEN
        RAISE EXCEPTION 'a tenant has no log' USING ERRCODE = 'AL001';
    END IF;
    SELECT max(t) INTO latest FROM unnest(recorded_ats) AS t;
    IF latest > clock_timestamp() + interval '5 seconds' THEN
        RAISE EXCEPTION 'recorded_at % is more than 5 s ahead', latest USING ERRCODE = 'AL002';
    END IF;

    -- 2. A new statement has a new snapshot: it sees all that was committed while we queued.
    RETURN QUERY
    WITH given AS MATERIALIZED (
        SELECT * FROM unnest(
            tenant_ids, append_numbers, originator_ids, originator_versions, topics, recorded_ats, entries
        ) WITH ORDINALITY AS g (
            tenant_id, append_number, originator_id, originator_version, topic, recorded_at, entry, ordinal
        )
    ), refused AS MATERIALIZED (
        SELECT g.append_number FROM given AS g WHERE EXISTS (
            SELECT FROM events AS e WHERE e.tenant_id = g.tenant_id
               AND e.originator_id = g.originator_id AND e.originator_version = g.originator_version
        )
        UNION
        SELECT n.append_number FROM (
            SELECT g.append_number, row_number() OVER (
                PARTITION BY g.tenant_id, g.originator_id, g.originator_version ORDER BY g.ordinal
            ) AS nth FROM given AS g
        ) AS n WHERE n.nth > 1
    ), accepted AS MATERIALIZED (
        SELECT g.*,
               h.position + row_number() OVER (PARTITION BY g.tenant_id ORDER BY g.ordinal) AS position,
               greatest(h.effective_at, max(g.recorded_at) OVER (
                   PARTITION BY g.tenant_id ORDER BY g.ordinal
               )) AS effective_at
          FROM given AS g JOIN log_heads AS h ON h.tenant_id = g.tenant_id
         WHERE g.append_number NOT IN (SELECT r.append_number FROM refused AS r)
    ), inserted AS (
        INSERT INTO events (tenant_id, position, originator_id, originator_version, topic, effective_at, entry)
        SELECT a.tenant_id, a.position, a.originator_id, a.originator_version, a.topic, a.effective_at, a.entry
          FROM accepted AS a
    ), moved AS (
        UPDATE log_heads AS h SET position = m.position, effective_at = m.effective_at
          FROM (SELECT a.tenant_id, max(a.position) AS position, max(a.effective_at) AS effective_at
                  FROM accepted AS a GROUP BY a.tenant_id) AS m
         WHERE h.tenant_id = m.tenant_id
    )
    SELECT a.position, a.effective_at
      FROM given AS g LEFT JOIN accepted AS a ON a.ordinal = g.ordinal ORDER BY g.ordinal;
END
$$;

-- The last position of a tenant whose effective time is not after the given one; 0 if there is none.
-- Positions are dense and effective times never fall, so twenty-odd index probes find it.
CREATE FUNCTION ledger.position_at(of_tenant uuid, at timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = ledger, pg_temp AS $$
DECLARE
    low bigint := 0;
    high bigint;
    middle bigint;
BEGIN
    SELECT position INTO high FROM log_heads WHERE tenant_id = of_tenant;
    WHILE low < high LOOP
        middle := (low + high + 1) / 2;
        IF (SELECT effective_at FROM events WHERE tenant_id = of_tenant AND position = middle) <= at THEN
            low := middle;
        ELSE
            high := middle - 1;
        END IF;
    END LOOP;
    RETURN low;
END
$$;

REVOKE ALL ON FUNCTION ledger.open_log, ledger.tenant_named, ledger.append, ledger.position_at FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.open_log, ledger.tenant_named, ledger.append, ledger.position_at
    TO asset_ledger_service;
