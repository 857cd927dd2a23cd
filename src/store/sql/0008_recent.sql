-- What finds a text is kept with the text, and looked up in memory: as rows of their own, a dozen keys and dozens of words of each
-- item made a large table of a small text, and every item wrote to pages all over it.

ALTER TABLE text ADD COLUMN counted BLOB NOT NULL DEFAULT x'';  -- hashes of the words that it counts for, 8 bytes each
ALTER TABLE text ADD COLUMN founder INTEGER;                    -- the text that its story began with, 0 for itself; NULL where unknown
DROP TABLE text_key;
DROP TABLE word_day;

-- Texts and stories are forgotten nearly in the order of their numbers.
DROP INDEX text_last_seen;
DROP INDEX story_last_seen;

-- The place of a revision is written with the alert: as a trigger it wrote each new alert three times.
DROP TRIGGER revision_changes_alert;
