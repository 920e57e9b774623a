//! A run does what it was started for, whatever else its agent may do.

use std::time::Duration;

use placet_domain::{Charter, Code, Json, Mandate, Object, TaskKind, Tier};
use placet_engine::{DefaultScope, Lookup, Registration, RegistryRules, StartError, StartRequest};
use placet_testkit::World;

use super::{
    credentials::opened,
    crm::{SMALL, UPDATE, answered, builder, refused},
};

const NOTE: &str = "crm.add_note";

#[tokio::test]
async fn a_run_that_was_started_for_one_deal_does_nothing_to_another_and_nothing_else() {
    let world = opened(builder()).await;
    super::crm::owner(&world, "ben", "bob");
    let run = world.agent("billing").on_behalf_of("bob").scope(&["crm.update_deal:Deal/D-bob"]).start().await;
    answered(&run.calls(UPDATE, SMALL).await);
    refused(&run.calls(UPDATE, r#"{"deal_id":"D-ben","amount":5}"#).await, Code::OutsideScope);
    refused(&run.calls(NOTE, "{}").await, Code::OutsideScope);
    assert_eq!(world.sent().len(), 1);
    for receipt in world.receipts("decision") {
        let scope = receipt.member("mandate").unwrap().member("scope").unwrap();
        assert_eq!(scope.as_str(), Some("crm.update_deal:Deal/D-bob"));
    }
    let refused = &world.receipts("decision")[1];
    assert_eq!(refused.member("code").unwrap().as_str(), Some("PL-1223"));
}

#[tokio::test]
async fn a_tool_outside_of_the_scope_is_not_shown() {
    let world = opened(builder()).await;
    let run = world.agent("billing").on_behalf_of("bob").scope(&["crm.update_deal:Deal/D-bob"]).start().await;
    let caller = world.engine.authenticate(&run.credential()).unwrap();
    let shows = |tool: &str| world.engine.shows(&caller, &"crm".parse().unwrap(), &tool.parse().unwrap());
    assert!(shows("update_deal"));
    assert!(!shows("close_deal") && !shows("add_note"));
}

#[tokio::test]
async fn a_child_may_do_what_its_parent_may_and_no_more() {
    let world = opened(builder()).await;
    let parent = world.agent("billing").on_behalf_of("bob").scope(&[UPDATE]).start().await;
    let child = world.agent("billing").on_behalf_of("bob").child_of(&parent).scope(&["crm"]).start().await;
    answered(&child.calls(UPDATE, SMALL).await);
    refused(&child.calls(NOTE, "{}").await, Code::OutsideScope);
    assert_eq!(child.instance.mandate.scope, [UPDATE]);
}

async fn with_tasks(world: &World) {
    let renewal = TaskKind {
        name: "renewal".parse().unwrap(),
        scope: vec![UPDATE.to_owned()],
        facts: vec!["ticket".to_owned()],
        longest: Some(Duration::from_secs(300)),
    };
    let registration = Registration {
        name: "billing".parse().unwrap(),
        owner: "ana".parse().unwrap(),
        purpose: "to be tested".to_owned(),
        tier: Tier::Two,
        groups: vec![],
        charter: Charter { tasks: vec![renewal], ..Charter::default() },
    };
    world.engine.register(registration, &"ana".parse().unwrap()).await.unwrap();
}

async fn starts(world: &World, mandate: Mandate) -> Result<placet_engine::Started, StartError> {
    let request = StartRequest {
        agent: "billing".parse().unwrap(),
        mandate,
        life: Duration::from_secs(900),
        by: "ana".parse().unwrap(),
        parent: None,
    };
    world.engine.start(request).await
}

#[tokio::test]
async fn a_kind_of_task_narrows_says_what_is_needed_and_how_long_it_lasts() {
    let world = opened(builder()).await;
    with_tasks(&world).await;
    let mandate = |kind: &str, ticket: Option<&str>| Mandate {
        kind: Some(kind.parse().unwrap()),
        ticket: ticket.map(str::to_owned),
        facts: Object::new(),
        ..Mandate::default()
    };
    assert!(matches!(starts(&world, mandate("renewal", None)).await, Err(StartError::Task(_))));
    assert!(matches!(starts(&world, mandate("other", Some("T-1"))).await, Err(StartError::Task(_))));
    let wide = Mandate { scope: vec!["crm".to_owned()], ..mandate("renewal", Some("T-1")) };
    let started = starts(&world, wide).await.unwrap().instance;
    assert_eq!(started.mandate.scope, [UPDATE]);
    assert_eq!(started.expires.since(started.started), Duration::from_secs(300));
    let apart = Mandate { scope: vec![NOTE.to_owned()], ..mandate("renewal", Some("T-1")) };
    assert!(matches!(starts(&world, apart).await, Err(StartError::Scope(_))));
    let unread = Mandate { scope: vec!["crm.".to_owned()], ..Mandate::default() };
    assert!(matches!(starts(&world, unread).await, Err(StartError::Scope(_))));
}

fn tiered(default: DefaultScope) -> placet_testkit::WorldBuilder {
    let default_scopes = [(Tier::Two, default)].into();
    builder().registry(RegistryRules { default_scopes, ..RegistryRules::without_approvers() })
}

#[tokio::test]
async fn a_run_that_nobody_gave_a_mandate_reads_and_changes_nothing() {
    let world = opened(tiered(DefaultScope::Reads)).await;
    super::crm::owner(&world, "ben", "bob");
    let silent = world.agent("billing").start().await;
    assert!(silent.instance.mandate.reads_only);
    refused(&silent.calls(UPDATE, SMALL).await, Code::OutsideScope);
    let caller = world.engine.authenticate(&silent.credential()).unwrap();
    let shows = |tool: &str| world.engine.shows(&caller, &"crm".parse().unwrap(), &tool.parse().unwrap());
    assert!(!shows("update_deal"));
    // Nor may what it starts, unless it was a person who said what for.
    let child = world.agent("billing").on_behalf_of("bob").child_of(&silent).start().await;
    refused(&child.calls(UPDATE, SMALL).await, Code::OutsideScope);
    let said = world.agent("billing").on_behalf_of("bob").start().await;
    assert!(!said.instance.mandate.reads_only);
    answered(&said.calls(UPDATE, r#"{"deal_id":"D-bob","amount":5}"#).await);
    let started = &world.receipts("instance")[0];
    let about = started.member("about").unwrap();
    assert_eq!(about.member("reads_only").and_then(Json::as_bool), Some(true));
    assert_eq!(about.member("default_of_tier").and_then(Json::as_integer), Some(2));
    let who = world.engine.who(Lookup::Instance(silent.instance.id)).await.unwrap().unwrap();
    assert_eq!(who.mandate.member("default_of_tier").and_then(Json::as_integer), Some(2));
}

#[tokio::test]
async fn an_agent_with_kinds_of_task_names_one_for_more_than_its_tiers_default() {
    let world = opened(tiered(DefaultScope::Scope(vec![NOTE.to_owned()]))).await;
    with_tasks(&world).await;
    let ticket = Some("T-1".to_owned());
    let talk = Mandate { ticket: ticket.clone(), ..Mandate::default() };
    assert_eq!(starts(&world, talk.clone()).await.unwrap().instance.mandate.scope, [NOTE]);
    let wide = Mandate { scope: vec!["crm".to_owned()], ..talk.clone() };
    assert_eq!(starts(&world, wide).await.unwrap().instance.mandate.scope, [NOTE]);
    let apart = Mandate { scope: vec![UPDATE.to_owned()], ..talk };
    let told = starts(&world, apart).await.unwrap_err();
    assert!(matches!(&told, StartError::Task(why) if why.contains("renewal")), "{told}");
    let named = Mandate { kind: Some("renewal".parse().unwrap()), ticket, ..Mandate::default() };
    assert_eq!(starts(&world, named).await.unwrap().instance.mandate.scope, [UPDATE]);
}
