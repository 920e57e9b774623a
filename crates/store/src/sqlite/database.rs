//! The database file: how it is recognised, created, migrated and reached.
//! One connection writes and a few read; WAL lets both run at once, `synchronous=FULL` makes a commit durable.

use std::{fs, io, os::unix::fs::OpenOptionsExt, path::Path, path::PathBuf, sync::Arc, time::Duration};

use placet_engine::ports::StoreError;
use sqlx::{
    Connection, Sqlite, SqliteConnection, SqlitePool,
    pool::PoolConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be created.
    #[error("cannot create the database `{path}`")]
    Create {
        /// Where.
        path: PathBuf,
        /// What the file system said.
        #[source]
        source: io::Error,
    },
    /// The file is a database of another program.
    #[error("`{path}` is a database, but not one of placet; name another file")]
    Foreign {
        /// Which file.
        path: PathBuf,
    },
    /// A newer version wrote the database.
    #[error("`{path}` has format {found} and this version reads up to {known}; run the newer version")]
    Newer {
        /// Which file.
        path: PathBuf,
        /// The format found.
        found: i64,
        /// The newest format this version reads.
        known: i64,
    },
    /// A change of the tables failed; the database is as it was before it.
    #[error("cannot bring `{path}` to format {format}")]
    Migrate {
        /// Which file.
        path: PathBuf,
        /// The format that was to be reached.
        format: i64,
        /// What SQLite said.
        #[source]
        source: sqlx::Error,
    },
    /// SQLite cannot open the file.
    #[error("cannot open the database `{path}`")]
    Open {
        /// Which file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: sqlx::Error,
    },
    /// What is stored cannot be read.
    #[error("cannot read the stored {what}")]
    Read {
        /// Which rows.
        what: &'static str,
        /// What is wrong with them.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// An open database file.
#[derive(Debug, Clone)]
pub(super) struct Database {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl Database {
    pub(super) async fn open(path: &Path) -> Result<Self, OpenError> {
        create(path).map_err(|source| OpenError::Create { path: path.to_owned(), source })?;
        let failed = |source| OpenError::Open { path: path.to_owned(), source };
        let plain = SqliteConnectOptions::new().filename(path).busy_timeout(BUSY_TIMEOUT);
        // A foreign or newer file is recognised before anything, its journal mode included, is changed.
        let mut connection = SqliteConnection::connect_with(&plain).await.map_err(failed)?;
        let format = recognise(&mut connection, path).await?;
        migrate(&mut connection, path, format).await?;
        connection.close().await.map_err(failed)?;

        let options = plain
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("trusted_schema", "OFF");
        let pool = |most| {
            SqlitePoolOptions::new()
                .min_connections(1)
                .max_connections(most)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .idle_timeout(None)
                .max_lifetime(None)
                // A connection here is a file handle, not a socket that a peer may have closed.
                .test_before_acquire(false)
        };
        let writer = pool(1).connect_with(options.clone()).await.map_err(failed)?;
        let readers = pool(READERS).connect_with(options.pragma("query_only", "ON")).await.map_err(failed)?;
        Ok(Self { writer, readers })
    }

    /// The only connection that writes. Who holds it is alone: memory that is changed while it is held changes in
    /// the order of the commits.
    pub(super) async fn writer(&self) -> Result<PoolConnection<Sqlite>, sqlx::Error> {
        self.writer.acquire().await
    }

    /// Connections that see every commit and cannot write.
    pub(super) fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    pub(super) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Runs a write to its end even if the caller is dropped meanwhile, so that memory and disk stay one.
pub(super) async fn to_the_end<T: Send + 'static>(
    operation: &'static str,
    write: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::spawn(write).await.unwrap_or_else(|stopped| Err(failed(operation)(stopped)))
}

/// Names the operation that an error ended.
pub(super) fn failed<E: std::error::Error + Send + Sync + 'static>(
    operation: &'static str,
) -> impl Fn(E) -> StoreError {
    move |cause| StoreError { operation: operation.to_owned(), cause: Some(Arc::new(cause)) }
}

/// SQLite gives its `-wal` and `-shm` files the mode of the database file.
fn create(path: &Path) -> io::Result<()> {
    fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map(drop)
}

/// The format of the database: the number of migrations it has been through, zero for a new file.
async fn recognise(connection: &mut SqliteConnection, path: &Path) -> Result<i64, OpenError> {
    let (application, format, tables): (i64, i64, i64) = sqlx::query_as(
        "SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version), \
         (SELECT count(*) FROM sqlite_schema)",
    )
    .fetch_one(connection)
    .await
    .map_err(|source| OpenError::Open { path: path.to_owned(), source })?;
    let untouched = application == 0 && format == 0 && tables == 0;
    if application != APPLICATION && !untouched {
        return Err(OpenError::Foreign { path: path.to_owned() });
    }
    if format > MIGRATIONS.len() as i64 {
        return Err(OpenError::Newer {
            path: path.to_owned(),
            found: format,
            known: MIGRATIONS.len() as i64,
        });
    }
    Ok(format)
}

async fn migrate(connection: &mut SqliteConnection, path: &Path, from: i64) -> Result<(), OpenError> {
    for (format, script) in (1_i64..).zip(MIGRATIONS).skip_while(|(format, _)| *format <= from) {
        apply(connection, format, script).await.map_err(|source| OpenError::Migrate {
            path: path.to_owned(),
            format,
            source,
        })?;
    }
    Ok(())
}

/// One migration is one transaction: tables, format and application id change together or not at all.
async fn apply(connection: &mut SqliteConnection, format: i64, script: &'static str) -> sqlx::Result<()> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::raw_sql(script).execute(&mut *transaction).await?;
    // A pragma takes no parameters; both values are integers of our own.
    let header = format!("PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {format};");
    sqlx::raw_sql(sqlx::AssertSqlSafe(header)).execute(&mut *transaction).await?;
    transaction.commit().await
}

/// Every change of the tables, oldest first. A released one is never edited.
const MIGRATIONS: [&str; 11] = [
    include_str!("../../migrations/sqlite/0001_first.sql"),
    include_str!("../../migrations/sqlite/0002_life_of_agents.sql"),
    include_str!("../../migrations/sqlite/0003_halts.sql"),
    include_str!("../../migrations/sqlite/0004_accounts.sql"),
    include_str!("../../migrations/sqlite/0005_credentials.sql"),
    include_str!("../../migrations/sqlite/0006_groups_of_a_mandate.sql"),
    include_str!("../../migrations/sqlite/0007_runs_that_read.sql"),
    include_str!("../../migrations/sqlite/0008_directory.sql"),
    include_str!("../../migrations/sqlite/0009_policy_revisions.sql"),
    include_str!("../../migrations/sqlite/0010_vault.sql"),
    include_str!("../../migrations/sqlite/0011_grants.sql"),
];

/// `plct`, in SQLite's header: tells our files from others'.
const APPLICATION: i64 = 0x706c_6374;

/// How long SQLite waits for a lock of another process, such as a backup.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a write waits for its turn before it fails.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections that read.
const READERS: u32 = 4;

#[cfg(test)]
mod tests;
