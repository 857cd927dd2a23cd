//! What the store tells people: the alerts there were, the items it keeps, the totals; and what it forgets.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, ToSql, named_params, params};

use super::{
    AlertFilter, AlertRow, ArchivedItem, DeliveryRow, EditRow, JudgementRow, Store, StoreError,
    Totals,
    judged::expire_held,
    sqlite::failed,
    stories::{forget_texts, minute_of},
};
use crate::{
    judge::BASELINE_MAX,
    model::{Alert, AlertStory, Item},
    story::{STORY_ALIVE, WINDOW_DAYS},
    time::{self, Timestamp},
};

/// Rows forgotten in one transaction, so that sweeping never holds up a poll for long.
const SWEEP_ROWS_MAX: usize = 2_000;
/// Texts are kept for as long as their words count; nothing joins one that was last told so long ago.
const TEXTS_KEPT: Duration = Duration::from_secs(86_400 * WINDOW_DAYS as u64);
const _: () = assert!(TEXTS_KEPT.as_secs() >= STORY_ALIVE.as_secs());

impl Store {
    /// The alerts that pass the filter at their latest revision, each with its story as it stands now, the one that changed last at the end, with their deliveries.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn alerts(&self, filter: AlertFilter) -> Result<Vec<AlertRow>, StoreError> {
        self.read("cannot read the alerts", move |connection| {
            let cannot = failed("cannot read the alerts");
            let mut statement = connection
                .prepare_cached(
                    "SELECT * FROM (SELECT alert.id, alert.changed, revision.document, alert.acknowledged, alert.wrong FROM alert
                       JOIN revision ON revision.alert = alert.id AND revision.revision = alert.revision
                      WHERE (:since IS NULL OR alert.updated >= :since) AND (:rule IS NULL OR alert.rule = :rule)
                        AND alert.severity >= :severity AND alert.changed > :after AND (:id IS NULL OR substr(alert.uid, 1, length(:id)) = :id)
                      ORDER BY alert.changed DESC LIMIT :newest) ORDER BY changed",
                )
                .map_err(&cannot)?;
            let mut rows = statement
                .query(named_params! {
                    ":since": filter.since.map(Timestamp::as_millisecond),
                    ":rule": filter.rule,
                    ":severity": filter.severity_min as i64,
                    ":after": filter.after.unwrap_or(0),
                    ":id": filter.id,
                    // To SQLite, a limit below 0 is none.
                    ":newest": filter.newest.map_or(-1, |newest| i64::try_from(newest).unwrap_or(i64::MAX)),
                })
                .map_err(&cannot)?;
            let mut alerts = Vec::new();
            while let Some(row) = rows.next().map_err(&cannot)? {
                let number: i64 = row.get(0).map_err(&cannot)?;
                let document: String = row.get(2).map_err(&cannot)?;
                let mut alert: Alert = serde_json::from_str(&document)
                    .map_err(|error| StoreError::Failed(format!("cannot read alert {number}: {error}")))?;
                if let Some(story) = story_now(connection, number).map_err(&cannot)? {
                    alert.story = story;
                }
                let time = |column: usize| -> rusqlite::Result<Option<Timestamp>> {
                    Ok(row.get::<_, Option<i64>>(column)?.map(time::from_ms))
                };
                alerts.push(AlertRow {
                    changed: row.get(1).map_err(&cannot)?,
                    alert,
                    acknowledged: time(3).map_err(&cannot)?,
                    wrong: time(4).map_err(&cannot)?,
                    deliveries: deliveries(connection, number).map_err(&cannot)?,
                });
            }
            Ok(alerts)
        })
        .await
    }

    /// The archived items at this address, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn items_at(&self, url: String) -> Result<Vec<ArchivedItem>, StoreError> {
        self.read("cannot read the archive", move |connection| {
            judged_items(
                connection,
                "item.id IN (
                    WITH RECURSIVE stretch (number) AS (
                        SELECT min(id) >> 10 FROM item
                        UNION ALL SELECT number + 1 FROM stretch WHERE number < (SELECT max(id) >> 10 FROM item)
                    )
                    SELECT found.id FROM stretch CROSS JOIN item found INDEXED BY item_url
                        ON found.id >> 10 = stretch.number AND found.url_hash = ?1
                 ) AND item.url = ?2 ORDER BY item.id DESC",
                params![super::items::url_hash(&url), url],
            )
        })
        .await
    }

    /// The archived items that belong to this alert, at most `limit`, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn items_of(
        &self,
        alert: String,
        limit: usize,
    ) -> Result<Vec<ArchivedItem>, StoreError> {
        self.read("cannot read the archive", move |connection| {
            judged_items(
                connection,
                "item.id IN (SELECT item FROM judgement WHERE alert = (SELECT id FROM alert WHERE uid = ?1)) ORDER BY item.id LIMIT ?2",
                params![alert, limit],
            )
        })
        .await
    }

    /// The next archived items, at most `limit`, in the order in which they were recorded: those after the number `after`
    /// (from 0), seen at or after `since`, each with its number. None means that there are no more.
    ///
    /// Each call reads by itself, so that reading an archive of months neither holds it in memory nor keeps the daemon's
    /// write-ahead log from being emptied. Judgements are left out.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn archive_after(
        &self,
        after: i64,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<(i64, ArchivedItem)>, StoreError> {
        self.read("cannot read the archive", move |connection| {
            connection
                .prepare_cached(
                    "SELECT item.id, feed.name, item.seen, entry_id, title, summary, content, item.url, author, categories, source, lang, published, source_url
                       FROM item JOIN feed ON feed.id = item.feed WHERE item.id > ?1 AND item.seen >= ?2 ORDER BY item.id LIMIT ?3",
                )
                .and_then(|mut statement| {
                    statement
                        .query_map(params![after, since.as_millisecond(), limit], archived)?
                        .collect()
                })
                .map_err(failed("cannot read the archive"))
        })
        .await
    }

    /// How many items the archive keeps that were seen at or after `since`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn archive_size(&self, since: Timestamp) -> Result<u64, StoreError> {
        self.read("cannot count the archive", move |connection| {
            connection
                .query_row(
                    "SELECT count(*) FROM item WHERE seen >= ?1",
                    [since.as_millisecond()],
                    |row| row.get(0),
                )
                .map_err(failed("cannot count the archive"))
        })
        .await
    }

    /// How often each reason was given for items seen at or after `since`, by name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn reasons(&self, since: Timestamp) -> Result<Vec<(String, u64)>, StoreError> {
        self.read("cannot count the judgements", move |connection| {
            connection
                .prepare_cached(
                    "SELECT reason, count(*) FROM judgement JOIN item ON item.id = judgement.item WHERE item.seen >= ?1 GROUP BY reason ORDER BY reason",
                )
                .and_then(|mut statement| {
                    statement.query_map([since.as_millisecond()], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
                })
                .map_err(failed("cannot count the judgements"))
        })
        .await
    }

    /// How much there is.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn totals(&self) -> Result<Totals, StoreError> {
        self.read("cannot count", |connection| {
            connection
                .query_row(
                    "SELECT (SELECT max(id) FROM item), (SELECT max(id) FROM alert),
                            (SELECT count(*) FROM delivery WHERE state = 'owed'), (SELECT count(*) FROM delivery WHERE state = 'dead')",
                    [],
                    |row| {
                        Ok(Totals {
                            items: row.get::<_, Option<usize>>(0)?.unwrap_or(0),
                            alerts: row.get::<_, Option<usize>>(1)?.unwrap_or(0),
                            owed: row.get(2)?,
                            dead: row.get(3)?,
                        })
                    },
                )
                .map_err(failed("cannot count"))
        })
        .await
    }

    /// Forgets a bounded number of rows that are past keeping, and says how many: call again until it is 0.
    ///
    /// Items, settled deliveries, alerts and stories go `keep` after they were recorded; a delivery that is still owed is kept
    /// with its alert. That an item was seen is forgotten when the feed has gone on listing others for `keep` without it: by
    /// the calendar alone, a feed that was silent for so long would come back with old news as new.
    ///
    /// # Errors
    /// When the store cannot do it.
    pub async fn sweep(&self, now: Timestamp, keep: Duration) -> Result<usize, StoreError> {
        self.write("cannot forget old rows", move |connection| {
            let cannot = failed("cannot forget old rows");
            let ms = time::before(now, keep).as_millisecond();
            let kept_ms = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
            let mut forgotten = expire_held(connection, now, SWEEP_ROWS_MAX).map_err(&cannot)?;
            forgotten += forget_texts(connection, time::before(now, TEXTS_KEPT), SWEEP_ROWS_MAX).map_err(&cannot)?;
            for (sql, bound) in [
                // As long as the longest baseline may be.
                ("DELETE FROM rule_minute WHERE (rule, minute) IN (SELECT rule, minute FROM rule_minute WHERE minute < ?1 LIMIT ?2)",
                    minute_of(time::before(now, BASELINE_MAX))),
                (
                    "DELETE FROM edit WHERE item IN (SELECT id FROM (SELECT id, seen FROM item ORDER BY id LIMIT ?2) WHERE seen < ?1)",
                    ms,
                ),
                (
                    "DELETE FROM judgement WHERE item IN (SELECT id FROM (SELECT id, seen FROM item ORDER BY id LIMIT ?2) WHERE seen < ?1)",
                    ms,
                ),
                ("DELETE FROM item WHERE id IN (SELECT id FROM item ORDER BY id LIMIT ?2) AND seen < ?1", ms),
                (
                    "DELETE FROM delivery WHERE id IN (SELECT id FROM delivery ORDER BY id LIMIT ?2) AND state <> 'owed' AND settled < ?1",
                    ms,
                ),
                (
                    "DELETE FROM revision WHERE alert IN (SELECT id FROM alert WHERE updated < ?1
                        AND NOT EXISTS (SELECT 1 FROM delivery WHERE delivery.alert = alert.id)
                        AND NOT EXISTS (SELECT 1 FROM notice WHERE notice.alert = alert.id) ORDER BY id LIMIT ?2)",
                    ms,
                ),
                (
                    "DELETE FROM alert WHERE id IN (SELECT id FROM alert WHERE updated < ?1
                        AND NOT EXISTS (SELECT 1 FROM revision WHERE revision.alert = alert.id) ORDER BY id LIMIT ?2)",
                    ms,
                ),
                ("DELETE FROM remote WHERE alert IN (SELECT alert FROM remote WHERE alert NOT IN (SELECT id FROM alert) LIMIT ?2) AND ?1 IS NOT NULL", ms),
                ("DELETE FROM escalation WHERE alert IN (SELECT alert FROM escalation WHERE alert NOT IN (SELECT id FROM alert) LIMIT ?2) AND ?1 IS NOT NULL", ms),
                ("DELETE FROM bundle WHERE id IN (SELECT id FROM bundle WHERE formed < ?1 AND NOT EXISTS
                    (SELECT 1 FROM delivery WHERE delivery.bundle = bundle.id) ORDER BY id LIMIT ?2)", ms),
                ("DELETE FROM silence WHERE id IN (SELECT id FROM silence WHERE until < ?1 LIMIT ?2)", ms),
                ("DELETE FROM told WHERE story IN (SELECT id FROM (SELECT id, last_seen FROM story ORDER BY id LIMIT ?2) WHERE last_seen < ?1)", ms),
                ("DELETE FROM story WHERE id IN (SELECT id FROM story ORDER BY id LIMIT ?2) AND last_seen < ?1", ms),
                (
                    "DELETE FROM seen WHERE (feed, key) IN (SELECT seen.feed, seen.key FROM seen JOIN feed ON feed.id = seen.feed
                        WHERE seen.listed_day < (feed.last_listing - ?1) / 86400000 LIMIT ?2)",
                    kept_ms,
                ),
            ] {
                forgotten += connection.execute(sql, params![bound, SWEEP_ROWS_MAX]).map_err(&cannot)?;
            }
            Ok(forgotten)
        })
        .await
    }
}

/// The story of an alert as it stands now; `None` where it is forgotten, or the alert tells of none.
fn story_now(connection: &Connection, alert: i64) -> rusqlite::Result<Option<AlertStory>> {
    let found: Option<(i64, String, u32)> = connection
        .prepare_cached("SELECT story.id, story.uid, items FROM story JOIN alert ON alert.story = story.id WHERE alert.id = ?1")?
        .query_row([alert], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((story, id, items)) = found else {
        return Ok(None);
    };
    let publishers = connection
        .prepare_cached("SELECT DISTINCT publisher FROM told WHERE story = ?1 ORDER BY publisher")?
        .query_map([story], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let origins = connection
        .prepare_cached("SELECT count(DISTINCT origin) FROM told WHERE story = ?1")?
        .query_row([story], |row| row.get(0))?;
    Ok(Some(AlertStory {
        id,
        items,
        publishers,
        origins,
    }))
}

pub(super) fn deliveries(
    connection: &Connection,
    alert: i64,
) -> rusqlite::Result<Vec<DeliveryRow>> {
    connection
        .prepare_cached(
            "SELECT receiver, revision, state, attempts, settled, due, problem, held FROM delivery WHERE alert = ?1 ORDER BY receiver, revision",
        )?
        .query_map([alert], |row| {
            let state: String = row.get(2)?;
            let is_owed = state == "owed";
            Ok(DeliveryRow {
                receiver: row.get(0)?,
                revision: row.get(1)?,
                state,
                attempts: row.get(3)?,
                settled: row.get::<_, Option<i64>>(4)?.map(time::from_ms),
                due: is_owed.then(|| row.get(5).map(time::from_ms)).transpose()?,
                problem: row.get(6)?,
                reason: row.get(7)?,
            })
        })?
        .collect()
}

/// Archived items with what was decided about them.
fn judged_items(
    connection: &Connection,
    which: &str,
    parameters: &[&dyn ToSql],
) -> Result<Vec<ArchivedItem>, StoreError> {
    let cannot = failed("cannot read the archive");
    let mut statement = connection
        .prepare_cached(&format!(
            "SELECT item.id, feed.name, item.seen, entry_id, title, summary, content, item.url, author, categories, source, lang, published, source_url
               FROM item JOIN feed ON feed.id = item.feed WHERE {which}",
        ))
        .map_err(&cannot)?;
    let found: Vec<(i64, ArchivedItem)> = statement
        .query_map(parameters, archived)
        .and_then(Iterator::collect)
        .map_err(&cannot)?;
    let with_judgements = |(id, item): (i64, ArchivedItem)| {
        Ok(ArchivedItem {
            judgements: judgements(connection, id).map_err(&cannot)?,
            edits: edits(connection, id).map_err(&cannot)?,
            ..item
        })
    };
    found.into_iter().map(with_judgements).collect()
}

fn judgements(connection: &Connection, item: i64) -> rusqlite::Result<Vec<JudgementRow>> {
    connection
        .prepare_cached(
            "SELECT judgement.rule, reason, alert.uid FROM judgement LEFT JOIN alert ON alert.id = judgement.alert
              WHERE item = ?1 ORDER BY judgement.rule",
        )?
        .query_map([item], |row| Ok(JudgementRow { rule: row.get(0)?, reason: row.get(1)?, alert: row.get(2)? }))?
        .collect()
}

fn edits(connection: &Connection, item: i64) -> rusqlite::Result<Vec<EditRow>> {
    connection
        .prepare_cached("SELECT edited, title, summary FROM edit WHERE item = ?1 ORDER BY edited")?
        .query_map([item], |row| {
            Ok(EditRow {
                edited: time::from_ms(row.get(0)?),
                title: row.get(1)?,
                summary: row.get(2)?,
            })
        })?
        .collect()
}

fn archived(row: &Row<'_>) -> rusqlite::Result<(i64, ArchivedItem)> {
    let categories: String = row.get(9)?;
    let item = Item {
        id: row.get(3)?,
        title: row.get(4)?,
        summary: row.get(5)?,
        content: row.get(6)?,
        url: row.get(7)?,
        author: row.get(8)?,
        // Written by us as a JSON array; anything else shows as no categories.
        categories: serde_json::from_str(&categories).unwrap_or_default(),
        source: row.get(10)?,
        source_url: row.get(13)?,
        lang: row.get(11)?,
        published: row.get::<_, Option<i64>>(12)?.map(time::from_ms),
    };
    let archived = ArchivedItem {
        feed: row.get(1)?,
        seen: time::from_ms(row.get(2)?),
        item,
        judgements: Vec::new(),
        edits: Vec::new(),
    };
    Ok((row.get(0)?, archived))
}
