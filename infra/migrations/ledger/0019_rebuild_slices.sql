-- The slices of logs that a rebuild folds by themselves, in any order and in any process. While a log has slices, no
-- batch folds it: its row in read_models.progress has the failed position 0, which no event has.
CREATE TABLE read_models.slices (
    projection       text NOT NULL,
    version          integer NOT NULL,
    tenant_id        uuid NOT NULL,
    number           integer NOT NULL,
    after_originator uuid NOT NULL,
    until_originator uuid NOT NULL,
    after_position   bigint NOT NULL,
    until_position   bigint NOT NULL,
    folded           bigint, -- how many events the slice had; null: it is not folded yet
    PRIMARY KEY (projection, version, tenant_id, number)
);
ALTER TABLE read_models.slices OWNER TO asset_ledger_projector;
