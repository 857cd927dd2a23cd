//! Texts, stories and alerts as judging asks for them, and how an item is put into its story.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Store, StoreError, sqlite::failed};
use crate::{
    judge::{Held, Joined, Past, Rate, Spans, Standing, StoryState},
    story::{KEY_TEXTS_MAX, Origin, Recent, Sketch, Told, Weighed, day_of},
    time::{self, Timestamp},
};

/// Reports of a story that are counted; the newest.
const TOLD_MAX: usize = 1024;
/// Alerts of one rule and story that wait.
const HELD_MAX: usize = 256;

const IS_DIGEST: i64 = 1;
const HAS_LEAD: i64 = 2;
const IS_REPRESENTATIVE: i64 = 4;

/// The past as the rows tell it.
pub(super) struct Rows<'a>(pub &'a Connection);

impl Recent for Rows<'_> {
    type Error = StoreError;

    fn texts_under(&self, key: u64) -> Result<Vec<i64>, StoreError> {
        self.0
            .prepare_cached("SELECT text FROM text_key WHERE key = ?1 ORDER BY text DESC LIMIT ?2")
            .and_then(|mut statement| {
                statement
                    .query_map(params![key.cast_signed(), KEY_TEXTS_MAX], |row| row.get(0))?
                    .collect()
            })
            .map_err(failed("cannot look for a text"))
    }

    fn origin(&self, id: i64) -> Result<Option<Origin>, StoreError> {
        self.0
            .prepare_cached(
                "SELECT text.id, story, name, text.first_seen, text.last_seen, flags, sketch, words, story.first_seen, texts
                   FROM text JOIN story ON story.id = text.story WHERE text.id = ?1",
            )
            .and_then(|mut statement| statement.query_row([id], origin).optional())
            .map_err(failed("cannot read a text"))
    }

    fn texts_with(&self, words: &[u64], from_day: i64) -> Result<Vec<u32>, StoreError> {
        let cannot = failed("cannot count words");
        let mut statement = self
            .0
            .prepare_cached(
                "SELECT coalesce(sum(texts), 0) FROM word_day WHERE word = ?1 AND day >= ?2",
            )
            .map_err(&cannot)?;
        let mut count = |word: &u64| {
            statement.query_row(params![word.cast_signed(), from_day], |row| row.get(0))
        };
        words
            .iter()
            .map(|word| count(word).map_err(&cannot))
            .collect()
    }
}

impl Past for Rows<'_> {
    fn story(&self, id: i64) -> Result<Option<StoryState>, StoreError> {
        let cannot = failed("cannot read a story");
        let found = self
            .0
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
            .0
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
            .0
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
            .0
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
            .0
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
    Ok(Origin {
        id: row.get(0)?,
        story: row.get(1)?,
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
pub(super) fn join(
    connection: &Connection,
    at: Timestamp,
    joined: &Joined,
) -> Result<i64, StoreError> {
    let cannot = failed("cannot record a story");
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
    join_text(connection, at, story, joined).map_err(&cannot)?;
    connection
        .prepare_cached(
            "INSERT INTO told (story, publisher, origin, last_seen) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET last_seen = max(last_seen, excluded.last_seen)",
        )
        .and_then(|mut statement| {
            statement.execute(params![story, joined.publisher, joined.origin, at_ms])
        })
        .map_err(&cannot)?;
    let mut count = connection
        .prepare_cached("INSERT INTO word_day (word, day, texts) VALUES (?1, ?2, 1) ON CONFLICT DO UPDATE SET texts = texts + 1")
        .map_err(&cannot)?;
    for word in &joined.new_text.counted {
        count
            .execute(params![word.cast_signed(), day_of(at)])
            .map_err(&cannot)?;
    }
    Ok(story)
}

fn join_text(
    connection: &Connection,
    at: Timestamp,
    story: i64,
    joined: &Joined,
) -> rusqlite::Result<()> {
    let new = &joined.new_text;
    let text = match joined.text {
        Some(text) => {
            connection
                .prepare_cached("UPDATE text SET last_seen = max(last_seen, ?2) WHERE id = ?1")?
                .execute(params![text, at.as_millisecond()])?;
            text
        }
        None => {
            let flag = |is_set: bool, flag: i64| if is_set { flag } else { 0 };
            let flags = flag(new.is_digest, IS_DIGEST)
                | flag(new.has_lead, HAS_LEAD)
                | flag(new.is_representative, IS_REPRESENTATIVE);
            connection
                .prepare_cached("INSERT INTO text (story, name, first_seen, last_seen, flags, sketch, words, keys) VALUES (?1, ?2, ?3, ?3, ?4, ?5, ?6, x'')")?
                .execute(params![
                    story,
                    joined.origin,
                    at.as_millisecond(),
                    flags,
                    new.sketch.to_bytes(),
                    Weighed::to_bytes(&new.words),
                ])?;
            connection.last_insert_rowid()
        }
    };
    // A copy is found by its own title and link as well.
    let known: usize = connection
        .prepare_cached("SELECT length(keys) FROM text WHERE id = ?1")?
        .query_row([text], |row| row.get(0))?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO text_key (key, text) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
    )?;
    let mut added = Vec::new();
    for key in new
        .keys
        .iter()
        .take(KEYS_BYTES_MAX.saturating_sub(known) / 8)
    {
        if insert.execute(params![key.cast_signed(), text])? == 1 {
            added.extend(key.to_le_bytes());
        }
    }
    if !added.is_empty() {
        connection
            .prepare_cached("UPDATE text SET keys = CAST(keys || ?2 AS BLOB) WHERE id = ?1")?
            .execute(params![text, added])?;
    }
    Ok(())
}

/// Keys that one text is found by, in bytes: copies beyond leave theirs out.
const KEYS_BYTES_MAX: usize = 64 * 1024;

/// Forgets texts that were last told before a time, with their keys; how many.
pub(super) fn forget_texts(
    connection: &Connection,
    before: Timestamp,
    texts_max: usize,
) -> rusqlite::Result<usize> {
    let texts: Vec<(i64, Vec<u8>)> = connection
        .prepare_cached(
            "SELECT id, keys FROM text WHERE last_seen < ?1 ORDER BY last_seen LIMIT ?2",
        )?
        .query_map(params![before.as_millisecond(), texts_max], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let mut forget_key =
        connection.prepare_cached("DELETE FROM text_key WHERE key = ?1 AND text = ?2")?;
    let mut forget_text = connection.prepare_cached("DELETE FROM text WHERE id = ?1")?;
    for (text, keys) in &texts {
        for key in keys.as_chunks::<8>().0 {
            forget_key.execute(params![i64::from_le_bytes(*key), text])?;
        }
        forget_text.execute([text])?;
    }
    Ok(texts.len())
}
