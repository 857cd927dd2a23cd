//! The store's part in digests, quiet hours, rates, escalations and heartbeats.

use std::time::Duration;

use rusqlite::{OptionalExtension, params};

use super::{
    FormedBundle, Owed, Store, StoreError,
    deliveries::read_owed,
    judged::{insert_alert, owe},
    sqlite::failed,
};
use crate::{
    model::Alert,
    time::{self, Timestamp},
};

/// How far back an alert may lie that still escalates: what was missed by a daemon that was down for days is history.
const ESCALATE_AT_MOST: Duration = Duration::from_secs(7 * 86_400);

/// What there was to tell since a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Since {
    /// Feeds whose last poll succeeded.
    pub feeds: usize,
    pub items: usize,
    pub alerts: usize,
    /// Deliveries given up.
    pub lost: usize,
}

impl Store {
    /// When the receiver got its last messages after `since`, newest first, at most `max`; a digest is one message.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn sent_after(
        &self,
        receiver: String,
        since: Timestamp,
        max: u32,
    ) -> Result<Vec<Timestamp>, StoreError> {
        self.read("cannot read what was sent", move |connection| {
            connection
                .prepare_cached(
                    "SELECT max(settled) FROM delivery WHERE receiver = ?1 AND state = 'done' AND settled > ?2 AND held IS NOT 'silenced'
                      GROUP BY coalesce(bundle, -id) ORDER BY 1 DESC LIMIT ?3",
                )
                .and_then(|mut statement| {
                    statement
                        .query_map(params![receiver, since.as_millisecond(), max], |row| Ok(time::from_ms(row.get(0)?)))?
                        .collect()
                })
                .map_err(failed("cannot read what was sent"))
        })
        .await
    }

    /// Holds everything that is due to a receiver until a time, but for drills.
    ///
    /// # Errors
    /// When the store cannot do it.
    pub async fn hold_due(
        &self,
        receiver: String,
        now: Timestamp,
        until: Timestamp,
        reason: &'static str,
    ) -> Result<(), StoreError> {
        self.write("cannot hold deliveries", move |connection| {
            connection
                .execute(
                    "UPDATE delivery SET due = ?3, held = ?4 WHERE receiver = ?1 AND state = 'owed' AND due <= ?2",
                    params![receiver, now.as_millisecond(), until.as_millisecond(), reason],
                )
                .map_err(failed("cannot hold deliveries"))?;
            Ok(())
        })
        .await
    }

    /// Makes what is held due, so that it is decided anew: the configuration has changed.
    ///
    /// # Errors
    /// When the store cannot do it.
    pub async fn look_at_held_again(&self, now: Timestamp) -> Result<(), StoreError> {
        self.write("cannot look at held deliveries again", move |connection| {
            connection
                .execute(
                    "UPDATE delivery SET due = ?1 WHERE state = 'owed' AND held IS NOT NULL AND due > ?1 AND attempts = 0",
                    [now.as_millisecond()],
                )
                .map_err(failed("cannot look at held deliveries again"))?;
            Ok(())
        })
        .await
    }

    /// Makes earlier revisions of the alert of a delivery due, where they are held; says how many.
    ///
    /// # Errors
    /// When the store cannot do it.
    pub async fn release_earlier(
        &self,
        delivery: i64,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        self.write("cannot release deliveries", move |connection| {
            connection
                .execute(
                    "UPDATE delivery SET due = ?2 WHERE state = 'owed' AND held IS NOT NULL AND due > ?2 AND id < ?1
                        AND (alert, receiver) = (SELECT alert, receiver FROM delivery WHERE id = ?1)",
                    params![delivery, now.as_millisecond()],
                )
                .map_err(failed("cannot release deliveries"))
        })
        .await
    }

    /// Puts deliveries into one message, for good: a repeat is the same message.
    ///
    /// # Errors
    /// When the store cannot do it.
    pub async fn form_bundle(
        &self,
        kind: &'static str,
        deliveries: Vec<i64>,
        now: Timestamp,
    ) -> Result<FormedBundle, StoreError> {
        self.write("cannot form a digest", move |connection| {
            let cannot = failed("cannot form a digest");
            connection
                .execute(
                    "INSERT INTO bundle (kind, formed) VALUES (?1, ?2)",
                    params![kind, now.as_millisecond()],
                )
                .map_err(&cannot)?;
            let id = connection.last_insert_rowid();
            let mut update = connection
                .prepare_cached("UPDATE delivery SET bundle = ?2, held = ?3 WHERE id = ?1")
                .map_err(&cannot)?;
            for delivery in deliveries {
                update
                    .execute(params![delivery, id, kind])
                    .map_err(&cannot)?;
            }
            Ok(FormedBundle {
                id,
                kind: kind.to_owned(),
                formed: now,
            })
        })
        .await
    }

    /// Lets each delivery be a message of its own, for good.
    ///
    /// # Errors
    /// When the store cannot do it.
    pub async fn bind_alone(&self, deliveries: Vec<i64>) -> Result<(), StoreError> {
        self.write("cannot bind deliveries", move |connection| {
            let cannot = failed("cannot bind deliveries");
            // Bundles have numbers above 0; the negative of its own is what counts as its message in `sent_after`.
            let mut update = connection
                .prepare_cached("UPDATE delivery SET bundle = -id WHERE id = ?1 AND bundle IS NULL")
                .map_err(&cannot)?;
            for delivery in deliveries {
                update.execute([delivery]).map_err(&cannot)?;
            }
            Ok(())
        })
        .await
    }

    /// A message that was formed before, and all deliveries of it that are still owed, in their order.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn bundle(
        &self,
        id: i64,
        receiver: String,
    ) -> Result<Option<(FormedBundle, Vec<Owed>)>, StoreError> {
        self.read("cannot read a digest", move |connection| {
            let cannot = failed("cannot read a digest");
            let formed = connection
                .prepare_cached("SELECT kind, formed FROM bundle WHERE id = ?1")
                .and_then(|mut statement| {
                    statement
                        .query_row([id], |row| {
                            Ok(FormedBundle { id, kind: row.get(0)?, formed: time::from_ms(row.get(1)?) })
                        })
                        .optional()
                })
                .map_err(&cannot)?;
            let Some(formed) = formed else {
                return Ok(None);
            };
            let mut statement = connection
                .prepare_cached(
                    "SELECT delivery.id, attempts, owed_since, document, severity, NULL, bundle, held FROM delivery
                       JOIN revision ON revision.alert = delivery.alert AND revision.revision = delivery.revision
                       JOIN alert ON alert.id = delivery.alert
                      WHERE bundle = ?1 AND receiver = ?2 AND state = 'owed' ORDER BY delivery.id",
                )
                .map_err(&cannot)?;
            let mut rows = statement.query(params![id, receiver]).map_err(&cannot)?;
            let mut owed = Vec::new();
            while let Some(row) = rows.next().map_err(&cannot)? {
                owed.push(read_owed(row, &receiver)?);
            }
            Ok(Some((formed, owed)))
        })
        .await
    }

    /// The alerts that a receiver has had, each at the revision that it had last, newest first, at most `max`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn had_by(&self, receiver: String, max: usize) -> Result<Vec<Alert>, StoreError> {
        self.read("cannot read what was sent", move |connection| {
            let documents: Vec<String> = connection
                .prepare_cached(
                    "SELECT document FROM delivery JOIN revision ON revision.alert = delivery.alert AND revision.revision = delivery.revision
                      WHERE receiver = ?1 AND state = 'done' AND held IS NOT 'silenced'
                      ORDER BY settled DESC, delivery.id DESC LIMIT ?2",
                )
                .and_then(|mut statement| statement.query_map(params![receiver, max], |row| row.get(0))?.collect())
                .map_err(failed("cannot read what was sent"))?;
            documents
                .iter()
                .map(|document| {
                    serde_json::from_str(document)
                        .map_err(|error| StoreError::Failed(format!("cannot read an alert: {error}")))
                })
                .collect()
        })
        .await
    }

    /// Owes to `then` what `receiver` was told `within` ago or earlier and nobody has acknowledged; says how many alerts
    /// that were, and when the next would be.
    ///
    /// # Errors
    /// When the store cannot do it.
    pub async fn escalate(
        &self,
        receiver: String,
        then: String,
        within: Duration,
        now: Timestamp,
    ) -> Result<(usize, Option<Timestamp>), StoreError> {
        let horizon = time::before(now, within.saturating_add(ESCALATE_AT_MOST));
        let waiting = {
            let receiver = receiver.clone();
            self.read("cannot look for unanswered alerts", move |connection| {
                connection
                    .prepare_cached(
                        "SELECT delivery.alert, min(coalesce(delivery.settled, delivery.owed_since)) FROM delivery
                           JOIN alert ON alert.id = delivery.alert
                           JOIN revision ON revision.alert = alert.id AND revision.revision = alert.revision
                          WHERE delivery.receiver = ?1 AND delivery.owed_since > ?2 AND delivery.held IS NOT 'silenced'
                            AND (delivery.held IS NULL OR delivery.state <> 'owed')
                            AND alert.acknowledged IS NULL AND alert.wrong IS NULL
                            AND json_extract(revision.document, '$.status') = 'firing' AND NOT json_extract(revision.document, '$.drill')
                            AND NOT EXISTS (SELECT 1 FROM escalation WHERE escalation.alert = alert.id AND escalation.receiver = ?1)
                          GROUP BY delivery.alert",
                    )
                    .and_then(|mut statement| {
                        statement
                            .query_map(params![receiver, horizon.as_millisecond()], |row| {
                                Ok((row.get::<_, i64>(0)?, time::from_ms(row.get(1)?)))
                            })?
                            .collect::<rusqlite::Result<Vec<_>>>()
                    })
                    .map_err(failed("cannot look for unanswered alerts"))
            })
            .await?
        };
        let due_of = |told: Timestamp| time::after(told, within);
        let next = waiting
            .iter()
            .map(|(_, told)| due_of(*told))
            .filter(|due| *due > now)
            .min();
        let due: Vec<i64> = waiting
            .iter()
            .filter(|(_, told)| due_of(*told) <= now)
            .map(|(alert, _)| *alert)
            .collect();
        if due.is_empty() {
            return Ok((0, next));
        }
        let count = due.len();
        self.write("cannot escalate", move |connection| {
            let cannot = failed("cannot escalate");
            for alert in due {
                connection
                    .prepare_cached(
                        "INSERT INTO delivery (alert, revision, receiver, state, owed_since, due)
                         SELECT id, revision, ?2, 'owed', ?3, ?3 FROM alert WHERE id = ?1 ON CONFLICT DO NOTHING",
                    )
                    .and_then(|mut statement| statement.execute(params![alert, then, now.as_millisecond()]))
                    .map_err(&cannot)?;
                connection
                    .prepare_cached("INSERT INTO escalation (alert, receiver, at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")
                    .and_then(|mut statement| statement.execute(params![alert, receiver, now.as_millisecond()]))
                    .map_err(&cannot)?;
            }
            Ok(())
        })
        .await?;
        Ok((count, next))
    }

    /// When the receiver was last told that the daemon is alive.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn last_heartbeat(&self, receiver: String) -> Result<Option<Timestamp>, StoreError> {
        self.read("cannot read the heartbeats", move |connection| {
            connection
                .prepare_cached("SELECT sent FROM heartbeat WHERE receiver = ?1")
                .and_then(|mut statement| {
                    statement
                        .query_row([receiver], |row| Ok(time::from_ms(row.get(0)?)))
                        .optional()
                })
                .map_err(failed("cannot read the heartbeats"))
        })
        .await
    }

    /// Notes that the receiver was told, and owes it the document that says so, where there is one.
    ///
    /// # Errors
    /// When the store cannot do it.
    pub async fn beat(
        &self,
        receiver: String,
        document: Option<Alert>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write("cannot record a heartbeat", move |connection| {
            connection
                .execute(
                    "INSERT INTO heartbeat (receiver, sent) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET sent = excluded.sent",
                    params![receiver, now.as_millisecond()],
                )
                .map_err(failed("cannot record a heartbeat"))?;
            if let Some(alert) = document {
                let number = insert_alert(connection, &alert, 0)?;
                owe(connection, number, &alert, &[receiver])?;
            }
            Ok(())
        })
        .await
    }

    /// What there was since a moment.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn since(&self, since: Timestamp) -> Result<Since, StoreError> {
        self.read("cannot count", move |connection| {
            connection
                .query_row(
                    "SELECT (SELECT count(*) FROM feed WHERE failures = 0 AND last_success IS NOT NULL),
                            (SELECT count(*) FROM item WHERE seen > ?1),
                            (SELECT count(*) FROM alert WHERE opened > ?1 AND rule NOT LIKE 'notice.%'),
                            (SELECT count(*) FROM delivery WHERE state = 'dead' AND settled > ?1)",
                    [since.as_millisecond()],
                    |row| {
                        Ok(Since {
                            feeds: row.get(0)?,
                            items: row.get(1)?,
                            alerts: row.get(2)?,
                            lost: row.get(3)?,
                        })
                    },
                )
                .map_err(failed("cannot count"))
        })
        .await
    }
}
