//! What the store knows of each feed: its row, its rhythm, how late its items are.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
    time::Duration,
};

use rusqlite::{Connection, OptionalExtension, Row, params, types::FromSql};

use super::{FeedId, FeedState, Lag, Pushed, Store, StoreError, sqlite::failed};
use crate::{
    model::{Feed, Validators},
    schedule::{Plan, Rhythm, Why, Wishes},
    time::{self, Timestamp},
};

/// An item that was published longer ago when it was seen was put into its feed late, or has a wrong date.
pub const LAG_MAX: Duration = Duration::from_secs(7 * 86_400);

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
                    "UPDATE feed SET url = ?2, etag = NULL, last_modified = NULL, next_poll = ?3, pace = NULL, not_before = NULL,
                            failures = 0, failing_since = NULL, problem = NULL, max_age_s = 0, ttl_s = 0, update_s = 0, skip_hours = 0, skip_days = 0,
                            hurry_until = NULL, last_listing = NULL, moved_to = NULL, moved_times = 0, gone = NULL WHERE id = ?1",
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
                            newest: state.newest,
                            overruns: state.overruns,
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

    /// The state of every feed that the store knows, by name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn feed_states(&self) -> Result<HashMap<String, FeedState>, StoreError> {
        self.read("cannot read the feeds", states).await
    }

    /// The state of one feed, and its rhythm where one has been found.
    ///
    /// # Errors
    /// When the store cannot be read or does not know the feed.
    pub async fn feed_state(
        &self,
        feed: FeedId,
    ) -> Result<(FeedState, Option<Rhythm>), StoreError> {
        let mut states = self.feed_states_of(vec![feed]).await?;
        states
            .pop()
            .flatten()
            .ok_or_else(|| StoreError::Failed("cannot read a feed: it has no row".to_owned()))
    }

    /// The states of these feeds with their rhythms, in their order and in one read; `None` where the store knows no such feed.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn feed_states_of(
        &self,
        feeds: Vec<FeedId>,
    ) -> Result<Vec<Option<(FeedState, Option<Rhythm>)>>, StoreError> {
        self.read_briefly("cannot read the feeds that are due", move |connection| {
            let cannot = failed("cannot read the feeds that are due");
            let with_rhythm = |row: &Row<'_>| {
                let counters = row.get_ref(COLUMNS)?.as_blob_or_null()?;
                Ok((state(row)?, counters.and_then(Rhythm::from_bytes)))
            };
            let transaction = connection.unchecked_transaction().map_err(&cannot)?;
            let mut statement = transaction
                .prepare_cached(&STATE_AND_RHYTHM)
                .map_err(&cannot)?;
            let read = |feed: FeedId| statement.query_row([feed.0], with_rhythm).optional();
            let states: rusqlite::Result<Vec<_>> = feeds.into_iter().map(read).collect();
            states.map_err(&cannot)
        })
        .await
    }

    /// How late the items of each feed were that were seen since then, where there are any. Those of the first contact do not
    /// count, nor those with a date in the future or over [`LAG_MAX`] in the past, which is no lag.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn lags(&self, since: Timestamp) -> Result<HashMap<FeedId, Lag>, StoreError> {
        self.read("cannot read how late the items are", move |connection| {
            let cannot = failed("cannot read how late the items are");
            let mut statement = connection
                .prepare_cached(
                    "SELECT item.feed, item.lag FROM feed JOIN item ON item.feed = feed.id WHERE item.lag IS NOT NULL AND item.seen >= ?1",
                )
                .map_err(&cannot)?;
            let mut rows = statement.query([since.as_millisecond()]).map_err(&cannot)?;
            let mut all: HashMap<FeedId, Vec<u64>> = HashMap::new();
            while let Some(row) = rows.next().map_err(&cannot)? {
                let mut columns = Columns { row, next: 0 };
                let feed = FeedId(columns.get().map_err(&cannot)?);
                all.entry(feed).or_default().push(columns.get().map_err(&cannot)?);
            }
            Ok(all.into_iter().map(|(feed, lags)| (feed, lag(lags))).collect())
        })
        .await
    }

    /// The feeds whose next poll is put off by their rhythm alone, with the time before which each is not to be asked.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn feeds_at_ease(
        &self,
    ) -> Result<Vec<(FeedId, Option<Timestamp>, Option<Timestamp>)>, StoreError> {
        self.read("cannot read the feeds", move |connection| {
            let cannot = failed("cannot read the feeds");
            let mut statement = connection
                .prepare_cached(
                    "SELECT id, last_poll, not_before FROM feed WHERE pace = ?1 AND gone IS NULL",
                )
                .map_err(&cannot)?;
            let rows = statement
                .query_map([Why::Rhythm.name()], |row| {
                    let mut columns = Columns { row, next: 0 };
                    Ok((FeedId(columns.get()?), columns.time()?, columns.time()?))
                })
                .map_err(&cannot)?;
            rows.collect::<rusqlite::Result<_>>().map_err(&cannot)
        })
        .await
    }
}

/// How many columns those are.
const COLUMNS: usize = 30;
const STATE_COLUMNS: &str = "id, name, url, etag, last_modified, next_poll, pace, not_before, first_contact, last_poll, last_whole, last_success,
                             last_listing, last_new_item, newest, failures, failing_since, problem, max_age_s, ttl_s, update_s, skip_hours, skip_days,
                             overruns, hurry_until, moved_to, moved_times, gone,
                             (SELECT hub FROM subscription WHERE subscription.feed = feed.id AND subscription.state = 'live'),
                             (SELECT lease_end FROM subscription WHERE subscription.feed = feed.id AND subscription.state = 'live')";

static STATE_AND_RHYTHM: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {STATE_COLUMNS}, counters FROM feed LEFT JOIN rhythm ON rhythm.feed = feed.id WHERE id = ?1"
    )
});

/// The nearest-rank percentiles of at least one lag in milliseconds.
fn lag(mut ms: Vec<u64>) -> Lag {
    ms.sort_unstable();
    let percentile = |percent: usize| {
        let rank = (ms.len() * percent).div_ceil(100).max(1);
        Duration::from_millis(ms.get(rank - 1).copied().unwrap_or_default())
    };
    Lag {
        p50: percentile(50),
        p95: percentile(95),
    }
}

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
    let mut columns = Columns { row, next: 0 };
    // In the order of `STATE_COLUMNS`.
    Ok(FeedState {
        id: FeedId(columns.get()?),
        name: columns.get()?,
        url: columns.get()?,
        validators: Validators {
            etag: columns.get()?,
            last_modified: columns.get()?,
        },
        plan: Plan {
            next_poll: time::from_ms(columns.get()?),
            why: columns.why()?,
            not_before: columns.time()?,
        },
        first_contact: columns.time()?,
        last_poll: columns.time()?,
        last_whole: columns.time()?,
        last_success: columns.time()?,
        last_listing: columns.time()?,
        last_new_item: columns.time()?,
        newest: columns.time()?,
        failures: columns.get()?,
        failing_since: columns.time()?,
        problem: columns.get()?,
        wishes: Wishes {
            max_age_s: columns.get()?,
            ttl_s: columns.get()?,
            update_s: columns.get()?,
            skip_hours: columns.get()?,
            skip_days: columns.get()?,
        },
        overruns: columns.get()?,
        hurry_until: columns.time()?,
        moved_to: columns.get()?,
        moved_times: columns.get()?,
        gone: columns.time()?,
        pushed: match (columns.get()?, columns.time()?) {
            (Some(hub), Some(until)) => Some(Pushed { hub, until }),
            _ => None,
        },
    })
}

/// A row read from left to right: looking each column up by its name would take longer than reading it.
struct Columns<'a> {
    row: &'a Row<'a>,
    next: usize,
}

impl Columns<'_> {
    fn get<T: FromSql>(&mut self) -> rusqlite::Result<T> {
        self.next += 1;
        self.row.get(self.next - 1)
    }

    fn time(&mut self) -> rusqlite::Result<Option<Timestamp>> {
        let ms: Option<i64> = self.get()?;
        Ok(ms.map(time::from_ms))
    }

    fn why(&mut self) -> rusqlite::Result<Why> {
        self.next += 1;
        let name = self.row.get_ref(self.next - 1)?.as_str_or_null()?;
        Ok(name.and_then(Why::parse).unwrap_or_default())
    }
}

fn fresh(feed: &Feed, now: Timestamp) -> FeedState {
    FeedState {
        name: feed.name.clone(),
        url: feed.url.clone(),
        plan: Plan {
            next_poll: now,
            ..Plan::default()
        },
        ..FeedState::default()
    }
}
