//! Sentences of `Mandates`.

use std::sync::Arc;

use placet_domain::{Instance, Mandate};
use placet_engine::ports::Mandates;

use crate::storage::{Backend, Storage, agent, instance, minute};

async fn opened(backend: &dyn Backend) -> Storage {
    let storage = backend.open().await;
    storage.registry.register(agent("billing")).await.unwrap();
    storage
}

async fn mandates(backend: &dyn Backend) -> Arc<dyn Mandates> {
    opened(backend).await.mandates
}

pub(crate) async fn a_started_instance_is_found_at_once(backend: &dyn Backend) {
    let mandates = mandates(backend).await;
    assert!(mandates.instance(instance(1).id).is_none());
    mandates.start(instance(1)).await.unwrap();
    assert_eq!(mandates.instance(instance(1).id).as_deref(), Some(&instance(1)));
}

pub(crate) async fn an_id_is_started_once(backend: &dyn Backend) {
    let mandates = mandates(backend).await;
    mandates.start(instance(1)).await.unwrap();
    let other = Instance { mandate: Mandate::default(), ..instance(1) };
    assert!(mandates.start(other).await.is_err());
    assert_eq!(mandates.instance(instance(1).id).as_deref(), Some(&instance(1)));
}

pub(crate) async fn instances_are_listed_newest_first(backend: &dyn Backend) {
    let mandates = mandates(backend).await;
    for n in [2, 1, 3] {
        mandates.start(instance(n)).await.unwrap();
    }
    let listed: Vec<_> = mandates.instances().iter().map(|instance| instance.id).collect();
    assert_eq!(listed, [instance(3).id, instance(2).id, instance(1).id]);
}

pub(crate) async fn a_revocation_is_seen_by_every_later_read(backend: &dyn Backend) {
    let mandates = mandates(backend).await;
    mandates.start(instance(1)).await.unwrap();
    let read_before = mandates.instance(instance(1).id).unwrap();
    assert!(mandates.revoke(instance(1).id, minute(5)).await.unwrap());
    assert_eq!(mandates.instance(instance(1).id).unwrap().revoked, Some(minute(5)));
    assert_eq!(mandates.instances().first().unwrap().revoked, Some(minute(5)));
    assert_eq!(read_before.revoked, None);
}

pub(crate) async fn the_first_revocation_stays(backend: &dyn Backend) {
    let mandates = mandates(backend).await;
    mandates.start(instance(1)).await.unwrap();
    assert!(mandates.revoke(instance(1).id, minute(5)).await.unwrap());
    assert!(mandates.revoke(instance(1).id, minute(3)).await.unwrap());
    assert_eq!(mandates.instance(instance(1).id).unwrap().revoked, Some(minute(5)));
}

pub(crate) async fn revoking_nobody_is_false(backend: &dyn Backend) {
    let mandates = mandates(backend).await;
    assert!(!mandates.revoke(instance(1).id, minute(5)).await.unwrap());
}

pub(crate) async fn racing_revocations_agree_on_one_time(backend: &dyn Backend) {
    let storage = opened(backend).await;
    storage.mandates.start(instance(1)).await.unwrap();
    let racers: Vec<_> = (1..=32)
        .map(|n| {
            let mandates = storage.mandates.clone();
            tokio::spawn(async move {
                assert!(mandates.revoke(instance(1).id, minute(n)).await.unwrap());
                mandates.instance(instance(1).id).unwrap().revoked.unwrap()
            })
        })
        .collect();
    let mut seen = Vec::new();
    for racer in racers {
        seen.push(racer.await.unwrap());
    }
    drop(storage);
    let kept = backend.open().await.mandates.instance(instance(1).id).unwrap().revoked.unwrap();
    assert!(seen.iter().all(|time| *time == kept), "{seen:?}");
}

pub(crate) async fn a_restart_keeps_mandates_and_revocations(backend: &dyn Backend) {
    let before = opened(backend).await;
    before.mandates.start(instance(1)).await.unwrap();
    let parent = Some(instance(1).id);
    before.mandates.start(Instance { mandate: Mandate::default(), parent, ..instance(2) }).await.unwrap();
    before.mandates.revoke(instance(2).id, minute(9)).await.unwrap();
    drop(before);
    let mandates = backend.open().await.mandates;
    assert_eq!(mandates.instance(instance(1).id).as_deref(), Some(&instance(1)));
    let revoked = Instance { mandate: Mandate::default(), revoked: Some(minute(9)), parent, ..instance(2) };
    assert_eq!(mandates.instance(instance(2).id).as_deref(), Some(&revoked));
}
