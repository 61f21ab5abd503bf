-- One row per event: who, when, what, to what, on whose request. What changed and why are read from the log,
-- where they are sealed; all that is kept of them here is the words to search by.
CREATE TABLE read_models.{table} (
    tenant_id      uuid NOT NULL,
    position       bigint NOT NULL,
    originator_id  uuid NOT NULL,
    revision       integer NOT NULL,
    topic          text NOT NULL,
    actor          text NOT NULL,
    key_id         uuid,            -- which key acted; null: the ledger, an operator, or not known
    effective_at   timestamptz NOT NULL,
    correlation_id text NOT NULL,
    refs           text[] NOT NULL, -- the references that the event names
    text_search    text NOT NULL,   -- its words case-folded, so that search is the same on any server's locale
    PRIMARY KEY (tenant_id, position)
);

-- With what the indexes are made of: hashes of values, and which thousand positions an entry is in.
CREATE VIEW queries.{table} AS
    SELECT *,
           uuid_hash(originator_id) AS originator_hash,
           hashtext(actor) # uuid_hash(tenant_id) AS actor_hash,
           uuid_hash(key_id) AS key_hash,
           hashtext(topic) # uuid_hash(tenant_id) AS topic_hash,
           hashtext(correlation_id) # uuid_hash(tenant_id) AS correlation_hash,
           (position >> 10)::integer AS span
      FROM read_models.{table} WHERE tenant_id = ledger.current_tenant();
GRANT SELECT ON queries.{table} TO asset_ledger_service;
