//! The store's part in polling: which feeds there are, what is new, and the one transaction that records a poll.

use std::collections::HashSet;

use rusqlite::{Connection, named_params, params};

use super::{
    Decided, Harvest, Judge, PollOutcome, PollRecord, Recorded, Store, StoreError,
    items::{Archive, edit_item, mark, rename, signed},
    judged::record_decision,
    notices::note,
    sqlite::failed,
    stories::{Finder, Rows},
    subscriptions::note_announced,
};
use crate::{model::ItemKey, time::Timestamp};

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

pub(super) const DAY_MS: i64 = 86_400_000;

impl Store {
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
        let finder = self.finder();
        self.write(DOING, move |connection| {
            record_one(connection, &finder, &record, &mut judge)
        })
        .await
    }

    /// As [`Store::record_poll`] for a poll that caused nothing, without waiting for the disk: many of these share a commit.
    /// `done` is called when it is recorded, or why it is not.
    pub async fn record_poll_soon(
        &self,
        record: PollRecord,
        done: impl FnOnce(Result<Recorded, StoreError>) + Send + 'static,
    ) {
        let mut judge: Judge = Box::new(|_, _, _| Ok(Decided::default()));
        let finder = self.finder();
        let record =
            move |connection: &Connection| record_one(connection, &finder, &record, &mut judge);
        self.write_soon(DOING, record, done).await;
    }
}

const DOING: &str = "cannot record a poll";

fn record_one(
    connection: &Connection,
    finder: &Finder,
    record: &PollRecord,
    judge: &mut Judge,
) -> Result<Recorded, StoreError> {
    let mut recorded = match &record.outcome {
        PollOutcome::Items(harvest) => {
            let announced = &harvest.announced;
            let has_hub_changed = note_announced(connection, record.feed, announced, record.at)?;
            let recorded = record_items(connection, finder, record, harvest, judge)?;
            Recorded {
                has_hub_changed,
                ..recorded
            }
        }
        PollOutcome::Pushed(harvest) => record_push(connection, finder, record, harvest, judge)?,
        outcome => {
            record_answer(connection, record, outcome).map_err(failed(DOING))?;
            Recorded::default()
        }
    };
    for notice in &record.notices {
        recorded
            .notices
            .extend(note(connection, notice, &record.notices_to, record.at)?);
    }
    Ok(recorded)
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
    finder: &Finder,
    record: &PollRecord,
    harvest: &Harvest,
    judge: &mut Judge,
) -> Result<Recorded, StoreError> {
    let recorded = record_listed(connection, finder, record, harvest, judge)?;
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
    let newest = harvest.new.iter().filter_map(|new| new.item.published);
    let newest = newest.map(|published| published.min(record.at)).max();
    newest.map_or(0, Timestamp::as_millisecond)
}

/// The items of a document, judged where they are new, and what they teach of the feed's rhythm.
fn record_listed(
    connection: &Connection,
    finder: &Finder,
    record: &PollRecord,
    harvest: &Harvest,
    judge: &mut Judge,
) -> Result<Recorded, StoreError> {
    let cannot = failed(DOING);
    let mut recorded = Recorded::default();
    let at = record.at.as_millisecond();
    let today = at.div_euclid(DAY_MS);
    let past = Rows::of(connection, finder);
    for (old, item) in &harvest.renamed {
        rename(connection, record.feed, *old, item, today)?;
    }
    let mut archive = Archive::open(connection, record)?;
    for new in &harvest.new {
        let Some(item_id) = archive.insert(new)? else {
            continue;
        };
        recorded.new_items += 1;
        let decided = judge(&new.item, None, &past)?;
        record_decision(
            connection,
            &past,
            record.at,
            item_id,
            &decided,
            &mut recorded,
        )?;
    }
    for changed in &harvest.edited {
        let Some((item_id, edited)) = edit_item(connection, record, changed)? else {
            continue;
        };
        recorded.edited_items += 1;
        let decided = judge(&changed.item, Some(&edited), &past)?;
        record_decision(
            connection,
            &past,
            record.at,
            item_id,
            &decided,
            &mut recorded,
        )?;
    }
    for item in &harvest.unmarked {
        mark(connection, record.feed, item, today)?;
    }
    // What the feed lists is remembered for as long as it does; once a day is often enough to write it down.
    let mut list = connection
        .prepare_cached(
            "UPDATE seen SET listed_day = ?3 WHERE feed = ?1 AND key = ?2 AND listed_day < ?3",
        )
        .map_err(&cannot)?;
    let new: HashSet<ItemKey> = harvest.new.iter().map(|new| new.marks.key).collect();
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
    finder: &Finder,
    record: &PollRecord,
    harvest: &Harvest,
    judge: &mut Judge,
) -> Result<Recorded, StoreError> {
    let cannot = failed(DOING);
    let at = record.at.as_millisecond();
    let recorded = record_listed(connection, finder, record, harvest, judge)?;
    connection
        .prepare_cached(
            "UPDATE feed SET etag = :etag, last_modified = :last_modified, next_poll = :next, pace = :pace, not_before = :not_before,
                    max_age_s = :max_age, ttl_s = :ttl, update_s = :update, skip_hours = :skip_hours, skip_days = :skip_days,
                    first_contact = coalesce(first_contact, iif(:in_part IS NULL OR last_listing IS NOT NULL, :at, NULL)), last_poll = :at, last_whole = iif(:whole, :at, last_whole),
                    last_success = :at, last_listing = :at, last_new_item = iif(:new > 0, :at, last_new_item), newest = nullif(max(coalesce(newest, 0), :newest), 0),
                    failures = 0, failing_since = NULL, problem = :in_part,
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
                ":in_part": harvest.in_part,
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
