-- Every edge between assets and jobs: what came from what. Edges are only ever added.
CREATE TABLE read_models.{table} (
    tenant_id uuid NOT NULL,
    from_id   uuid NOT NULL,
    to_id     uuid NOT NULL,
    from_type text NOT NULL,   -- asset or job
    to_type   text NOT NULL,
    kind      text NOT NULL,   -- source: it was made from it; made: the job made it
    position  bigint NOT NULL, -- of the event that made the edge
    revision  integer NOT NULL,
    PRIMARY KEY (tenant_id, from_id, to_id)
);

CREATE VIEW queries.{table} AS
    SELECT * FROM read_models.{table} WHERE tenant_id = ledger.current_tenant();
GRANT SELECT ON queries.{table} TO asset_ledger_service;
