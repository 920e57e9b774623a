//! How agents prove themselves: a small table, all of it in memory, and one-time codes, which are not.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use parking_lot::RwLock;
use placet_domain::{AgentCredential, CredentialId, Digest, Enrolment, Means, Timestamp};
use placet_engine::ports::{Credentials, StoreError};

use super::{
    database::{Database, OpenError, failed, to_the_end},
    document,
    row::{UnreadableRow, noun, object},
};

#[derive(Debug)]
pub(super) struct SqliteCredentials {
    database: Database,
    known: Arc<RwLock<BTreeMap<CredentialId, Arc<AgentCredential>>>>,
}

impl SqliteCredentials {
    pub(super) async fn load(database: Database) -> Result<Self, OpenError> {
        let unreadable = |source| OpenError::Read { what: "credentials", source };
        let rows: Vec<Row> = sqlx::query_as("SELECT * FROM credentials")
            .fetch_all(database.readers())
            .await
            .map_err(|source| unreadable(source.into()))?;
        let known = rows
            .into_iter()
            .map(|row| AgentCredential::try_from(row).map(|one| (one.id, Arc::new(one))))
            .collect::<Result<_, _>>()
            .map_err(|source| unreadable(source.into()))?;
        Ok(Self { database, known: Arc::new(RwLock::new(known)) })
    }
}

#[async_trait]
impl Credentials for SqliteCredentials {
    fn credentials(&self) -> Vec<Arc<AgentCredential>> {
        self.known.read().values().cloned().collect()
    }

    async fn add(&self, credential: AgentCredential) -> Result<bool, StoreError> {
        let (database, known) = (self.database.clone(), self.known.clone());
        to_the_end(ADD, async move {
            let mut writer = database.writer().await.map_err(failed(ADD))?;
            let added = sqlx::query(
                "INSERT INTO credentials (id, agent, means, added_us, added_by) VALUES (?, ?, ?, ?, ?) \
                 ON CONFLICT (id) DO NOTHING",
            )
            .bind(credential.id.to_string())
            .bind(credential.agent.as_str())
            .bind(document::object_text(&credential.means.to_json()))
            .bind(credential.added.micros())
            .bind(credential.by.as_str())
            .execute(&mut *writer)
            .await
            .map_err(failed(ADD))?;
            let is_new = added.rows_affected() == 1;
            if is_new {
                // INVARIANT: the writer is still held: memory changes in the order of the commits.
                known.write().insert(credential.id, Arc::new(credential));
            }
            Ok(is_new)
        })
        .await
    }

    async fn remove(&self, id: CredentialId) -> Result<bool, StoreError> {
        let (database, known) = (self.database.clone(), self.known.clone());
        to_the_end(REMOVE, async move {
            let mut writer = database.writer().await.map_err(failed(REMOVE))?;
            let gone = sqlx::query("DELETE FROM credentials WHERE id = ?")
                .bind(id.to_string())
                .execute(&mut *writer)
                .await
                .map_err(failed(REMOVE))?;
            known.write().remove(&id);
            Ok(gone.rows_affected() == 1)
        })
        .await
    }

    async fn open_enrolment(&self, code: Digest, enrolment: Enrolment) -> Result<(), StoreError> {
        let database = self.database.clone();
        to_the_end(OPEN, async move {
            let mut writer = database.writer().await.map_err(failed(OPEN))?;
            sqlx::query("INSERT INTO enrolments (code, agent, made_by, expires_us) VALUES (?, ?, ?, ?)")
                .bind(code.as_bytes().as_slice())
                .bind(enrolment.agent.as_str())
                .bind(enrolment.by.as_str())
                .bind(enrolment.expires.micros())
                .execute(&mut *writer)
                .await
                .map_err(failed(OPEN))?;
            Ok(())
        })
        .await
    }

    async fn redeem(&self, code: Digest, now: Timestamp) -> Result<Option<Enrolment>, StoreError> {
        let database = self.database.clone();
        to_the_end(REDEEM, async move {
            let mut writer = database.writer().await.map_err(failed(REDEEM))?;
            // One statement finds and removes: of those who race, one sees the row. Dead codes go with it.
            let rows: Vec<EnrolmentRow> = sqlx::query_as(
                "DELETE FROM enrolments WHERE code = ? OR expires_us <= ? \
                 RETURNING code, agent, made_by, expires_us",
            )
            .bind(code.as_bytes().as_slice())
            .bind(now.micros())
            .fetch_all(&mut *writer)
            .await
            .map_err(failed(REDEEM))?;
            rows.into_iter()
                .find(|row| row.code == code.as_bytes() && row.expires_us > now.micros())
                .map(|row| Enrolment::try_from(row).map_err(failed(REDEEM)))
                .transpose()
        })
        .await
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    agent: String,
    means: String,
    added_us: i64,
    added_by: String,
}

impl TryFrom<Row> for AgentCredential {
    type Error = UnreadableRow;

    fn try_from(row: Row) -> Result<Self, Self::Error> {
        let means = Means::from_json(&object("means", &row.means)?);
        Ok(Self {
            id: noun("id", &row.id)?,
            agent: noun("agent", &row.agent)?,
            means: means.map_err(|cause| UnreadableRow::new("means", cause))?,
            added: Timestamp::from_micros(row.added_us),
            by: noun("added_by", &row.added_by)?,
        })
    }
}

#[derive(sqlx::FromRow)]
struct EnrolmentRow {
    code: Vec<u8>,
    agent: String,
    made_by: String,
    expires_us: i64,
}

impl TryFrom<EnrolmentRow> for Enrolment {
    type Error = UnreadableRow;

    fn try_from(row: EnrolmentRow) -> Result<Self, Self::Error> {
        Ok(Self {
            agent: noun("agent", &row.agent)?,
            by: noun("made_by", &row.made_by)?,
            expires: Timestamp::from_micros(row.expires_us),
        })
    }
}

const ADD: &str = "add a credential";
const REMOVE: &str = "remove a credential";
const OPEN: &str = "open an enrolment";
const REDEEM: &str = "redeem an enrolment";
