//! What only the SQLite store promises: marks, a bounded memory of instances, whole writes without a caller.
#![expect(clippy::unwrap_used, reason = "all of this file is tests")]

use std::{future::Future, pin::pin, task::Poll, time::Duration};

use placet_domain::{
    Agent, AgentStatus, Cause, Charter, Instance, InstanceId, Life, Mandate, Stage, Tier, Timestamp,
};
use placet_store::SqliteStore;
use sqlx::{Connection, SqliteConnection};

fn hour(hours: i64) -> Timestamp {
    Timestamp::from_micros(1_795_300_000_000_000 + hours * 3_600_000_000)
}

fn agent() -> Agent {
    Agent {
        name: "billing".parse().unwrap(),
        owner: "ana".parse().unwrap(),
        purpose: String::new(),
        tier: Tier::One,
        groups: vec![],
        registered: hour(0),
        status: AgentStatus::Active,
        charter: Charter::default(),
        life: Life::default(),
    }
}

fn started(at: i64) -> Instance {
    Instance {
        id: InstanceId::new(hour(at), [7; 10]),
        agent: "billing".parse().unwrap(),
        mandate: Mandate::default(),
        started_by: "ana".parse().unwrap(),
        started: hour(at),
        expires: hour(at + 1),
        revoked: None,
        parent: None,
    }
}

#[tokio::test]
async fn a_mark_is_absent_until_set_and_outlives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("placet.db");
    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(store.mark("settled").await.unwrap(), None);
    store.set_mark("settled", 41).await.unwrap();
    store.set_mark("settled", 42).await.unwrap();
    assert_eq!(store.mark("settled").await.unwrap(), Some(42));
    store.close().await;
    assert!(store.set_mark("settled", 43).await.is_err());
    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(store.mark("settled").await.unwrap(), Some(42));
    assert_eq!(store.mark("other").await.unwrap(), None);
}

#[tokio::test]
async fn an_instance_that_ended_a_day_ago_is_forgotten_by_memory_and_by_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("placet.db");
    let store = SqliteStore::open(&path).await.unwrap();
    store.registry().register(agent()).await.unwrap();
    let known = |store: &SqliteStore| {
        store.mandates().instances().iter().map(|instance| instance.id).collect::<Vec<_>>()
    };
    for at in [0, 12] {
        store.mandates().start(started(at)).await.unwrap();
    }
    assert_eq!(known(&store), [started(12).id, started(0).id]);
    // The first one ended in hour 1, the second in hour 13.
    store.mandates().start(started(25)).await.unwrap();
    assert_eq!(known(&store), [started(25).id, started(12).id]);
    assert!(store.mandates().instance(started(0).id).is_none());
    store.close().await;
    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(known(&store), [started(25).id, started(12).id]);
    // It can still be revoked, and stays forgotten.
    assert!(store.mandates().revoke(started(0).id, hour(25)).await.unwrap());
    assert!(store.mandates().instance(started(0).id).is_none());
}

#[tokio::test]
async fn an_instance_of_an_unregistered_agent_is_not_started() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("placet.db")).await.unwrap();
    assert!(store.mandates().start(started(0)).await.is_err());
    assert!(store.mandates().instance(started(0).id).is_none());
}

#[tokio::test]
async fn a_write_whose_caller_went_away_is_whole_in_memory_and_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("placet.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let (registry, mandates) = (store.registry(), store.mandates());
    registry.register(agent()).await.unwrap();
    mandates.start(started(0)).await.unwrap();
    {
        let mut revoking = pin!(mandates.revoke(started(0).id, hour(0)));
        let polled = std::future::poll_fn(|context| Poll::Ready(revoking.as_mut().poll(context))).await;
        assert!(polled.is_pending());
    }
    let deadline = Duration::from_secs(10);
    let revoked = tokio::time::timeout(deadline, async {
        while mandates.instance(started(0).id).unwrap().revoked.is_none() {
            tokio::task::yield_now().await;
        }
    });
    revoked.await.unwrap();
    store.close().await;
    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(store.mandates().instance(started(0).id).unwrap().revoked, Some(hour(0)));
}

#[tokio::test]
async fn a_row_that_cannot_be_read_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("placet.db");
    SqliteStore::open(&path).await.unwrap().close().await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql("INSERT INTO agents VALUES ('not a name', 'ana', '', 1, '[]', 0, 'active', '{}', '{}')")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    let refused = SqliteStore::open(&path).await.unwrap_err();
    assert_eq!(refused.to_string(), "cannot read the stored agents");
}

#[tokio::test]
async fn agents_of_the_first_format_run_on_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("placet.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    for script in [
        include_str!("../migrations/sqlite/0001_first.sql"),
        "PRAGMA application_id = 1886151540; PRAGMA user_version = 1;",
        "INSERT INTO agents VALUES ('billing', 'ana', 'p', 2, '[\"crm\"]', 7, 'active');",
        "INSERT INTO agents VALUES ('scout', 'ana', 'p', 1, '[]', 7, 'revoked');",
    ] {
        sqlx::raw_sql(script).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
    let store = SqliteStore::open(&path).await.unwrap();
    let agents = store.registry().agents();
    let then = Timestamp::from_micros(7);
    assert_eq!(agents[0].life, Life::begun(Stage::Active, then));
    assert_eq!((agents[0].status, &agents[0].charter), (AgentStatus::Active, &Charter::default()));
    assert_eq!(agents[1].life, Life::begun(Stage::Suspended(Cause::Operator), then));
    assert_eq!(agents[1].status, AgentStatus::Revoked);
}
