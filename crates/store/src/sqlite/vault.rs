//! What is kept of sign-ins at upstreams: sealed documents by connector. The key is not the store's.

use async_trait::async_trait;
use placet_domain::ConnectorName;
use placet_engine::ports::{StoreError, Vault};

use super::database::{Database, failed, to_the_end};

#[derive(Debug)]
pub(super) struct SqliteVault {
    database: Database,
}

impl SqliteVault {
    pub(super) fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl Vault for SqliteVault {
    async fn sealed(&self, connector: &ConnectorName) -> Result<Option<Vec<u8>>, StoreError> {
        sqlx::query_scalar("SELECT sealed FROM vault WHERE connector = ?")
            .bind(connector.as_str())
            .fetch_optional(self.database.readers())
            .await
            .map_err(failed("read a sign-in"))
    }

    async fn keep(&self, connector: &ConnectorName, sealed: Vec<u8>) -> Result<(), StoreError> {
        let (database, connector) = (self.database.clone(), connector.clone());
        to_the_end(KEEP, async move {
            let mut writer = database.writer().await.map_err(failed(KEEP))?;
            sqlx::query(
                "INSERT INTO vault (connector, sealed) VALUES (?, ?) \
                 ON CONFLICT (connector) DO UPDATE SET sealed = excluded.sealed",
            )
            .bind(connector.as_str())
            .bind(sealed)
            .execute(&mut *writer)
            .await
            .map(drop)
            .map_err(failed(KEEP))
        })
        .await
    }

    async fn remove(&self, connector: &ConnectorName) -> Result<bool, StoreError> {
        let (database, connector) = (self.database.clone(), connector.clone());
        to_the_end(REMOVE, async move {
            let mut writer = database.writer().await.map_err(failed(REMOVE))?;
            let gone = sqlx::query("DELETE FROM vault WHERE connector = ?")
                .bind(connector.as_str())
                .execute(&mut *writer)
                .await
                .map_err(failed(REMOVE))?;
            Ok(gone.rows_affected() == 1)
        })
        .await
    }
}

const KEEP: &str = "keep a sign-in";
const REMOVE: &str = "forget a sign-in";
