-- Times are milliseconds since 1970 UTC. Every table is STRICT: a wrong type is an error, not a surprise.

CREATE TABLE feed (
    id            INTEGER PRIMARY KEY,
    name          TEXT NOT NULL UNIQUE,
    url           TEXT NOT NULL,
    etag          BLOB,
    last_modified BLOB,
    next_poll     INTEGER NOT NULL,
    first_contact INTEGER,           -- the first poll that gave items; NULL before it
    last_poll     INTEGER,
    last_success  INTEGER,
    last_new_item INTEGER,
    last_listing  INTEGER,           -- the last answer that listed items; a 304 does not
    failures      INTEGER NOT NULL DEFAULT 0,  -- in a row
    problem       TEXT,              -- why the last poll failed
    moved_to      TEXT,              -- where 301 or 308 answers lead
    moved_times   INTEGER NOT NULL DEFAULT 0,  -- how many answers in a row agreed on it
    gone          INTEGER            -- when the server answered 410
) STRICT;

-- Every item ever listed, for as long as its feed may list it again.
CREATE TABLE seen (
    feed       INTEGER NOT NULL,
    key        INTEGER NOT NULL,
    listed_day INTEGER NOT NULL,     -- days since 1970 when the feed last listed it
    PRIMARY KEY (feed, key)
) STRICT, WITHOUT ROWID;

-- The archive.
CREATE TABLE item (
    id         INTEGER PRIMARY KEY,  -- ascending with seen
    feed       INTEGER NOT NULL,
    seen       INTEGER NOT NULL,
    entry_id   TEXT NOT NULL,
    title      TEXT NOT NULL,
    summary    TEXT NOT NULL,
    content    TEXT NOT NULL,
    url        TEXT NOT NULL,
    url_hash   INTEGER NOT NULL,
    author     TEXT NOT NULL,
    categories TEXT NOT NULL,        -- a JSON array
    source     TEXT NOT NULL,
    lang       TEXT,
    published  INTEGER
) STRICT;
CREATE INDEX item_url ON item (url_hash);

CREATE TABLE story (
    id         INTEGER PRIMARY KEY,
    uid        TEXT NOT NULL UNIQUE,
    first_seen INTEGER NOT NULL,
    last_seen  INTEGER NOT NULL,
    items      INTEGER NOT NULL
) STRICT;

-- What tells that two items tell the same: hashes of a folded title or a canonical link.
CREATE TABLE story_key (
    key   INTEGER PRIMARY KEY,
    story INTEGER NOT NULL
) STRICT;
CREATE INDEX story_key_story ON story_key (story);

CREATE INDEX story_last_seen ON story (last_seen);

CREATE TABLE story_publisher (
    story     INTEGER NOT NULL,
    publisher TEXT NOT NULL,
    PRIMARY KEY (story, publisher)
) STRICT, WITHOUT ROWID;

CREATE TABLE alert (
    id       INTEGER PRIMARY KEY,    -- ascending with opened
    uid      TEXT NOT NULL UNIQUE,
    rule     TEXT NOT NULL,
    severity INTEGER NOT NULL,       -- 0 info to 4 critical
    story    INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    opened   INTEGER NOT NULL,
    updated  INTEGER NOT NULL
) STRICT;
CREATE INDEX alert_story ON alert (story, rule);
CREATE INDEX alert_updated ON alert (updated);

CREATE TABLE revision (
    alert    INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    queued   INTEGER NOT NULL,
    document TEXT NOT NULL,          -- the alert document, JSON
    PRIMARY KEY (alert, revision)
) STRICT, WITHOUT ROWID;

-- Why each matched item did or did not become an alert.
CREATE TABLE judgement (
    item   INTEGER NOT NULL,
    rule   TEXT NOT NULL,
    reason TEXT NOT NULL,
    alert  INTEGER,
    PRIMARY KEY (item, rule)
) STRICT, WITHOUT ROWID;

-- The outbox: one alert revision owed to one receiver.
CREATE TABLE delivery (
    id         INTEGER PRIMARY KEY,
    alert      INTEGER NOT NULL,
    revision   INTEGER NOT NULL,
    receiver   TEXT NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('owed', 'done', 'dead')),
    owed_since INTEGER NOT NULL,
    due        INTEGER NOT NULL,
    attempts   INTEGER NOT NULL DEFAULT 0,
    settled    INTEGER,
    problem    TEXT,
    UNIQUE (alert, revision, receiver)
) STRICT;
CREATE INDEX delivery_owed ON delivery (receiver, due, id) WHERE state = 'owed';

-- Receivers that asked to be left alone (410).
CREATE TABLE receiver (
    name     TEXT PRIMARY KEY,
    disabled INTEGER NOT NULL,
    reason   TEXT NOT NULL
) STRICT, WITHOUT ROWID;
