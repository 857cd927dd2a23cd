//! The store's part in telling the operator: one open alert for each condition, revised when it ends.

use rusqlite::{Connection, OptionalExtension, params};

use super::{
    Store, StoreError,
    judged::{insert_alert, insert_revision, owe},
    sqlite::failed,
};
use crate::{
    model::{Alert, Notice, NoticeKind},
    notice,
    time::Timestamp,
};

impl Store {
    /// Records that a condition holds or is over, owed to the receivers `to`. Gives the alert document where that is news.
    ///
    /// # Errors
    /// When nothing was recorded.
    pub async fn notice(
        &self,
        notice: Notice,
        to: Vec<String>,
        now: Timestamp,
    ) -> Result<Option<Alert>, StoreError> {
        self.write("cannot record a notice", move |connection| {
            note(connection, &notice, &to, now)
        })
        .await
    }

    /// The conditions that the operator was told of and that still hold, with their subjects.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn open_notices(&self) -> Result<Vec<(NoticeKind, String)>, StoreError> {
        self.read("cannot read the notices", |connection| {
            let rows: Vec<(String, String)> = connection
                .prepare_cached("SELECT kind, subject FROM notice ORDER BY kind, subject")
                .and_then(|mut statement| {
                    statement
                        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                        .collect()
                })
                .map_err(failed("cannot read the notices"))?;
            let known = rows
                .into_iter()
                .filter_map(|(kind, subject)| Some((NoticeKind::parse(&kind)?, subject)));
            Ok(known.collect())
        })
        .await
    }
}

/// [`Store::notice`] inside a transaction that records more than that.
pub(super) fn note(
    connection: &Connection,
    notice: &Notice,
    to: &[String],
    now: Timestamp,
) -> Result<Option<Alert>, StoreError> {
    let cannot = failed("cannot record a notice");
    let key = params![notice.kind.name(), notice.subject];
    let open: Option<(i64, String)> = connection
        .prepare_cached(
            "SELECT alert.id, revision.document FROM notice JOIN alert ON alert.id = notice.alert
               JOIN revision ON revision.alert = alert.id AND revision.revision = alert.revision
              WHERE notice.kind = ?1 AND notice.subject = ?2",
        )
        .and_then(|mut statement| {
            statement
                .query_row(key, |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()
        })
        .map_err(&cannot)?;
    let Some((number, document)) = open else {
        return match notice.is_over {
            true => Ok(None),
            false => open_notice(connection, notice, to, now).map(Some),
        };
    };
    let before: Alert = serde_json::from_str(&document)
        .map_err(|error| StoreError::Failed(format!("cannot read alert {number}: {error}")))?;
    let Some(alert) = notice::revised(notice, &before, now) else {
        return Ok(None);
    };
    insert_revision(connection, number, &alert)?;
    owe(connection, number, &alert, to)?;
    if notice.is_over {
        connection
            .execute("DELETE FROM notice WHERE kind = ?1 AND subject = ?2", key)
            .map_err(&cannot)?;
    }
    Ok(Some(alert))
}

fn open_notice(
    connection: &Connection,
    notice: &Notice,
    to: &[String],
    now: Timestamp,
) -> Result<Alert, StoreError> {
    let cannot = failed("cannot record a notice");
    let last: i64 = connection
        .query_row("SELECT coalesce(max(id), 0) FROM alert", [], |row| {
            row.get(0)
        })
        .map_err(&cannot)?;
    let alert = notice::opened(notice, last + 1, now);
    let number = insert_alert(connection, &alert, 0)?;
    owe(connection, number, &alert, to)?;
    connection
        .execute(
            "INSERT INTO notice (kind, subject, alert) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET alert = excluded.alert",
            params![notice.kind.name(), notice.subject, number],
        )
        .map_err(&cannot)?;
    Ok(alert)
}
