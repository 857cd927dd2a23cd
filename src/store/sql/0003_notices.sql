-- Conditions that the operator was told of and that still hold, each with the alert that told of it.
CREATE TABLE notice (
    kind    TEXT NOT NULL,
    subject TEXT NOT NULL,
    alert   INTEGER NOT NULL,
    PRIMARY KEY (kind, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX notice_alert ON notice (alert);

-- The place of an alert's newest revision among the newest revisions of all alerts: what `alerts --follow` goes by, since
-- times may repeat and go backwards.
ALTER TABLE alert ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
UPDATE alert SET changed = id;
CREATE INDEX alert_changed ON alert (changed);
CREATE TRIGGER revision_changes_alert AFTER INSERT ON revision BEGIN
    UPDATE alert SET changed = (SELECT max(changed) + 1 FROM alert) WHERE id = new.alert;
END;
