//! Questions to people. Every change of state is one conditional UPDATE: of many racing ones, exactly one happens.

mod row;

use async_trait::async_trait;
use placet_domain::{Answer, Approval, ApprovalId, CallDigest, Timestamp};
use placet_engine::ports::{Approvals, Asked, StoreError};
use sqlx::Connection;

use super::database::{Database, failed};
use row::Row;

#[derive(Debug)]
pub(super) struct SqliteApprovals {
    database: Database,
}

impl SqliteApprovals {
    pub(super) fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl Approvals for SqliteApprovals {
    async fn ask(&self, approval: Approval, now: Timestamp, limit: usize) -> Result<Asked, StoreError> {
        match self.open(&approval, now, limit).await.map_err(failed(ASK))? {
            Opened::New => Ok(Asked::Open(approval)),
            Opened::Before(row) => Approval::try_from(*row).map(Asked::Open).map_err(failed(ASK)),
            Opened::TooMany => Ok(Asked::TooMany),
        }
    }

    async fn of_call(&self, digest: CallDigest) -> Result<Option<Approval>, StoreError> {
        let newest: Option<Row> =
            sqlx::query_as("SELECT * FROM approvals WHERE digest = ? ORDER BY sequence DESC LIMIT 1")
                .bind(digest.0.as_bytes().as_slice())
                .fetch_optional(self.database.readers())
                .await
                .map_err(failed(READ))?;
        newest.map(Approval::try_from).transpose().map_err(failed(READ))
    }

    async fn approval(&self, id: ApprovalId) -> Result<Option<Approval>, StoreError> {
        let row: Option<Row> = sqlx::query_as("SELECT * FROM approvals WHERE id = ?")
            .bind(id.to_string())
            .fetch_optional(self.database.readers())
            .await
            .map_err(failed(READ))?;
        row.map(Approval::try_from).transpose().map_err(failed(READ))
    }

    async fn all(&self, limit: usize) -> Result<Vec<Approval>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as("SELECT * FROM approvals ORDER BY sequence DESC LIMIT ?")
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(self.database.readers())
            .await
            .map_err(failed(READ))?;
        rows.into_iter().map(Approval::try_from).collect::<Result<_, _>>().map_err(failed(READ))
    }

    async fn answer(
        &self,
        id: ApprovalId,
        approved: bool,
        answer: Answer,
        expires: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut writer = self.database.writer().await.map_err(failed(ANSWER))?;
        let written = sqlx::query(
            "UPDATE approvals SET state = iif(?1, 'approved', 'denied'), \
             expires_us = iif(?1, ?2, expires_us), answered_by = ?3, answered_us = ?4, rationale = ?5 \
             WHERE id = ?6 AND state = 'pending' AND expires_us > ?4",
        )
        .bind(approved)
        .bind(expires.micros())
        .bind(answer.by.as_str())
        .bind(answer.at.micros())
        .bind(answer.rationale)
        .bind(id.to_string())
        .execute(&mut *writer)
        .await
        .map_err(failed(ANSWER))?;
        Ok(written.rows_affected() == 1)
    }

    async fn claim(&self, id: ApprovalId, now: Timestamp) -> Result<bool, StoreError> {
        let mut writer = self.database.writer().await.map_err(failed(CLAIM))?;
        let written = sqlx::query(
            "UPDATE approvals SET state = 'consumed' WHERE id = ? AND state = 'approved' AND expires_us > ?",
        )
        .bind(id.to_string())
        .bind(now.micros())
        .execute(&mut *writer)
        .await
        .map_err(failed(CLAIM))?;
        Ok(written.rows_affected() == 1)
    }
}

/// What came of trying to open a question.
enum Opened {
    New,
    Before(Box<Row>),
    TooMany,
}

impl SqliteApprovals {
    /// Looks for an equal open question, counts the agent's, and inserts: one transaction, so two racing
    /// callers cannot both open the same question or both take the last place.
    async fn open(&self, approval: &Approval, now: Timestamp, limit: usize) -> sqlx::Result<Opened> {
        let mut writer = self.database.writer().await?;
        let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
        let before: Option<Row> = sqlx::query_as(
            "SELECT * FROM approvals WHERE digest = ? AND state = 'pending' AND expires_us > ? \
             ORDER BY sequence DESC LIMIT 1",
        )
        .bind(approval.digest.0.as_bytes().as_slice())
        .bind(now.micros())
        .fetch_optional(&mut *transaction)
        .await?;
        if let Some(row) = before {
            return Ok(Opened::Before(Box::new(row)));
        }
        let open: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM approvals WHERE agent = ? AND state = 'pending' AND expires_us > ?",
        )
        .bind(approval.requester.agent.as_str())
        .bind(now.micros())
        .fetch_one(&mut *transaction)
        .await?;
        if usize::try_from(open).is_ok_and(|open| open >= limit) {
            return Ok(Opened::TooMany);
        }
        Row::try_from(approval)
            .map_err(|cause| sqlx::Error::Encode(cause.into()))?
            .insert(&mut transaction)
            .await?;
        transaction.commit().await?;
        Ok(Opened::New)
    }
}

const ASK: &str = "open an approval";
const READ: &str = "read approvals";
const ANSWER: &str = "answer an approval";
const CLAIM: &str = "use an approval";
