//! Every call of somebody we know ends in exactly one decision receipt, every performed one in one outcome receipt.

use std::time::Duration;

use placet_domain::{Code, InstanceId, Json, Refusal, Timestamp};
use placet_engine::{Credential, Reply};
use placet_identity::{Claims, Deployment, TokenKey};
use placet_testkit::{Failure, PortOperation, World};

use super::crm::{HUGE, LARGE, SMALL, UPDATE, answered, billing, code, described, refused, text, world};

/// Receipts of decisions and of outcomes, and calls that arrived at the tool.
fn counts(world: &World) -> (usize, usize, usize) {
    (world.receipts("decision").len(), world.receipts("outcome").len(), world.sent().len())
}

#[tokio::test]
async fn every_call_leaves_one_decision_receipt_and_every_performed_one_an_outcome_receipt() {
    let world = world().await;
    let billing = billing(&world).await;
    world.connectors.answer_error("crm.get_deal", r#"{"code":-32000,"message":"no"}"#);
    let mut malformed = billing.attempt(UPDATE, SMALL);
    malformed.call = Err(Refusal::new(Code::Malformed, "a key is there twice"));
    let attempts = [
        (billing.attempt(UPDATE, SMALL), None, 1),
        (billing.attempt("crm.get_deal", SMALL), None, 1),
        (billing.attempt("crm.add_note", "{}"), None, 1),
        (billing.attempt(UPDATE, HUGE), Some(Code::Vetoed), 0),
        (billing.attempt(UPDATE, LARGE), Some(Code::ApprovalRequired), 0),
        (billing.attempt("crm.delete_deal", SMALL), Some(Code::NoGrant), 0),
        (billing.attempt("crm.drop_table", "{}"), Some(Code::UnknownTool), 0),
        (billing.attempt("erp.pay", "{}"), Some(Code::UnknownTool), 0),
        (billing.attempt(UPDATE, "{}"), Some(Code::OutsideSchema), 0),
        (billing.attempt(UPDATE, r#"{"deal_id":"D-bob","color":"red"}"#), Some(Code::OutsideSchema), 0),
        (billing.attempt(UPDATE, r#"{"deal_id":"D-nobody"}"#), Some(Code::NoFacts), 0),
        (malformed, Some(Code::Malformed), 0),
    ];
    for (attempt, expected, performed) in attempts {
        let before = counts(&world);
        let what = format!("{:?}", attempt.call);
        let reply = billing.sends(attempt).await;
        assert_eq!(code(&reply), expected, "{what}");
        let after = (before.0 + 1, before.1 + performed, before.2 + performed);
        assert_eq!(counts(&world), after, "{what}");
        let last = world.receipts("decision").pop().unwrap();
        assert_eq!(text(&last, "code"), expected.map_or(String::new(), |code| code.to_string()), "{what}");
        assert_eq!(text(&last, "instance"), billing.instance.id.to_string(), "{what}");
    }
}

#[tokio::test]
async fn an_outcome_receipt_names_the_leaf_of_its_decision() {
    let world = world().await;
    answered(&billing(&world).await.calls(UPDATE, SMALL).await);
    let leaves = world.ledger.leaves();
    let decision = leaves.iter().find(|leaf| leaf.contains(r#""kind":"decision""#)).unwrap();
    let outcome = world.receipts("outcome").pop().unwrap();
    let hash = placet_domain::Digest::of(&[&[0], decision.as_bytes()].concat());
    assert_eq!(text(&outcome, "decision"), hash.to_string());
    assert_eq!(text(&outcome, "call"), text(&world.receipts("decision")[0], "call"));
}

#[tokio::test]
async fn whatever_the_tool_does_there_is_one_outcome_receipt_that_says_so() {
    for (failure, outcome, expected) in [
        (None, "succeeded", None),
        (Some(Failure::Before), "failed", Some(Code::ToolUnreachable)),
        (Some(Failure::After), "unknown", Some(Code::OutcomeUnknown)),
    ] {
        let world = world().await;
        let billing = billing(&world).await;
        if let Some(failure) = failure {
            world.failpoints.fail_nth(PortOperation::ConnectorsPerform, 0, failure);
        }
        let reply = billing.calls(UPDATE, SMALL).await;
        assert_eq!(code(&reply), expected);
        let outcomes = world.receipts("outcome");
        assert_eq!(outcomes.iter().map(|receipt| text(receipt, "outcome")).collect::<Vec<_>>(), [outcome]);
    }
}

#[tokio::test]
async fn strangers_leave_no_receipt() {
    let world = world().await;
    let billing = billing(&world).await;
    let before = world.ledger.leaves();
    let foreign = TokenKey::from_seed(&[9; 32]).unwrap();
    let claims = Claims {
        instance: billing.instance.id,
        agent: billing.instance.agent.clone(),
        expires: billing.instance.expires,
    };
    let deployment = world.engine.deployment();
    let other = Deployment { audience: "https://elsewhere.example".to_owned(), ..deployment.clone() };
    let now = world.ports.clock.now();
    for (credential, expected) in [
        (Credential::Absent, Code::NoCredential),
        (Credential::Bearer("".into()), Code::BadCredential),
        (Credential::Bearer("sk-live-123".into()), Code::BadCredential),
        (Credential::Bearer(foreign.issue(deployment, &claims, now).unwrap().into()), Code::BadCredential),
        (Credential::Bearer(own_key().issue(&other, &claims, now).unwrap().into()), Code::WrongAudience),
    ] {
        let mut attempt = billing.attempt(UPDATE, SMALL);
        attempt.credential = credential;
        let reply = billing.sends(attempt).await;
        refused(&reply, expected);
        assert!(matches!(reply, Reply::Refused { receipts: None, .. }));
    }
    assert_eq!(world.ledger.leaves(), before);
    assert_eq!(world.sent(), []);
}

#[tokio::test]
async fn those_whom_we_knew_once_leave_a_receipt() {
    let world = world().await;
    let revoked = billing(&world).await;
    let expired = world.agent("billing").life(Duration::from_secs(5)).start().await;
    assert!(world.engine.revoke(revoked.instance.id, &"ana".parse().unwrap()).await.unwrap());
    world.clock.advance(Duration::from_secs(5));
    for (actor, expected) in [(revoked, Code::RevokedInstance), (expired, Code::ExpiredCredential)] {
        refused(&actor.calls(UPDATE, SMALL).await, expected);
        let receipt = world.receipts("decision").pop().unwrap();
        assert_eq!(text(&receipt, "instance"), actor.instance.id.to_string());
        assert_eq!(text(&receipt, "code"), expected.to_string());
    }
    assert_eq!(counts(&world), (2, 0, 0));
}

#[tokio::test]
async fn a_name_that_only_a_token_of_ours_says_leaves_a_receipt_and_no_call() {
    let world = world().await;
    let mut attempt = billing(&world).await.attempt(UPDATE, SMALL);
    attempt.credential = Credential::Bearer(token(&world, "ghost").into());
    refused(&billing(&world).await.sends(attempt).await, Code::UnknownAgent);
    assert_eq!(text(&world.receipts("decision")[0], "agent"), "ghost");
    assert_eq!(world.sent(), []);
}

/// A token that is ours in every way, for an instance that was never started.
pub(super) fn token(world: &World, agent: &str) -> String {
    let now: Timestamp = world.ports.clock.now();
    let claims = Claims {
        instance: InstanceId::new(now, [3; 10]),
        agent: agent.parse().unwrap(),
        expires: now.after(Duration::from_secs(60)),
    };
    own_key().issue(world.engine.deployment(), &claims, now).unwrap()
}

/// The key that worlds sign with.
pub(super) fn own_key() -> TokenKey {
    TokenKey::from_seed(&[7; 32]).unwrap()
}

#[tokio::test]
async fn every_receipt_fits_into_a_leaf_whatever_the_agent_sends() {
    const LEAF_BYTES: usize = 65_535;
    // Without a resolver the resource is whatever the argument says.
    let world = World::new()
        .tool("crm.update_deal", super::crm::DEAL_SCHEMA)
        .binding(
            "crm",
            placet_policy::ResourceBinding {
                kind: "Deal".to_owned(),
                tools: vec!["update_deal".parse().unwrap()],
                argument: "deal_id".to_owned(),
                resolver: None,
                attributes: std::collections::BTreeMap::new(),
            },
        )
        .policies(r#"@id("all") permit (principal, action, resource);"#)
        .open()
        .await;
    let flood = world.agent("flood").ticket(&"\u{1}".repeat(placet_domain::limits::TEXT_CHARS)).start().await;
    let long = "\u{1}é\\".repeat(30_000);
    let attempts = [
        Json::Object(placet_domain::Object::new().with("deal_id", long.as_str())),
        Json::Object(placet_domain::Object::new().with("deal_id", "D-1").with("notes", long.as_str())),
        Json::Object(placet_domain::Object::new().with("deal_id", "D-1").with(&long, "x")),
    ];
    for arguments in attempts {
        let mut attempt = flood.attempt(UPDATE, &arguments.canonical());
        let call = attempt.call.unwrap();
        let meta = ["dev.placet/model", "dev.placet/prompt-sha256", "dev.placet/rationale"]
            .iter()
            .fold(placet_domain::Object::new(), |meta, key| meta.with(key, long.as_str()));
        let params = call.params().clone().with("_meta", meta);
        attempt.call =
            Ok(placet_domain::ToolCall::new(call.connector().clone(), call.operation().clone(), params)
                .unwrap());
        flood.sends(attempt).await;
    }
    let mut malformed = flood.attempt(UPDATE, SMALL);
    malformed.call = Err(Refusal::new(Code::Malformed, long.as_str()));
    flood.sends(malformed).await;
    assert_eq!(world.receipts("decision").len(), 4);
    for leaf in world.ledger.leaves() {
        assert!(leaf.len() <= LEAF_BYTES, "{} bytes: {:.300}", leaf.len(), leaf);
    }
}

#[tokio::test]
async fn rights_leave_receipts_before_they_exist() {
    let world = world().await;
    let billing = billing(&world).await;
    assert_eq!(text(&world.receipts("agent")[0], "change"), "agent_registered");
    assert_eq!(text(&world.receipts("instance")[0], "change"), "instance_started");
    assert_eq!(world.receipts("policy").len(), 1);
    world.failpoints.fail_before(PortOperation::LedgerAppend);
    let ana = "ana".parse().unwrap();
    let request = placet_engine::StartRequest {
        agent: billing.instance.agent.clone(),
        mandate: placet_domain::Mandate::default(),
        life: Duration::from_secs(60),
        by: "ana".parse().unwrap(),
        parent: None,
    };
    let instances = world.ports.mandates.instances().len();
    assert!(world.engine.start(request).await.is_err());
    assert_eq!(world.ports.mandates.instances().len(), instances);
    let registration = placet_engine::Registration {
        name: "late".parse().unwrap(),
        owner: "ana".parse().unwrap(),
        purpose: "to be tested".to_owned(),
        tier: placet_domain::Tier::One,
        groups: vec![],
        charter: placet_domain::Charter::default(),
    };
    assert!(world.engine.register(registration, &ana).await.is_err());
    assert!(world.ports.registry.agent(&"late".parse().unwrap()).is_none());
    let before = world.engine.revision();
    assert!(world.engine.reload(super::crm::rules_and(""), None).await.is_err());
    assert_eq!(world.engine.revision(), before);
    world.connectors.show_tool("crm", described("update_deal", "other"));
    assert!(world.engine.refresh(&"crm".parse().unwrap()).await.is_err());
}
