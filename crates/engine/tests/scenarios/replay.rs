//! The same request under the same rules gives the same decision. A receipt holds commitments and digests in place of
//! arguments and facts, so a decision is replayed from the receipt and what is kept beside the log: the opened arguments,
//! the registry, and the facts that the receipt's digest vouches for.

use std::sync::Arc;

use placet_domain::{
    AccessRequest, Digest, Instance, Json, Object, Operation, Pin, Resource, ResourceFacts, Timestamp,
    ToolCall,
};
use placet_policy::{PolicyConfig, Snapshot};
use placet_testkit::{Actor, World};

use super::crm::{HUGE, LARGE, SMALL, UPDATE, billing, text, world};

/// The request of the call that bob's agent made at this moment.
fn request(world: &World, actor: &Actor, receipt: &Json, arguments: &str) -> AccessRequest {
    let arguments = Json::parse(arguments.as_bytes()).unwrap();
    let params = Object::new().with("name", "update_deal").with("arguments", arguments);
    let tool = "update_deal".parse().unwrap();
    let pin: Digest = text(receipt, "pin").parse().unwrap();
    let now = Timestamp::from_micros(receipt.member("time_us").and_then(Json::as_integer).unwrap());
    AccessRequest {
        now,
        agent: world.ports.registry.agent(&actor.instance.agent).unwrap(),
        instance: Arc::new(Instance::clone(&actor.instance)),
        user: world.ports.people.person(&"bob".parse().unwrap()),
        call: ToolCall::new("crm".parse().unwrap(), Operation::Tool(tool), params).unwrap(),
        pin: Some(Pin(pin)),
        resource: Some(Resource { kind: "Deal".to_owned(), id: "D-bob".to_owned() }),
        facts: Some(ResourceFacts { attributes: Object::new().with("owner", "bob"), fetched: now }),
        flow: placet_domain::Flow::default(),
        observed: placet_domain::Observed::default(),
        lifted: vec![],
        granted: Vec::new(),
        usage: placet_domain::Usage::default(),
        opinions: Vec::new(),
    }
}

#[tokio::test]
async fn a_decision_replayed_from_its_receipt_is_the_decision_of_the_receipt() {
    let world = world().await;
    let billing = billing(&world).await;
    let calls = [SMALL, HUGE, LARGE];
    for arguments in calls {
        billing.calls(UPDATE, arguments).await;
        world.clock.advance(std::time::Duration::from_secs(7));
    }
    let policies = world.engine.policies();
    let receipts = world.ledger.receipts();
    let decisions = receipts.iter().enumerate().filter(|(_, one)| text(one, "kind") == "decision");
    for ((index, receipt), arguments) in decisions.zip(calls) {
        let request = request(&world, &billing, receipt, arguments);
        let params = Json::Object(request.call.params().clone()).canonical();
        let opening = world.ledger.opening(index).unwrap();
        assert_eq!(opening.commit("request", params.as_bytes()).to_string(), text(receipt, "request"));
        let facts = Json::Object(request.facts.clone().unwrap().attributes).canonical();
        assert_eq!(Digest::of(facts.as_bytes()).to_string(), text(receipt, "facts"));
        let replayed = policies.decide(&request);
        assert_eq!(replayed.verdict.as_str(), text(receipt, "verdict"));
        assert_eq!(replayed.revision.to_string(), text(receipt, "policy"));
        let reasons: Vec<&str> = replayed.reasons.iter().map(|reason| reason.policy.as_str()).collect();
        let recorded: Vec<&str> = receipt
            .member("reasons")
            .and_then(Json::as_array)
            .unwrap()
            .iter()
            .filter_map(Json::as_str)
            .collect();
        assert_eq!(reasons, recorded);
    }
}

#[tokio::test]
async fn deciding_again_gives_the_same_decision_and_another_snapshot_of_the_same_rules_too() {
    let world = world().await;
    let billing = billing(&world).await;
    billing.calls(UPDATE, SMALL).await;
    let receipt = world.receipts("decision").pop().unwrap();
    let policies = world.engine.policies();
    for arguments in [SMALL, HUGE, LARGE] {
        let request = request(&world, &billing, &receipt, arguments);
        let first = policies.decide(&request);
        for _ in 0..100 {
            assert_eq!(policies.decide(&request), first);
        }
    }
}

#[tokio::test]
async fn a_revision_depends_on_the_rules_and_not_on_their_order() {
    let (one, two) = (super::crm::rules_and(""), super::crm::rules_and("// Later."));
    let reversed: Vec<_> = one.iter().rev().cloned().collect();
    let world = world().await;
    let first = world.engine.reload(one, None).await.unwrap();
    assert_eq!(world.engine.reload(reversed, None).await.unwrap(), first);
    assert_ne!(world.engine.reload(two, None).await.unwrap(), first);
    assert_eq!(
        Snapshot::empty(&PolicyConfig::default()).revision(),
        Snapshot::empty(&PolicyConfig::default()).revision()
    );
}
