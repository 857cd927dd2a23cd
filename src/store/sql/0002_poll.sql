-- When and why a feed is asked next, and what is known of its ways.

ALTER TABLE feed ADD COLUMN pace TEXT;                                -- why next_poll is when it is: interval, max-age, rhythm, …
ALTER TABLE feed ADD COLUMN not_before INTEGER;                       -- until then the server asked to be left alone
ALTER TABLE feed ADD COLUMN max_age_s INTEGER NOT NULL DEFAULT 0;     -- what server and document wish; 0 where they say nothing
ALTER TABLE feed ADD COLUMN ttl_s INTEGER NOT NULL DEFAULT 0;
ALTER TABLE feed ADD COLUMN update_s INTEGER NOT NULL DEFAULT 0;
ALTER TABLE feed ADD COLUMN skip_hours INTEGER NOT NULL DEFAULT 0;    -- bit n is the hour n, UTC
ALTER TABLE feed ADD COLUMN skip_days INTEGER NOT NULL DEFAULT 0;     -- bit 0 is Monday
ALTER TABLE feed ADD COLUMN failing_since INTEGER;
ALTER TABLE feed ADD COLUMN last_whole INTEGER;                       -- the last request without validators
ALTER TABLE feed ADD COLUMN newest INTEGER;                           -- the latest publication of an item
ALTER TABLE feed ADD COLUMN overruns INTEGER NOT NULL DEFAULT 0;      -- how often items were lost between two polls
ALTER TABLE feed ADD COLUMN hurry_until INTEGER;                      -- asked at its interval until then, for an overrun

-- How many items each hour of the week brings; beside the feeds, so that reading all of those stays quick.
CREATE TABLE rhythm (
    feed     INTEGER PRIMARY KEY,
    counters BLOB NOT NULL
) STRICT;

-- How late the items of each feed were seen.
CREATE INDEX item_lag ON item (feed, seen, published) WHERE published IS NOT NULL;
