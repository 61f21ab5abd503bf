-- Of whom sealed entries exist, and under which key: such a subject never gets another one. Written before the first
-- entry that the key seals is committed. A row is small, and stays for good.
CREATE TABLE ledger.sealed_subjects (
    tenant_id  uuid NOT NULL,
    subject    text NOT NULL, -- empty for what belongs to the tenant itself
    key_digest bytea, -- of the key in the clear; null until an entry is next sealed, for those of before this table
    PRIMARY KEY (tenant_id, subject)
);
ALTER TABLE ledger.sealed_subjects ENABLE ROW LEVEL SECURITY;
ALTER TABLE ledger.sealed_subjects FORCE ROW LEVEL SECURITY;
CREATE POLICY every_tenant ON ledger.sealed_subjects TO asset_ledger_owner USING (true);
CREATE POLICY own_tenant ON ledger.sealed_subjects TO asset_ledger_service USING (tenant_id = ledger.current_tenant());
GRANT SELECT, INSERT, UPDATE (key_digest) ON ledger.sealed_subjects TO asset_ledger_service;

CREATE FUNCTION ledger.refuse_another_key() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'a subject keeps its key: % is refused', tg_op USING ERRCODE = 'AL003'; END $$;
CREATE TRIGGER keeps_its_key BEFORE UPDATE ON ledger.sealed_subjects
    FOR EACH ROW WHEN (old.key_digest IS NOT NULL) EXECUTE FUNCTION ledger.refuse_another_key();

INSERT INTO ledger.sealed_subjects (tenant_id, subject)
SELECT DISTINCT tenant_id, coalesce(convert_from(entry, 'UTF8')::json ->> 'subject', '')
  FROM ledger.events WHERE position(',"sealed":"A256GCM.'::bytea IN entry) > 0;

-- For each tenant: the head of its log, and the digest of the entry at a position. For those who know how far a log
-- had been, and compare.
CREATE FUNCTION ledger.heads_at(tenant_ids uuid[], positions bigint[])
RETURNS TABLE (tenant uuid, head bigint, entry_digest bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    SELECT k.tenant_id, h.position, sha256(e.entry)
      FROM unnest(tenant_ids, positions) AS k (tenant_id, position)
      LEFT JOIN log_heads AS h ON h.tenant_id = k.tenant_id
      LEFT JOIN events AS e ON e.tenant_id = k.tenant_id AND e.position = k.position
$$;
REVOKE ALL ON FUNCTION ledger.heads_at FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.heads_at TO asset_ledger_service, asset_ledger_projector;
