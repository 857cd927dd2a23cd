//! Items as they are archived and recognised: new ones, edited ones, known ones under another id.

use std::collections::HashMap;

use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, named_params, params};

use super::{
    FeedId, PollRecord, SeenItem, Store, StoreError, feeds::LAG_MAX, polls::DAY_MS, sqlite::failed,
};
use crate::{
    judge::Edited,
    model::{Item, ItemKey},
    parse::Identified,
    time::{self, Timestamp},
};

/// Edits of one item that are kept, the newest: a page that changes at every poll must not fill the disk.
const EDITS_MAX: usize = 10;

impl Store {
    /// What the feed is known to have listed under these keys.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn seen(
        &self,
        feed: FeedId,
        keys: Vec<ItemKey>,
    ) -> Result<HashMap<ItemKey, SeenItem>, StoreError> {
        self.read_briefly("cannot read what was seen", move |connection| {
            let cannot = failed("cannot read what was seen");
            let mut statement = connection
                .prepare_cached(
                    "SELECT key, words, page, name FROM seen WHERE feed = ?1 AND key = ?2",
                )
                .map_err(&cannot)?;
            let mut seen = HashMap::new();
            for key in keys {
                let found = statement
                    .query_row(params![feed.0, signed(key)], seen_item)
                    .optional()
                    .map_err(&cannot)?;
                seen.extend(found.map(|found| (key, found)));
            }
            Ok(seen)
        })
        .await
    }

    /// What the feed is known to have listed with these marks of page and time.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn seen_at(
        &self,
        feed: FeedId,
        moments: Vec<ItemKey>,
    ) -> Result<HashMap<ItemKey, SeenItem>, StoreError> {
        self.read_briefly("cannot read what was seen", move |connection| {
            let cannot = failed("cannot read what was seen");
            let mut statement = connection
                .prepare_cached("SELECT key, words, page, name FROM seen WHERE feed = ?1 AND moment = ?2 ORDER BY listed_day DESC, key LIMIT 1")
                .map_err(&cannot)?;
            let mut seen = HashMap::new();
            for moment in moments {
                let found = statement.query_row(params![feed.0, signed(moment)], seen_item).optional().map_err(&cannot)?;
                seen.extend(found.map(|found| (moment, found)));
            }
            Ok(seen)
        })
        .await
    }

    /// Title and time of publication of those of the feed's items under these keys that the archive still has.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn archived(
        &self,
        feed: FeedId,
        keys: Vec<ItemKey>,
    ) -> Result<HashMap<ItemKey, (String, Option<Timestamp>)>, StoreError> {
        self.read("cannot read the archive", move |connection| {
            let cannot = failed("cannot read the archive");
            let mut statement = connection
                .prepare_cached(
                    "SELECT title, published FROM seen JOIN item ON item.id = seen.item AND item.feed = seen.feed
                      WHERE seen.feed = ?1 AND seen.key = ?2",
                )
                .map_err(&cannot)?;
            let mut archived = HashMap::new();
            for key in keys {
                let row = |row: &Row<'_>| {
                    let published = row.get::<_, Option<i64>>(1)?;
                    Ok((row.get(0)?, published.map(time::from_ms)))
                };
                let found = statement.query_row(params![feed.0, signed(key)], row).optional().map_err(&cannot)?;
                archived.extend(found.map(|found| (key, found)));
            }
            Ok(archived)
        })
        .await
    }

    /// What the feed listed on this day or later.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn listed_since(&self, feed: FeedId, day: i64) -> Result<Vec<SeenItem>, StoreError> {
        self.read("cannot read what was seen", move |connection| {
            connection
                .prepare_cached(
                    "SELECT key, words, page, name FROM seen WHERE feed = ?1 AND listed_day >= ?2",
                )
                .and_then(|mut statement| {
                    statement
                        .query_map(params![feed.0, day], seen_item)?
                        .collect()
                })
                .map_err(failed("cannot read what was seen"))
        })
        .await
    }
}

fn seen_item(row: &Row<'_>) -> rusqlite::Result<SeenItem> {
    let mark = |index: usize| {
        let mark = row.get::<_, Option<i64>>(index)?;
        Ok::<_, rusqlite::Error>(mark.map(|mark| ItemKey(mark.cast_unsigned())))
    };
    Ok(SeenItem {
        key: ItemKey(row.get::<_, i64>(0)?.cast_unsigned()),
        words: mark(1)?,
        page: mark(2)?,
        name: mark(3)?,
    })
}

/// The archive, open for the new items of one poll.
pub(super) struct Archive<'a> {
    record: &'a PollRecord,
    see: CachedStatement<'a>,
    insert: CachedStatement<'a>,
    /// The number of the next item.
    next: i64,
    today: i64,
    /// Whether the feed was watched when the items came: what the first contact lists may be of any age.
    is_watched: bool,
}

impl<'a> Archive<'a> {
    pub fn open(connection: &'a Connection, record: &'a PollRecord) -> Result<Self, StoreError> {
        let cannot = failed("cannot archive an item");
        let (next, is_watched) = connection
            .prepare_cached("SELECT (SELECT coalesce(max(id), 0) + 1 FROM item), first_contact IS NOT NULL FROM feed WHERE id = ?1")
            .and_then(|mut statement| {
                statement.query_row([record.feed.0], |row| Ok((row.get(0)?, row.get(1)?)))
            })
            .map_err(&cannot)?;
        Ok(Archive {
            record,
            see: connection
                .prepare_cached(
                    "INSERT INTO seen (feed, key, listed_day, item, words, moment, page, name) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                     ON CONFLICT DO NOTHING",
                )
                .map_err(&cannot)?,
            insert: connection
                .prepare_cached(
                    "INSERT INTO item (id, feed, seen, entry_id, title, summary, content, url, url_hash, author, categories, source, source_url,
                                       lang, published, lag)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
                )
                .map_err(&cannot)?,
            next,
            today: record.at.as_millisecond().div_euclid(DAY_MS),
            is_watched,
        })
    }

    /// Archives an item and gives its number; `None` where it was seen meanwhile.
    pub fn insert(
        &mut self,
        Identified { marks, item }: &Identified,
    ) -> Result<Option<i64>, StoreError> {
        let cannot = failed("cannot archive an item");
        let (feed, number) = (self.record.feed.0, self.next);
        let is_new = self
            .see
            .execute(params![
                feed,
                signed(marks.key),
                self.today,
                number,
                signed(marks.words),
                marks.moment.map(signed),
                marks.page.map(signed),
                marks.name.map(signed),
            ])
            .map_err(&cannot)?
            == 1;
        if !is_new {
            return Ok(None);
        }
        let seen = self.record.at;
        let lag = item
            .published
            .filter(|published| self.is_watched && *published <= seen)
            .map(|published| time::until(published, seen))
            .filter(|lag| *lag <= LAG_MAX);
        self.insert
            .execute(params![
                number,
                feed,
                seen.as_millisecond(),
                item.id,
                item.title,
                item.summary,
                item.content,
                item.url,
                url_hash(&item.url),
                item.author,
                categories(item),
                item.source,
                item.source_url,
                item.lang,
                item.published.map(Timestamp::as_millisecond),
                lag.map(|lag| i64::try_from(lag.as_millis()).unwrap_or(i64::MAX)),
            ])
            .map_err(&cannot)?;
        self.next += 1;
        Ok(Some(number))
    }
}

/// Keeps the marks of a known item that has none yet.
pub(super) fn mark(
    connection: &Connection,
    feed: FeedId,
    item: &Identified,
    today: i64,
) -> Result<(), StoreError> {
    let marks = &item.marks;
    connection
        .prepare_cached(
            "INSERT INTO seen (feed, key, listed_day, words, moment, page, name) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT DO UPDATE SET words = excluded.words, moment = excluded.moment, page = excluded.page, name = excluded.name",
        )
        .and_then(|mut statement| {
            let mark = |mark: Option<ItemKey>| mark.map(signed);
            statement.execute(params![feed.0, signed(marks.key), today, signed(marks.words), mark(marks.moment), mark(marks.page), mark(marks.name)])
        })
        .map_err(failed("cannot remember an item"))?;
    Ok(())
}

/// Remembers a known item under another key; whether its words changed is asked afterwards.
pub(super) fn rename(
    connection: &Connection,
    feed: FeedId,
    old: ItemKey,
    item: &Identified,
    today: i64,
) -> Result<(), StoreError> {
    let new = &item.marks;
    connection
        .prepare_cached(
            "UPDATE OR IGNORE seen SET key = ?3, listed_day = ?4, moment = ?5, page = ?6, name = ?7 WHERE feed = ?1 AND key = ?2",
        )
        .and_then(|mut statement| {
            let mark = |mark: Option<ItemKey>| mark.map(signed);
            statement.execute(params![feed.0, signed(old), signed(new.key), today, mark(new.moment), mark(new.page), mark(new.name)])
        })
        .map_err(failed("cannot rename an item"))?;
    Ok(())
}

/// Archives what an item says now and keeps what it said; gives its number and what is known of it, or `None` where it says
/// nothing new or is no longer in the archive.
pub(super) fn edit_item(
    connection: &Connection,
    record: &PollRecord,
    Identified { marks, item }: &Identified,
) -> Result<Option<(i64, Edited)>, StoreError> {
    let cannot = failed("cannot record an edit");
    let key = signed(marks.key);
    let is_edit = connection
        .prepare_cached("UPDATE seen SET words = ?3, name = ?4 WHERE feed = ?1 AND key = ?2 AND words IS NOT NULL AND words <> ?3")
        .and_then(|mut statement| statement.execute(params![record.feed.0, key, signed(marks.words), marks.name.map(signed)]))
        .map_err(&cannot)?
        == 1;
    let archived: Option<(i64, i64, String, String)> = connection
        .prepare_cached(
            "SELECT item.id, item.seen, title, summary FROM seen JOIN item ON item.id = seen.item AND item.feed = seen.feed
              WHERE seen.feed = ?1 AND seen.key = ?2",
        )
        .and_then(|mut statement| {
            let row = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
            statement.query_row(params![record.feed.0, key], row).optional()
        })
        .map_err(&cannot)?;
    let Some((number, seen, title, summary)) = archived.filter(|_| is_edit) else {
        return Ok(None);
    };
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO edit (item, edited, title, summary) VALUES (?1, ?2, ?3, ?4)",
        )
        .and_then(|mut statement| {
            statement.execute(params![number, record.at.as_millisecond(), title, summary])
        })
        .map_err(&cannot)?;
    connection
        .prepare_cached("DELETE FROM edit WHERE item = ?1 AND edited NOT IN (SELECT edited FROM edit WHERE item = ?1 ORDER BY edited DESC LIMIT ?2)")
        .and_then(|mut statement| statement.execute(params![number, EDITS_MAX]))
        .map_err(&cannot)?;
    connection
        .prepare_cached(
            "UPDATE item SET title = :title, summary = :summary, content = :content, url = :url, url_hash = :url_hash, author = :author,
                    categories = :categories, source = :source, source_url = :source_url, lang = :lang, published = :published WHERE id = :id",
        )
        .and_then(|mut statement| {
            statement.execute(named_params! {
                ":id": number,
                ":title": item.title,
                ":summary": item.summary,
                ":content": item.content,
                ":url": item.url,
                ":url_hash": url_hash(&item.url),
                ":author": item.author,
                ":categories": categories(item),
                ":source": item.source,
                ":source_url": item.source_url,
                ":lang": item.lang,
                ":published": item.published.map(Timestamp::as_millisecond),
            })
        })
        .map_err(&cannot)?;
    let judged = connection
        .prepare_cached("SELECT rule FROM judgement WHERE item = ?1")
        .and_then(|mut statement| statement.query_map([number], |row| row.get(0))?.collect())
        .map_err(&cannot)?;
    let first_seen = time::from_ms(seen);
    Ok(Some((number, Edited { first_seen, judged })))
}

/// A JSON array.
fn categories(item: &Item) -> String {
    serde_json::to_string(&item.categories).expect("strings can be written as JSON")
}

/// SQLite's integers are signed; the bits are the same.
pub(super) fn signed(key: ItemKey) -> i64 {
    key.0.cast_signed()
}

/// What finds an archived item by its address.
pub(super) fn url_hash(url: &str) -> i64 {
    xxhash_rust::xxh3::xxh3_64(url.as_bytes()).cast_signed()
}
