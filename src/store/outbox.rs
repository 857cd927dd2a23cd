//! The store's part in showing what waits: per receiver, for metrics and the page.

use super::{Outbox, Store, StoreError, sqlite::failed};
use crate::time;

impl Store {
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
