//! The store's part in polling: which feeds there are, what is new, and the one transaction that records a poll.

use std::{collections::HashMap, sync::Arc};

use rusqlite::{Connection, Row, named_params, params};

use super::{
    FeedId, FeedState, Harvest, Judge, PollOutcome, PollRecord, Recorded, Store, StoreError,
    items::{edit_item, insert_item, rename, see, signed},
    judged::record_decision,
    sqlite::failed,
    stories::Rows,
};
use crate::{
    model::{Feed, Validators},
    time::{self, Timestamp},
};

const DAY_MS: i64 = 86_400_000;

impl Store {
    /// Makes a row for every configured feed that has none, and forgets validators, failures and a 410 of a feed whose
    /// address changed. Gives the state of every configured feed, in their order.
    ///
    /// # Errors
    /// When the store cannot do it.
    pub async fn sync_feeds(
        &self,
        feeds: Vec<Arc<Feed>>,
        now: Timestamp,
    ) -> Result<Vec<FeedState>, StoreError> {
        self.write("cannot record the configured feeds", move |connection| {
            let cannot = failed("cannot record the configured feeds");
            let mut known = states(connection)?;
            let mut insert = connection.prepare("INSERT INTO feed (name, url, next_poll) VALUES (?1, ?2, ?3)").map_err(&cannot)?;
            let mut readdress = connection
                .prepare(
                    "UPDATE feed SET url = ?2, etag = NULL, last_modified = NULL, next_poll = ?3, failures = 0, problem = NULL,
                            moved_to = NULL, moved_times = 0, gone = NULL WHERE id = ?1",
                )
                .map_err(&cannot)?;
            let mut result = Vec::with_capacity(feeds.len());
            for feed in &feeds {
                let state = match known.remove(&feed.name) {
                    Some(state) if state.url == feed.url => state,
                    Some(state) => {
                        readdress.execute(params![state.id.0, feed.url, now.as_millisecond()]).map_err(&cannot)?;
                        let kept = FeedState { id: state.id, first_contact: state.first_contact, ..fresh(feed, now) };
                        FeedState {
                            last_poll: state.last_poll,
                            last_success: state.last_success,
                            last_new_item: state.last_new_item,
                            ..kept
                        }
                    }
                    None => {
                        insert.execute(params![feed.name, feed.url, now.as_millisecond()]).map_err(&cannot)?;
                        FeedState { id: FeedId(connection.last_insert_rowid()), ..fresh(feed, now) }
                    }
                };
                result.push(state);
            }
            Ok(result)
        })
        .await
    }

    /// Begins to count the matches of these rules, those that compare with their usual rate; forgets the counts of others.
    ///
    /// # Errors
    /// When the store cannot do it.
    pub async fn watch_rates(&self, rules: Vec<String>, now: Timestamp) -> Result<(), StoreError> {
        self.write("cannot record the configured rules", move |connection| {
            let cannot = failed("cannot record the configured rules");
            let kept = serde_json::to_string(&rules).map_err(|error| StoreError::Failed(error.to_string()))?;
            for sql in [
                "DELETE FROM rule_watch WHERE rule NOT IN (SELECT value FROM json_each(?1))",
                "DELETE FROM rule_minute WHERE rule NOT IN (SELECT value FROM json_each(?1))",
            ] {
                connection.execute(sql, [&kept]).map_err(&cannot)?;
            }
            connection
                .execute(
                    "INSERT INTO rule_watch (rule, since) SELECT value, ?2 FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING",
                    params![kept, now.as_millisecond()],
                )
                .map_err(&cannot)?;
            Ok(())
        })
        .await
    }

    /// The state of every feed that the store knows, by name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn feed_states(&self) -> Result<HashMap<String, FeedState>, StoreError> {
        self.read("cannot read the feeds", states).await
    }

    /// The state of one feed.
    ///
    /// # Errors
    /// When the store cannot be read or does not know the feed.
    pub async fn feed_state(&self, feed: FeedId) -> Result<FeedState, StoreError> {
        self.read("cannot read a feed", move |connection| {
            connection
                .prepare_cached(&format!("SELECT {STATE_COLUMNS} FROM feed WHERE id = ?1"))
                .and_then(|mut statement| statement.query_row([feed.0], state))
                .map_err(failed("cannot read a feed"))
        })
        .await
    }

    /// Records a poll, whole or not at all: items, what was judged, alerts, owed deliveries, validators, next poll.
    ///
    /// `judge` is asked about every new item that is still new inside the transaction.
    ///
    /// # Errors
    /// When nothing was recorded.
    pub async fn record_poll(
        &self,
        record: PollRecord,
        mut judge: Judge,
    ) -> Result<Recorded, StoreError> {
        self.write("cannot record a poll", move |connection| {
            let cannot = failed("cannot record a poll");
            let at = record.at.as_millisecond();
            let next = record.next_poll.as_millisecond();
            match &record.outcome {
                PollOutcome::Unchanged => {
                    connection
                        .prepare_cached(
                            "UPDATE feed SET next_poll = ?2, last_poll = ?3, last_success = ?3, failures = 0, problem = NULL WHERE id = ?1",
                        )
                        .and_then(|mut statement| statement.execute(params![record.feed.0, next, at]))
                        .map_err(&cannot)?;
                    Ok(Recorded::default())
                }
                PollOutcome::Failed { problem } => {
                    connection
                        .prepare_cached(
                            "UPDATE feed SET next_poll = ?2, last_poll = ?3, failures = failures + 1, problem = ?4 WHERE id = ?1",
                        )
                        .and_then(|mut statement| statement.execute(params![record.feed.0, next, at, problem]))
                        .map_err(&cannot)?;
                    Ok(Recorded::default())
                }
                PollOutcome::Gone { problem } => {
                    connection
                        .execute(
                            "UPDATE feed SET next_poll = ?2, last_poll = ?3, failures = failures + 1, problem = ?4, gone = ?3 WHERE id = ?1",
                            params![record.feed.0, next, at, problem],
                        )
                        .map_err(&cannot)?;
                    Ok(Recorded::default())
                }
                PollOutcome::Items(harvest) => record_items(connection, &record, harvest, &mut judge),
            }
        })
        .await
    }
}

fn record_items(
    connection: &Connection,
    record: &PollRecord,
    harvest: &Harvest,
    judge: &mut Judge,
) -> Result<Recorded, StoreError> {
    let cannot = failed("cannot record a poll");
    let mut recorded = Recorded::default();
    let at = record.at.as_millisecond();
    let today = at.div_euclid(DAY_MS);
    for (old, item) in &harvest.renamed {
        rename(connection, record.feed, *old, item, today)?;
    }
    for item in &harvest.new {
        let Some(item_id) = insert_item(connection, record, item, today)? else {
            continue;
        };
        recorded.new_items += 1;
        let decided = judge(item, None, &Rows(connection))?;
        record_decision(connection, record.at, item_id, &decided, &mut recorded)?;
    }
    for item in &harvest.edited {
        let Some((item_id, edited)) = edit_item(connection, record, item)? else {
            continue;
        };
        recorded.edited_items += 1;
        let decided = judge(item, Some(&edited), &Rows(connection))?;
        record_decision(connection, record.at, item_id, &decided, &mut recorded)?;
    }
    for item in &harvest.unmarked {
        see(connection, record.feed, item, None, today)?;
    }
    // What the feed lists is remembered for as long as it does; once a day is often enough to write it down.
    let mut list = connection
        .prepare_cached(
            "UPDATE seen SET listed_day = ?3 WHERE feed = ?1 AND key = ?2 AND listed_day < ?3",
        )
        .map_err(&cannot)?;
    for key in &harvest.listed {
        list.execute(params![record.feed.0, signed(*key), today])
            .map_err(&cannot)?;
    }
    connection
        .prepare_cached(
            "UPDATE feed SET etag = :etag, last_modified = :last_modified, next_poll = :next, first_contact = coalesce(first_contact, :at),
                    last_poll = :at, last_success = :at, last_listing = :at, last_new_item = iif(:new > 0, :at, last_new_item), failures = 0, problem = NULL,
                    moved_times = iif(:moved IS NULL, 0, iif(moved_to IS :moved, moved_times + 1, 1)), moved_to = :moved
              WHERE id = :feed",
        )
        .and_then(|mut statement| {
            statement.execute(named_params! {
                ":etag": harvest.validators.etag,
                ":last_modified": harvest.validators.last_modified,
                ":next": record.next_poll.as_millisecond(),
                ":at": at,
                ":new": recorded.new_items,
                ":moved": harvest.moved_to,
                ":feed": record.feed.0,
            })
        })
        .map_err(&cannot)?;
    Ok(recorded)
}

const STATE_COLUMNS: &str = "id, name, url, etag, last_modified, next_poll, first_contact, last_poll, last_success, last_new_item,
                             failures, problem, moved_to, moved_times, gone";

fn states(connection: &Connection) -> Result<HashMap<String, FeedState>, StoreError> {
    let cannot = failed("cannot read the feeds");
    let mut statement = connection
        .prepare(&format!("SELECT {STATE_COLUMNS} FROM feed"))
        .map_err(&cannot)?;
    let rows = statement.query_map([], state).map_err(&cannot)?;
    let mut states = HashMap::new();
    for row in rows {
        let row = row.map_err(&cannot)?;
        states.insert(row.name.clone(), row);
    }
    Ok(states)
}

fn state(row: &Row<'_>) -> rusqlite::Result<FeedState> {
    let time = |index: usize| {
        row.get::<_, Option<i64>>(index)
            .map(|ms| ms.map(time::from_ms))
    };
    Ok(FeedState {
        id: FeedId(row.get(0)?),
        name: row.get(1)?,
        url: row.get(2)?,
        validators: Validators {
            etag: row.get(3)?,
            last_modified: row.get(4)?,
        },
        next_poll: time::from_ms(row.get(5)?),
        first_contact: time(6)?,
        last_poll: time(7)?,
        last_success: time(8)?,
        last_new_item: time(9)?,
        failures: row.get(10)?,
        problem: row.get(11)?,
        moved_to: row.get(12)?,
        moved_times: row.get(13)?,
        gone: time(14)?,
    })
}

fn fresh(feed: &Feed, now: Timestamp) -> FeedState {
    FeedState {
        id: FeedId(0),
        name: feed.name.clone(),
        url: feed.url.clone(),
        validators: Validators::default(),
        next_poll: now,
        first_contact: None,
        last_poll: None,
        last_success: None,
        last_new_item: None,
        failures: 0,
        problem: None,
        moved_to: None,
        moved_times: 0,
        gone: None,
    }
}
