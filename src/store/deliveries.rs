//! The store's part in delivering: what is owed, how attempts ended, which receivers want nothing more.

use rusqlite::{Connection, Row, params};

use super::{Bound, DisabledReceiver, Owed, Settlement, Store, StoreError, sqlite::failed};
use crate::{
    model::Severity,
    time::{self, Timestamp},
};

impl Store {
    /// The oldest due deliveries of one receiver, at most `max`, without those in `running`.
    ///
    /// What belongs to one story keeps its order: a delivery waits while an earlier one of its story is tried again, or,
    /// where `in_turn`, is due itself. What is held for a named reason keeps nobody waiting.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn due_deliveries(
        &self,
        receiver: String,
        running: Vec<i64>,
        now: Timestamp,
        max: usize,
        in_turn: bool,
    ) -> Result<Vec<Owed>, StoreError> {
        self.read_briefly("cannot read what is owed", move |connection| {
            let cannot = failed("cannot read what is owed");
            // Whichever is shorter is gone through: what this receiver is owed, or the alerts of a story, of which a busy one
            // has thousands, delivered long ago.
            let is_owed_little = connection
                .prepare_cached(
                    "SELECT count(*) FROM (SELECT 1 FROM delivery INDEXED BY delivery_owed WHERE receiver = ?1 AND state = 'owed' LIMIT ?2)",
                )
                .and_then(|mut count| {
                    let owed: usize =
                        count.query_row(params![receiver, OWED_LITTLE + 1], |row| row.get(0))?;
                    Ok(owed <= OWED_LITTLE)
                })
                .map_err(&cannot)?;
            let due = match is_owed_little {
                true => due_by(AMONG_OWED),
                false => due_by(AMONG_STORY),
            };
            let mut statement = connection
                .prepare_cached(&due)
                .map_err(&cannot)?;
            let limit = max + running.len();
            let mut rows = statement
                .query(params![receiver, now.as_millisecond(), limit, in_turn])
                .map_err(&cannot)?;
            let mut owed = Vec::new();
            while let Some(row) = rows.next().map_err(&cannot)? {
                let id = row.get(0).map_err(&cannot)?;
                if owed.len() == max || running.contains(&id) {
                    continue;
                }
                owed.push(read_owed(row, &receiver)?);
            }
            Ok(owed)
        })
        .await
    }

    /// Whether something owed to this receiver that is not in `running` is due, and when the next that is not due yet will be.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn next_delivery(
        &self,
        receiver: String,
        running: Vec<i64>,
        now: Timestamp,
    ) -> Result<(bool, Option<Timestamp>), StoreError> {
        self.read_briefly("cannot read what is owed", move |connection| {
            let cannot = failed("cannot read what is owed");
            let mut statement = connection
                .prepare_cached(
                    "SELECT id FROM delivery WHERE receiver = ?1 AND state = 'owed' AND due <= ?2 ORDER BY due, id LIMIT ?3",
                )
                .map_err(&cannot)?;
            let due: Vec<i64> = statement
                .query_map(params![receiver, now.as_millisecond(), running.len() + 1], |row| row.get(0))
                .and_then(Iterator::collect)
                .map_err(&cannot)?;
            let next: Option<i64> = connection
                .prepare_cached("SELECT min(due) FROM delivery WHERE receiver = ?1 AND state = 'owed' AND due > ?2")
                .and_then(|mut statement| statement.query_row(params![receiver, now.as_millisecond()], |row| row.get(0)))
                .map_err(&cannot)?;
            Ok((due.iter().any(|id| !running.contains(id)), next.map(time::from_ms)))
        })
        .await
    }

    /// Records how attempts ended.
    ///
    /// # Errors
    /// When nothing was recorded; the same deliveries are then due again, with the same ids.
    pub async fn settle(
        &self,
        settled: Vec<(i64, Settlement)>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write("cannot record a delivery", move |connection| {
            for (id, settlement) in settled {
                settle_one(connection, id, settlement, now)
                    .map_err(failed("cannot record a delivery"))?;
            }
            Ok(())
        })
        .await
    }

    /// Makes everything owed to a receiver due now, oldest first: it has come back.
    ///
    /// # Errors
    /// When the store cannot do it.
    pub async fn hasten(&self, receiver: String, now: Timestamp) -> Result<(), StoreError> {
        self.write("cannot hasten deliveries", move |connection| {
            connection
                .execute(
                    "UPDATE delivery INDEXED BY delivery_owed SET due = ?2 WHERE receiver = ?1 AND state = 'owed'",
                    params![receiver, now.as_millisecond()],
                )
                .map_err(failed("cannot hasten deliveries"))?;
            Ok(())
        })
        .await
    }

    /// Whether deliveries to a receiver were given up and not sent again.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn has_dead(&self, receiver: String) -> Result<bool, StoreError> {
        self.read("cannot read what was given up", move |connection| {
            connection
                .prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM delivery WHERE state = 'dead' AND receiver = ?1)",
                )
                .and_then(|mut statement| statement.query_row([receiver], |row| row.get(0)))
                .map_err(failed("cannot read what was given up"))
        })
        .await
    }

    /// Notes that a receiver answered 410.
    ///
    /// # Errors
    /// When the store cannot do it.
    pub async fn disable_receiver(&self, receiver: DisabledReceiver) -> Result<(), StoreError> {
        self.write("cannot disable a receiver", move |connection| {
            connection
                .execute(
                    "INSERT INTO receiver (name, disabled, reason) VALUES (?1, ?2, ?3)
                     ON CONFLICT DO UPDATE SET disabled = excluded.disabled, reason = excluded.reason",
                    params![receiver.name, receiver.since.as_millisecond(), receiver.reason],
                )
                .map_err(failed("cannot disable a receiver"))?;
            Ok(())
        })
        .await
    }

    /// Gives every receiver another chance: the operator started the daemon or loaded the configuration anew.
    ///
    /// # Errors
    /// When the store cannot do it.
    pub async fn enable_receivers(&self) -> Result<(), StoreError> {
        self.write("cannot enable the receivers", |connection| {
            connection
                .execute("DELETE FROM receiver", [])
                .map_err(failed("cannot enable the receivers"))?;
            Ok(())
        })
        .await
    }

    /// The receivers that answered 410 since the configuration was loaded.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn disabled_receivers(&self) -> Result<Vec<DisabledReceiver>, StoreError> {
        self.read("cannot read the receivers", |connection| {
            connection
                .prepare_cached("SELECT name, disabled, reason FROM receiver ORDER BY name")
                .and_then(|mut statement| {
                    statement
                        .query_map([], |row| {
                            Ok(DisabledReceiver {
                                name: row.get(0)?,
                                since: time::from_ms(row.get(1)?),
                                reason: row.get(2)?,
                            })
                        })?
                        .collect()
                })
                .map_err(failed("cannot read the receivers"))
        })
        .await
    }

    /// How many deliveries are owed to each receiver, configured or not.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn owed_counts(&self) -> Result<Vec<(String, usize)>, StoreError> {
        self.read("cannot read what is owed", |connection| {
            connection
                .prepare_cached("SELECT receiver, count(*) FROM delivery WHERE state = 'owed' GROUP BY receiver ORDER BY receiver")
                .and_then(|mut statement| statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect())
                .map_err(failed("cannot read what is owed"))
        })
        .await
    }
}

/// So much owed to a receiver is little.
const OWED_LITTLE: usize = 256;

/// What may come before a delivery to receiver ?1, in the order in which it is gone through. SQLite left to itself goes through
/// all that the receiver ever had.
const AMONG_OWED: &str = "delivery earlier INDEXED BY delivery_owed CROSS JOIN alert other ON other.id = earlier.alert AND earlier.receiver = ?1";
const AMONG_STORY: &str = "alert other CROSS JOIN delivery earlier ON earlier.alert = other.id AND +earlier.receiver = ?1";

/// What is due to receiver ?1 at ?2, at most ?3, in turn where ?4.
fn due_by(earlier_of_story: &str) -> String {
    format!(
        "SELECT delivery.id, delivery.attempts, delivery.owed_since, revision.document, alert.severity, remote.handle,
                delivery.bundle, delivery.held
           FROM delivery JOIN revision ON revision.alert = delivery.alert AND revision.revision = delivery.revision
           JOIN alert ON alert.id = delivery.alert
           LEFT JOIN remote ON remote.alert = delivery.alert AND remote.receiver = delivery.receiver
          WHERE delivery.receiver = ?1 AND delivery.state = 'owed' AND delivery.due <= ?2
            AND NOT EXISTS (
                SELECT 1 FROM delivery earlier
                 WHERE earlier.alert = delivery.alert AND earlier.revision < delivery.revision
                   AND earlier.receiver = delivery.receiver AND earlier.state = 'owed'
                   AND CASE WHEN earlier.due > ?2 THEN earlier.held IS NULL ELSE ?4 END)
            AND (alert.story = 0 OR NOT EXISTS (
                SELECT 1 FROM {earlier_of_story}
                 WHERE other.story = alert.story AND other.id < alert.id
                   AND earlier.state = 'owed' AND earlier.id < delivery.id
                   AND CASE WHEN earlier.due > ?2 THEN earlier.held IS NULL ELSE ?4 END))
          ORDER BY delivery.due, delivery.id LIMIT ?3"
    )
}

/// A row of a delivery: id, attempts, owed since, document, the alert's severity, handle, bundle, held.
pub(super) fn read_owed(row: &Row<'_>, receiver: &str) -> Result<Owed, StoreError> {
    let cannot = failed("cannot read what is owed");
    let id: i64 = row.get(0).map_err(&cannot)?;
    let document: String = row.get(3).map_err(&cannot)?;
    let alert = serde_json::from_str(&document).map_err(|error| {
        StoreError::Failed(format!("cannot read the alert of delivery {id}: {error}"))
    })?;
    let severity: usize = row.get(4).map_err(&cannot)?;
    Ok(Owed {
        id,
        receiver: receiver.to_owned(),
        attempts: row.get(1).map_err(&cannot)?,
        owed_since: time::from_ms(row.get(2).map_err(&cannot)?),
        alert,
        severity: Severity::ALL.get(severity).copied().unwrap_or_default(),
        handle: row.get(5).map_err(&cannot)?,
        bound: row
            .get::<_, Option<i64>>(6)
            .map_err(&cannot)?
            .map(|bundle| match bundle {
                // As `bind_alone` writes it.
                ..=0 => Bound::Alone,
                bundle => Bound::Bundle(bundle),
            }),
        held: row.get(7).map_err(&cannot)?,
    })
}

fn settle_one(
    connection: &Connection,
    id: i64,
    settlement: Settlement,
    now: Timestamp,
) -> rusqlite::Result<usize> {
    let now = now.as_millisecond();
    match settlement {
        Settlement::Done { handle } => {
            if let Some(handle) = handle {
                connection
                    .prepare_cached(
                        "INSERT INTO remote (alert, receiver, handle) SELECT alert, receiver, ?2 FROM delivery WHERE id = ?1
                         ON CONFLICT DO NOTHING",
                    )?
                    .execute(params![id, handle])?;
            }
            connection
            .prepare_cached("UPDATE delivery SET state = 'done', settled = ?2, problem = NULL, attempts = attempts + 1 WHERE id = ?1")?
            .execute(params![id, now])
        }
        Settlement::Silenced => connection
            .prepare_cached("UPDATE delivery SET state = 'done', held = 'silenced', settled = ?2, problem = NULL WHERE id = ?1")?
            .execute(params![id, now]),
        Settlement::Held { due, reason } => connection
            .prepare_cached("UPDATE delivery SET due = ?2, held = ?3 WHERE id = ?1")?
            .execute(params![id, due.as_millisecond(), reason]),
        Settlement::Anew { problem } => {
            connection
                .prepare_cached(
                    "DELETE FROM remote WHERE (alert, receiver) IN (SELECT alert, receiver FROM delivery WHERE id = ?1)",
                )?
                .execute([id])?;
            connection
                .prepare_cached("UPDATE delivery SET due = ?2, problem = ?3, attempts = attempts + 1 WHERE id = ?1")?
                .execute(params![id, now, problem])
        }
        Settlement::Again { due, problem } => connection
            .prepare_cached("UPDATE delivery SET due = ?2, problem = ?3, attempts = attempts + 1 WHERE id = ?1")?
            .execute(params![id, due.as_millisecond(), problem]),
        Settlement::Dead { problem } => connection
            .prepare_cached("UPDATE delivery SET state = 'dead', settled = ?2, problem = ?3, attempts = attempts + 1 WHERE id = ?1")?
            .execute(params![id, now, problem]),
    }
}
