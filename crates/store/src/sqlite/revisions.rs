//! Policy sets by digest, their history, and the candidates.

use async_trait::async_trait;
use placet_domain::{AgentName, Digest, PolicyRevision, Timestamp};
use placet_engine::{
    Activation, Candidate, CandidateKind,
    ports::{Revisions, StoreError},
};

use super::{
    database::{Database, failed},
    row::{UnreadableRow, digest, noun, optional},
};

#[derive(Debug)]
pub(super) struct SqliteRevisions {
    database: Database,
}

impl SqliteRevisions {
    pub(super) fn new(database: Database) -> Self {
        Self { database }
    }

    async fn insert(&self, documents: Vec<(Digest, String)>) -> sqlx::Result<()> {
        let mut writer = self.database.writer().await?;
        let mut transaction = sqlx::Connection::begin_with(&mut *writer, "BEGIN IMMEDIATE").await?;
        for (digest, text) in documents {
            sqlx::query("INSERT OR IGNORE INTO policy_documents (digest, text) VALUES (?, ?)")
                .bind(digest.as_bytes().as_slice())
                .bind(text)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await
    }
}

#[async_trait]
impl Revisions for SqliteRevisions {
    async fn keep(&self, documents: Vec<(Digest, String)>) -> Result<(), StoreError> {
        self.insert(documents).await.map_err(failed("keep a policy set"))
    }

    async fn document(&self, digest: Digest) -> Result<Option<String>, StoreError> {
        sqlx::query_scalar("SELECT text FROM policy_documents WHERE digest = ?")
            .bind(digest.as_bytes().as_slice())
            .fetch_optional(self.database.readers())
            .await
            .map_err(failed(READ))
    }

    async fn activate(&self, activation: Activation) -> Result<i64, StoreError> {
        let mut writer = self.database.writer().await.map_err(failed(ACTIVATE))?;
        let added = sqlx::query(
            "INSERT INTO policy_activations (revision, texts, files, at_us, changed_by, approved_by, origin, \
             returns_to) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(activation.revision.0.as_bytes().as_slice())
        .bind(activation.texts.as_bytes().as_slice())
        .bind(activation.files.as_ref().map(|files| files.as_bytes().as_slice()))
        .bind(activation.at.micros())
        .bind(activation.by.as_ref().map(|person| person.as_str()))
        .bind(activation.approved_by.as_ref().map(|person| person.as_str()))
        .bind(activation.origin.to_string())
        .bind(activation.returns_to)
        .execute(&mut *writer)
        .await
        .map_err(failed(ACTIVATE))?;
        Ok(added.last_insert_rowid())
    }

    async fn take_back(&self, number: i64) -> Result<(), StoreError> {
        let mut writer = self.database.writer().await.map_err(failed(ACTIVATE))?;
        sqlx::query(
            "DELETE FROM policy_activations WHERE number = ? AND number = (SELECT max(number) FROM policy_activations)",
        )
        .bind(number)
        .execute(&mut *writer)
        .await
        .map(drop)
        .map_err(failed(ACTIVATE))
    }

    async fn activation(&self, number: i64) -> Result<Option<Activation>, StoreError> {
        let row: Option<ActivationRow> = sqlx::query_as("SELECT * FROM policy_activations WHERE number = ?")
            .bind(number)
            .fetch_optional(self.database.readers())
            .await
            .map_err(failed(READ))?;
        row.map(Activation::try_from).transpose().map_err(failed(READ))
    }

    async fn history(&self, limit: usize) -> Result<Vec<Activation>, StoreError> {
        let rows: Vec<ActivationRow> =
            sqlx::query_as("SELECT * FROM policy_activations ORDER BY number DESC LIMIT ?")
                .bind(i64::try_from(limit).unwrap_or(i64::MAX))
                .fetch_all(self.database.readers())
                .await
                .map_err(failed(READ))?;
        rows.into_iter().map(Activation::try_from).collect::<Result<_, _>>().map_err(failed(READ))
    }

    async fn candidates(&self) -> Result<Vec<Candidate>, StoreError> {
        let rows: Vec<CandidateRow> = sqlx::query_as("SELECT * FROM policy_candidates ORDER BY kind")
            .fetch_all(self.database.readers())
            .await
            .map_err(failed(READ))?;
        rows.into_iter().map(Candidate::try_from).collect::<Result<_, _>>().map_err(failed(READ))
    }

    async fn put_candidate(&self, candidate: Candidate) -> Result<(), StoreError> {
        let mut writer = self.database.writer().await.map_err(failed(PUT))?;
        let agents: Vec<&str> = candidate.agents.iter().map(AgentName::as_str).collect();
        sqlx::query(
            "INSERT OR REPLACE INTO policy_candidates (kind, revision, texts, base, agents, at_us, changed_by, origin, \
             since) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(candidate.kind.as_str())
        .bind(candidate.revision.0.as_bytes().as_slice())
        .bind(candidate.texts.as_bytes().as_slice())
        .bind(candidate.base.as_bytes().as_slice())
        .bind(agents.join(" "))
        .bind(candidate.at.micros())
        .bind(candidate.by.as_ref().map(|person| person.as_str()))
        .bind(candidate.origin.to_string())
        .bind(i64::try_from(candidate.since).unwrap_or(i64::MAX))
        .execute(&mut *writer)
        .await
        .map(drop)
        .map_err(failed(PUT))
    }

    async fn remove_candidate(&self, kind: CandidateKind) -> Result<bool, StoreError> {
        let mut writer = self.database.writer().await.map_err(failed(PUT))?;
        let gone = sqlx::query("DELETE FROM policy_candidates WHERE kind = ?")
            .bind(kind.as_str())
            .execute(&mut *writer)
            .await
            .map_err(failed(PUT))?;
        Ok(gone.rows_affected() == 1)
    }
}

#[derive(sqlx::FromRow)]
struct ActivationRow {
    number: i64,
    revision: Vec<u8>,
    texts: Vec<u8>,
    files: Option<Vec<u8>>,
    at_us: i64,
    changed_by: Option<String>,
    approved_by: Option<String>,
    origin: String,
    returns_to: Option<i64>,
}

impl TryFrom<ActivationRow> for Activation {
    type Error = UnreadableRow;

    fn try_from(row: ActivationRow) -> Result<Self, Self::Error> {
        Ok(Self {
            number: row.number,
            revision: PolicyRevision(digest("revision", &row.revision)?),
            texts: digest("texts", &row.texts)?,
            files: row.files.map(|files| digest("files", &files)).transpose()?,
            at: Timestamp::from_micros(row.at_us),
            by: optional("changed_by", row.changed_by.as_deref())?,
            approved_by: optional("approved_by", row.approved_by.as_deref())?,
            origin: noun("origin", &row.origin)?,
            returns_to: row.returns_to,
        })
    }
}

#[derive(sqlx::FromRow)]
struct CandidateRow {
    kind: String,
    revision: Vec<u8>,
    texts: Vec<u8>,
    base: Vec<u8>,
    agents: String,
    at_us: i64,
    changed_by: Option<String>,
    origin: String,
    since: i64,
}

impl TryFrom<CandidateRow> for Candidate {
    type Error = UnreadableRow;

    fn try_from(row: CandidateRow) -> Result<Self, Self::Error> {
        let agents = row.agents.split_whitespace().map(|agent| noun("agents", agent));
        Ok(Self {
            kind: noun("kind", &row.kind)?,
            revision: PolicyRevision(digest("revision", &row.revision)?),
            texts: digest("texts", &row.texts)?,
            base: digest("base", &row.base)?,
            agents: agents.collect::<Result<_, _>>()?,
            at: Timestamp::from_micros(row.at_us),
            by: optional("changed_by", row.changed_by.as_deref())?,
            origin: noun("origin", &row.origin)?,
            since: u64::try_from(row.since).map_err(|cause| UnreadableRow::new("since", cause))?,
        })
    }
}

const ACTIVATE: &str = "note that a policy set comes into force";
const PUT: &str = "change a candidate policy set";
const READ: &str = "read policy sets";
