-- Read models that are being made anew: until one is done, its table lacks the indexes that only lists need.
CREATE TABLE read_models.rebuilds (
    projection text NOT NULL,
    version    integer NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (projection, version)
);
ALTER TABLE read_models.rebuilds OWNER TO asset_ledger_projector;
