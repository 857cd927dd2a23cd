-- How late an item was seen in milliseconds, where its date tells: not that of a first contact, none in the future, none over a
-- week old. The index holds those alone, so that a first contact, which brings a feed's whole document, writes nothing into it.
ALTER TABLE item ADD COLUMN lag INTEGER;
UPDATE item SET lag = seen - published
 WHERE published BETWEEN seen - 604800000 AND seen AND seen > (SELECT first_contact FROM feed WHERE feed.id = item.feed);
DROP INDEX item_lag;
CREATE INDEX item_lag ON item (feed, seen, lag) WHERE lag IS NOT NULL;
