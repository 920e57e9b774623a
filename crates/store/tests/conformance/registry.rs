//! Sentences of `Registry`.

use placet_domain::{Agent, Tier};

use crate::storage::{Backend, agent, parse};

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
