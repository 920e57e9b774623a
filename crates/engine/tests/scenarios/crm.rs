//! The deployment that most scenarios act in: a CRM whose deals belong to reps, with managers who approve.

use std::collections::BTreeMap;

use placet_domain::{ApprovalId, Code, Json, ToolDefinition};
use placet_engine::Reply;
use placet_policy::{AttributeType, PolicySource, Resolver, ResourceBinding};
use placet_testkit::{Actor, World, WorldBuilder, refusal, result, ticket};

pub(super) const UPDATE: &str = "crm.update_deal";

/// Allowed, vetoed, and put to a manager, in this order. All of bob's deal.
pub(super) const SMALL: &str = r#"{"deal_id":"D-bob","amount":5}"#;
pub(super) const HUGE: &str = r#"{"deal_id":"D-bob","amount":2000000}"#;
pub(super) const LARGE: &str = r#"{"deal_id":"D-bob","amount":48250}"#;

pub(super) const DEAL_SCHEMA: &str = r#"{"type":"object","properties":{"deal_id":{"type":"string"},
    "amount":{"type":"integer"},"notes":{"type":"string"}},"required":["deal_id"],"additionalProperties":false}"#;

pub(super) const RULES: &str = r#"
@id("read-deals") permit (principal, action == Action::"crm.get_deal", resource);

@id("own-deals") permit (principal, action in [Action::"crm.update_deal", Action::"crm.close_deal"], resource is Deal)
    when { context has user && resource.owner == context.user };

@id("notes") permit (principal, action == Action::"crm.add_note", resource);

@id("nothing-huge") @reason("more than a million is never an agent's business")
forbid (principal, action == Action::"crm.update_deal", resource)
    when { context.input has amount && context.input.amount > 1000000 };

@id("large-deals") @unless("approval") @approvers("sales-managers") @timeout("1h") @reason("more than 10 000")
forbid (principal, action in [Action::"crm.update_deal", Action::"crm.close_deal"], resource)
    when { context.input has amount && context.input.amount > 10000 };
"#;

/// The starter set's answer to who may approve.
pub(super) const APPROVERS: &str = concat!(
    include_str!("../../../../policies/approvals.cedar"),
    include_str!("../../../../policies/owners.cedar"),
);

/// The deployment before it opens: bob and dana have deals, alice, dana and carol manage, eve is in no group.
pub(super) fn builder() -> WorldBuilder {
    World::new()
        .person("alice", &["sales-managers"])
        .person("carol", &["sales-managers"])
        .person("dana", &["sales-managers"])
        .person("bob", &["sales-reps"])
        .person("eve", &[])
        .tool("crm.get_deal", DEAL_SCHEMA)
        .tool("crm.update_deal", DEAL_SCHEMA)
        .tool("crm.close_deal", DEAL_SCHEMA)
        .tool("crm.delete_deal", DEAL_SCHEMA)
        .tool("crm.add_note", r#"{"type":"object"}"#)
        .binding("crm", deal())
}

/// The deployment, open.
pub(super) async fn world() -> World {
    let world = builder().policies(RULES).policies(APPROVERS).open().await;
    owner(&world, "bob", "bob");
    owner(&world, "dana", "dana");
    world
}

/// An argument that names a deal, and where its facts come from.
fn deal() -> ResourceBinding {
    ResourceBinding {
        kind: "Deal".to_owned(),
        tools: ["update_deal", "close_deal"].map(|tool| tool.parse().unwrap()).to_vec(),
        argument: "deal_id".to_owned(),
        resolver: Some(Resolver { tool: "get_deal".parse().unwrap(), argument: "deal_id".to_owned() }),
        attributes: BTreeMap::from([("owner".to_owned(), AttributeType::User)]),
    }
}

/// What the CRM says of whose deal `D-<deal>` is.
pub(super) fn owner(world: &World, deal: &str, owner: &str) {
    let (id, facts) = (format!(r#"{{"deal_id":"D-{deal}"}}"#), format!(r#"{{"owner":"{owner}"}}"#));
    world.connectors.facts_of("crm.get_deal", &id, &facts);
}

/// A run of the billing agent on behalf of bob.
pub(super) async fn billing(world: &World) -> Actor {
    world.agent("billing").on_behalf_of("bob").start().await
}

/// A definition of a tool with this description.
pub(super) fn described(tool: &str, description: &str) -> ToolDefinition {
    let text = format!(r#"{{"name":"{tool}","description":"{description}","inputSchema":{DEAL_SCHEMA}}}"#);
    ToolDefinition { name: tool.parse().unwrap(), definition: Json::parse(text.as_bytes()).unwrap() }
}

/// A policy set: the rules, who may approve, and one more rule.
pub(super) fn rules_and(more: &str) -> Vec<PolicySource> {
    [RULES, APPROVERS, more]
        .iter()
        .enumerate()
        .map(|(number, text)| PolicySource { name: format!("{number}.cedar"), text: (*text).to_owned() })
        .collect()
}

/// The code of a refusal; `None` for an answer.
pub(super) fn code(reply: &Reply) -> Option<Code> {
    refusal(reply).map(|refusal| refusal.code)
}

/// Asserts that the tool answered.
#[track_caller]
pub(super) fn answered(reply: &Reply) {
    assert!(result(reply).is_some(), "{reply:?}");
}

/// Asserts a refusal of this code.
#[track_caller]
pub(super) fn refused(reply: &Reply, expected: Code) {
    assert_eq!(code(reply), Some(expected), "{reply:?}");
}

/// Asserts that a person was asked, and returns the question.
#[track_caller]
pub(super) fn asked(reply: &Reply) -> ApprovalId {
    refused(reply, Code::ApprovalRequired);
    ticket(reply).unwrap()
}

/// A text member of a receipt.
pub(super) fn text(receipt: &Json, member: &str) -> String {
    receipt.member(member).and_then(Json::as_str).unwrap_or_default().to_owned()
}

/// The call as it goes through the engine that runs since the restart.
pub(super) async fn calls_anew(world: &World, actor: &Actor, operation: &str, arguments: &str) -> Reply {
    let (relay, _frames) = tokio::sync::mpsc::channel(8);
    world.engine.clone().handle(actor.attempt(operation, arguments), relay).await
}
