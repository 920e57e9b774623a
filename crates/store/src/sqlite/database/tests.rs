use std::{os::unix::fs::PermissionsExt, path::Path};

use super::*;

async fn run(path: &Path, sql: &'static str) {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_new_database_is_for_its_owner_alone_and_in_the_newest_format() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("placet.db");
    let database = Database::open(&path).await.unwrap();
    for file in fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
    }
    let (format, application): (i64, i64) = sqlx::query_as(
        "SELECT (SELECT user_version FROM pragma_user_version), (SELECT application_id FROM pragma_application_id)",
    )
    .fetch_one(database.readers())
    .await
    .unwrap();
    assert_eq!((format, application), (MIGRATIONS.len() as i64, APPLICATION));
}

#[tokio::test]
async fn a_commit_is_written_ahead_and_synced_and_references_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&folder.path().join("placet.db")).await.unwrap();
    let mut writer = database.writer().await.unwrap();
    let settings: (String, i64, i64, i64) = sqlx::query_as(
        "SELECT (SELECT journal_mode FROM pragma_journal_mode), (SELECT synchronous FROM pragma_synchronous), \
         (SELECT foreign_keys FROM pragma_foreign_keys), (SELECT timeout FROM pragma_busy_timeout)",
    )
    .fetch_one(&mut *writer)
    .await
    .unwrap();
    assert_eq!(settings, ("wal".to_owned(), 2, 1, 5_000));
}

#[tokio::test]
async fn a_reader_cannot_write() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&folder.path().join("placet.db")).await.unwrap();
    let written = sqlx::query("INSERT INTO marks VALUES ('x', 1)").execute(database.readers()).await;
    assert!(written.is_err());
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("placet.db");
    Database::open(&path).await.unwrap().close().await;
    run(&path, "PRAGMA user_version = 900").await;
    let refused = Database::open(&path).await.unwrap_err();
    assert!(matches!(refused, OpenError::Newer { found: 900, .. }), "{refused}");
}

#[tokio::test]
async fn a_database_of_another_program_is_refused_and_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.db");
    run(&path, "CREATE TABLE notes (text TEXT)").await;
    let before = fs::read(&path).unwrap();
    assert!(matches!(Database::open(&path).await, Err(OpenError::Foreign { .. })));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("letter.txt");
    fs::write(&path, "dear reader, ".repeat(200)).unwrap();
    assert!(matches!(Database::open(&path).await, Err(OpenError::Open { .. })));
    assert_eq!(fs::read(&path).unwrap(), "dear reader, ".repeat(200).into_bytes());
}
