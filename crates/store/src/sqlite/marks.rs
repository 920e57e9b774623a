//! Named numbers that outlive a restart, for example up to which leaf the ledger is settled.

use placet_engine::ports::StoreError;

use super::database::{Database, failed};

pub(super) async fn mark(database: &Database, name: &str) -> Result<Option<i64>, StoreError> {
    sqlx::query_scalar("SELECT value FROM marks WHERE name = ?")
        .bind(name)
        .fetch_optional(database.readers())
        .await
        .map_err(failed("read a mark"))
}

pub(super) async fn set_mark(database: &Database, name: &str, value: i64) -> Result<(), StoreError> {
    let mut writer = database.writer().await.map_err(failed(SET))?;
    sqlx::query("INSERT INTO marks (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
        .bind(name)
        .bind(value)
        .execute(&mut *writer)
        .await
        .map(drop)
        .map_err(failed(SET))
}

const SET: &str = "set a mark";
