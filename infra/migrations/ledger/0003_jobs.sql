-- Jobs that wait for a worker, or that one holds under a lease. A control table: the log says what happened,
-- this says who may go on. A row changes in the transaction that appends the event it goes with, before the append.
CREATE TABLE ledger.job_queue (
    tenant_id   uuid NOT NULL,
    job_id      uuid NOT NULL,
    attempt     integer NOT NULL,
    media_kind  text NOT NULL,
    provider    text,
    priority    integer NOT NULL,
    queued_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    lease_until timestamptz, -- null: waits for a worker
    PRIMARY KEY (tenant_id, job_id)
);
CREATE INDEX job_queue_waiting ON ledger.job_queue (tenant_id, priority DESC, queued_at, job_id) WHERE lease_until IS NULL;
CREATE INDEX job_queue_leased ON ledger.job_queue (tenant_id, lease_until) WHERE lease_until IS NOT NULL;
ALTER TABLE ledger.job_queue ENABLE ROW LEVEL SECURITY;
ALTER TABLE ledger.job_queue FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON ledger.job_queue TO asset_ledger_service USING (tenant_id = ledger.current_tenant());
GRANT SELECT, INSERT, UPDATE, DELETE ON ledger.job_queue TO asset_ledger_service;

-- Queues on a tenant's head until the transaction ends: for decisions that read more than the stream they append to.
CREATE FUNCTION ledger.lock_head(of_tenant uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
BEGIN
    PERFORM FROM log_heads WHERE tenant_id = of_tenant FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a tenant has no log' USING ERRCODE = 'AL001';
    END IF;
END
$$;
REVOKE ALL ON FUNCTION ledger.lock_head FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.lock_head TO asset_ledger_service;

CREATE POLICY reads_every_tenant ON ledger.job_queue FOR SELECT TO asset_ledger_projector USING (true);
GRANT SELECT ON ledger.job_queue TO asset_ledger_projector;
