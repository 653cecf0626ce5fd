-- The cache of folded usage, and the views that dashboards and scripts rely on (their columns are a contract).

-- One row a resource; a later generation replaces an earlier one whole. Parallel arrays, one element a piece.
CREATE TABLE IF NOT EXISTS usage_pieces
(
    cloud LowCardinality(String),
    kind LowCardinality(String),
    resource String CODEC(ZSTD(1)),
    generation Int64,
    name String CODEC(ZSTD(1)),
    list LowCardinality(String),
    meter Array(LowCardinality(String)),
    unit Array(LowCardinality(String)),
    tenant Array(LowCardinality(String)),
    contract Array(LowCardinality(String)),
    scope Array(String) CODEC(ZSTD(1)),
    scope_name Array(String) CODEC(ZSTD(1)),
    dimensions Array(Map(LowCardinality(String), String)),
    start Array(DateTime64(0, 'UTC')) CODEC(ZSTD(1)),
    `end` Array(Nullable(DateTime64(0, 'UTC'))) CODEC(ZSTD(1)),
    level Array(Int64) CODEC(ZSTD(1)),
    observed Array(Bool),
    basis Array(Enum8('held' = 1, 'told' = 2, 'amount' = 3))
)
ENGINE = ReplacingMergeTree(generation)
ORDER BY (cloud, kind, resource);

-- Usage in stretches. What is held is cut at its list's watermark: nothing is shown beyond what was read. What was told of as a whole (`told`) is shown as
-- it was told; of an amount the level is the quantity.
CREATE VIEW IF NOT EXISTS v_usage AS
SELECT
    p.cloud AS cloud,
    p.kind AS kind,
    p.resource AS resource,
    p.name AS name,
    p.tenant AS tenant,
    p.contract AS contract,
    p.scope AS scope,
    p.scope_name AS scope_name,
    p.meter AS meter,
    p.unit AS unit,
    p.dimensions AS dimensions,
    p.begins AS start,
    if(p.basis = 'held', least(ifNull(p.ends, w.reach), w.reach), assumeNotNull(p.ends)) AS `end`,
    dateDiff('second', p.begins, `end`) AS seconds,
    p.level AS level,
    if(p.basis = 'amount', toInt128(p.level), toInt128(p.level) * toInt128(seconds)) AS quantity,
    p.observed AS observed
FROM
(
    SELECT
        cloud, kind, resource, name, list,
        a_tenant AS tenant, a_contract AS contract, a_scope AS scope, a_scope_name AS scope_name, a_meter AS meter, a_unit AS unit,
        a_dimensions AS dimensions, a_start AS begins, a_end AS ends, a_level AS level, a_observed AS observed,
        a_basis AS basis
    FROM usage_pieces FINAL
    ARRAY JOIN
        tenant AS a_tenant, contract AS a_contract, scope AS a_scope, scope_name AS a_scope_name, meter AS a_meter, unit AS a_unit,
        dimensions AS a_dimensions, start AS a_start, `end` AS a_end, level AS a_level, observed AS a_observed,
        basis AS a_basis
) AS p
LEFT JOIN
(
    SELECT cloud, list, toDateTime64(max(watermark), 0, 'UTC') AS reach
    FROM passes
    WHERE outcome = 'complete' AND mode IN ('full', 'changes')
    GROUP BY cloud, list
) AS w ON p.cloud = w.cloud AND p.list = w.list
WHERE `end` > p.begins;

-- How far each list was read, and what came of the latest pass. skew_us: the cloud's clock less ours, microseconds.
CREATE VIEW IF NOT EXISTS v_source AS
SELECT
    p.cloud AS cloud,
    p.list AS list,
    argMax(p.outcome, (p.started, p.id)) AS outcome,
    maxOrNullIf(p.watermark, p.outcome = 'complete' AND p.mode IN ('full', 'changes')) AS watermark,
    dateDiff('second', maxOrNullIf(p.watermark, p.outcome = 'complete' AND p.mode IN ('full', 'changes')), now64(6, 'UTC')) AS age_seconds,
    argMax(p.skew_us, (p.started, p.id)) AS skew_us,
    argMax(p.items, (p.started, p.id)) AS items,
    argMax(p.error, (p.started, p.id)) AS error
FROM passes AS p
GROUP BY p.cloud, p.list;
