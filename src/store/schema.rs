//! The database's shape: which version it has, how it is brought to this one, and whether it is sound.

use std::path::Path;

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use super::StoreError;

/// "wire" as a number, in the header of each of our databases.
const APPLICATION_ID: i32 = 0x7769_7265;
/// Each migration brings the schema from its index to the next version.
pub const MIGRATIONS: &[&str] = &[
    include_str!("sql/0001_first.sql"),
    include_str!("sql/0002_poll.sql"),
    include_str!("sql/0003_notices.sql"),
    include_str!("sql/0004_stories.sql"),
    include_str!("sql/0005_receivers.sql"),
    include_str!("sql/0006_push.sql"),
    include_str!("sql/0007_lag.sql"),
    include_str!("sql/0008_recent.sql"),
    include_str!("sql/0009_addresses.sql"),
];
/// Up to this size the whole database is checked before the daemon is ready.
pub const CHECK_WHOLE_BYTES_MAX: u64 = 256 << 20;

pub fn opened_badly(path: &Path, error: &rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => StoreError::Damaged {
            path: path.to_owned(),
            finding: error.to_string(),
        },
        _ => StoreError::Failed(format!(
            "cannot open the database {}: {error}",
            path.display()
        )),
    }
}

pub fn schema_version(connection: &Connection, path: &Path) -> Result<usize, StoreError> {
    let pragma = |name: &str| {
        connection
            .query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0))
            .map_err(|error| opened_badly(path, &error))
    };
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(|error| opened_badly(path, &error))?;
    let foreign = |finding: String| StoreError::Foreign {
        path: path.to_owned(),
        finding,
    };
    if tables == 0 && version == 0 {
        return Ok(0);
    }
    if application != i64::from(APPLICATION_ID) {
        return Err(foreign(
            "it belongs to another program; give wirewatch its own file in [store] url".to_owned(),
        ));
    }
    match usize::try_from(version) {
        Ok(version) if version <= MIGRATIONS.len() => Ok(version),
        _ => Err(foreign(format!(
            "its schema is version {version} and this wirewatch knows versions up to {}; run the newer wirewatch that wrote it",
            MIGRATIONS.len()
        ))),
    }
}

pub fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let version = schema_version(connection, path)?;
    let cannot = |error: rusqlite::Error| {
        StoreError::Failed(format!(
            "cannot bring the database {} to this version: {error}",
            path.display()
        ))
    };
    if version == MIGRATIONS.len() {
        return Ok(());
    }
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(cannot)?;
    for migration in MIGRATIONS.iter().skip(version) {
        transaction.execute_batch(migration).map_err(cannot)?;
    }
    transaction
        .execute_batch(&format!(
            "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {}",
            MIGRATIONS.len()
        ))
        .map_err(cannot)?;
    transaction.commit().map_err(cannot)
}

/// Checks the database before the daemon trusts it: whole while it is small, else every table but the archive of items,
/// which [`Store::check_archive`] reads once the daemon is up.
pub fn check(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let bytes = std::fs::metadata(path).map_or(0, |meta| meta.len());
    if bytes <= CHECK_WHOLE_BYTES_MAX {
        return quick_check(connection, path, "PRAGMA quick_check(1)");
    }
    for table in tables_checked_first(connection).map_err(|error| opened_badly(path, &error))? {
        quick_check(connection, path, &format!("PRAGMA quick_check({table})"))?;
    }
    Ok(())
}

/// Those that hold what is owed and what is asked next; the others are the archive.
fn tables_checked_first(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'
                AND name NOT IN ('item', 'seen', 'judgement', 'text', 'told')",
        )?
        .query_map([], |row| row.get(0))?
        .collect()
}

pub fn quick_check(connection: &Connection, path: &Path, pragma: &str) -> Result<(), StoreError> {
    let finding: String = connection
        .query_row(pragma, [], |row| row.get(0))
        .map_err(|error| opened_badly(path, &error))?;
    match finding.as_str() {
        "ok" => Ok(()),
        finding => Err(StoreError::Damaged {
            path: path.to_owned(),
            finding: finding.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_database_of_this_version_is_checked_and_good() {
        let mut connection = Connection::open_in_memory().unwrap();
        let path = Path::new(":memory:");
        migrate(&mut connection, path).unwrap();
        let tables = tables_checked_first(&connection).unwrap();
        assert!(tables.len() > 10 && tables.contains(&"delivery".to_owned()));
        for table in tables {
            quick_check(&connection, path, &format!("PRAGMA quick_check({table})")).unwrap();
        }
    }
}
