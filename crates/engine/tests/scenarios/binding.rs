//! An approval fits exactly one call: whatever changes, a person is asked anew.

use placet_domain::{ApprovalId, Code, Json};
use placet_engine::Reply;
use placet_testkit::{Actor, World};

use super::crm::{
    APPROVERS, DEAL_SCHEMA, LARGE, RULES, UPDATE, answered, asked, billing, builder, described, owner,
    rules_and, world,
};

/// A world in which alice approved bob's large deal and nobody has used it.
async fn approved() -> (World, Actor, ApprovalId) {
    let world = world().await;
    let billing = billing(&world).await;
    let id = asked(&billing.calls(UPDATE, LARGE).await);
    world.approve(id, "alice").await.unwrap();
    (world, billing, id)
}

/// The changed call asks anew and reaches nothing; the approved one still runs.
async fn asks_anew(world: &World, billing: &Actor, approval: ApprovalId, changed: Reply) {
    assert_ne!(asked(&changed), approval);
    assert_eq!(world.sent(), []);
    answered(&billing.calls(UPDATE, LARGE).await);
    assert_eq!(world.sent().len(), 1);
}

#[tokio::test]
async fn approval_for_another_amount_is_refused() {
    let (world, billing, id) = approved().await;
    let changed = billing.calls(UPDATE, r#"{"deal_id":"D-bob","amount":48251}"#).await;
    asks_anew(&world, &billing, id, changed).await;
}

#[tokio::test]
async fn approval_for_fewer_arguments_is_refused() {
    let (world, billing, id) = approved().await;
    let changed = billing.calls(UPDATE, r#"{"deal_id":"D-bob","amount":48250,"notes":""}"#).await;
    asks_anew(&world, &billing, id, changed).await;
}

#[tokio::test]
async fn approval_for_another_deal_is_refused() {
    let (world, billing, id) = approved().await;
    owner(&world, "bob-2", "bob");
    let changed = billing.calls(UPDATE, r#"{"deal_id":"D-bob-2","amount":48250}"#).await;
    asks_anew(&world, &billing, id, changed).await;
}

#[tokio::test]
async fn approval_for_params_beside_the_arguments_is_refused() {
    let (world, billing, id) = approved().await;
    let mut attempt = billing.attempt(UPDATE, LARGE);
    let call = attempt.call.unwrap();
    let params = call.params().clone().with("task", Json::Null);
    let (connector, operation) = (call.connector().clone(), call.operation().clone());
    attempt.call = Ok(placet_domain::ToolCall::new(connector, operation, params).unwrap());
    let changed = billing.sends(attempt).await;
    asks_anew(&world, &billing, id, changed).await;
}

#[tokio::test]
async fn approval_for_another_tool_is_refused() {
    let (world, billing, id) = approved().await;
    let changed = billing.calls("crm.close_deal", LARGE).await;
    asks_anew(&world, &billing, id, changed).await;
}

#[tokio::test]
async fn approval_for_another_agent_is_refused() {
    let (world, billing, id) = approved().await;
    let changed = world.agent("mailer").on_behalf_of("bob").start().await.calls(UPDATE, LARGE).await;
    asks_anew(&world, &billing, id, changed).await;
}

#[tokio::test]
async fn approval_for_another_instance_is_refused() {
    let (world, billing, id) = approved().await;
    let again = world.agent("billing").on_behalf_of("bob").start().await;
    asks_anew(&world, &billing, id, again.calls(UPDATE, LARGE).await).await;
}

#[tokio::test]
async fn approval_for_another_user_is_refused() {
    let (world, billing, id) = approved().await;
    owner(&world, "bob", "dana");
    let changed = world.agent("billing").on_behalf_of("dana").start().await.calls(UPDATE, LARGE).await;
    owner(&world, "bob", "bob");
    asks_anew(&world, &billing, id, changed).await;
}

#[tokio::test]
async fn approval_for_another_definition_of_the_tool_is_refused() {
    let (world, billing, id) = approved().await;
    let crm = "crm".parse().unwrap();
    world.connectors.show_tool("crm", described("update_deal", "now it also pays the deal out"));
    world.engine.refresh(&crm).await.unwrap();
    super::crm::refused(&billing.calls(UPDATE, LARGE).await, Code::Quarantined);
    world.engine.accept(&crm, None, &"ana".parse().unwrap()).await.unwrap();
    assert_ne!(asked(&billing.calls(UPDATE, LARGE).await), id);
    assert_eq!(world.sent(), []);
}

#[tokio::test]
async fn approval_under_other_policies_is_refused() {
    let (world, billing, id) = approved().await;
    world.engine.reload(rules_and("// Reviewed by legal."), None).await.unwrap();
    assert_ne!(asked(&billing.calls(UPDATE, LARGE).await), id);
    assert_eq!(world.sent(), []);
}

#[tokio::test]
async fn approval_for_the_same_tool_of_another_connector_is_refused() {
    let rules = RULES.replace(
        r#"@id("notes")"#,
        r#"@id("other") permit (principal, action == Action::"erp.update_deal", resource);
@id("other-large") @unless("approval") @approvers("sales-managers")
forbid (principal, action == Action::"erp.update_deal", resource);
@id("notes")"#,
    );
    let world =
        builder().tool("erp.update_deal", DEAL_SCHEMA).policies(&rules).policies(APPROVERS).open().await;
    owner(&world, "bob", "bob");
    let billing = billing(&world).await;
    let id = asked(&billing.calls(UPDATE, LARGE).await);
    world.approve(id, "alice").await.unwrap();
    let changed = billing.calls("erp.update_deal", LARGE).await;
    asks_anew(&world, &billing, id, changed).await;
}

#[tokio::test]
async fn every_encoding_of_the_same_call_is_the_same_call() {
    let (world, billing, _) = approved().await;
    let question = asked(&billing.calls(UPDATE, r#"{"deal_id":"D-bob","amount":99999}"#).await);
    for encoding in [
        r#"{"amount":99999,"deal_id":"D-bob"}"#,
        r#"{"deal_id":"D-bob","amount":99999.0}"#,
        r#"{"deal_id":"D-bob","amount":9.9999e4}"#,
        r#"{ "\u0064eal_id" : "D-\u0062ob" , "amount" : 99999.000 }"#,
    ] {
        assert_eq!(asked(&billing.calls(UPDATE, encoding).await), question, "{encoding}");
    }
    answered(&billing.calls(UPDATE, r#"{"amount":48250.0,"deal_id":"D-bob"}"#).await);
    assert_eq!(
        world.sent()[0].params,
        r#"{"arguments":{"amount":48250,"deal_id":"D-bob"},"name":"update_deal"}"#
    );
}
