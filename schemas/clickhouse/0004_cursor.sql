-- Where the next reading of a list goes on, in the source's own words: a watermark alone does not lead back into a watch.
ALTER TABLE passes ADD COLUMN IF NOT EXISTS cursor SimpleAggregateFunction(any, String) CODEC(ZSTD(1)) AFTER collector;
