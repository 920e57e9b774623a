//! Accounts of people and the keys they hold: two small tables, read when asked.

use async_trait::async_trait;
use placet_domain::{Digest, GroupName, Json, PersonName, Timestamp};
use placet_engine::ports::{AccessKey, AccessKind, Account, Accounts, StoreError};

use super::{
    database::{Database, failed, to_the_end},
    document,
    row::{UnreadableRow, digest, noun},
};

#[derive(Debug)]
pub(super) struct SqliteAccounts {
    database: Database,
}

impl SqliteAccounts {
    pub(super) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Runs one statement that changes keys, and says how many it changed.
    async fn change(&self, operation: &'static str, statement: Statement) -> Result<u64, StoreError> {
        let database = self.database.clone();
        to_the_end(operation, async move {
            let mut writer = database.writer().await.map_err(failed(operation))?;
            let query =
                statement.values.iter().fold(sqlx::query(statement.sql), |query, value| match value {
                    Value::Hash(hash) => query.bind(hash.as_bytes().as_slice()),
                    Value::Moment(at) => query.bind(at.micros()),
                    Value::Text(text) => query.bind(text),
                    Value::Nothing => query.bind(None::<String>),
                });
            Ok(query.execute(&mut *writer).await.map_err(failed(operation))?.rows_affected())
        })
        .await
    }
}

/// A statement and what is bound to it, in order.
struct Statement {
    sql: &'static str,
    values: Vec<Value>,
}

enum Value {
    Hash(Digest),
    Moment(Timestamp),
    Text(String),
    Nothing,
}

impl Value {
    fn maybe(text: Option<String>) -> Self {
        text.map_or(Self::Nothing, Self::Text)
    }
}

#[async_trait]
impl Accounts for SqliteAccounts {
    async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        let rows: Vec<AccountRow> = sqlx::query_as("SELECT * FROM accounts ORDER BY person")
            .fetch_all(self.database.readers())
            .await
            .map_err(failed(READ))?;
        rows.into_iter().map(|row| Account::try_from(row).map_err(failed(READ))).collect()
    }

    async fn account(&self, person: &PersonName) -> Result<Option<Account>, StoreError> {
        let row: Option<AccountRow> = sqlx::query_as("SELECT * FROM accounts WHERE person = ?")
            .bind(person.as_str())
            .fetch_optional(self.database.readers())
            .await
            .map_err(failed(READ))?;
        row.map(|row| Account::try_from(row).map_err(failed(READ))).transpose()
    }

    async fn put_account(&self, account: Account) -> Result<(), StoreError> {
        let groups = account.groups.iter().map(|group| Json::from(group.as_str())).collect();
        let (issuer, subject) = account.identity.unzip();
        let signed_in = account.signed_in.map_or(Value::Nothing, Value::Moment);
        let values = vec![
            Value::Text(account.person.to_string()),
            Value::Text(document::text(&Json::Array(groups))),
            Value::maybe(issuer),
            Value::maybe(subject),
            Value::maybe(account.passphrase),
            signed_in,
        ];
        let sql = "INSERT INTO accounts (person, groups, issuer, subject, passphrase, signed_in_us) \
                   VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (person) DO UPDATE SET groups = excluded.groups, \
                   issuer = excluded.issuer, subject = excluded.subject, passphrase = excluded.passphrase, \
                   signed_in_us = excluded.signed_in_us";
        self.change("keep an account", Statement { sql, values }).await.map(drop)
    }

    async fn remove_account(&self, person: &PersonName) -> Result<bool, StoreError> {
        // Keys first: if the second statement fails, an account is left that opens nothing.
        self.end_keys(person).await?;
        let values = vec![Value::Text(person.to_string())];
        let sql = "DELETE FROM accounts WHERE person = ?";
        Ok(self.change("remove an account", Statement { sql, values }).await? == 1)
    }

    async fn add_key(&self, key: AccessKey) -> Result<(), StoreError> {
        let values = vec![
            Value::Hash(key.hash),
            Value::Text(key.kind.as_str().to_owned()),
            Value::Text(key.person.to_string()),
            Value::Moment(key.made),
            Value::Moment(key.used),
            Value::Moment(key.expires),
        ];
        let sql = "INSERT INTO access_keys (hash, kind, person, made_us, used_us, expires_us) \
                   VALUES (?, ?, ?, ?, ?, ?)";
        self.change("make a key", Statement { sql, values }).await.map(drop)
    }

    async fn key(&self, kind: AccessKind, hash: Digest) -> Result<Option<AccessKey>, StoreError> {
        let row: Option<KeyRow> = sqlx::query_as("SELECT * FROM access_keys WHERE hash = ? AND kind = ?")
            .bind(hash.as_bytes().as_slice())
            .bind(kind.as_str())
            .fetch_optional(self.database.readers())
            .await
            .map_err(failed(READ))?;
        row.map(|row| AccessKey::try_from(row).map_err(failed(READ))).transpose()
    }

    async fn use_key(&self, hash: Digest, at: Timestamp) -> Result<(), StoreError> {
        let values = vec![Value::Moment(at), Value::Hash(hash)];
        let sql = "UPDATE access_keys SET used_us = max(used_us, ?) WHERE hash = ?";
        self.change("use a key", Statement { sql, values }).await.map(drop)
    }

    async fn take_key(
        &self,
        kind: AccessKind,
        hash: Digest,
        now: Timestamp,
    ) -> Result<Option<AccessKey>, StoreError> {
        let database = self.database.clone();
        to_the_end(TAKE, async move {
            let mut writer = database.writer().await.map_err(failed(TAKE))?;
            let sql = "DELETE FROM access_keys WHERE hash = ? AND kind = ? AND expires_us > ? RETURNING *";
            let row: Option<KeyRow> = sqlx::query_as(sql)
                .bind(hash.as_bytes().as_slice())
                .bind(kind.as_str())
                .bind(now.micros())
                .fetch_optional(&mut *writer)
                .await
                .map_err(failed(TAKE))?;
            row.map(|row| AccessKey::try_from(row).map_err(failed(TAKE))).transpose()
        })
        .await
    }

    async fn end_key(&self, hash: Digest) -> Result<bool, StoreError> {
        let sql = "DELETE FROM access_keys WHERE hash = ?";
        let values = vec![Value::Hash(hash)];
        Ok(self.change("end a key", Statement { sql, values }).await? == 1)
    }

    async fn end_keys(&self, person: &PersonName) -> Result<u64, StoreError> {
        let sql = "DELETE FROM access_keys WHERE person = ?";
        let values = vec![Value::Text(person.to_string())];
        self.change("end the keys of a person", Statement { sql, values }).await
    }

    async fn sweep_keys(&self, now: Timestamp) -> Result<u64, StoreError> {
        let sql = "DELETE FROM access_keys WHERE expires_us <= ?";
        self.change("sweep keys", Statement { sql, values: vec![Value::Moment(now)] }).await
    }
}

#[derive(sqlx::FromRow)]
struct AccountRow {
    person: String,
    groups: String,
    issuer: Option<String>,
    subject: Option<String>,
    passphrase: Option<String>,
    signed_in_us: Option<i64>,
}

impl TryFrom<AccountRow> for Account {
    type Error = UnreadableRow;

    fn try_from(row: AccountRow) -> Result<Self, Self::Error> {
        let unreadable = || UnreadableRow::new("groups", "it is not a list of names");
        let groups = document::read(&row.groups).map_err(|cause| UnreadableRow::new("groups", cause))?;
        let groups = groups.as_array().ok_or_else(unreadable)?;
        let group = |group: &Json| -> Result<GroupName, UnreadableRow> {
            noun("groups", group.as_str().ok_or_else(unreadable)?)
        };
        Ok(Self {
            person: noun("person", &row.person)?,
            groups: groups.iter().map(group).collect::<Result<_, _>>()?,
            identity: row.issuer.zip(row.subject),
            passphrase: row.passphrase,
            signed_in: row.signed_in_us.map(Timestamp::from_micros),
        })
    }
}

#[derive(sqlx::FromRow)]
struct KeyRow {
    hash: Vec<u8>,
    kind: String,
    person: String,
    made_us: i64,
    used_us: i64,
    expires_us: i64,
}

impl TryFrom<KeyRow> for AccessKey {
    type Error = UnreadableRow;

    fn try_from(row: KeyRow) -> Result<Self, Self::Error> {
        let kinds = [AccessKind::Session, AccessKind::Setup, AccessKind::Token];
        let kind = kinds.into_iter().find(|kind| kind.as_str() == row.kind);
        Ok(Self {
            hash: digest("hash", &row.hash)?,
            kind: kind.ok_or_else(|| UnreadableRow::new("kind", "it is no kind of key"))?,
            person: noun("person", &row.person)?,
            made: Timestamp::from_micros(row.made_us),
            used: Timestamp::from_micros(row.used_us),
            expires: Timestamp::from_micros(row.expires_us),
        })
    }
}

const READ: &str = "read an account";
const TAKE: &str = "take a key";
