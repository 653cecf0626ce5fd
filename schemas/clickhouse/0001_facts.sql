-- Facts, the objects behind them, passes and definitions: append-only. Whatever is written twice folds away: the natural key is the identity, and every
-- column outside it is either the same in all duplicates (`any`) or merges by a commutative function (`min`, `max`). Readers fold duplicates themselves, for
-- merges are lazy.
--
-- No partitions: a cloud's first pass brings facts of many years at once, which one insert could not spread over more than 100 of them.
-- fsync_*: the spool forgets a batch once the store has acknowledged it, so an acknowledgement must outlast a power cut.

CREATE TABLE IF NOT EXISTS facts
(
    cloud LowCardinality(String),
    kind LowCardinality(String),
    resource String CODEC(ZSTD(1)),
    aspect Enum8('state' = 1, 'flavor' = 2, 'owner' = 3, 'zone' = 4, 'name' = 5, 'attributes' = 6, 'amount' = 7),
    at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    id UInt64 CODEC(ZSTD(1)),
    evidence SimpleAggregateFunction(any, Enum8('event' = 1, 'record' = 2, 'sighting' = 3, 'missing' = 4)),
    `from` SimpleAggregateFunction(any, DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1)),
    seen SimpleAggregateFunction(any, DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1)),
    value SimpleAggregateFunction(any, Enum8('known' = 1, 'unknown' = 2, 'gone' = 3)),
    label SimpleAggregateFunction(any, String) CODEC(ZSTD(1)),
    levels SimpleAggregateFunction(any, Map(String, Int64)) CODEC(ZSTD(1)),
    attrs SimpleAggregateFunction(any, Map(String, String)) CODEC(ZSTD(1)),
    observed_at SimpleAggregateFunction(min, DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1)),
    pass SimpleAggregateFunction(min, UInt64) CODEC(ZSTD(1)),
    raw SimpleAggregateFunction(max, String) CODEC(ZSTD(1)),
    stored_at SimpleAggregateFunction(min, DateTime64(6, 'UTC')) DEFAULT now64(6, 'UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = AggregatingMergeTree
ORDER BY (cloud, kind, resource, aspect, at, id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1;

CREATE TABLE IF NOT EXISTS raws
(
    hash String CODEC(ZSTD(1)),
    body SimpleAggregateFunction(any, String) CODEC(ZSTD(6)),
    stored_at SimpleAggregateFunction(min, DateTime64(6, 'UTC')) DEFAULT now64(6, 'UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = AggregatingMergeTree
ORDER BY hash
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1;

CREATE TABLE IF NOT EXISTS passes
(
    cloud LowCardinality(String),
    list LowCardinality(String),
    started DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    id UInt64 CODEC(ZSTD(1)),
    service SimpleAggregateFunction(any, String) CODEC(ZSTD(1)),
    region SimpleAggregateFunction(any, String) CODEC(ZSTD(1)),
    mode SimpleAggregateFunction(any, Enum8('full' = 1, 'changes' = 2, 'deleted' = 3, 'events' = 4)),
    finished SimpleAggregateFunction(any, DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1)),
    watermark SimpleAggregateFunction(any, DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1)),
    skew_us SimpleAggregateFunction(any, Int64) CODEC(ZSTD(1)),
    outcome SimpleAggregateFunction(any, Enum8('complete' = 1, 'failed' = 2, 'suspect' = 3)),
    items SimpleAggregateFunction(any, UInt64) CODEC(ZSTD(1)),
    facts SimpleAggregateFunction(any, UInt64) CODEC(ZSTD(1)),
    requests SimpleAggregateFunction(any, UInt64) CODEC(ZSTD(1)),
    bytes SimpleAggregateFunction(any, UInt64) CODEC(ZSTD(1)),
    error SimpleAggregateFunction(any, String) CODEC(ZSTD(1)),
    collector SimpleAggregateFunction(any, String) CODEC(ZSTD(1)),
    stored_at SimpleAggregateFunction(min, DateTime64(6, 'UTC')) DEFAULT now64(6, 'UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = AggregatingMergeTree
ORDER BY (cloud, list, started, id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1;

-- What decides usage besides facts. A definition may come back after another was in force, so the time is part of the key.
CREATE TABLE IF NOT EXISTS definitions
(
    kind LowCardinality(String),
    stored_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC'),
    hash String,
    body String CODEC(ZSTD(6))
)
ENGINE = MergeTree
ORDER BY (kind, stored_at, hash)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1;
