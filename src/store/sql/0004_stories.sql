-- Texts and the stories they tell, alerts that wait, what an item said before it was edited.

ALTER TABLE item ADD COLUMN source_url TEXT NOT NULL DEFAULT '';

-- What an item said until it was edited.
CREATE TABLE edit (
    item    INTEGER NOT NULL,
    edited  INTEGER NOT NULL,
    title   TEXT NOT NULL,
    summary TEXT NOT NULL,
    PRIMARY KEY (item, edited)
) STRICT, WITHOUT ROWID;

-- What recognises an item under another id; NULL where this was not kept yet.
ALTER TABLE seen ADD COLUMN item   INTEGER;   -- in the archive, while it is there
ALTER TABLE seen ADD COLUMN words  INTEGER;   -- a hash of title and summary
ALTER TABLE seen ADD COLUMN moment INTEGER;   -- of link and time of publication
ALTER TABLE seen ADD COLUMN page   INTEGER;   -- of the link
ALTER TABLE seen ADD COLUMN name   INTEGER;   -- of title and time of publication
CREATE INDEX seen_moment ON seen (feed, moment) WHERE moment IS NOT NULL;

ALTER TABLE story ADD COLUMN texts INTEGER NOT NULL DEFAULT 1;

-- One text, however often it is reprinted.
CREATE TABLE text (
    id         INTEGER PRIMARY KEY,
    story      INTEGER NOT NULL,
    name       TEXT NOT NULL,        -- of the agency that wrote it, or its own
    first_seen INTEGER NOT NULL,
    last_seen  INTEGER NOT NULL,
    flags      INTEGER NOT NULL,     -- 1 a digest, 2 with a lead, 4 represents its story
    sketch     BLOB NOT NULL,
    words      BLOB NOT NULL,
    keys       BLOB NOT NULL         -- its rows of text_key
) STRICT;
CREATE INDEX text_last_seen ON text (last_seen);

-- What finds a text: of its title, its link, its wording, its rarest words.
CREATE TABLE text_key (
    key  INTEGER NOT NULL,
    text INTEGER NOT NULL,
    PRIMARY KEY (key, text)
) STRICT, WITHOUT ROWID;

-- Who told a story in which text.
CREATE TABLE told (
    story     INTEGER NOT NULL,
    publisher TEXT NOT NULL,
    origin    TEXT NOT NULL,
    last_seen INTEGER NOT NULL,
    PRIMARY KEY (story, publisher, origin)
) STRICT, WITHOUT ROWID;

-- How many texts of a day have a word.
CREATE TABLE word_day (
    word  INTEGER NOT NULL,
    day   INTEGER NOT NULL,          -- since 1970
    texts INTEGER NOT NULL,
    PRIMARY KEY (word, day)
) STRICT, WITHOUT ROWID;

-- Stories of before go on by the titles and links that they were known by.
INSERT INTO text (id, story, name, first_seen, last_seen, flags, sketch, words, keys)
    SELECT id, id, uid, first_seen, last_seen, 0, x'', x'', x'' FROM story;
INSERT INTO text_key (key, text) SELECT key, story FROM story_key WHERE story IN (SELECT id FROM story);
INSERT INTO told (story, publisher, origin, last_seen)
    SELECT story_publisher.story, publisher, story.uid, story.last_seen
      FROM story_publisher JOIN story ON story.id = story_publisher.story;
DROP TABLE story_key;
DROP TABLE story_publisher;

ALTER TABLE alert ADD COLUMN confirmed INTEGER NOT NULL DEFAULT 0;  -- the most publishers that a threshold asked for and got

-- Alerts that wait for more publishers.
CREATE TABLE held (
    item     INTEGER NOT NULL,
    rule     TEXT NOT NULL,
    story    INTEGER NOT NULL,
    until    INTEGER NOT NULL,
    uid      TEXT NOT NULL,
    document TEXT NOT NULL,          -- as it would have been sent
    PRIMARY KEY (item, rule)
) STRICT, WITHOUT ROWID;
CREATE INDEX held_story ON held (story, rule);
CREATE INDEX held_until ON held (until);

-- How often rules with a burst match.
CREATE TABLE rule_minute (
    rule   TEXT NOT NULL,
    minute INTEGER NOT NULL,         -- since 1970
    items  INTEGER NOT NULL,
    PRIMARY KEY (rule, minute)
) STRICT, WITHOUT ROWID;
CREATE TABLE rule_watch (
    rule       TEXT PRIMARY KEY,
    since      INTEGER NOT NULL,
    last_burst INTEGER
) STRICT, WITHOUT ROWID;
