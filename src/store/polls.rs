//! The store's part in polling: which feeds there are, what is new, and the one transaction that records a poll.

use std::{collections::HashMap, collections::HashSet, sync::Arc};

use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::{
    Decided, FeedId, FeedState, Harvest, Judge, PollOutcome, PollRecord, Recorded, Store,
    StoreError, notices::note, sqlite::failed,
};
use crate::{
    judge::{Judged, Past, StoryLink, StoryState},
    model::{Alert, Feed, Item, ItemKey, Validators},
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

    /// Which of these items the feed has never listed before, in their order.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn unseen(
        &self,
        feed: FeedId,
        keys: Vec<ItemKey>,
    ) -> Result<HashSet<ItemKey>, StoreError> {
        self.read("cannot read what was seen", move |connection| {
            let cannot = failed("cannot read what was seen");
            let mut statement = connection
                .prepare_cached("SELECT 1 FROM seen WHERE feed = ?1 AND key = ?2")
                .map_err(&cannot)?;
            let mut unseen = HashSet::new();
            for key in keys {
                if !statement
                    .exists(params![feed.0, signed(key)])
                    .map_err(&cannot)?
                {
                    unseen.insert(key);
                }
            }
            Ok(unseen)
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
            let mut recorded = match &record.outcome {
                PollOutcome::Unchanged => {
                    connection
                        .prepare_cached(
                            "UPDATE feed SET next_poll = ?2, last_poll = ?3, last_success = ?3, failures = 0, problem = NULL WHERE id = ?1",
                        )
                        .and_then(|mut statement| statement.execute(params![record.feed.0, next, at]))
                        .map_err(&cannot)?;
                    Recorded::default()
                }
                PollOutcome::Failed { problem } => {
                    connection
                        .prepare_cached(
                            "UPDATE feed SET next_poll = ?2, last_poll = ?3, failures = failures + 1, problem = ?4 WHERE id = ?1",
                        )
                        .and_then(|mut statement| statement.execute(params![record.feed.0, next, at, problem]))
                        .map_err(&cannot)?;
                    Recorded::default()
                }
                PollOutcome::Gone { problem } => {
                    connection
                        .execute(
                            "UPDATE feed SET next_poll = ?2, last_poll = ?3, failures = failures + 1, problem = ?4, gone = ?3 WHERE id = ?1",
                            params![record.feed.0, next, at, problem],
                        )
                        .map_err(&cannot)?;
                    Recorded::default()
                }
                PollOutcome::Items(harvest) => record_items(connection, &record, harvest, &mut judge)?,
            };
            for notice in &record.notices {
                recorded
                    .notices
                    .extend(note(connection, notice, &record.notices_to, record.at)?);
            }
            Ok(recorded)
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
    let mut see = connection
        .prepare_cached(
            "INSERT INTO seen (feed, key, listed_day) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
        )
        .map_err(&cannot)?;
    for item in &harvest.new {
        let is_new = see
            .execute(params![record.feed.0, signed(item.key()), today])
            .map_err(&cannot)?
            == 1;
        if is_new {
            recorded.new_items += 1;
            let item_id = insert_item(connection, record, item)?;
            let decided = judge(item, &Rows(connection))?;
            record_decision(connection, record, item_id, &decided, &mut recorded)?;
        }
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

fn insert_item(
    connection: &Connection,
    record: &PollRecord,
    item: &Item,
) -> Result<i64, StoreError> {
    let cannot = failed("cannot archive an item");
    let categories = serde_json::to_string(&item.categories)
        .map_err(|error| StoreError::Failed(error.to_string()))?;
    connection
        .prepare_cached(
            "INSERT INTO item (feed, seen, entry_id, title, summary, content, url, url_hash, author, categories, source, lang, published)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                record.feed.0,
                record.at.as_millisecond(),
                item.id,
                item.title,
                item.summary,
                item.content,
                item.url,
                url_hash(&item.url),
                item.author,
                categories,
                item.source,
                item.lang,
                item.published.map(Timestamp::as_millisecond),
            ])
        })
        .map_err(cannot)?;
    Ok(connection.last_insert_rowid())
}

fn record_decision(
    connection: &Connection,
    record: &PollRecord,
    item: i64,
    decided: &Decided,
    recorded: &mut Recorded,
) -> Result<(), StoreError> {
    let cannot = failed("cannot record an alert");
    let story = match &decided.decision.story {
        Some(link) => link_story(connection, record.at, link)?,
        None => 0,
    };
    for (index, judged) in decided.decision.judged.iter().enumerate() {
        let receivers = decided.receivers.get(index).map_or(&[][..], Vec::as_slice);
        if let Some(alert) = &judged.alert {
            let number = insert_alert(connection, alert, story)?;
            recorded.deliveries += owe(connection, number, alert, receivers)?;
            recorded.alerts.push(alert.clone());
        }
        note_judgement(connection, item, judged).map_err(&cannot)?;
    }
    Ok(())
}

fn note_judgement(connection: &Connection, item: i64, judged: &Judged) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "INSERT INTO judgement (item, rule, reason, alert) VALUES (?1, ?2, ?3, (SELECT id FROM alert WHERE uid = ?4))",
        )?
        .execute(params![item, judged.rule, judged.reason.name(), judged.about])
}

pub(super) fn insert_alert(
    connection: &Connection,
    alert: &Alert,
    story: i64,
) -> Result<i64, StoreError> {
    let queued = alert.timing.queued.as_millisecond();
    connection
        .prepare_cached(
            "INSERT INTO alert (uid, rule, severity, story, revision, opened, updated) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
        )
        .and_then(|mut statement| {
            statement.execute(params![alert.id, alert.rule, alert.severity as i64, story, alert.revision, queued])
        })
        .map_err(failed("cannot record an alert"))?;
    let number = connection.last_insert_rowid();
    insert_revision(connection, number, alert)?;
    Ok(number)
}

/// Makes this document the newest revision of alert `number`.
pub(super) fn insert_revision(
    connection: &Connection,
    number: i64,
    alert: &Alert,
) -> Result<(), StoreError> {
    let cannot = failed("cannot record an alert");
    let document =
        serde_json::to_string(alert).map_err(|error| StoreError::Failed(error.to_string()))?;
    let queued = alert.timing.queued.as_millisecond();
    connection
        .prepare_cached(
            "INSERT INTO revision (alert, revision, queued, document) VALUES (?1, ?2, ?3, ?4)",
        )
        .and_then(|mut statement| {
            statement.execute(params![number, alert.revision, queued, document])
        })
        .map_err(&cannot)?;
    connection
        .prepare_cached("UPDATE alert SET revision = ?2, severity = ?3, updated = ?4 WHERE id = ?1")
        .and_then(|mut statement| {
            statement.execute(params![
                number,
                alert.revision,
                alert.severity as i64,
                queued
            ])
        })
        .map_err(&cannot)?;
    Ok(())
}

pub(super) fn owe(
    connection: &Connection,
    number: i64,
    alert: &Alert,
    receivers: &[String],
) -> Result<usize, StoreError> {
    let queued = alert.timing.queued.as_millisecond();
    let mut insert = connection
        .prepare_cached(
            "INSERT INTO delivery (alert, revision, receiver, state, owed_since, due) VALUES (?1, ?2, ?3, 'owed', ?4, ?4)",
        )
        .map_err(failed("cannot owe a delivery"))?;
    for receiver in receivers {
        insert
            .execute(params![number, alert.revision, receiver, queued])
            .map_err(failed("cannot owe a delivery"))?;
    }
    Ok(receivers.len())
}

fn link_story(connection: &Connection, at: Timestamp, link: &StoryLink) -> Result<i64, StoreError> {
    let cannot = failed("cannot record a story");
    let at = at.as_millisecond();
    let story = match link.known {
        Some(story) => {
            connection
                .prepare_cached("UPDATE story SET last_seen = max(last_seen, ?2), items = items + 1 WHERE id = ?1")
                .and_then(|mut statement| statement.execute(params![story, at]))
                .map_err(&cannot)?;
            story
        }
        None => {
            connection
                .prepare_cached(
                    "INSERT INTO story (uid, first_seen, last_seen, items) VALUES (?1, ?2, ?2, 1)",
                )
                .and_then(|mut statement| statement.execute(params![link.uid, at]))
                .map_err(&cannot)?;
            connection.last_insert_rowid()
        }
    };
    for key in &link.keys {
        connection
            .prepare_cached("INSERT INTO story_key (key, story) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET story = excluded.story")
            .and_then(|mut statement| statement.execute(params![key.cast_signed(), story]))
            .map_err(&cannot)?;
    }
    connection
        .prepare_cached(
            "INSERT INTO story_publisher (story, publisher) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        )
        .and_then(|mut statement| statement.execute(params![story, link.publisher]))
        .map_err(&cannot)?;
    Ok(story)
}

/// The past as the rows tell it.
struct Rows<'a>(&'a Connection);

impl Past for Rows<'_> {
    type Error = StoreError;

    fn story(&self, keys: &[u64], since: Timestamp) -> Result<Option<StoryState>, StoreError> {
        let cannot = failed("cannot look for a story");
        for key in keys {
            let found = self
                .0
                .prepare_cached(
                    "SELECT story.id, story.uid, story.items FROM story_key JOIN story ON story.id = story_key.story
                      WHERE story_key.key = ?1 AND story.last_seen >= ?2",
                )
                .and_then(|mut statement| {
                    statement
                        .query_row(params![key.cast_signed(), since.as_millisecond()], |row| {
                            Ok(StoryState { id: row.get(0)?, uid: row.get(1)?, items: row.get(2)?, publishers: Vec::new() })
                        })
                        .optional()
                })
                .map_err(&cannot)?;
            if let Some(story) = found {
                let publishers = self
                    .0
                    .prepare_cached(
                        "SELECT publisher FROM story_publisher WHERE story = ?1 ORDER BY publisher",
                    )
                    .and_then(|mut statement| {
                        statement.query_map([story.id], |row| row.get(0))?.collect()
                    })
                    .map_err(&cannot)?;
                return Ok(Some(StoryState {
                    publishers,
                    ..story
                }));
            }
        }
        Ok(None)
    }

    fn alert(&self, story: &StoryState, rule: &str) -> Result<Option<String>, StoreError> {
        self.0
            .prepare_cached(
                "SELECT uid FROM alert WHERE story = ?1 AND rule = ?2 ORDER BY id LIMIT 1",
            )
            .and_then(|mut statement| {
                statement
                    .query_row(params![story.id, rule], |row| row.get(0))
                    .optional()
            })
            .map_err(failed("cannot look for an alert"))
    }
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

/// SQLite's integers are signed; the bits are the same.
fn signed(key: ItemKey) -> i64 {
    key.0.cast_signed()
}

/// What finds an archived item by its address.
pub(super) fn url_hash(url: &str) -> i64 {
    xxhash_rust::xxh3::xxh3_64(url.as_bytes()).cast_signed()
}
