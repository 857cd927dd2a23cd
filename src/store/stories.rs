//! Texts, stories and alerts as judging asks for them, and how an item is put into its story.

use std::{
    cell::RefCell,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Store, StoreError, sqlite::failed};
use crate::{
    judge::{Held, Joined, Past, Rate, Spans, Standing, StoryState},
    story::{Index, Origin, Recent, Sketch, Told, Weighed, day_of},
    time::{self, Timestamp},
};

/// Reports of a story that are counted; the newest.
const TOLD_MAX: usize = 1024;
/// Alerts of one rule and story that wait.
const HELD_MAX: usize = 256;

const IS_DIGEST: i64 = 1;
const HAS_LEAD: i64 = 2;
const IS_REPRESENTATIVE: i64 = 4;

/// What finds recent texts, shared by those who record. The rows tell the truth: what is here is made of them.
pub(super) type Finder = Arc<Mutex<Index>>;

/// The past as the rows tell it, inside one transaction.
pub(super) struct Rows<'a> {
    connection: &'a Connection,
    /// `None` until somebody asks: most polls bring nothing that matches.
    finder: RefCell<Option<MutexGuard<'a, Index>>>,
    finders: &'a Finder,
}

impl<'a> Rows<'a> {
    pub(super) fn of(connection: &'a Connection, finder: &'a Finder) -> Rows<'a> {
        Rows {
            connection,
            finder: RefCell::new(None),
            finders: finder,
        }
    }

    /// Asks the index, which is first brought to what this transaction sees.
    fn with_index<T>(&self, ask: impl FnOnce(&mut Index) -> T) -> Result<T, StoreError> {
        let mut finder = self.finder.borrow_mut();
        let index = match &mut *finder {
            Some(index) => index,
            none => {
                let mut index = self.finders.lock().unwrap_or_else(PoisonError::into_inner);
                catch_up(self.connection, &mut index)
                    .map_err(failed("cannot read recent texts"))?;
                none.insert(index)
            }
        };
        Ok(ask(index))
    }
}

/// Makes the index anew where it is not of the rows that there are: after a start, and after a transaction that was taken back.
fn catch_up(connection: &Connection, index: &mut Index) -> rusqlite::Result<()> {
    let newest: Option<i64> = connection
        .prepare_cached("SELECT max(id) FROM text")?
        .query_row([], |row| row.get(0))?;
    if newest.unwrap_or(0) == index.newest() {
        return Ok(());
    }
    *index = Index::default();
    let mut texts =
        connection.prepare("SELECT id, first_seen, keys, counted FROM text ORDER BY id")?;
    let mut rows = texts.query([])?;
    while let Some(row) = rows.next()? {
        let keys = numbers(row.get_ref(2)?.as_blob()?);
        let counted = numbers(row.get_ref(3)?.as_blob()?);
        index.add(
            row.get(0)?,
            &keys,
            &counted,
            day_of(time::from_ms(row.get(1)?)),
        );
    }
    Ok(())
}

fn numbers(bytes: &[u8]) -> Vec<u64> {
    let numbers = bytes.as_chunks::<8>().0.iter();
    numbers.map(|bytes| u64::from_le_bytes(*bytes)).collect()
}

fn bytes_of(numbers: &[u64]) -> Vec<u8> {
    numbers
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect()
}

impl Recent for Rows<'_> {
    type Error = StoreError;

    fn texts_under(&self, key: u64) -> Result<Vec<i64>, StoreError> {
        self.with_index(|index| index.texts_under(key))
    }

    fn origin(&self, id: i64) -> Result<Option<Origin>, StoreError> {
        self.connection
            .prepare_cached(
                "SELECT text.id, story, name, text.first_seen, text.last_seen, flags, sketch, words, story.first_seen, texts, founder
                   FROM text JOIN story ON story.id = text.story WHERE text.id = ?1",
            )
            .and_then(|mut statement| statement.query_row([id], origin).optional())
            .map_err(failed("cannot read a text"))
    }

    fn texts_with(&self, words: &[u64], from_day: i64) -> Result<Vec<u32>, StoreError> {
        self.with_index(|index| index.texts_with(words, from_day))
    }
}

impl Past for Rows<'_> {
    fn story(&self, id: i64) -> Result<Option<StoryState>, StoreError> {
        let cannot = failed("cannot read a story");
        let found = self
            .connection
            .prepare_cached("SELECT uid, items FROM story WHERE id = ?1")
            .and_then(|mut statement| {
                statement
                    .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()
            })
            .map_err(&cannot)?;
        let Some((uid, items)) = found else {
            return Ok(None);
        };
        let told = self
            .connection
            .prepare_cached("SELECT publisher, origin, last_seen FROM told WHERE story = ?1 ORDER BY last_seen DESC, publisher LIMIT ?2")
            .and_then(|mut statement| {
                let told = |row: &Row<'_>| {
                    Ok(Told {
                        publisher: row.get(0)?,
                        origin: row.get(1)?,
                        last: time::from_ms(row.get(2)?),
                    })
                };
                statement.query_map(params![id, TOLD_MAX], told)?.collect()
            })
            .map_err(&cannot)?;
        Ok(Some(StoryState {
            id,
            uid,
            items,
            told,
        }))
    }

    fn alert(&self, story: i64, rule: &str) -> Result<Option<Standing>, StoreError> {
        let found: Option<(String, u32)> = self
            .connection
            .prepare_cached(
                "SELECT document, confirmed FROM alert JOIN revision ON revision.alert = alert.id AND revision.revision = alert.revision
                  WHERE story = ?1 AND rule = ?2 ORDER BY alert.id DESC LIMIT 1",
            )
            .and_then(|mut statement| {
                statement.query_row(params![story, rule], |row| Ok((row.get(0)?, row.get(1)?))).optional()
            })
            .map_err(failed("cannot look for an alert"))?;
        let standing = |(document, confirmed): (String, u32)| {
            Ok(Standing {
                alert: read_document(&document)?,
                confirmed,
            })
        };
        found.map(standing).transpose()
    }

    fn held(&self, story: i64, rule: &str, at: Timestamp) -> Result<Vec<Held>, StoreError> {
        let rows: Vec<(i64, String)> = self
            .connection
            .prepare_cached("SELECT until, document FROM held WHERE story = ?1 AND rule = ?2 AND until >= ?3 ORDER BY until DESC, item DESC LIMIT ?4")
            .and_then(|mut statement| {
                let row = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
                statement.query_map(params![story, rule, at.as_millisecond(), HELD_MAX], row)?.collect()
            })
            .map_err(failed("cannot read held alerts"))?;
        let held = |(until, document): (i64, String)| {
            Ok(Held {
                until: time::from_ms(until),
                alert: read_document(&document)?,
            })
        };
        rows.into_iter().rev().map(held).collect()
    }

    fn rate(&self, rule: &str, spans: Spans) -> Result<Rate, StoreError> {
        let window_began = time::before(spans.at, spans.window);
        let baseline_began = time::before(window_began, spans.baseline);
        let counted = self
            .connection
            .prepare_cached(
                "SELECT coalesce(sum(iif(minute > ?3, items, 0)), 0), coalesce(sum(iif(minute > ?3, 0, items)), 0),
                        (SELECT since FROM rule_watch WHERE rule = ?1), (SELECT last_burst FROM rule_watch WHERE rule = ?1)
                   FROM rule_minute WHERE rule = ?1 AND minute > ?2",
            )
            .and_then(|mut statement| {
                statement.query_row(params![rule, minute_of(baseline_began), minute_of(window_began)], |row| {
                    Ok(Rate {
                        recent: row.get(0)?,
                        before: row.get(1)?,
                        since: row.get::<_, Option<i64>>(2)?.map(time::from_ms),
                        last_burst: row.get::<_, Option<i64>>(3)?.map(time::from_ms),
                    })
                })
            });
        counted.map_err(failed("cannot count a rule's matches"))
    }
}

impl Store {
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
}

fn origin(row: &Row<'_>) -> rusqlite::Result<Origin> {
    let flags: i64 = row.get(5)?;
    let id = row.get(0)?;
    Ok(Origin {
        id,
        story: row.get(1)?,
        // 0 where it began the story: its number was not known before it was written.
        founder: row
            .get::<_, Option<i64>>(10)?
            .map(|founder| if founder == 0 { id } else { founder }),
        name: row.get(2)?,
        first_seen: time::from_ms(row.get(3)?),
        last_seen: time::from_ms(row.get(4)?),
        is_digest: flags & IS_DIGEST != 0,
        has_lead: flags & HAS_LEAD != 0,
        is_representative: flags & IS_REPRESENTATIVE != 0,
        sketch: Sketch::from_bytes(row.get_ref(6)?.as_blob()?),
        words: Weighed::from_bytes(row.get_ref(7)?.as_blob()?),
        story_began: time::from_ms(row.get(8)?),
        story_texts: row.get(9)?,
    })
}

fn read_document<T: serde::de::DeserializeOwned>(document: &str) -> Result<T, StoreError> {
    serde_json::from_str(document)
        .map_err(|error| StoreError::Failed(format!("cannot read an alert: {error}")))
}

pub(super) fn minute_of(at: Timestamp) -> i64 {
    at.as_second().div_euclid(60)
}

/// Puts an item into its story and gives the story's number.
pub(super) fn join(past: &Rows<'_>, at: Timestamp, joined: &Joined) -> Result<i64, StoreError> {
    let cannot = failed("cannot record a story");
    let connection = past.connection;
    let at_ms = at.as_millisecond();
    let is_new_text = joined.text.is_none();
    let story = match joined.story {
        Some(story) => {
            connection
                .prepare_cached("UPDATE story SET last_seen = max(last_seen, ?2), items = items + ?3, texts = texts + ?4 WHERE id = ?1")
                .and_then(|mut statement| statement.execute(params![story, at_ms, joined.is_another_item, is_new_text]))
                .map_err(&cannot)?;
            story
        }
        None => {
            connection
                .prepare_cached("INSERT INTO story (uid, first_seen, last_seen, items, texts) VALUES (?1, ?2, ?2, 1, 1)")
                .and_then(|mut statement| statement.execute(params![joined.story_uid, at_ms]))
                .map_err(&cannot)?;
            connection.last_insert_rowid()
        }
    };
    let new = &joined.new_text;
    let text = match joined.text {
        Some(text) => {
            // A copy is found by its own title and link as well.
            let keys = past.with_index(|index| {
                let mut keys = new.keys.clone();
                keys.retain(|key| !index.texts_under(*key).contains(&text));
                keys
            })?;
            copied(connection, text, at_ms, &keys).map_err(&cannot)?;
            text
        }
        None => told_first(connection, story, at_ms, joined).map_err(&cannot)?,
    };
    past.with_index(|index| index.add(text, &new.keys, &new.counted, day_of(at)))?;
    connection
        .prepare_cached(
            "INSERT INTO told (story, publisher, origin, last_seen) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET last_seen = max(last_seen, excluded.last_seen)",
        )
        .and_then(|mut statement| {
            statement.execute(params![story, joined.publisher, joined.origin, at_ms])
        })
        .map_err(&cannot)?;
    Ok(story)
}

/// Keeps a text that was not told before.
fn told_first(
    connection: &Connection,
    story: i64,
    at_ms: i64,
    joined: &Joined,
) -> rusqlite::Result<i64> {
    let new = &joined.new_text;
    let flag = |is_set: bool, flag: i64| if is_set { flag } else { 0 };
    let flags = flag(new.is_digest, IS_DIGEST)
        | flag(new.has_lead, HAS_LEAD)
        | flag(new.is_representative, IS_REPRESENTATIVE);
    connection
        .prepare_cached(
            "INSERT INTO text (story, name, first_seen, last_seen, flags, sketch, words, keys, counted, founder)
             VALUES (?1, ?2, ?3, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            story,
            joined.origin,
            at_ms,
            flags,
            new.sketch.to_bytes(),
            Weighed::to_bytes(&new.words),
            bytes_of(&new.keys),
            bytes_of(&new.counted),
            joined.founder.or_else(|| joined.story.is_none().then_some(0)),
        ])?;
    Ok(connection.last_insert_rowid())
}

/// Notes that a known text was told again, under these keys too.
fn copied(connection: &Connection, text: i64, at_ms: i64, keys: &[u64]) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "UPDATE text SET last_seen = max(last_seen, ?2), keys = iif(length(keys) + length(?3) > ?4, keys, CAST(keys || ?3 AS BLOB))
              WHERE id = ?1",
        )?
        .execute(params![text, at_ms, bytes_of(keys), KEYS_BYTES_MAX])
}

/// Keys that one text is found by, in bytes: copies beyond leave theirs out.
const KEYS_BYTES_MAX: usize = 64 * 1024;

/// Forgets texts that were last told before a time; how many. Nearly in the order of time, so that no index is needed for it.
pub(super) fn forget_texts(
    connection: &Connection,
    before: Timestamp,
    texts_max: usize,
) -> rusqlite::Result<usize> {
    connection
        .prepare_cached("DELETE FROM text WHERE id IN (SELECT id FROM text ORDER BY id LIMIT ?2) AND last_seen < ?1")?
        .execute(params![before.as_millisecond(), texts_max])
}
