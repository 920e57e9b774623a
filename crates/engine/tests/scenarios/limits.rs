//! Limits: never exceeded, counted once, given back when a call did not run, and known again after a restart.

use std::time::Duration;

use placet_domain::{Code, Json, KeyPart, Measure, Window};
use placet_engine::Reply;
use placet_policy::UsageRule;
use placet_testkit::{Actor, Failure, PortOperation, World, refusal};

use super::crm::{
    APPROVERS, DEAL_SCHEMA, UPDATE, answered, asked, billing, builder, calls_anew, code, owner, refused, text,
};

const HOUR: Duration = Duration::from_secs(3600);

const GRANT: &str = r#"@id("agents") permit (principal, action, resource);"#;

/// Three changes an hour for each agent, and 1,000 in all a day.
const LIMITS: &str = r#"
@id("changes") @reason("three changes an hour") @unless("rate_limit") @limit("3/1h") @key("agent")
forbid (principal is Agent, action == Action::"crm.update_deal", resource);

@id("volume") @unless("rate_limit") @limit("1000/day") @sum("amount")
forbid (principal is Agent, action == Action::"crm.update_deal", resource)
when { context.input has amount };
"#;

const NOTE: &str = r#"{"deal_id":"D-bob","notes":"called"}"#;

async fn limited(policies: &str) -> World {
    let world = builder().policies(GRANT).policies(APPROVERS).policies(policies).open().await;
    owner(&world, "bob", "bob");
    world
}

fn amount(amount: &str) -> String {
    format!(r#"{{"deal_id":"D-bob","amount":{amount}}}"#)
}

fn shown(world: &World, limit: &str) -> Vec<String> {
    world.engine.counters(Some(limit), 100).iter().map(|counter| counter.used.to_string()).collect()
}

fn why(reply: &Reply) -> String {
    refusal(reply).map(|refusal| refusal.why.clone()).unwrap_or_default()
}

#[tokio::test]
async fn a_limit_lets_so_many_calls_through_and_no_more_until_one_of_them_is_a_window_ago() {
    let world = limited(LIMITS).await;
    let billing = billing(&world).await;
    for _ in 0..3 {
        answered(&billing.calls(UPDATE, NOTE).await);
        world.clock.advance(Duration::from_secs(60));
    }
    let reply = billing.calls(UPDATE, NOTE).await;
    refused(&reply, Code::LimitReached);
    assert_eq!(
        why(&reply),
        "limit `changes` is 3/1h for agent=billing; 3 used, 0 left, this call needs 1; there is room at \
         2026-11-21T23:26:40Z"
    );
    assert_eq!(refusal(&reply).unwrap().wait, Some(Duration::from_secs(57 * 60)));
    assert_eq!(world.sent().len(), 3);
    // The life of an instance ends sooner: another run of the agent has the same counter.
    world.clock.advance(Duration::from_secs(57 * 60 - 1));
    let later = world.agent("billing").on_behalf_of("bob").start().await;
    refused(&later.calls(UPDATE, NOTE).await, Code::LimitReached);
    world.clock.advance(Duration::from_secs(1));
    answered(&later.calls(UPDATE, NOTE).await);
    refused(&later.calls(UPDATE, NOTE).await, Code::LimitReached);
}

#[tokio::test]
async fn each_agent_has_a_counter_of_its_own_where_the_key_says_so_and_all_share_one_where_there_is_none() {
    let world = limited(LIMITS).await;
    let (one, two) = (billing(&world).await, world.agent("other").on_behalf_of("bob").start().await);
    for actor in [&one, &two] {
        answered(&actor.calls(UPDATE, &amount("400")).await);
    }
    let reply = two.calls(UPDATE, &amount("201")).await;
    refused(&reply, Code::LimitReached);
    assert!(why(&reply).starts_with("limit `volume` is 1000/day; 800 used, 200 left"), "{}", why(&reply));
    answered(&two.calls(UPDATE, &amount("200")).await);
    assert_eq!(shown(&world, "volume"), ["1000"]);
    assert_eq!(shown(&world, "changes"), ["1", "2"]);
}

#[tokio::test]
async fn a_call_that_one_limit_refuses_counts_on_no_other() {
    let world = limited(LIMITS).await;
    let billing = billing(&world).await;
    refused(&billing.calls(UPDATE, &amount("1001")).await, Code::LimitReached);
    assert!(world.engine.counters(None, 100).is_empty());
    let receipt = world.receipts("decision").pop().unwrap();
    assert_eq!((text(&receipt, "verdict"), text(&receipt, "code")), ("deny".into(), "PL-1241".into()));
    let exceeded = receipt.member("exceeded").unwrap();
    assert_eq!((text(exceeded, "limit"), text(exceeded, "most")), ("volume".into(), "1000/day".into()));
    assert_eq!((text(exceeded, "used"), text(exceeded, "amount")), ("0".into(), "1001".into()));
    assert!(exceeded.member("room_us").is_none() && receipt.member("charges").is_none());
}

#[tokio::test]
async fn what_cannot_be_summed_is_denied() {
    let sums = LIMITS.replace("when { context.input has amount }", "");
    let world = limited(&sums).await;
    let billing = billing(&world).await;
    refused(&billing.calls(UPDATE, NOTE).await, Code::OutsideSchema);
    refused(&billing.calls(UPDATE, &amount("-5")).await, Code::OutsideSchema);
    answered(&billing.calls(UPDATE, &amount("5")).await);
    assert_eq!(shown(&world, "volume"), ["5"]);
}

#[tokio::test]
async fn fractions_are_summed_exactly() {
    let sums = r#"@id("sum") @unless("rate_limit") @limit("0.3/day") @sum("cost.usd")
        forbid (principal is Agent, action == Action::"crm.add_note", resource);"#;
    let world = limited(sums).await;
    let billing = billing(&world).await;
    for cost in ["0.1", "0.2"] {
        answered(&billing.calls("crm.add_note", &format!(r#"{{"cost":{{"usd":{cost}}}}}"#)).await);
    }
    refused(&billing.calls("crm.add_note", r#"{"cost":{"usd":0.0001}}"#).await, Code::LimitReached);
    refused(&billing.calls("crm.add_note", r#"{"cost":{"usd":0.00001}}"#).await, Code::OutsideSchema);
    refused(&billing.calls("crm.add_note", r#"{"cost":{"usd":"1"}}"#).await, Code::OutsideSchema);
    assert_eq!(shown(&world, "sum"), ["0.3"]);
}

#[tokio::test]
async fn a_calendar_window_begins_anew_at_midnight_of_the_time_zone() {
    let world = limited(LIMITS).await;
    let (first, second) = (billing(&world).await, world.agent("other").on_behalf_of("bob").start().await);
    answered(&first.calls(UPDATE, &amount("1000")).await);
    // From 22:26 to a second before midnight.
    world.clock.advance(Duration::from_secs(10 * 60));
    refused(&second.calls(UPDATE, &amount("1")).await, Code::LimitReached);
    world.clock.advance(Duration::from_secs(84 * 60));
    let third = world.agent("third").on_behalf_of("bob").start().await;
    answered(&third.calls(UPDATE, &amount("1")).await);
    assert_eq!(shown(&world, "volume"), ["1"]);
}

#[tokio::test]
async fn nobody_is_asked_about_a_call_without_room_and_an_approved_call_is_charged_when_it_runs() {
    let asks = r#"@id("ask") @unless("approval") @approvers("sales-managers")
        forbid (principal, action == Action::"crm.update_deal", resource) when { context.input has amount };"#;
    let world = limited(&format!("{LIMITS}{asks}")).await;
    let billing = billing(&world).await;
    let id = asked(&billing.calls(UPDATE, &amount("600")).await);
    assert!(world.engine.counters(None, 100).is_empty(), "a question takes no room");
    world.approve(id, "alice").await.unwrap();
    answered(&billing.calls(UPDATE, &amount("600")).await);
    assert_eq!(shown(&world, "volume"), ["600"]);
    refused(&billing.calls(UPDATE, &amount("401")).await, Code::LimitReached);
    assert_eq!(world.ports.approvals.all(10).await.unwrap().len(), 1);
    // Approved while there was room, used when there is none.
    let id = asked(&billing.calls(UPDATE, &amount("400")).await);
    world.approve(id, "alice").await.unwrap();
    let other = world.agent("other").on_behalf_of("bob").start().await;
    let theirs = asked(&other.calls(UPDATE, &amount("300")).await);
    world.approve(theirs, "alice").await.unwrap();
    answered(&other.calls(UPDATE, &amount("300")).await);
    refused(&billing.calls(UPDATE, &amount("400")).await, Code::LimitReached);
    assert_eq!(shown(&world, "volume"), ["900"]);
}

#[tokio::test]
async fn an_approval_that_another_call_used_costs_nothing() {
    let asks = r#"@id("ask") @unless("approval") @approvers("sales-managers")
        forbid (principal, action == Action::"crm.update_deal", resource) when { context.input has amount };"#;
    let world = limited(&format!("{LIMITS}{asks}")).await;
    let billing = billing(&world).await;
    let id = asked(&billing.calls(UPDATE, &amount("600")).await);
    world.approve(id, "alice").await.unwrap();
    world.failpoints.fail_before(PortOperation::ApprovalsClaim);
    refused(&billing.calls(UPDATE, &amount("600")).await, Code::StoreUnavailable);
    world.failpoints.heal();
    assert!(world.engine.counters(None, 100).is_empty());
}

#[tokio::test]
async fn a_call_that_did_not_leave_is_given_back_and_one_that_may_have_is_not() {
    let world = limited(LIMITS).await;
    let billing = billing(&world).await;
    for (failure, left) in [(Failure::Before, vec![]), (Failure::After, vec!["1".to_owned()])] {
        world.failpoints.fail(PortOperation::ConnectorsPerform, failure);
        assert!(code(&billing.calls(UPDATE, NOTE).await).is_some());
        world.failpoints.heal();
        assert_eq!(shown(&world, "changes"), left, "{failure:?}");
    }
    let outcomes = world.receipts("outcome");
    let refunds = outcomes[0].member("refunds").and_then(Json::as_array).unwrap();
    let charges = world.receipts("decision")[0].member("charges").cloned().unwrap();
    assert_eq!(Json::Array(refunds.to_vec()).canonical(), charges.canonical());
    assert_eq!(outcomes[0].member("charged_us"), world.receipts("decision")[0].member("time_us"));
    assert!(outcomes[1].member("refunds").is_none());
    // The tool's own error is an answer: the call ran.
    world.connectors.answer_error(UPDATE, r#"{"code":-32000,"message":"no"}"#);
    billing.calls(UPDATE, NOTE).await;
    assert_eq!(shown(&world, "changes"), ["2"]);
}

#[tokio::test]
async fn a_refund_that_is_not_on_record_is_not_given_back() {
    let world = limited(LIMITS).await;
    let billing = billing(&world).await;
    world.failpoints.fail(PortOperation::ConnectorsPerform, Failure::Before);
    world.failpoints.fail_nth(PortOperation::LedgerAppend, 1, Failure::Before);
    billing.calls(UPDATE, NOTE).await;
    assert_eq!(shown(&world, "changes"), ["1"]);
}

#[tokio::test]
async fn a_restart_knows_what_was_charged_and_what_was_given_back() {
    let mut world = limited(LIMITS).await;
    let billing = billing(&world).await;
    answered(&billing.calls(UPDATE, &amount("250")).await);
    world.failpoints.fail(PortOperation::ConnectorsPerform, Failure::Before);
    billing.calls(UPDATE, &amount("99")).await;
    world.failpoints.heal();
    world.failpoints.hang(PortOperation::ConnectorsPerform);
    let hundred = amount("100");
    let open = billing.calls(UPDATE, &hundred);
    assert!(tokio::time::timeout(Duration::from_millis(50), open).await.is_err());
    world.failpoints.heal();
    let before = world.engine.counters(None, 100);
    world.restart().await;
    assert_eq!(world.engine.counters(None, 100), before);
    assert_eq!((shown(&world, "changes"), shown(&world, "volume")), (vec!["2".into()], vec!["350".into()]));
    answered(&calls_anew(&world, &billing, UPDATE, NOTE).await);
    refused(&calls_anew(&world, &billing, UPDATE, NOTE).await, Code::LimitReached);
    // What counts no more is not read back.
    world.clock.advance(HOUR);
    world.restart().await;
    assert_eq!(shown(&world, "changes"), [""; 0]);
}

#[tokio::test]
async fn policies_that_look_back_further_count_what_was_charged_before_the_start() {
    let mut world = limited(&LIMITS.replace("3/1h", "3/20h")).await;
    let billing = billing(&world).await;
    answered(&billing.calls(UPDATE, NOTE).await);
    let with = |rules: &str| super::crm::rules_and(&format!("{GRANT}{rules}"));
    world.restart().await;
    // A set without limits comes first, then one with a shorter window, then the long one again.
    world.engine.reload(with(""), None).await.unwrap();
    world.clock.advance(2 * HOUR);
    world.engine.reload(with(LIMITS), None).await.unwrap();
    world.engine.reload(with(&LIMITS.replace("3/1h", "3/20h")), None).await.unwrap();
    assert_eq!(shown(&world, "changes"), ["1"]);
}

#[tokio::test]
async fn policies_whose_counters_cannot_be_read_back_do_not_come_into_force() {
    let mut world = limited("").await;
    let before = world.engine.revision();
    world.restart().await;
    world.failpoints.fail_before(PortOperation::LedgerScan);
    let with_limits = super::crm::rules_and(&format!("{GRANT}{LIMITS}"));
    assert!(world.engine.reload(with_limits.clone(), None).await.is_err());
    assert_eq!(world.engine.revision(), before);
    world.failpoints.heal();
    world.engine.reload(with_limits, None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_racing_calls_exactly_as_many_run_as_there_is_room() {
    let world = limited(&LIMITS.replace("3/1h", "25/1h")).await;
    let billing = billing(&world).await;
    let racing: Vec<_> = (0..64)
        .map(|_| {
            let billing = billing.clone();
            tokio::spawn(async move { code(&billing.calls(UPDATE, NOTE).await) })
        })
        .collect();
    let mut ran = 0;
    for one in racing {
        match one.await.unwrap() {
            None => ran += 1,
            Some(code) => assert_eq!(code, Code::LimitReached),
        }
    }
    assert_eq!((ran, world.sent().len()), (25, 25));
    assert_eq!(shown(&world, "changes"), ["25"]);
}

fn usage(of: &str, measure: Measure) -> UsageRule {
    UsageRule { of: vec![of.to_owned()], key: vec![KeyPart::Agent], window: Window::Day, measure }
}

/// More than two updates a day need a person; no notes once 100 were moved.
const CONDITIONS: &str = r#"
@id("many") @unless("approval") @approvers("sales-managers")
forbid (principal, action == Action::"crm.update_deal", resource) when { context.usage.updates >= 2 };

@id("moved") forbid (principal, action == Action::"crm.add_note", resource)
when { context.usage.moved.greaterThanOrEqual(decimal("100.0")) };
"#;

async fn counted() -> World {
    let world = builder()
        .usage("updates", usage("crm.update_deal", Measure::Calls))
        .usage("moved", usage("write", Measure::Sum("amount".to_owned())))
        .policies(GRANT)
        .policies(APPROVERS)
        .policies(CONDITIONS)
        .open()
        .await;
    owner(&world, "bob", "bob");
    world
}

#[tokio::test]
async fn conditions_read_what_was_used_before_the_call() {
    let mut world = counted().await;
    let billing = billing(&world).await;
    answered(&billing.calls(UPDATE, NOTE).await);
    answered(&billing.calls("crm.add_note", r#"{"text":"x"}"#).await);
    answered(&billing.calls(UPDATE, &amount("100")).await);
    refused(&billing.calls("crm.add_note", r#"{"text":"x"}"#).await, Code::Vetoed);
    let receipt = world.receipts("decision").pop().unwrap();
    let usage = receipt.member("usage").unwrap();
    assert_eq!((text(usage, "updates"), text(usage, "moved")), ("2".into(), "100".into()));
    world.restart().await;
    let id = asked(&calls_anew(&world, &billing, UPDATE, NOTE).await);
    world.approve(id, "alice").await.unwrap();
    answered(&calls_anew(&world, &billing, UPDATE, NOTE).await);
    assert_eq!(shown(&world, "usage.updates"), ["3"]);
    refused(&calls_anew(&world, &billing, "crm.add_note", r#"{"text":"x"}"#).await, Code::Vetoed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_racing_calls_no_two_are_judged_on_the_same_count() {
    let world = counted().await;
    let billing = billing(&world).await;
    let racing: Vec<_> = (0..32)
        .map(|number| {
            let billing = billing.clone();
            let note = format!(r#"{{"deal_id":"D-bob","notes":"{number}"}}"#);
            tokio::spawn(async move { code(&billing.calls(UPDATE, &note).await) })
        })
        .collect();
    let mut ran = 0;
    for one in racing {
        match one.await.unwrap() {
            None => ran += 1,
            // Nobody is told that the counters moved too fast.
            Some(code) => assert!(matches!(code, Code::ApprovalRequired | Code::TooManyPending), "{code}"),
        }
    }
    assert_eq!((ran, world.sent().len()), (2, 2));
}

async fn child_of(world: &World, parent: &Actor) -> Actor {
    world.agent("helper").on_behalf_of("bob").child_of(parent).start().await
}

#[tokio::test]
async fn a_run_of_another_agent_is_no_way_around_a_limit() {
    let world = limited(LIMITS).await;
    let billing = billing(&world).await;
    let helper = child_of(&world, &billing).await;
    for actor in [&billing, &helper, &helper] {
        answered(&actor.calls(UPDATE, NOTE).await);
    }
    assert_eq!(shown(&world, "changes"), ["3", "2"]);
    let reply = helper.calls(UPDATE, NOTE).await;
    refused(&reply, Code::LimitReached);
    assert!(why(&reply).contains("agent=billing"), "{}", why(&reply));
    // What counts for both counts once.
    answered(&world.agent("third").on_behalf_of("bob").start().await.calls(UPDATE, &amount("10")).await);
    assert_eq!(shown(&world, "volume"), ["10"]);
}

#[tokio::test]
async fn a_world_without_limits_keeps_no_counters() {
    let world = builder().tool("crm.other", DEAL_SCHEMA).policies(GRANT).open().await;
    let actor = world.agent("billing").start().await;
    answered(&actor.calls("crm.other", NOTE).await);
    assert_eq!(world.engine.counter_count(), 0);
    assert!(world.receipts("decision")[0].member("charges").is_none());
}
