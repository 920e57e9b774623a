//! Halts: a small table, all of it in memory.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use parking_lot::RwLock;
use placet_domain::{Halt, HaltTarget, Timestamp};
use placet_engine::ports::{Halts, StoreError};

use super::{
    database::{Database, OpenError, failed, to_the_end},
    row::{UnreadableRow, noun},
};

#[derive(Debug)]
pub(super) struct SqliteHalts {
    database: Database,
    halts: Arc<RwLock<BTreeMap<HaltTarget, Halt>>>,
}

impl SqliteHalts {
    /// A halt that cannot be read stops the start: what a person has stopped must not go on by accident.
    pub(super) async fn load(database: Database) -> Result<Self, OpenError> {
        let unreadable = |source| OpenError::Read { what: "halts", source };
        let rows: Vec<Row> = sqlx::query_as("SELECT * FROM halts")
            .fetch_all(database.readers())
            .await
            .map_err(|source| unreadable(source.into()))?;
        let halts = rows
            .into_iter()
            .map(|row| Halt::try_from(row).map(|halt| (halt.target.clone(), halt)))
            .collect::<Result<_, _>>()
            .map_err(|source| unreadable(source.into()))?;
        Ok(Self { database, halts: Arc::new(RwLock::new(halts)) })
    }
}

#[async_trait]
impl Halts for SqliteHalts {
    fn halts(&self) -> Vec<Halt> {
        self.halts.read().values().cloned().collect()
    }

    async fn put(&self, halt: Halt) -> Result<(), StoreError> {
        let (database, halts) = (self.database.clone(), self.halts.clone());
        to_the_end(PUT, async move {
            let mut writer = database.writer().await.map_err(failed(PUT))?;
            sqlx::query(
                "INSERT INTO halts (target, reason, stopped_by, stopped_us, recorded) VALUES (?, ?, ?, ?, ?) \
                 ON CONFLICT (target) DO UPDATE SET reason = excluded.reason, stopped_by = excluded.stopped_by, \
                 stopped_us = excluded.stopped_us, recorded = excluded.recorded",
            )
            .bind(halt.target.to_string())
            .bind(&halt.reason)
            .bind(halt.by.as_str())
            .bind(halt.at.micros())
            .bind(i64::from(halt.recorded))
            .execute(&mut *writer)
            .await
            .map_err(failed(PUT))?;
            // INVARIANT: the writer is still held: memory changes in the order of the commits.
            halts.write().insert(halt.target.clone(), halt);
            Ok(())
        })
        .await
    }

    async fn lift(&self, target: &HaltTarget) -> Result<bool, StoreError> {
        let (database, halts, target) = (self.database.clone(), self.halts.clone(), target.clone());
        to_the_end(LIFT, async move {
            let mut writer = database.writer().await.map_err(failed(LIFT))?;
            let gone = sqlx::query("DELETE FROM halts WHERE target = ?")
                .bind(target.to_string())
                .execute(&mut *writer)
                .await
                .map_err(failed(LIFT))?;
            halts.write().remove(&target);
            Ok(gone.rows_affected() == 1)
        })
        .await
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    target: String,
    reason: String,
    stopped_by: String,
    stopped_us: i64,
    recorded: i64,
}

impl TryFrom<Row> for Halt {
    type Error = UnreadableRow;

    fn try_from(row: Row) -> Result<Self, Self::Error> {
        Ok(Self {
            target: noun("target", &row.target)?,
            reason: row.reason,
            by: noun("stopped_by", &row.stopped_by)?,
            at: Timestamp::from_micros(row.stopped_us),
            recorded: row.recorded != 0,
        })
    }
}

const PUT: &str = "stop something";
const LIFT: &str = "resume something";
