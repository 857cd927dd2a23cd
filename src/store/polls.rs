//! The store's part in polling: which feeds there are, what is new, and the one transaction that records a poll.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::{
    Decided, FeedId, Harvest, Judge, PollOutcome, PollRecord, Recorded, Store, StoreError,
    notices::note, sqlite::failed, subscriptions::note_announced,
};
use crate::{
    judge::{Judged, Past, StoryLink, StoryState},
    model::{Alert, Item, ItemKey},
    time::Timestamp,
};

/// What every answer without items changes.
macro_rules! answered {
    () => {
        "UPDATE feed SET last_poll = :at, next_poll = :next, pace = :pace, not_before = :not_before, last_whole = iif(:whole, :at, last_whole), "
    };
}

/// What a good answer changes about the feed's address.
macro_rules! moved {
    () => {
        "moved_times = iif(:moved IS NULL, 0, iif(moved_to IS :moved, moved_times + 1, 1)), moved_to = :moved"
    };
}

const DAY_MS: i64 = 86_400_000;

impl Store {
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
            let mut recorded = match &record.outcome {
                PollOutcome::Items(harvest) => {
                    let announced = &harvest.announced;
                    let has_hub_changed =
                        note_announced(connection, record.feed, announced, record.at)?;
                    let recorded = record_items(connection, &record, harvest, &mut judge)?;
                    Recorded {
                        has_hub_changed,
                        ..recorded
                    }
                }
                PollOutcome::Pushed(harvest) => {
                    record_push(connection, &record, harvest, &mut judge)?
                }
                outcome => {
                    record_answer(connection, &record, outcome).map_err(&cannot)?;
                    Recorded::default()
                }
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

/// An answer without items: one row, and most polls are no more than this.
fn record_answer(
    connection: &Connection,
    record: &PollRecord,
    outcome: &PollOutcome,
) -> rusqlite::Result<usize> {
    let (feed, at) = (record.feed.0, record.at.as_millisecond());
    let next = record.plan.next_poll.as_millisecond();
    let pace = record.plan.why.name();
    let not_before = record.plan.not_before.map(Timestamp::as_millisecond);
    let (problem, gone) = match outcome {
        PollOutcome::Failed { problem } => (problem, None),
        PollOutcome::Gone { problem } => (problem, Some(at)),
        PollOutcome::Unchanged | PollOutcome::Items(_) | PollOutcome::Pushed(_) => {
            return connection
                .prepare_cached(concat!(
                    answered!(),
                    "last_success = :at, failures = 0, failing_since = NULL, problem = NULL, gone = NULL, max_age_s = :max_age,
                     hurry_until = iif(hurry_until <= :at, NULL, hurry_until), ",
                    moved!(),
                    " WHERE id = :feed"
                ))?
                .execute(named_params! {
                    ":feed": feed, ":at": at, ":next": next, ":pace": pace, ":not_before": not_before, ":whole": record.is_whole,
                    ":max_age": record.wishes.max_age_s, ":moved": record.moved_to,
                });
        }
    };
    connection
        .prepare_cached(concat!(
            answered!(),
            "failures = failures + 1, failing_since = coalesce(failing_since, :at), problem = :problem, gone = :gone WHERE id = :feed"
        ))?
        .execute(named_params! {
            ":feed": feed, ":at": at, ":next": next, ":pace": pace, ":not_before": not_before, ":whole": record.is_whole,
            ":problem": problem, ":gone": gone,
        })
}

/// What a hub brought: new items, and nothing else that a poll would change.
fn record_push(
    connection: &Connection,
    record: &PollRecord,
    harvest: &Harvest,
    judge: &mut Judge,
) -> Result<Recorded, StoreError> {
    let recorded = record_listed(connection, record, harvest, judge)?;
    if recorded.new_items > 0 {
        connection
            .prepare_cached(
                "UPDATE feed SET last_new_item = ?2, newest = nullif(max(coalesce(newest, 0), ?3), 0) WHERE id = ?1",
            )
            .and_then(|mut statement| {
                let at = record.at.as_millisecond();
                statement.execute(params![record.feed.0, at, newest(record, harvest)])
            })
            .map_err(failed("cannot record what was pushed"))?;
    }
    Ok(recorded)
}

/// The latest publication of the new items in milliseconds, 0 where none has a date. A date in the future would hide every item
/// after it.
fn newest(record: &PollRecord, harvest: &Harvest) -> i64 {
    let newest = harvest.new.iter().filter_map(|item| item.published);
    let newest = newest.map(|published| published.min(record.at)).max();
    newest.map_or(0, Timestamp::as_millisecond)
}

/// The items of a document, judged where they are new, and what they teach of the feed's rhythm.
fn record_listed(
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
    let new: HashSet<ItemKey> = harvest.new.iter().map(Item::key).collect();
    for key in harvest.listed.iter().filter(|key| !new.contains(key)) {
        list.execute(params![record.feed.0, signed(*key), today])
            .map_err(&cannot)?;
    }
    if let Some(rhythm) = &harvest.rhythm {
        connection
            .prepare_cached("INSERT OR REPLACE INTO rhythm (feed, counters) VALUES (?1, ?2)")
            .and_then(|mut statement| statement.execute(params![record.feed.0, rhythm.to_bytes()]))
            .map_err(&cannot)?;
    }
    Ok(recorded)
}

fn record_items(
    connection: &Connection,
    record: &PollRecord,
    harvest: &Harvest,
    judge: &mut Judge,
) -> Result<Recorded, StoreError> {
    let cannot = failed("cannot record a poll");
    let at = record.at.as_millisecond();
    let recorded = record_listed(connection, record, harvest, judge)?;
    connection
        .prepare_cached(
            "UPDATE feed SET etag = :etag, last_modified = :last_modified, next_poll = :next, pace = :pace, not_before = :not_before,
                    max_age_s = :max_age, ttl_s = :ttl, update_s = :update, skip_hours = :skip_hours, skip_days = :skip_days,
                    first_contact = coalesce(first_contact, :at), last_poll = :at, last_whole = iif(:whole, :at, last_whole),
                    last_success = :at, last_listing = :at, last_new_item = iif(:new > 0, :at, last_new_item), newest = nullif(max(coalesce(newest, 0), :newest), 0),
                    failures = 0, failing_since = NULL, problem = NULL,
                    overruns = overruns + (:hurry IS NOT NULL), hurry_until = coalesce(:hurry, iif(hurry_until <= :at, NULL, hurry_until)),
                    moved_times = iif(:moved IS NULL, 0, iif(moved_to IS :moved, moved_times + 1, 1)), moved_to = :moved
              WHERE id = :feed",
        )
        .and_then(|mut statement| {
            statement.execute(named_params! {
                ":etag": harvest.validators.etag,
                ":last_modified": harvest.validators.last_modified,
                ":next": record.plan.next_poll.as_millisecond(),
                ":pace": record.plan.why.name(),
                ":not_before": record.plan.not_before.map(Timestamp::as_millisecond),
                ":max_age": record.wishes.max_age_s,
                ":ttl": record.wishes.ttl_s,
                ":update": record.wishes.update_s,
                ":skip_hours": record.wishes.skip_hours,
                ":skip_days": record.wishes.skip_days,
                ":whole": record.is_whole,
                ":newest": newest(record, harvest),
                ":hurry": harvest.hurry_until.map(Timestamp::as_millisecond),
                ":at": at,
                ":new": recorded.new_items,
                ":moved": record.moved_to,
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

/// SQLite's integers are signed; the bits are the same.
fn signed(key: ItemKey) -> i64 {
    key.0.cast_signed()
}

/// What finds an archived item by its address.
pub(super) fn url_hash(url: &str) -> i64 {
    xxhash_rust::xxh3::xxh3_64(url.as_bytes()).cast_signed()
}
