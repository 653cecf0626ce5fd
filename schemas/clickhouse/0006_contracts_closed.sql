-- One contract of a month may be closed by itself; approved corrections stand in a later month's bill.

ALTER TABLE closings ADD COLUMN IF NOT EXISTS contract String DEFAULT '' AFTER step;

-- What was billed, month by month: the lines of closed months, and approved corrections under the month that they correct (`corrects` is not empty). Money as a
-- decimal. `billed_in` is the month whose bill has the line; empty while it is approved and that bill is not closed.
CREATE OR REPLACE VIEW v_charge AS
WITH closed AS
(
    SELECT month, argMin(id, (stored_at, id)) AS closing FROM closings WHERE step = 'closed' GROUP BY month, contract
)
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
    c.id AS id,
    if(c.corrects = '', c.month, b.billed_in) AS billed_in
FROM
(
    SELECT * FROM charges FINAL
) AS c
LEFT JOIN
(
    SELECT id, any(month) AS billed_in FROM charges WHERE corrects != '' AND (month, closing) IN (SELECT month, closing FROM closed) GROUP BY id
) AS b ON b.id = c.id
WHERE (c.corrects = '' AND (c.month, c.closing) IN (SELECT month, closing FROM closed))
    OR (c.month, c.closing) IN (SELECT month, proposal FROM decisions GROUP BY month, proposal HAVING argMin(approved, stored_at));
