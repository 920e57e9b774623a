//! Obligations: what policies have done with calls that they allow, and what happens when it cannot be done.

use placet_domain::{Code, Json};
use placet_engine::{Reply, ports::Answered};
use placet_testkit::{World, refusal};
use tokio::sync::mpsc;

use super::crm::{DEAL_SCHEMA, text};

const RULES: &str = r#"
@id("all") permit (principal, action, resource);

@id("no-numbers") @unless("redact") @fields("$.structuredContent.customers[*].ssn")
forbid (principal, action == Action::"crm.get_deal", resource);

@id("few") @unless("cap_rows") @rows("1") @path("$.structuredContent.customers")
forbid (principal, action == Action::"crm.get_deal", resource);

@id("with-notes") @unless("require_fields") @fields("notes") @remedy("say why in the notes")
forbid (principal, action == Action::"crm.update_deal", resource)
when { context.input has amount };

@id("asks") @unless("approval") @approvers("sales-managers")
forbid (principal, action == Action::"crm.update_deal", resource)
when { context.input has amount && context.input.amount > 100 };
"#;

const CUSTOMERS: &str = r#"{"structuredContent":{"customers":[{"ssn":"123-45-6789"},{"ssn":"987-65-4321"}]},
    "content":[{"type":"text","text":"{\"customers\":[{\"ssn\":\"123-45-6789\"},{\"ssn\":\"987-65-4321\"}]}"}]}"#;

async fn world() -> World {
    let world = World::new()
        .person("alice", &["sales-managers"])
        .tool("crm.get_deal", DEAL_SCHEMA)
        .tool("crm.update_deal", DEAL_SCHEMA)
        .policies(RULES)
        .open()
        .await;
    world.connectors.answer("crm.get_deal", CUSTOMERS);
    world
}

fn answer(reply: &Reply) -> String {
    match reply {
        Reply::Answered { answer: Answered::Result(raw), .. } => String::from_utf8(raw.to_vec()).unwrap(),
        reply => panic!("{reply:?}"),
    }
}

#[tokio::test]
async fn a_result_passes_with_its_obligations_carried_out_and_the_receipt_counts_them() {
    let world = world().await;
    let agent = world.agent("support").start().await;
    let passed = answer(&agent.calls("crm.get_deal", r#"{"deal_id":"D"}"#).await);
    assert!(
        passed.contains("[redacted]") && !passed.contains("6789") && !passed.contains("4321"),
        "{passed}"
    );
    let decision = world.receipts("decision").pop().unwrap();
    let kinds = decision.member("obligations").unwrap();
    assert_eq!(*kinds, Json::from(vec!["redact", "cap_rows"]));
    let outcome = world.receipts("outcome").pop().unwrap();
    let done: Vec<_> = outcome
        .member("discharged")
        .and_then(Json::as_array)
        .unwrap()
        .iter()
        .map(|done| {
            (text(done, "policy"), text(done, "kind"), done.member("count").unwrap().as_integer().unwrap())
        })
        .collect();
    assert_eq!(done, [("no-numbers".into(), "redact".into(), 2), ("few".into(), "cap_rows".into(), 1)]);
    let commitments = (outcome.member("response").unwrap(), outcome.member("delivered").unwrap());
    assert_ne!(commitments.0, commitments.1);
    assert!(!outcome.canonical().contains("6789"));
}

#[tokio::test]
async fn a_result_that_cannot_be_edited_is_withheld_and_the_receipt_says_so() {
    let world = world().await;
    let agent = world.agent("support").start().await;
    let prose = r#"{"content":[{"type":"text","text":"Ada has 123-45-6789"}]}"#;
    for withheld in [prose, r#"{"structuredContent":{"customers":"123-45-6789"}}"#] {
        world.connectors.answer("crm.get_deal", withheld);
        let reply = agent.calls("crm.get_deal", r#"{"deal_id":"D"}"#).await;
        let refusal = refusal(&reply).unwrap();
        assert_eq!(refusal.code, Code::ResultWithheld);
        assert!(!format!("{reply:?}").contains("6789"), "{reply:?}");
        let outcome = world.receipts("outcome").pop().unwrap();
        assert_eq!(text(&outcome, "outcome"), "succeeded");
        assert!(outcome.member("withheld").is_some() && outcome.member("response").is_some());
        assert!(outcome.member("delivered").is_none() && outcome.member("discharged").is_none());
    }
    world.connectors.answer_error("crm.get_deal", r#"{"code":-32000,"message":"no 123-45-6789"}"#);
    let reply = agent.calls("crm.get_deal", r#"{"deal_id":"D"}"#).await;
    assert_eq!(refusal(&reply).unwrap().code, Code::ResultWithheld);
    assert!(!format!("{reply:?}").contains("6789"));
}

#[tokio::test]
async fn nothing_that_a_tool_says_before_an_edited_result_reaches_the_client() {
    let world = world().await;
    let agent = world.agent("support").start().await;
    for operation in ["crm.get_deal", "crm.update_deal"] {
        world
            .connectors
            .says(operation, r#"{"method":"notifications/message","params":{"data":"123-45-6789"}}"#);
        let (relay, mut frames) = mpsc::channel(8);
        let attempt = agent.attempt(operation, r#"{"deal_id":"D"}"#);
        let reply = world.engine.clone().handle(attempt, relay).await;
        answer(&reply);
        let said = frames.recv().await.is_some();
        assert_eq!(said, operation == "crm.update_deal", "{operation}");
    }
}

#[tokio::test]
async fn a_call_whose_result_would_come_another_way_is_not_sent() {
    let world = world().await;
    let agent = world.agent("support").start().await;
    let mut attempt = agent.attempt("crm.get_deal", r#"{"deal_id":"D"}"#);
    let call = attempt.call.clone().unwrap();
    let params = call.params().clone().with("task", placet_domain::Object::new());
    let call = placet_domain::ToolCall::new(call.connector().clone(), call.operation().clone(), params);
    attempt.call = Ok(call.unwrap());
    let reply = agent.sends(attempt).await;
    assert_eq!(refusal(&reply).unwrap().code, Code::NotJudged);
    assert!(world.sent().is_empty());
    let decision = world.receipts("decision").pop().unwrap();
    assert_eq!((text(&decision, "verdict"), text(&decision, "code")), ("allow".into(), "PL-1203".into()));
}

#[tokio::test]
async fn required_arguments_are_asked_of_the_caller_before_anybody_else_is_asked() {
    let world = world().await;
    let agent = world.agent("billing").start().await;
    for arguments in [r#"{"deal_id":"D","amount":500}"#, r#"{"deal_id":"D","amount":500,"notes":"  "}"#] {
        let reply = agent.calls("crm.update_deal", arguments).await;
        let refusal = refusal(&reply).unwrap();
        assert_eq!(refusal.code, Code::FieldsRequired);
        assert!(refusal.why.contains("`$.notes`"), "{}", refusal.why);
        assert_eq!(refusal.next, "say why in the notes");
    }
    assert!(world.sent().is_empty() && world.notifier.told().is_empty());
    let reply = agent.calls("crm.update_deal", r#"{"deal_id":"D","amount":5,"notes":"small"}"#).await;
    answer(&reply);
    let asked = agent.calls("crm.update_deal", r#"{"deal_id":"D","amount":500,"notes":"large"}"#).await;
    assert_eq!(refusal(&asked).unwrap().code, Code::ApprovalRequired);
}
