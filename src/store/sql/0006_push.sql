-- What tokens and secrets are derived from, so that a callback cannot be guessed from outside.
CREATE TABLE store_key (
    id  INTEGER PRIMARY KEY CHECK (id = 1),
    key BLOB NOT NULL
) STRICT;
INSERT INTO store_key (id, key) VALUES (1, randomblob(32));

-- WebSub: feeds whose publisher names a hub.
CREATE TABLE subscription (
    id        INTEGER PRIMARY KEY,
    feed      INTEGER NOT NULL,
    topic     TEXT NOT NULL,
    hub       TEXT NOT NULL,
    token     TEXT NOT NULL UNIQUE,   -- the last part of the callback's path
    secret    TEXT NOT NULL,          -- what the hub signs with
    -- offered: the feed names a hub; asked: the hub shall confirm; live: it has; denied: it will not;
    -- unwanted: it shall confirm the end.
    state     TEXT NOT NULL CHECK (state IN ('offered', 'asked', 'live', 'denied', 'unwanted')),
    callback  TEXT,                   -- the address that the hub was given
    lease_end INTEGER,
    due       INTEGER NOT NULL,       -- when the hub is asked next
    attempts  INTEGER NOT NULL DEFAULT 0,  -- since it last confirmed
    problem   TEXT
) STRICT;
CREATE INDEX subscription_feed ON subscription (feed);
CREATE INDEX subscription_due ON subscription (due);

-- For the count of what was given up.
CREATE INDEX delivery_dead_receiver ON delivery (receiver) WHERE state = 'dead';
