-- Readings of counters and gauges are facts too. A column that already has the word is left as it is.
ALTER TABLE facts MODIFY COLUMN aspect Enum8('state' = 1, 'flavor' = 2, 'owner' = 3, 'zone' = 4, 'name' = 5, 'attributes' = 6, 'amount' = 7, 'reading' = 8);
