//! The schema, forward only. Every statement may run twice, so that two processes that migrate at once do no harm.

use super::{Store, StoreError};
use crate::domain::digest;
use clickhouse::Row;
use serde::{Deserialize, Serialize};

/// Migrations by version, from 1 without gaps. Never edited once released: the store remembers their hashes.
const MIGRATIONS: [(&str, &str); 6] = [
    (
        "0001_facts",
        include_str!("../../schemas/clickhouse/0001_facts.sql"),
    ),
    (
        "0002_usage",
        include_str!("../../schemas/clickhouse/0002_usage.sql"),
    ),
    (
        "0003_readings",
        include_str!("../../schemas/clickhouse/0003_readings.sql"),
    ),
    (
        "0004_cursor",
        include_str!("../../schemas/clickhouse/0004_cursor.sql"),
    ),
    (
        "0005_closings",
        include_str!("../../schemas/clickhouse/0005_closings.sql"),
    ),
    (
        "0006_contracts_closed",
        include_str!("../../schemas/clickhouse/0006_contracts_closed.sql"),
    ),
];

/// The oldest ClickHouse with all we use.
const OLDEST: (u32, u32) = (24, 8);

const LEDGER: &str = "CREATE TABLE IF NOT EXISTS schema_migrations
(version UInt32, name String, sha256 String, applied_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC'))
ENGINE = MergeTree ORDER BY (version, sha256) SETTINGS fsync_after_insert = 1, fsync_part_directory = 1";

#[derive(Debug, Row, Serialize)]
struct AppliedIn<'a> {
    version: u32,
    name: &'a str,
    sha256: &'a str,
}

#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub(super) struct Applied {
    version: u32,
    name: String,
    sha256: String,
}

/// Brings the schema of `store` to this program's version.
pub(super) async fn migrate(store: &Store) -> Result<(), StoreError> {
    supported(
        &store
            .one::<String>("read the store's version", "SELECT version()")
            .await?,
    )?;
    store
        .execute("make the table of migrations", LEDGER)
        .await?;
    let query = store.client().query(
        "SELECT DISTINCT version, name, sha256 FROM schema_migrations ORDER BY version, sha256",
    );
    let applied = store
        .all::<Applied>("read the store's migrations", query)
        .await?;
    for (version, name, sql) in missing(&applied)? {
        tracing::info!(version, name, "migrating the store");
        for statement in statements(sql) {
            store.execute("migrate the store", statement).await?;
        }
        let sha256 = digest::sha256_hex(sql.as_bytes());
        let row = AppliedIn {
            version,
            name,
            sha256: &sha256,
        };
        store
            .insert::<AppliedIn<'_>>("record a migration", "schema_migrations", vec![row])
            .await?;
    }
    Ok(())
}

/// What is to be applied, after a look at what was.
fn missing(applied: &[Applied]) -> Result<Vec<(u32, &'static str, &'static str)>, StoreError> {
    let known: Vec<(u32, &str, &str)> = (1..)
        .zip(MIGRATIONS)
        .map(|(version, (name, sql))| (version, name, sql))
        .collect();
    for a in applied {
        let Some((_, name, sql)) = known.iter().find(|(version, ..)| *version == a.version) else {
            return Err(StoreError::Schema(format!(
                "it is at version {} (`{}`), this program knows {} at most: run a newer plimsoll; schemas only move forward",
                a.version,
                a.name,
                known.len()
            )));
        };
        if digest::sha256_hex(sql.as_bytes()) != a.sha256 {
            return Err(StoreError::Schema(format!(
                "migration {} was applied as `{}` with another text than this program's `{name}`: the store belongs to a build that was never released; \
                 use that build, or another database",
                a.version, a.name
            )));
        }
    }
    Ok(known
        .into_iter()
        .filter(|(version, ..)| applied.iter().all(|a| a.version != *version))
        .collect())
}

/// Statements end with a semicolon at the end of a line.
fn statements(sql: &str) -> impl Iterator<Item = &str> {
    sql.split(";\n").map(str::trim).filter(|s| {
        s.lines()
            .any(|l| !l.trim().is_empty() && !l.starts_with("--"))
    })
}

fn supported(version: &str) -> Result<(), StoreError> {
    let mut numbers = version.split('.').map(|n| n.parse::<u32>().unwrap_or(0));
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if found < OLDEST {
        return Err(StoreError::Schema(format!(
            "the server is ClickHouse {version}; {}.{} or newer is needed",
            OLDEST.0, OLDEST.1
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(version: u32, sql: &str) -> Applied {
        Applied {
            version,
            name: format!("{version:04}_x"),
            sha256: digest::sha256_hex(sql.as_bytes()),
        }
    }

    #[test]
    fn forward_only() {
        assert_eq!(missing(&[]).unwrap().len(), MIGRATIONS.len());
        assert_eq!(
            missing(&[applied(1, MIGRATIONS[0].1)]).unwrap().len(),
            MIGRATIONS.len() - 1
        );
        // Both of two that migrated at once recorded it.
        assert_eq!(
            missing(&[applied(1, MIGRATIONS[0].1), applied(1, MIGRATIONS[0].1)])
                .unwrap()
                .len(),
            MIGRATIONS.len() - 1
        );
        let newer = missing(&[applied(99, "x")]).unwrap_err().to_string();
        assert!(newer.contains("newer plimsoll"), "{newer}");
        let changed = missing(&[applied(1, "SELECT 2")]).unwrap_err().to_string();
        assert!(changed.contains("another text"), "{changed}");
    }

    #[test]
    fn statements_and_versions() {
        let found: Vec<&str> =
            statements("-- one\nSELECT 1;\n\n-- two\nSELECT ';';\n-- nothing\n").collect();
        assert_eq!(found, ["-- one\nSELECT 1", "-- two\nSELECT ';'"]);
        for (_, sql) in MIGRATIONS {
            assert!(
                statements(sql).all(|s| ["IF NOT EXISTS", "MODIFY COLUMN", "OR REPLACE"]
                    .iter()
                    .any(|again| s.contains(again))),
                "a statement that may not run twice"
            );
        }
        assert!(supported("24.8.1.1").is_ok() && supported("26.7.2.1").is_ok());
        assert!(supported("24.7.9").is_err() && supported("x").is_err());
    }
}
