//! The outbox as it is shown, per receiver and delivery by delivery, and sending again.

use rusqlite::named_params;

use super::{Outbox, Store, StoreError, sqlite::failed};
use crate::time::{self, Timestamp};

/// Which deliveries to list.
#[derive(Clone, Debug, Default)]
pub struct OutboxFilter {
    /// Owed and given up, unless `is_dead`: given up alone.
    pub is_dead: bool,
    pub receiver: Option<String>,
    /// Settled ones as well.
    pub is_all: bool,
    /// Only deliveries after the one with this number.
    pub after: i64,
    /// At most so many, the oldest; `None` for all of them.
    pub rows_max: Option<usize>,
}

/// One delivery of the outbox.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct OutboxRow {
    pub id: i64,
    pub receiver: String,
    pub state: String,
    pub alert: String,
    pub revision: u32,
    pub rule: String,
    pub title: String,
    pub attempts: u32,
    pub owed_since: Timestamp,
    pub due: Option<Timestamp>,
    pub settled: Option<Timestamp>,
    pub reason: Option<String>,
    pub problem: Option<String>,
}

impl Store {
    /// The deliveries that pass the filter, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn outbox(&self, filter: OutboxFilter) -> Result<Vec<OutboxRow>, StoreError> {
        self.read("cannot list the deliveries", move |connection| {
            connection
                .prepare_cached(
                    "SELECT delivery.id, receiver, state, alert.uid, delivery.revision, alert.rule,
                            json_extract(document, '$.item.title'), attempts, owed_since, due, settled, held, problem
                       FROM delivery JOIN alert ON alert.id = delivery.alert
                       JOIN revision ON revision.alert = delivery.alert AND revision.revision = delivery.revision
                      WHERE (state = 'dead' OR (state = 'owed' AND NOT :dead) OR :all)
                        AND (:receiver IS NULL OR receiver = :receiver) AND delivery.id > :after
                      ORDER BY delivery.id LIMIT :rows_max",
                )
                .and_then(|mut statement| {
                    statement
                        .query_map(
                            named_params! {
                                ":dead": filter.is_dead, ":all": filter.is_all, ":receiver": filter.receiver, ":after": filter.after,
                                // To SQLite, a limit below 0 is none.
                                ":rows_max": filter.rows_max.map_or(-1, |rows| i64::try_from(rows).unwrap_or(i64::MAX)),
                            },
                            |row| {
                                let state: String = row.get(2)?;
                                let is_owed = state == "owed";
                                Ok(OutboxRow {
                                    id: row.get(0)?,
                                    receiver: row.get(1)?,
                                    state,
                                    alert: row.get(3)?,
                                    revision: row.get(4)?,
                                    rule: row.get(5)?,
                                    title: row.get::<_, Option<String>>(6)?.unwrap_or_default(),
                                    attempts: row.get(7)?,
                                    owed_since: time::from_ms(row.get(8)?),
                                    due: is_owed.then(|| row.get(9).map(time::from_ms)).transpose()?,
                                    settled: row.get::<_, Option<i64>>(10)?.map(time::from_ms),
                                    reason: row.get(11)?,
                                    problem: row.get(12)?,
                                })
                            },
                        )?
                        .collect()
                })
                .map_err(failed("cannot list the deliveries"))
        })
        .await
    }

    /// Owes what was given up anew, and makes due what waits after a failure: one delivery, those of a receiver, or all.
    /// Says how many.
    ///
    /// # Errors
    /// When nothing was recorded.
    pub async fn retry(
        &self,
        id: Option<i64>,
        receiver: Option<String>,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        self.write("cannot send again", move |connection| {
            connection
                .execute(
                    "UPDATE delivery SET state = 'owed', settled = NULL, due = :now, owed_since = CASE state WHEN 'dead' THEN :now ELSE owed_since END
                      WHERE (state = 'dead' OR (state = 'owed' AND due > :now AND held IS NULL))
                        AND (:id IS NULL OR id = :id) AND (:receiver IS NULL OR receiver = :receiver)",
                    named_params! {":now": now.as_millisecond(), ":id": id, ":receiver": receiver},
                )
                .map_err(failed("cannot send again"))
        })
        .await
    }

    /// What is owed to each receiver and what was given up, by name. Receivers with neither are left out.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn outboxes(&self) -> Result<Vec<Outbox>, StoreError> {
        self.read("cannot count what is owed", |connection| {
            connection
                .prepare_cached(
                    "SELECT receiver, sum(owed), sum(dead), min(since) FROM (
                       SELECT receiver, count(*) AS owed, 0 AS dead, min(owed_since) AS since
                         FROM delivery WHERE state = 'owed' GROUP BY receiver
                       UNION ALL
                       SELECT receiver, 0, count(*), NULL FROM delivery WHERE state = 'dead' GROUP BY receiver)
                      GROUP BY receiver ORDER BY receiver",
                )
                .and_then(|mut statement| {
                    statement
                        .query_map([], |row| {
                            Ok(Outbox {
                                receiver: row.get(0)?,
                                owed: row.get(1)?,
                                dead: row.get(2)?,
                                owed_since: row.get::<_, Option<i64>>(3)?.map(time::from_ms),
                            })
                        })?
                        .collect()
                })
                .map_err(failed("cannot count what is owed"))
        })
        .await
    }
}
