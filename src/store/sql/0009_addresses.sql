-- Addresses are found by stretches of a thousand items: one index over all of them made every commit write to pages all over it.
DROP INDEX item_url;
CREATE INDEX item_url ON item (id >> 10, url_hash);
