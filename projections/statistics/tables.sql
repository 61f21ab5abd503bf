-- What each asset and job counts as, what each event changed, and the sums of all that agree in some dimensions. Each
-- grain is a table of its own: sums are read together, and facts are many.
CREATE TABLE read_models.{table} (
    tenant_id        uuid NOT NULL,
    grain            text NOT NULL,    -- fact: one asset or job; change: what an event added to the sums; sum: of all
                                       -- days; daily_sum: of one day; past_sum, past_daily_sum: as they once were
    dimension        text COLLATE "C" NOT NULL, -- of sums: what they are apart by: total, creator, a kind of
                                       -- references, or combination: the creator and all references but jobs;
                                       -- job_combination: these too
    missing          boolean NOT NULL, -- of what has no value of the dimension
    value            text COLLATE "C" NOT NULL, -- of the dimension; of a combination, its digest; of facts, the id
    day              text COLLATE "C" NOT NULL, -- in UTC: when the asset was recorded, the job requested, or the job's
                                       -- event recorded; empty in sums of all days
    media_kind       text COLLATE "C" NOT NULL,
    position         bigint NOT NULL,  -- of changes, their event; of past sums, the last event that is in them; else 0
    next_position    bigint NOT NULL,  -- of past sums, the event that changed them; else the greatest number
    changed_position bigint NOT NULL,  -- of sums, the last event that is in them
    creator          text COLLATE "C",
    workflow         text[] COLLATE "C", -- these are of facts, changes and combinations
    node             text[] COLLATE "C",
    provider         text[] COLLATE "C",
    model            text[] COLLATE "C",
    client           text[] COLLATE "C",
    campaign         text[] COLLATE "C",
    job              text[] COLLATE "C",
    run              text[] COLLATE "C",
    assets           bigint NOT NULL,
    deleted          bigint NOT NULL,
    contents         bigint NOT NULL,
    bytes            bigint NOT NULL,
    requested        bigint NOT NULL,
    started          bigint NOT NULL,
    succeeded        bigint NOT NULL,
    failed           bigint NOT NULL,
    cancelled        bigint NOT NULL,
    requeued         bigint NOT NULL,
    durations        bytea,            -- a histogram of jobs that ended
    costs            json,             -- exact amounts by currency
    fact             json              -- the day and the media kind; the bytes of each content version of an asset; when
                                       -- the attempt of a job that runs was started, in microseconds since 1970
) PARTITION BY LIST (grain);
CREATE TABLE read_models.{table}_facts PARTITION OF read_models.{table} FOR VALUES IN ('fact');
CREATE TABLE read_models.{table}_changes PARTITION OF read_models.{table} FOR VALUES IN ('change');
CREATE TABLE read_models.{table}_sums PARTITION OF read_models.{table} FOR VALUES IN ('sum');
CREATE TABLE read_models.{table}_daily PARTITION OF read_models.{table} FOR VALUES IN ('daily_sum');
CREATE TABLE read_models.{table}_past PARTITION OF read_models.{table} FOR VALUES IN ('past_sum');
CREATE TABLE read_models.{table}_past_daily PARTITION OF read_models.{table} FOR VALUES IN ('past_daily_sum');

-- What rows are found by while they are folded. Sums are read in this order too.
CREATE UNIQUE INDEX ON read_models.{table}_facts (tenant_id, value);
CREATE UNIQUE INDEX ON read_models.{table}_changes (tenant_id, position, value);
CREATE UNIQUE INDEX ON read_models.{table}_sums (tenant_id, dimension, missing, value, media_kind);
CREATE UNIQUE INDEX ON read_models.{table}_daily (tenant_id, dimension, missing, value, day, media_kind);
CREATE UNIQUE INDEX ON read_models.{table}_past (tenant_id, dimension, missing, value, media_kind, position, next_position);
CREATE UNIQUE INDEX ON read_models.{table}_past_daily
    (tenant_id, dimension, missing, value, day, media_kind, position, next_position);

-- The tenant is asked for once, and not for each of the many rows that a sum reads.
CREATE VIEW queries.{table} AS
    SELECT * FROM read_models.{table} WHERE tenant_id = (SELECT ledger.current_tenant());
GRANT SELECT ON queries.{table} TO asset_ledger_service;
