-- What each asset and job counts as, and the sums of all that agree in some dimensions. Each grain is a table of its
-- own: sums are read together, and facts are many.
CREATE TABLE read_models.{table} (
    tenant_id  uuid NOT NULL,
    grain      text NOT NULL, -- fact: one asset or job; the others are sums: job, by every dimension; summary, by all
                              -- but jobs; total, by day and media kind
    id         uuid NOT NULL, -- of the asset or job; of sums, the digest of their dimensions
    day        date NOT NULL, -- in UTC: when the asset was recorded, the job requested, or the job's event recorded
    media_kind text NOT NULL,
    creator    text NOT NULL, -- empty in totals, as are the references
    workflow   text[] NOT NULL,
    node       text[] NOT NULL,
    provider   text[] NOT NULL,
    model      text[] NOT NULL,
    client     text[] NOT NULL,
    campaign   text[] NOT NULL,
    job        text[] NOT NULL,
    run        text[] NOT NULL,
    assets     bigint NOT NULL,
    deleted    bigint NOT NULL,
    contents   bigint NOT NULL,
    bytes      bigint NOT NULL,
    requested  bigint NOT NULL,
    started    bigint NOT NULL,
    succeeded  bigint NOT NULL,
    failed     bigint NOT NULL,
    cancelled  bigint NOT NULL,
    requeued   bigint NOT NULL,
    durations  json,          -- of jobs that ended: how many in each bucket, by its longest duration in microseconds
    costs      json,          -- exact amounts by currency
    sizes      json,          -- of an asset's fact: the bytes of each content version that is not purged
    started_at timestamptz,   -- of a job's fact: when the attempt that runs was started
    PRIMARY KEY (tenant_id, grain, id)
) PARTITION BY LIST (grain);
CREATE TABLE read_models.{table}_facts PARTITION OF read_models.{table} FOR VALUES IN ('fact');
CREATE TABLE read_models.{table}_jobs PARTITION OF read_models.{table} FOR VALUES IN ('job');
CREATE TABLE read_models.{table}_summaries PARTITION OF read_models.{table} FOR VALUES IN ('summary');
CREATE TABLE read_models.{table}_totals PARTITION OF read_models.{table} FOR VALUES IN ('total');

-- The tenant is asked for once, and not for each of the many rows that a sum reads.
CREATE VIEW queries.{table} AS
    SELECT * FROM read_models.{table} WHERE tenant_id = (SELECT ledger.current_tenant());
GRANT SELECT ON queries.{table} TO asset_ledger_service;
