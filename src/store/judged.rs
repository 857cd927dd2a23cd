//! What judging decided, as rows: judgements, alerts and their revisions, what is held, who is owed what.

use rusqlite::{Connection, OptionalExtension, params};

use super::{
    Decided, Recorded, StoreError,
    sqlite::failed,
    stories::{Rows, join, minute_of},
};
use crate::{
    judge::{Held, Judged, Reason},
    model::Alert,
    time::Timestamp,
};

/// Records what an item caused; `at` is when it was seen, `item` its number in the archive.
pub(super) fn record_decision(
    connection: &Connection,
    past: &Rows<'_>,
    at: Timestamp,
    item: i64,
    decided: &Decided,
    recorded: &mut Recorded,
) -> Result<(), StoreError> {
    let cannot = failed("cannot record an alert");
    let story = match &decided.decision.joined {
        Some(joined) => join(past, at, joined)?,
        None => 0,
    };
    for (rule, is_burst) in &decided.decision.rates {
        count_match(connection, rule, at, *is_burst).map_err(&cannot)?;
    }
    for (index, judged) in decided.decision.judged.iter().enumerate() {
        let receivers = decided.receivers.get(index).map_or(&[][..], Vec::as_slice);
        if let Some(alert) = &judged.alert {
            let number = put_alert(connection, alert, story, judged.confirmed)?;
            recorded.deliveries += owe(connection, number, alert, receivers)?;
            recorded.alerts.push(alert.clone());
        }
        note_judgement(connection, item, judged).map_err(&cannot)?;
        if let Some(held) = &judged.hold {
            hold(connection, item, story, &judged.rule, held)?;
        }
    }
    // Several that were held may be released at once: they go when all of them are alerts.
    for judged in decided
        .decision
        .judged
        .iter()
        .filter(|judged| judged.is_release)
    {
        release(connection, story, judged).map_err(&cannot)?;
    }
    Ok(())
}

fn count_match(
    connection: &Connection,
    rule: &str,
    at: Timestamp,
    is_burst: bool,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO rule_minute (rule, minute, items) VALUES (?1, ?2, 1) ON CONFLICT DO UPDATE SET items = items + 1")?
        .execute(params![rule, minute_of(at)])?;
    connection
        .prepare_cached(
            "INSERT INTO rule_watch (rule, since, last_burst) VALUES (?1, ?2, iif(?3, ?2, NULL))
             ON CONFLICT DO UPDATE SET last_burst = iif(?3, ?2, last_burst)",
        )?
        .execute(params![rule, at.as_millisecond(), is_burst])?;
    Ok(())
}

fn note_judgement(connection: &Connection, item: i64, judged: &Judged) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "INSERT INTO judgement (item, rule, reason, alert) VALUES (?1, ?2, ?3, (SELECT id FROM alert WHERE uid = ?4)) ON CONFLICT DO NOTHING",
        )?
        .execute(params![item, judged.rule, judged.reason.name(), judged.about])
}

/// Records an alert or its next revision; gives its number.
fn put_alert(
    connection: &Connection,
    alert: &Alert,
    story: i64,
    confirmed: u32,
) -> Result<i64, StoreError> {
    if alert.revision == 1 {
        return insert_confirmed(connection, alert, story, confirmed);
    }
    let cannot = failed("cannot record an alert");
    let known: Option<i64> = connection
        .prepare_cached("SELECT id FROM alert WHERE uid = ?1")
        .and_then(|mut statement| {
            statement
                .query_row([&alert.id], |row| row.get(0))
                .optional()
        })
        .map_err(&cannot)?;
    let Some(number) = known else {
        return insert_confirmed(connection, alert, story, confirmed);
    };
    insert_revision(connection, number, alert)?;
    connection
        .prepare_cached("UPDATE alert SET confirmed = ?2 WHERE id = ?1 AND confirmed <> ?2")
        .and_then(|mut statement| statement.execute(params![number, confirmed]))
        .map_err(&cannot)?;
    Ok(number)
}

/// Records an alert that nobody confirmed.
pub(super) fn insert_alert(
    connection: &Connection,
    alert: &Alert,
    story: i64,
) -> Result<i64, StoreError> {
    insert_confirmed(connection, alert, story, 0)
}

fn insert_confirmed(
    connection: &Connection,
    alert: &Alert,
    story: i64,
    confirmed: u32,
) -> Result<i64, StoreError> {
    let queued = alert.timing.queued.as_millisecond();
    connection
        .prepare_cached(
            "INSERT INTO alert (uid, rule, severity, story, revision, opened, updated, confirmed, changed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7, (SELECT coalesce(max(changed), 0) + 1 FROM alert))",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                alert.id,
                alert.rule,
                alert.severity as i64,
                story,
                alert.revision,
                queued,
                confirmed
            ])
        })
        .map_err(failed("cannot record an alert"))?;
    let number = connection.last_insert_rowid();
    insert_document(connection, number, alert)?;
    Ok(number)
}

/// Makes this document the newest revision of alert `number`.
pub(super) fn insert_revision(
    connection: &Connection,
    number: i64,
    alert: &Alert,
) -> Result<(), StoreError> {
    insert_document(connection, number, alert)?;
    connection
        .prepare_cached(
            "UPDATE alert SET revision = ?2, severity = ?3, updated = ?4, changed = (SELECT max(changed) + 1 FROM alert) WHERE id = ?1",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                number,
                alert.revision,
                alert.severity as i64,
                alert.timing.queued.as_millisecond()
            ])
        })
        .map_err(failed("cannot record an alert"))?;
    Ok(())
}

fn insert_document(connection: &Connection, number: i64, alert: &Alert) -> Result<(), StoreError> {
    let document =
        serde_json::to_string(alert).map_err(|error| StoreError::Failed(error.to_string()))?;
    connection
        .prepare_cached(
            "INSERT INTO revision (alert, revision, queued, document) VALUES (?1, ?2, ?3, ?4)",
        )
        .and_then(|mut statement| {
            let queued = alert.timing.queued.as_millisecond();
            statement.execute(params![number, alert.revision, queued, document])
        })
        .map_err(failed("cannot record an alert"))?;
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

fn hold(
    connection: &Connection,
    item: i64,
    story: i64,
    rule: &str,
    held: &Held,
) -> Result<(), StoreError> {
    let document = serde_json::to_string(&held.alert)
        .map_err(|error| StoreError::Failed(error.to_string()))?;
    connection
        .prepare_cached("INSERT INTO held (item, rule, story, until, uid, document) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING")
        .and_then(|mut statement| {
            statement.execute(params![item, rule, story, held.until.as_millisecond(), held.alert.id, document])
        })
        .map_err(failed("cannot hold an alert"))?;
    Ok(())
}

/// What was held is an alert now, its own or that of its story.
fn release(connection: &Connection, story: i64, judged: &Judged) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE judgement SET alert = coalesce((SELECT alert.id FROM alert JOIN held ON held.uid = alert.uid
                                                     WHERE held.item = judgement.item AND held.rule = judgement.rule),
                                                   (SELECT id FROM alert WHERE uid = ?3))
              WHERE (item, rule) IN (SELECT item, rule FROM held WHERE story = ?1 AND rule = ?2)",
        )?
        .execute(params![story, judged.rule, judged.about])?;
    connection
        .prepare_cached("DELETE FROM held WHERE story = ?1 AND rule = ?2")?
        .execute(params![story, judged.rule])?;
    Ok(())
}

/// What was held and not confirmed in its time is no alert; how many.
pub(super) fn expire_held(
    connection: &Connection,
    now: Timestamp,
    rows_max: usize,
) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "UPDATE judgement SET reason = ?3 WHERE (item, rule) IN (SELECT item, rule FROM held WHERE until < ?1 ORDER BY until, item LIMIT ?2)",
        )?
        .execute(params![now.as_millisecond(), rows_max, Reason::NeedsExpired.name()])?;
    connection
        .prepare_cached("DELETE FROM held WHERE (item, rule) IN (SELECT item, rule FROM held WHERE until < ?1 ORDER BY until, item LIMIT ?2)")?
        .execute(params![now.as_millisecond(), rows_max])
}
