//! What is out of the ordinary weighs: first-seen tools, destinations and arguments, rates, and what anomaly hooks say. What an
//! agent does is read back from the log; what nobody remembers is new.

use std::time::Duration;

use placet_domain::{Code, Json, Timestamp};
use placet_engine::{AnomalyHook, Asking, Silence};
use placet_policy::{RateRisk, RiskConfig};
use placet_testkit::{Actor, World, WorldBuilder, ticket};

use super::crm::{answered, refused};

const MAIL: &str = r#"{"type":"object","properties":{"to":{"type":"string"},"cc":{"type":"string"}}}"#;
const RULES: &str = r#"
@id("all") permit (principal, action, resource);
@id("odd") @unless("approval") @approvers("leads") forbid (principal is Agent, action, resource)
when { context.risk >= 60 };
@id("never") forbid (principal, action == Action::"mail.erase", resource);
@id("leads") permit (principal in Group::"leads", action == Action::"approve", resource);
"#;
const CARELESS: &str = r#"
@id("all") permit (principal, action, resource);
@id("leads") permit (principal in Group::"leads", action == Action::"approve", resource);
"#;
const TO_ANA: &str = r#"{"to":"ana@example.com"}"#;
const TO_EVE: &str = r#"{"to":"eve@evil.example"}"#;

fn weights() -> RiskConfig {
    RiskConfig {
        first_tool: 15,
        first_destination: 30,
        first_shape: 10,
        rate: Some(RateRisk { points: 30, times: 3, at_least: 10 }),
        ..RiskConfig::default()
    }
}

fn builder(rules: &str) -> WorldBuilder {
    let tools = ["mail.send", "mail.erase", "mail.draft"];
    let world = tools.into_iter().fold(World::new(), |world, tool| world.tool(tool, MAIL));
    world.person("lea", &["leads"]).risk(weights()).policies(rules)
}

fn hook(silence: Silence) -> AnomalyHook {
    AnomalyHook {
        name: "fraud".to_owned(),
        id: "hook:fraud".parse().unwrap(),
        about: vec![
            placet_domain::Want { connector: "mail".parse().unwrap(), tool: Some("draft".parse().unwrap()) },
            placet_domain::Want { connector: "mail".parse().unwrap(), tool: Some("erase".parse().unwrap()) },
        ],
        arguments: false,
        silence,
    }
}

/// The parts of the newest decision's risk.
fn parts(world: &World) -> Vec<String> {
    let receipts = world.receipts("decision");
    let parts = receipts.last().unwrap().member("risk_parts").and_then(Json::as_array).unwrap_or_default();
    parts.iter().map(|part| part.member("of").unwrap().as_str().unwrap().to_owned()).collect()
}

/// A call that a lead approves.
async fn approved(world: &World, actor: &Actor, arguments: &str) {
    let held = actor.calls("mail.send", arguments).await;
    refused(&held, Code::ApprovalRequired);
    world.approve(ticket(&held).unwrap(), "lea").await.unwrap();
    answered(&actor.calls("mail.send", arguments).await);
}

#[tokio::test]
async fn what_is_new_asks_for_a_person_once_and_is_a_habit_then() {
    let world = builder(RULES).open().await;
    let mailer = world.agent("mailer").start().await;
    approved(&world, &mailer, TO_ANA).await;
    assert_eq!(parts(&world), ["group", "first_tool", "first_destination"]);
    answered(&mailer.calls("mail.send", r#"{"to":"bo@example.com"}"#).await);
    assert_eq!(parts(&world), ["group"]);
    // New arguments alone are not enough to ask.
    answered(&mailer.calls("mail.send", r#"{"to":"bo@example.com","cc":"ana@example.com"}"#).await);
    assert_eq!(parts(&world), ["group", "first_shape"]);
    // What one tool is known to do, another is not.
    refused(&mailer.calls("mail.draft", TO_ANA).await, Code::ApprovalRequired);
    assert_eq!(parts(&world), ["group", "first_tool", "first_destination"]);
    refused(&mailer.calls("mail.send", TO_EVE).await, Code::ApprovalRequired);
    // Being refused makes nothing a habit, nor does what another agent does.
    refused(&mailer.calls("mail.send", TO_EVE).await, Code::ApprovalRequired);
    assert_eq!(parts(&world), ["group", "first_destination"]);
    let other = world.agent("other").start().await;
    refused(&other.calls("mail.send", TO_ANA).await, Code::ApprovalRequired);
    let receipts: String = world.ledger.receipts().iter().map(Json::canonical).collect();
    assert!(!receipts.contains("evil.example"), "values stay out of receipts");
}

#[tokio::test]
async fn habits_outlive_a_restart_and_end_with_their_time() {
    let mut world = builder(RULES).open().await;
    approved(&world, &world.agent("mailer").start().await, TO_ANA).await;
    world.restart().await;
    answered(&world.agent("mailer").start().await.calls("mail.send", TO_ANA).await);
    assert_eq!(parts(&world), ["group"]);
    world.clock.advance(Duration::from_secs(31 * 86_400));
    let mailer = world.agent("mailer").start().await;
    refused(&mailer.calls("mail.send", TO_ANA).await, Code::ApprovalRequired);
    world.restart().await;
    refused(&mailer.at(&world).calls("mail.send", TO_ANA).await, Code::ApprovalRequired);
}

#[tokio::test]
async fn policies_that_begin_to_read_the_risk_know_what_the_log_says() {
    let mut world = builder(CARELESS).open().await;
    let mailer = world.agent("mailer").start().await;
    answered(&mailer.calls("mail.draft", TO_ANA).await);
    // Nobody reads it: nothing is observed.
    let last = world.receipts("decision").pop().unwrap();
    assert_eq!((last.member("observed"), last.member("risk_parts")), (None, None));
    world.restart_with(RULES).await;
    let mailer = mailer.at(&world);
    // The tool is in the log, where it was sent to is not: what is not known is new.
    refused(&mailer.calls("mail.draft", TO_ANA).await, Code::ApprovalRequired);
    assert_eq!(parts(&world), ["group", "first_destination", "first_shape"]);
    answered(&mailer.calls("mail.draft", "{}").await);
    assert_eq!(parts(&world), ["group", "first_shape"]);
}

#[tokio::test]
async fn a_rate_out_of_the_ordinary_weighs() {
    let world = builder(RULES).open().await;
    let mailer = world.agent("mailer").start().await;
    for _ in 0..10 {
        answered(&mailer.calls("mail.draft", "{}").await);
    }
    // The eleventh of the hour, by an agent of whom nothing is known.
    refused(&mailer.calls("mail.draft", "{}").await, Code::ApprovalRequired);
    assert_eq!(parts(&world), ["group", "rate"]);
    // On another day the same is usual.
    world.clock.advance(Duration::from_secs(86_400));
    let mailer = world.agent("mailer").start().await;
    for _ in 0..20 {
        answered(&mailer.calls("mail.draft", "{}").await);
    }
}

#[tokio::test]
async fn a_hook_adds_refuses_and_its_silence_is_what_the_operator_says() {
    for (silence, code, part) in
        [(Silence::Veto, Code::Vetoed, None), (Silence::Adds(50), Code::ApprovalRequired, Some("hook:fraud"))]
    {
        let world = builder(RULES).hook(hook(silence)).open().await;
        let mailer = world.agent("mailer").start().await;
        answered(&mailer.calls("mail.draft", "{}").await);
        assert_eq!(parts(&world), ["group", "first_tool"]);
        world.anomaly_hooks.answers("fraud", Some((25, false)));
        refused(&mailer.calls("mail.draft", "{}").await, Code::ApprovalRequired);
        assert_eq!(parts(&world), ["group", "hook:fraud"]);
        world.anomaly_hooks.answers("fraud", Some((0, true)));
        refused(&mailer.calls("mail.draft", "{}").await, Code::Vetoed);
        let last = world.receipts("decision").pop().unwrap();
        assert_eq!(last.member("reasons").unwrap().canonical(), r#"["hook:fraud"]"#);
        world.anomaly_hooks.answers("fraud", None);
        refused(&mailer.calls("mail.draft", "{}").await, code);
        assert_eq!(parts(&world).get(1).map(String::as_str), part);
        let asked = world.anomaly_hooks.asked();
        let text = Json::Object(asked[1].clone()).canonical();
        for expected in [r#""operation":"draft""#, r#""risk":40"#, r#""type":"call.judging""#] {
            assert!(text.contains(expected), "{text}");
        }
        assert!(!text.contains("arguments"), "{text}");
        // Neither about what our policies refuse, nor about tools that are not named.
        let _ = mailer.calls("mail.erase", "{}").await;
        let _ = mailer.calls("mail.send", "{}").await;
        assert_eq!(world.anomaly_hooks.asked().len(), asked.len());
    }
}

#[tokio::test]
async fn a_hook_is_asked_by_enforcement_points_and_for_policies_that_do_not_read_the_risk() {
    let world = builder(CARELESS).hook(hook(Silence::Veto)).open().await;
    let mailer = world.agent("mailer").start().await;
    answered(&mailer.calls("mail.draft", "{}").await);
    world.anomaly_hooks.answers("fraud", Some((0, true)));
    refused(&mailer.calls("mail.draft", "{}").await, Code::Vetoed);
    let caller = world.engine.authenticate(&mailer.credential()).unwrap();
    let call = mailer.attempt("mail.draft", "{}").call.unwrap();
    let evaluation = world.engine.evaluate_call(&caller, call, Asking::People, "authzen").await;
    assert_eq!(evaluation.refusal.unwrap().code, Code::Vetoed);
}

#[tokio::test]
async fn what_was_observed_replays() {
    let world = builder(RULES).hook(hook(Silence::Adds(50))).open().await;
    let mailer = world.agent("mailer").start().await;
    approved(&world, &mailer, TO_ANA).await;
    answered(&mailer.calls("mail.send", TO_ANA).await);
    answered(&mailer.calls("mail.draft", "{}").await);
    world.anomaly_hooks.answers("fraud", None);
    refused(&mailer.calls("mail.draft", "{}").await, Code::ApprovalRequired);
    let found = world.engine.replay_as_recorded(Timestamp::from_micros(0)).await.unwrap();
    assert_eq!((found.judged, found.flips.len()), (5, 0), "{found:?}");
    assert!(found.unknown.is_empty(), "{found:?}");
}
