//! Sentences of `Registry`.

use placet_domain::{Agent, AgentStatus, Cause, Charter, Proposal, Stage, Tier};

use crate::storage::{Backend, agent, minute, parse};

pub(crate) async fn a_registered_agent_is_found_at_once(backend: &dyn Backend) {
    let registry = backend.open().await.registry;
    assert!(registry.agent(&parse("billing")).is_none());
    assert!(registry.register(agent("billing")).await.unwrap());
    assert_eq!(registry.agent(&parse("billing")).as_deref(), Some(&agent("billing")));
}

pub(crate) async fn a_name_is_taken_once(backend: &dyn Backend) {
    let registry = backend.open().await.registry;
    assert!(registry.register(agent("billing")).await.unwrap());
    let impostor = Agent { tier: Tier::One, owner: parse("mallory"), ..agent("billing") };
    assert!(!registry.register(impostor).await.unwrap());
    assert_eq!(registry.agent(&parse("billing")).as_deref(), Some(&agent("billing")));
}

pub(crate) async fn agents_are_listed_by_name(backend: &dyn Backend) {
    let registry = backend.open().await.registry;
    for name in ["scout", "billing", "deals"] {
        assert!(registry.register(agent(name)).await.unwrap());
    }
    let names: Vec<_> = registry.agents().iter().map(|agent| agent.name.to_string()).collect();
    assert_eq!(names, ["billing", "deals", "scout"]);
}

pub(crate) async fn a_restart_keeps_every_agent(backend: &dyn Backend) {
    let plain = Agent { groups: vec![], tier: Tier::Three, ..agent("scout") };
    let before = backend.open().await;
    before.registry.register(agent("billing")).await.unwrap();
    before.registry.register(plain.clone()).await.unwrap();
    drop(before);
    let registry = backend.open().await.registry;
    assert_eq!(
        registry.agents().iter().map(|agent| (**agent).clone()).collect::<Vec<_>>(),
        [agent("billing"), plain]
    );
    assert!(!registry.register(agent("billing")).await.unwrap());
}

pub(crate) async fn a_change_is_seen_by_every_later_read(backend: &dyn Backend) {
    let registry = backend.open().await.registry;
    registry.register(agent("billing")).await.unwrap();
    let read_before = registry.agent(&parse("billing")).unwrap();
    assert!(registry.update(suspended()).await.unwrap());
    assert_eq!(registry.agent(&parse("billing")).as_deref(), Some(&suspended()));
    assert_eq!(registry.agents().first().map(|agent| agent.status), Some(AgentStatus::Revoked));
    assert_eq!(read_before.status, AgentStatus::Active);
}

pub(crate) async fn an_unregistered_agent_is_not_changed(backend: &dyn Backend) {
    let registry = backend.open().await.registry;
    assert!(!registry.update(agent("billing")).await.unwrap());
    assert!(registry.agents().is_empty());
}

pub(crate) async fn a_restart_keeps_changes(backend: &dyn Backend) {
    let before = backend.open().await;
    before.registry.register(agent("billing")).await.unwrap();
    before.registry.register(agent("scout")).await.unwrap();
    before.registry.update(suspended()).await.unwrap();
    drop(before);
    let registry = backend.open().await.registry;
    assert_eq!(registry.agent(&parse("billing")).as_deref(), Some(&suspended()));
    assert_eq!(registry.agent(&parse("scout")).as_deref(), Some(&agent("scout")));
}

/// `billing` with everything changed but its name.
fn suspended() -> Agent {
    let mut changed = Agent {
        owner: parse("otto"),
        purpose: "less".to_owned(),
        tier: Tier::One,
        groups: vec![],
        charter: Charter::default(),
        ..agent("billing")
    };
    changed.life.proposal = Some(Proposal {
        by: parse("ana"),
        asked: minute(1),
        chain: vec![parse("security")],
        answers: vec![],
        terms: None,
    });
    changed.enter(Stage::Suspended(Cause::OwnerGone), minute(5), Some(parse("lea")));
    changed
}
