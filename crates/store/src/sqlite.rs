//! The relational half of the store on SQLite: one file, one process, one writer connection.
//! Tables are in `migrations/sqlite/`; one noun a file below.

mod accounts;
mod approvals;
mod credentials;
mod database;
mod directory;
mod document;
mod grants;
mod halts;
mod life;
mod mandates;
mod marks;
mod pins;
mod registry;
mod revisions;
mod row;
mod vault;

use std::{path::Path, sync::Arc};

use placet_engine::ports::{
    Accounts, Approvals, Credentials, Directory, Grants, Halts, Mandates, Pins, Registry, Revisions,
    StoreError, Vault,
};

use accounts::SqliteAccounts;
use approvals::SqliteApprovals;
use credentials::SqliteCredentials;
use database::Database;
pub use database::OpenError;
use directory::SqliteDirectory;
use grants::SqliteGrants;
use halts::SqliteHalts;
use mandates::SqliteMandates;
use pins::SqlitePins;
use registry::SqliteRegistry;
use revisions::SqliteRevisions;
use vault::SqliteVault;

/// An open SQLite store. Cheap to clone; clones share memory and connections.
///
/// One process owns the file: agents and instances are read from memory, which sees only this process's writes.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    database: Database,
    registry: Arc<SqliteRegistry>,
    mandates: Arc<SqliteMandates>,
    credentials: Arc<SqliteCredentials>,
    directory: Arc<SqliteDirectory>,
    grants: Arc<SqliteGrants>,
    halts: Arc<SqliteHalts>,
    pins: Arc<SqlitePins>,
    approvals: Arc<SqliteApprovals>,
    accounts: Arc<SqliteAccounts>,
    revisions: Arc<SqliteRevisions>,
}

impl SqliteStore {
    /// Opens the database at `path`, creates it (mode 0600) if there is none, and brings its tables up to date.
    ///
    /// # Errors
    /// Refuses a file of another program, a database written by a newer version, and rows that cannot be read.
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        let database = Database::open(path).await?;
        Ok(Self {
            registry: Arc::new(SqliteRegistry::load(database.clone()).await?),
            mandates: Arc::new(SqliteMandates::load(database.clone()).await?),
            credentials: Arc::new(SqliteCredentials::load(database.clone()).await?),
            directory: Arc::new(SqliteDirectory::load(database.clone()).await?),
            grants: Arc::new(SqliteGrants::load(database.clone()).await?),
            halts: Arc::new(SqliteHalts::load(database.clone()).await?),
            pins: Arc::new(SqlitePins::new(database.clone())),
            approvals: Arc::new(SqliteApprovals::new(database.clone())),
            accounts: Arc::new(SqliteAccounts::new(database.clone())),
            revisions: Arc::new(SqliteRevisions::new(database.clone())),
            database,
        })
    }

    /// Registered agents.
    #[must_use]
    pub fn registry(&self) -> Arc<dyn Registry> {
        self.registry.clone()
    }

    /// Instances and their mandates.
    #[must_use]
    pub fn mandates(&self) -> Arc<dyn Mandates> {
        self.mandates.clone()
    }

    /// How agents prove themselves.
    #[must_use]
    pub fn credentials(&self) -> Arc<dyn Credentials> {
        self.credentials.clone()
    }

    /// The company's directory.
    #[must_use]
    pub fn directory(&self) -> Arc<dyn Directory> {
        self.directory.clone()
    }

    /// Grants for a time.
    #[must_use]
    pub fn grants(&self) -> Arc<dyn Grants> {
        self.grants.clone()
    }

    /// What people have stopped.
    #[must_use]
    pub fn halts(&self) -> Arc<dyn Halts> {
        self.halts.clone()
    }

    /// Accepted tool definitions.
    #[must_use]
    pub fn pins(&self) -> Arc<dyn Pins> {
        self.pins.clone()
    }

    /// Questions to people and their answers.
    #[must_use]
    pub fn approvals(&self) -> Arc<dyn Approvals> {
        self.approvals.clone()
    }

    /// People who sign in, and their keys.
    #[must_use]
    pub fn accounts(&self) -> Arc<dyn Accounts> {
        self.accounts.clone()
    }

    /// Policy sets by digest, and what became of them.
    #[must_use]
    pub fn revisions(&self) -> Arc<dyn Revisions> {
        self.revisions.clone()
    }

    /// What is kept of sign-ins at upstream systems, sealed.
    #[must_use]
    pub fn vault(&self) -> Arc<dyn Vault> {
        Arc::new(SqliteVault::new(self.database.clone()))
    }

    /// The value of a named mark, for example up to which leaf the ledger is settled.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn mark(&self, name: &str) -> Result<Option<i64>, StoreError> {
        marks::mark(&self.database, name).await
    }

    /// Sets a named mark. Durable when it returns.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn set_mark(&self, name: &str, value: i64) -> Result<(), StoreError> {
        marks::set_mark(&self.database, name, value).await
    }

    /// Closes every connection and folds the write-ahead log into the file. Writes that come later fail.
    pub async fn close(&self) {
        self.database.close().await;
    }
}
