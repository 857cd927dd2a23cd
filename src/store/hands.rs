//! What people do to alerts: acknowledge, silence, call wrong.
//!
//! Each is one short transaction, so that a command may make it beside a running daemon ([`Store::open_beside`]): SQLite
//! lets one writer in at a time, and the daemon sees by [`Store::outside_changes`] that somebody else wrote.

use rusqlite::{Connection, OptionalExtension, params};

use super::{
    DeliveryRow, Store, StoreError,
    judged::{insert_alert, insert_revision, owe},
    sqlite::failed,
};
use crate::{
    model::{Alert, AlertStatus},
    time::{self, Timestamp},
};

/// Something that nobody wants to hear of until a time. What is `None` takes everything.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Silence {
    pub id: i64,
    pub created: Timestamp,
    pub until: Timestamp,
    pub reason: String,
    /// A glob over rule ids.
    pub rule: Option<String>,
    pub tag: Option<String>,
    /// A glob over feed names.
    pub feed: Option<String>,
    /// A query, as rules have them.
    pub words: Option<String>,
}

/// What came of an acknowledgement.
#[derive(Clone, Debug, PartialEq)]
pub enum Acknowledged {
    /// The alert as it is now, and who is told so.
    Now(Box<Alert>, Vec<String>),
    Before(Timestamp),
    Unknown,
    /// Several alerts begin so.
    Ambiguous(Vec<String>),
}

/// What came of calling an alert wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Marked {
    Wrong(Box<Alert>),
    Unknown,
    /// Several alerts begin so.
    Ambiguous(Vec<String>),
}

/// Alerts found by the beginning of an id.
const FOUND_MAX: usize = 5;

impl Store {
    /// Notes that a person has taken the alert on, and owes that news to whoever was told of the alert. `id` may be the
    /// beginning of one.
    ///
    /// # Errors
    /// When nothing was recorded.
    pub async fn acknowledge(
        &self,
        id: String,
        now: Timestamp,
    ) -> Result<Acknowledged, StoreError> {
        self.write("cannot acknowledge the alert", move |connection| {
            let cannot = failed("cannot acknowledge the alert");
            let (number, before) = match find(connection, &id)? {
                Found::One(number, alert) => (number, *alert),
                Found::None => return Ok(Acknowledged::Unknown),
                Found::Several(ids) => return Ok(Acknowledged::Ambiguous(ids)),
            };
            let acknowledged: Option<i64> = connection
                .query_row("SELECT acknowledged FROM alert WHERE id = ?1", [number], |row| row.get(0))
                .map_err(&cannot)?;
            if let Some(at) = acknowledged {
                return Ok(Acknowledged::Before(time::from_ms(at)));
            }
            connection
                .execute("UPDATE alert SET acknowledged = ?2 WHERE id = ?1", params![number, now.as_millisecond()])
                .map_err(&cannot)?;
            let mut alert = before;
            alert.revision += 1;
            alert.status = AlertStatus::Acknowledged;
            alert.timing.queued = now;
            insert_revision(connection, number, &alert)?;
            let told: Vec<String> = connection
                .prepare_cached("SELECT DISTINCT receiver FROM delivery WHERE alert = ?1 AND held IS NOT 'silenced' ORDER BY receiver")
                .and_then(|mut statement| statement.query_map([number], |row| row.get(0))?.collect())
                .map_err(&cannot)?;
            owe(connection, number, &alert, &told)?;
            Ok(Acknowledged::Now(Box::new(alert), told))
        })
        .await
    }

    /// Notes that a person calls the alert a false positive. `id` may be the beginning of one.
    ///
    /// # Errors
    /// When nothing was recorded.
    pub async fn mark_wrong(&self, id: String, now: Timestamp) -> Result<Marked, StoreError> {
        self.write("cannot mark the alert", move |connection| {
            Ok(match find(connection, &id)? {
                Found::One(number, alert) => {
                    connection
                        .execute(
                            "UPDATE alert SET wrong = coalesce(wrong, ?2) WHERE id = ?1",
                            params![number, now.as_millisecond()],
                        )
                        .map_err(failed("cannot mark the alert"))?;
                    Marked::Wrong(alert)
                }
                Found::None => Marked::Unknown,
                Found::Several(ids) => Marked::Ambiguous(ids),
            })
        })
        .await
    }

    /// Adds a silence (its `id` is not looked at) and gives its number.
    ///
    /// # Errors
    /// When nothing was recorded.
    pub async fn add_silence(&self, silence: Silence) -> Result<i64, StoreError> {
        self.write("cannot record the silence", move |connection| {
            connection
                .execute(
                    "INSERT INTO silence (created, until, reason, rule, tag, feed, words) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                    params![
                        silence.created.as_millisecond(),
                        silence.until.as_millisecond(),
                        silence.reason,
                        silence.rule,
                        silence.tag,
                        silence.feed,
                        silence.words
                    ],
                )
                .map_err(failed("cannot record the silence"))?;
            Ok(connection.last_insert_rowid())
        })
        .await
    }

    /// Ends a silence; whether there was one.
    ///
    /// # Errors
    /// When nothing was recorded.
    pub async fn end_silence(&self, id: i64, now: Timestamp) -> Result<bool, StoreError> {
        self.write("cannot end the silence", move |connection| {
            connection
                .execute(
                    "UPDATE silence SET until = ?2 WHERE id = ?1 AND until > ?2",
                    params![id, now.as_millisecond()],
                )
                .map(|ended| ended > 0)
                .map_err(failed("cannot end the silence"))
        })
        .await
    }

    /// The silences that hold at `now`, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn silences(&self, now: Timestamp) -> Result<Vec<Silence>, StoreError> {
        self.read("cannot read the silences", move |connection| {
            connection
                .prepare_cached(
                    "SELECT id, created, until, reason, rule, tag, feed, words FROM silence WHERE until > ?1 ORDER BY id",
                )
                .and_then(|mut statement| {
                    statement
                        .query_map([now.as_millisecond()], |row| {
                            Ok(Silence {
                                id: row.get(0)?,
                                created: time::from_ms(row.get(1)?),
                                until: time::from_ms(row.get(2)?),
                                reason: row.get(3)?,
                                rule: row.get(4)?,
                                tag: row.get(5)?,
                                feed: row.get(6)?,
                                words: row.get(7)?,
                            })
                        })?
                        .collect()
                })
                .map_err(failed("cannot read the silences"))
        })
        .await
    }

    /// The deliveries of one alert.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn deliveries_of(&self, alert: String) -> Result<Vec<DeliveryRow>, StoreError> {
        self.read("cannot read the deliveries", move |connection| {
            let cannot = failed("cannot read the deliveries");
            let number = connection
                .query_row("SELECT id FROM alert WHERE uid = ?1", [alert], |row| {
                    row.get(0)
                })
                .optional()
                .map_err(&cannot)?;
            match number {
                Some(number) => super::history::deliveries(connection, number).map_err(&cannot),
                None => Ok(Vec::new()),
            }
        })
        .await
    }

    /// Records an alert that no item caused, such as a drill, owed to these receivers.
    ///
    /// # Errors
    /// When nothing was recorded.
    pub async fn post_alert(&self, alert: Alert, to: Vec<String>) -> Result<(), StoreError> {
        self.write("cannot record the alert", move |connection| {
            let number = insert_alert(connection, &alert, 0)?;
            owe(connection, number, &alert, &to)?;
            Ok(())
        })
        .await
    }

    /// A number that changes when another process has written to the store. Nobody else can write to one in memory.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn outside_changes(&self) -> Result<i64, StoreError> {
        // On the writer's connection, for which its own commits do not count.
        self.write("cannot look for changes", |connection| {
            connection
                .query_row("PRAGMA data_version", [], |row| row.get(0))
                .map_err(failed("cannot look for changes"))
        })
        .await
    }
}

enum Found {
    One(i64, Box<Alert>),
    None,
    Several(Vec<String>),
}

/// The alert of this id, or the only one whose id begins so.
fn find(connection: &Connection, id: &str) -> Result<Found, StoreError> {
    let cannot = failed("cannot look for the alert");
    let exact: Option<String> = connection
        .query_row("SELECT uid FROM alert WHERE uid = ?1", [id], |row| {
            row.get(0)
        })
        .optional()
        .map_err(&cannot)?;
    let uids: Vec<String> = match exact {
        Some(uid) => vec![uid],
        None if id.is_empty() => Vec::new(),
        None => connection
            .prepare_cached("SELECT uid FROM alert WHERE substr(uid, 1, length(?1)) = ?1 ORDER BY id DESC LIMIT ?2")
            .and_then(|mut statement| statement.query_map(params![id, FOUND_MAX], |row| row.get(0))?.collect())
            .map_err(&cannot)?,
    };
    let uid = match uids.as_slice() {
        [] => return Ok(Found::None),
        [uid] => uid,
        _ => return Ok(Found::Several(uids)),
    };
    let (number, document): (i64, String) = connection
        .query_row(
            "SELECT alert.id, document FROM alert JOIN revision ON revision.alert = alert.id AND revision.revision = alert.revision
              WHERE uid = ?1",
            [uid],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .map_err(&cannot)?;
    let alert = serde_json::from_str(&document)
        .map_err(|error| StoreError::Failed(format!("cannot read alert {uid}: {error}")))?;
    Ok(Found::One(number, Box::new(alert)))
}
