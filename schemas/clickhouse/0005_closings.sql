-- Closed months: charge lines, rendered files and what was decided. Append-only; a closing counts once its row with step `closed` is there, and the first
-- such row of a month is the one. What a killed run left without it is shown to nobody. Rows may be written twice: their keys fold them away.

CREATE TABLE IF NOT EXISTS closings
(
    month String,
    step Enum8('begun' = 1, 'closed' = 2),
    stored_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC'),
    id String,
    body String CODEC(ZSTD(6))
)
ENGINE = MergeTree
ORDER BY (month, step, stored_at, id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1;

-- Lines. `closing` is a closing's id, or that of a decision on a correction. Fractions are text: 1691/100.
CREATE TABLE IF NOT EXISTS charges
(
    month String,
    tenant String CODEC(ZSTD(1)),
    contract String CODEC(ZSTD(1)),
    closing String CODEC(ZSTD(1)),
    n UInt64 CODEC(Delta, ZSTD(1)),
    id String CODEC(ZSTD(1)),
    class LowCardinality(String),
    corrects String CODEC(ZSTD(1)),
    `from` DateTime64(6, 'UTC') CODEC(ZSTD(1)),
    `to` DateTime64(6, 'UTC') CODEC(ZSTD(1)),
    scope String CODEC(ZSTD(1)),
    scope_name String CODEC(ZSTD(1)),
    source LowCardinality(String),
    kind LowCardinality(String),
    resource String CODEC(ZSTD(1)),
    resource_name String CODEC(ZSTD(1)),
    meter LowCardinality(String),
    dimensions Map(String, String) CODEC(ZSTD(1)),
    sku LowCardinality(String),
    name LowCardinality(String),
    quantity Int128 CODEC(ZSTD(1)),
    unit LowCardinality(String),
    price LowCardinality(String),
    priced_quantity String CODEC(ZSTD(1)),
    priced_unit LowCardinality(String),
    priced_period LowCardinality(String),
    priced_amount String CODEC(ZSTD(1)),
    priced_list String CODEC(ZSTD(1)),
    exact String CODEC(ZSTD(1)),
    amount Int128 CODEC(ZSTD(1)),
    decimals UInt32,
    currency LowCardinality(String),
    observed_s Int64 CODEC(ZSTD(1)),
    expected_s Int64 CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY (month, closing, n)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1;

-- Rendered files, in parts of at most 1 MiB.
CREATE TABLE IF NOT EXISTS closed_files
(
    closing String,
    form String,
    name String,
    part UInt32,
    body String CODEC(ZSTD(6))
)
ENGINE = ReplacingMergeTree
ORDER BY (closing, form, name, part)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1;

-- What a person decided on a proposed correction. The first decision on a proposal is the one.
CREATE TABLE IF NOT EXISTS decisions
(
    month String,
    proposal String,
    stored_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC'),
    approved Bool,
    line String,
    who String,
    reason String
)
ENGINE = MergeTree
ORDER BY (month, proposal, stored_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1;

-- What was billed, month by month: the lines of closed months, and approved corrections to them (`corrects` is not empty). Money as a decimal.
CREATE VIEW IF NOT EXISTS v_charge AS
SELECT
    c.month AS month,
    c.tenant AS tenant,
    c.contract AS contract,
    c.class AS class,
    c.corrects AS corrects,
    c.`from` AS start,
    c.`to` AS `end`,
    c.scope AS scope,
    c.scope_name AS scope_name,
    c.source AS cloud,
    c.kind AS kind,
    c.resource AS resource,
    c.resource_name AS name,
    c.meter AS meter,
    c.dimensions AS dimensions,
    c.sku AS sku,
    c.name AS description,
    c.quantity AS quantity,
    c.unit AS unit,
    c.price AS unit_price,
    toDecimal128(c.amount, 12) / intExp10(c.decimals) AS amount,
    c.currency AS currency,
    c.observed_s AS observed_s,
    c.expected_s AS expected_s,
    c.id AS id
FROM
(
    SELECT * FROM charges FINAL
) AS c
WHERE (c.month, c.closing) IN
(
    SELECT month, argMin(id, (stored_at, id)) FROM closings WHERE step = 'closed' GROUP BY month
    UNION ALL
    SELECT month, proposal FROM decisions GROUP BY month, proposal HAVING argMin(approved, stored_at)
);
