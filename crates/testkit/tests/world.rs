//! The world does what tests of the engine rely on, and the engine keeps its promises in it.

use std::time::Duration;

use placet_domain::{Code, Json};
use placet_testkit::{Failure, PortOperation, World, refusal, result, ticket};

const SCHEMA: &str = r#"{"type":"object","properties":{"deal_id":{"type":"string"},"amount":{"type":"integer"}},
    "required":["deal_id"],"additionalProperties":false}"#;

const POLICIES: &str = r#"
@id("deals") permit (principal, action in [Action::"crm.get_deal", Action::"crm.update_deal"], resource);

@id("no-huge-deals") forbid (principal, action == Action::"crm.update_deal", resource)
    when { context.input has amount && context.input.amount > 1000000 };

@id("large-deals") @unless("approval") @approvers("leads") @timeout("1h") @reason("more than 10 000")
forbid (principal, action == Action::"crm.update_deal", resource)
    when { context.input has amount && context.input.amount > 10000 };

@id("leads-approve") permit (principal in Group::"leads", action == Action::"approve", resource);
"#;

const SMALL: &str = r#"{"deal_id":"D-1","amount":5}"#;
const LARGE: &str = r#"{"deal_id":"D-1","amount":20000}"#;
const HUGE: &str = r#"{"deal_id":"D-1","amount":2000000}"#;

async fn world() -> World {
    World::new()
        .person("cy", &["leads"])
        .tool("crm.get_deal", SCHEMA)
        .tool("crm.update_deal", SCHEMA)
        .policies(POLICIES)
        .open()
        .await
}

fn text(receipt: &Json, member: &str) -> String {
    receipt.member(member).and_then(Json::as_str).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn an_allowed_call_reaches_the_tool_once_between_two_receipts() {
    let world = world().await;
    let billing = world.agent("billing").start().await;
    world.connectors.answer("crm.update_deal", r#"{"content":[{"type":"text","text":"done"}]}"#);
    let reply = billing.calls("crm.update_deal", SMALL).await;
    assert_eq!(result(&reply).unwrap().canonical(), r#"{"content":[{"text":"done","type":"text"}]}"#);
    let sent = world.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].operation, "crm.update_deal");
    assert_eq!(sent[0].params, r#"{"arguments":{"amount":5,"deal_id":"D-1"},"name":"update_deal"}"#);
    let (decisions, outcomes) = (world.receipts("decision"), world.receipts("outcome"));
    assert_eq!((decisions.len(), outcomes.len()), (1, 1));
    assert_eq!(text(&decisions[0], "verdict"), "allow");
    assert_eq!(text(&outcomes[0], "outcome"), "succeeded");
}

#[tokio::test]
async fn a_vetoed_call_reaches_nothing_and_leaves_a_decision_receipt() {
    let world = world().await;
    let billing = world.agent("billing").start().await;
    let reply = billing.calls("crm.update_deal", HUGE).await;
    assert_eq!(refusal(&reply).unwrap().code, Code::Vetoed);
    assert_eq!(world.sent(), []);
    assert_eq!((world.receipts("decision").len(), world.receipts("outcome").len()), (1, 0));
}

#[tokio::test]
async fn an_approved_call_runs_once() {
    let world = world().await;
    let billing = world.agent("billing").start().await;
    let id = ticket(&billing.calls("crm.update_deal", LARGE).await).unwrap();
    assert_eq!(world.notifier.told()[0].id, id);
    world.approve(id, "cy").await.unwrap();
    assert!(result(&billing.calls("crm.update_deal", LARGE).await).is_some());
    assert!(result(&billing.calls("crm.update_deal", LARGE).await).is_none());
    assert_eq!(world.sent().len(), 1);
}

#[tokio::test]
async fn the_clock_ends_an_instance() {
    let world = world().await;
    let billing = world.agent("billing").life(Duration::from_secs(60)).start().await;
    assert!(result(&billing.calls("crm.get_deal", SMALL).await).is_some());
    world.clock.advance(Duration::from_secs(60));
    let reply = billing.calls("crm.get_deal", SMALL).await;
    assert_eq!(refusal(&reply).unwrap().code, Code::ExpiredCredential);
    assert_eq!(world.sent().len(), 1);
}

#[tokio::test]
async fn no_call_reaches_a_tool_when_its_decision_is_not_acknowledged() {
    for failure in Failure::ALL {
        let world = world().await;
        let billing = world.agent("billing").start().await;
        world.failpoints.fail(PortOperation::LedgerAppend, failure);
        let reply =
            tokio::time::timeout(Duration::from_millis(50), billing.calls("crm.update_deal", SMALL)).await;
        assert!(reply.is_err() || refusal(&reply.unwrap()).unwrap().code == Code::LedgerUnavailable);
        assert_eq!(world.sent(), [], "{failure:?}");
        assert!(world.engine.ready().is_err());
        world.failpoints.heal();
        assert!(result(&billing.calls("crm.update_deal", SMALL).await).is_some());
    }
}

#[tokio::test]
async fn a_call_whose_answer_was_lost_is_unknown_and_not_sent_again() {
    let world = world().await;
    let billing = world.agent("billing").start().await;
    world.failpoints.fail_nth(PortOperation::ConnectorsPerform, 0, Failure::After);
    let reply = billing.calls("crm.update_deal", SMALL).await;
    assert_eq!(refusal(&reply).unwrap().code, Code::OutcomeUnknown);
    assert_eq!(world.sent().len(), 1);
    assert_eq!(text(&world.receipts("outcome")[0], "outcome"), "unknown");
}

#[tokio::test]
async fn a_restart_settles_what_a_crash_left_open() {
    let mut world = world().await;
    let billing = world.agent("billing").start().await;
    world.failpoints.hang(PortOperation::ConnectorsPerform);
    let call = billing.calls("crm.update_deal", SMALL);
    assert!(tokio::time::timeout(Duration::from_millis(500), call).await.is_err());
    world.failpoints.heal();
    assert!(world.receipts("outcome").is_empty());
    world.restart().await;
    assert_eq!(text(&world.receipts("outcome")[0], "outcome"), "unknown");
    assert_eq!(world.sent().len(), 1);
}
