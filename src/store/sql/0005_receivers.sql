-- Why a delivery waits, waited or was not sent: quiet-held, digest, rate-summary, silenced.
ALTER TABLE delivery ADD COLUMN held TEXT;
-- The digest or summary that it is part of; set once, so that a repeat is the same message.
ALTER TABLE delivery ADD COLUMN bundle INTEGER;
CREATE INDEX delivery_bundle ON delivery (bundle) WHERE bundle IS NOT NULL;
CREATE INDEX delivery_sent ON delivery (receiver, settled) WHERE state = 'done';
CREATE INDEX delivery_receiver ON delivery (receiver, owed_since);

CREATE TABLE bundle (
    id     INTEGER PRIMARY KEY,
    kind   TEXT NOT NULL,
    formed INTEGER NOT NULL
) STRICT;

-- What a service needs to change or answer the first message of an alert.
CREATE TABLE remote (
    alert    INTEGER NOT NULL,
    receiver TEXT NOT NULL,
    handle   TEXT NOT NULL,
    PRIMARY KEY (alert, receiver)
) STRICT, WITHOUT ROWID;

-- When a person took the alert on, and when a person called it a false positive.
ALTER TABLE alert ADD COLUMN acknowledged INTEGER;
ALTER TABLE alert ADD COLUMN wrong INTEGER;

-- Alerts of receivers that nobody acknowledged in time, told to another receiver.
CREATE TABLE escalation (
    alert    INTEGER NOT NULL,
    receiver TEXT NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (alert, receiver)
) STRICT, WITHOUT ROWID;

-- What nobody wants to hear of until a time. A condition that is NULL takes everything.
CREATE TABLE silence (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    created INTEGER NOT NULL,
    until   INTEGER NOT NULL,
    reason  TEXT NOT NULL,
    rule    TEXT,                    -- a glob
    tag     TEXT,
    feed    TEXT,                    -- a glob
    words   TEXT                     -- a query
) STRICT;

-- When each receiver was last told that the daemon is alive.
CREATE TABLE heartbeat (
    receiver TEXT PRIMARY KEY,
    sent     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
