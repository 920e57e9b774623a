//! The kill switch, what depends on what, and word of an ending for those who wait for one.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use placet_domain::{AgentName, Code, HaltTarget, Json, PersonName};
use placet_engine::{HaltError, StartError, StartRequest};
use placet_testkit::{Actor, PortOperation, World, refusal};
use tokio::task::JoinHandle;

use super::{
    crm::{LARGE, SMALL, UPDATE, answered, asked, billing, calls_anew, code, refused, text, world},
    gated::{Gate, SlowFacts, SlowLedger},
};

fn ana() -> PersonName {
    "ana".parse().unwrap()
}

fn target(text: &str) -> HaltTarget {
    text.parse().unwrap()
}

fn itself(actor: &Actor) -> HaltTarget {
    HaltTarget::Instance(actor.instance.id)
}

async fn kill(world: &World, target: HaltTarget) {
    world.engine.halt(target, "it mails everybody", &ana()).await.unwrap();
}

async fn resume(world: &World, target: &HaltTarget) {
    world.engine.lift(target, &ana()).await.unwrap();
}

#[tokio::test]
async fn whatever_is_stopped_does_not_act_until_it_is_resumed() {
    let world = world().await;
    let billing = billing(&world).await;
    for target in [
        itself(&billing),
        target("agent:billing"),
        target("connector:crm"),
        target("tool:crm/update_deal"),
        target("all"),
    ] {
        let before = world.sent().len();
        kill(&world, target.clone()).await;
        refused(&billing.calls(UPDATE, SMALL).await, Code::Halted);
        assert_eq!(world.sent().len(), before, "{target}");
        resume(&world, &target).await;
        answered(&billing.calls(UPDATE, SMALL).await);
        assert_eq!(world.sent().len(), before + 1, "{target}");
    }
}

#[tokio::test]
async fn what_is_not_stopped_goes_on() {
    let world = world().await;
    let (billing, other) = (billing(&world).await, world.agent("mailer").on_behalf_of("bob").start().await);
    let sibling = world.agent("billing").on_behalf_of("bob").start().await;
    kill(&world, target("tool:crm/close_deal")).await;
    answered(&billing.calls(UPDATE, SMALL).await);
    kill(&world, itself(&billing)).await;
    refused(&billing.calls(UPDATE, SMALL).await, Code::Halted);
    answered(&sibling.calls(UPDATE, SMALL).await);
    kill(&world, target("agent:billing")).await;
    refused(&sibling.calls(UPDATE, SMALL).await, Code::Halted);
    answered(&other.calls(UPDATE, SMALL).await);
}

#[tokio::test]
async fn a_refusal_says_why_and_whom_to_ask_and_does_not_name_the_operator() {
    let world = world().await;
    let other = world.agent("mailer").on_behalf_of("bob").start().await;
    world.engine.halt(target("agent:mailer"), "it mails everybody", &"carol".parse().unwrap()).await.unwrap();
    let reply = other.calls(UPDATE, SMALL).await;
    let refusal = refusal(&reply).unwrap();
    assert!(refusal.why.starts_with("a person stopped agent `mailer` at 2026-11-21T"), "{}", refusal.why);
    assert!(refusal.why.ends_with(": it mails everybody"), "{}", refusal.why);
    assert!(refusal.who.as_ref().unwrap().starts_with("ana, owner of `mailer`"), "{refusal}");
    assert!(!refusal.to_string().contains("carol"), "{refusal}");
    let receipt = world.receipts("halt").pop().unwrap();
    assert_eq!((text(&receipt, "change"), text(&receipt, "by")), ("halted".into(), "carol".into()));
    let about = receipt.member("about").unwrap();
    assert_eq!(about.canonical(), r#"{"agent":"mailer","reason":"it mails everybody","stops":"agent"}"#);
}

#[tokio::test]
async fn a_halt_outlives_a_restart_and_so_does_its_end() {
    let mut world = world().await;
    let billing = billing(&world).await;
    kill(&world, target("agent:billing")).await;
    world.restart().await;
    refused(&calls_anew(&world, &billing, UPDATE, SMALL).await, Code::Halted);
    resume(&world, &target("agent:billing")).await;
    world.restart().await;
    answered(&calls_anew(&world, &billing, UPDATE, SMALL).await);
}

#[tokio::test]
async fn a_kill_switch_works_without_its_disk_and_its_receipt_comes_later() {
    let mut world = world().await;
    let billing = billing(&world).await;
    world.failpoints.fail_before(PortOperation::HaltsPut);
    let error = world.engine.halt(target("all"), "fire", &ana()).await.unwrap_err();
    assert!(matches!(error, HaltError::Store(_)), "{error}");
    refused(&billing.calls(UPDATE, SMALL).await, Code::Halted);
    world.failpoints.heal();
    world.failpoints.fail_before(PortOperation::LedgerAppend);
    assert!(matches!(world.engine.record_halts().await, Err(HaltError::Ledger(_))));
    world.failpoints.heal();
    world.restart().await;
    refused(&calls_anew(&world, &billing, UPDATE, SMALL).await, Code::Halted);
    assert_eq!(world.receipts("halt").len(), 0);
    for _ in 0..2 {
        world.engine.record_halts().await.unwrap();
        assert_eq!(world.receipts("halt").len(), 1);
    }
}

#[tokio::test]
async fn what_is_resumed_without_a_receipt_stays_stopped() {
    let world = world().await;
    let billing = billing(&world).await;
    kill(&world, target("all")).await;
    for operation in [PortOperation::LedgerAppend, PortOperation::HaltsLift] {
        world.failpoints.fail_before(operation);
        assert!(world.engine.lift(&target("all"), &ana()).await.is_err());
        world.failpoints.heal();
        refused(&billing.calls(UPDATE, SMALL).await, Code::Halted);
    }
    resume(&world, &target("all")).await;
    answered(&billing.calls(UPDATE, SMALL).await);
}

#[tokio::test]
async fn whoever_stopped_it_or_an_administrator_lets_it_go_on_and_anybody_stops() {
    let world = super::crm::builder()
        .registry(placet_engine::RegistryRules { approvers: Default::default(), ..Default::default() })
        .person("sam", &["security"])
        .open()
        .await;
    let person = |name: &str| name.parse::<PersonName>().unwrap();
    for (lifts, may) in [("bob", false), ("eve", true), ("sam", true)] {
        world.engine.halt(target("all"), "fire", &person("eve")).await.unwrap();
        let lifted = world.engine.lift(&target("all"), &person(lifts)).await;
        assert_eq!(lifted.is_ok(), may, "{lifts}: {lifted:?}");
    }
    assert!(matches!(world.engine.lift(&target("all"), &ana()).await, Err(HaltError::NotHalted(_))));
    // Nobody who may is left: rather than for ever, it ends when anybody says so.
    world.engine.halt(target("all"), "fire", &person("eve")).await.unwrap();
    world.people.leave("eve");
    world.people.leave("sam");
    world.engine.lift(&target("all"), &person("bob")).await.unwrap();
}

#[tokio::test]
async fn what_is_not_there_or_not_explained_is_not_stopped() {
    let world = world().await;
    for unknown in
        ["agent:nobody", "connector:erp", "tool:crm/drop", "instance:ins_01k9sbabr0e1q4w7r9t0v2x5z8"]
    {
        let error = world.engine.halt(target(unknown), "why", &ana()).await.unwrap_err();
        assert!(matches!(error, HaltError::Unknown(_)), "{unknown}: {error}");
    }
    for reason in ["", "  \n", &"x".repeat(501)] {
        assert!(matches!(world.engine.halt(target("all"), reason, &ana()).await, Err(HaltError::Reason)));
    }
    assert!(world.engine.halts().is_empty());
    assert_eq!(world.receipts("halt").len(), 0);
}

#[tokio::test]
async fn what_is_stopped_twice_is_stopped_for_the_first_reason_and_recorded_once() {
    let world = world().await;
    kill(&world, target("all")).await;
    let again = world.engine.halt(target("all"), "another", &"eve".parse().unwrap()).await.unwrap();
    assert_eq!((again.reason.as_str(), again.by.as_str()), ("it mails everybody", "ana"));
    assert_eq!(world.receipts("halt").len(), 1);
    resume(&world, &target("all")).await;
    assert_eq!(world.receipts("halt").len(), 2);
}

#[tokio::test]
async fn an_approval_of_a_stopped_or_revoked_run_is_of_no_use() {
    let world = world().await;
    let (stopped, revoked) = (billing(&world).await, billing(&world).await);
    for actor in [&stopped, &revoked] {
        let id = asked(&actor.calls(UPDATE, LARGE).await);
        world.approve(id, "alice").await.unwrap();
    }
    kill(&world, itself(&stopped)).await;
    assert!(world.engine.revoke(revoked.instance.id, &ana()).await.unwrap());
    refused(&stopped.calls(UPDATE, LARGE).await, Code::Halted);
    refused(&revoked.calls(UPDATE, LARGE).await, Code::RevokedInstance);
    // Nor is it for another run of the same agent.
    let other = billing(&world).await;
    asked(&other.calls(UPDATE, LARGE).await);
    assert_eq!(world.sent(), []);
}

#[tokio::test]
async fn a_call_that_is_being_judged_when_it_is_stopped_does_not_run() {
    let mut world = world().await;
    let gate = Arc::new(Gate::default());
    world.ports.connectors = Arc::new(SlowFacts { connectors: world.connectors.clone(), gate: gate.clone() });
    world.restart().await;
    let billing = billing(&world).await;
    for stop in ["tool:crm/update_deal", "connector:crm", "agent:billing", "all"] {
        gate.shut();
        let late = calling(&billing);
        gate.arrival().await;
        kill(&world, target(stop)).await;
        gate.open();
        refused(&late.await.unwrap(), Code::Halted);
        resume(&world, &target(stop)).await;
    }
    assert_eq!(world.sent(), []);
}

#[tokio::test]
async fn a_call_that_is_stopped_while_its_decision_is_written_is_on_record_as_not_sent() {
    let mut world = world().await;
    let billing = billing(&world).await;
    let gate = Arc::new(Gate::default());
    world.ports.ledger = Arc::new(SlowLedger { ledger: world.ledger.clone(), gate: gate.clone() });
    world.restart().await;
    let engine = world.engine.clone();
    gate.shut();
    let late = tokio::spawn({
        let attempt = billing.attempt(UPDATE, SMALL);
        async move { engine.handle(attempt, tokio::sync::mpsc::channel(8).0).await }
    });
    gate.arrival().await;
    kill(&world, target("agent:billing")).await;
    gate.open();
    refused(&late.await.unwrap(), Code::Halted);
    assert_eq!(world.sent(), []);
    let (decision, outcome) =
        (world.receipts("decision").pop().unwrap(), world.receipts("outcome").pop().unwrap());
    assert_eq!(text(&decision, "verdict"), "allow");
    assert_eq!(text(&outcome, "outcome"), "failed");
    assert_eq!(text(&outcome, "call"), text(&decision, "call"));
    assert!(text(&outcome, "detail").contains("a person stopped agent `billing`"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_call_is_sent_after_a_kill_was_acknowledged() {
    let world = Arc::new(world().await);
    let actor = billing(&world).await;
    for round in 0..20 {
        let stop = ["agent:billing", "tool:crm/update_deal", "connector:crm", "all"][round % 4];
        let callers: Vec<_> = (0..4)
            .map(|_| {
                let actor = actor.clone();
                tokio::spawn(async move { while code(&actor.calls(UPDATE, SMALL).await).is_none() {} })
            })
            .collect();
        while world.sent().len() < round + 1 {
            tokio::task::yield_now().await;
        }
        kill(&world, target(stop)).await;
        refused(&actor.calls(UPDATE, SMALL).await, Code::Halted);
        for caller in callers {
            caller.await.unwrap();
        }
        resume(&world, &target(stop)).await;
    }
    // In the order of the ledger: whatever was allowed between a halt and its lift was taken back before it was sent.
    let (mut stopped, mut late, mut unsent) = (false, BTreeSet::new(), BTreeSet::new());
    for receipt in world.ledger.receipts() {
        let of = |member| text(&receipt, member);
        match (of("kind").as_str(), of("change").as_str()) {
            ("halt", change) => stopped = change == "halted",
            ("decision", _) if stopped && of("verdict") == "allow" && of("code").is_empty() => {
                late.insert(of("call"));
            }
            ("outcome", _) if of("outcome") == "failed" => {
                unsent.insert(of("call"));
            }
            _ => {}
        }
    }
    assert!(late.is_subset(&unsent), "{late:?} {unsent:?}");
    assert_eq!(world.receipts("outcome").len(), world.sent().len() + unsent.len());
}

#[tokio::test]
async fn a_run_ends_with_whatever_it_depends_on() {
    let world = world().await;
    let parent = world.agent("billing").on_behalf_of("bob").start().await;
    let child = world.agent("mailer").on_behalf_of("bob").child_of(&parent).start().await;
    let grandchild = world.agent("sorter").on_behalf_of("bob").child_of(&child).start().await;
    for stop in [itself(&parent), itself(&child), target("agent:billing"), target("agent:mailer")] {
        answered(&grandchild.calls(UPDATE, SMALL).await);
        kill(&world, stop.clone()).await;
        let reply = grandchild.calls(UPDATE, SMALL).await;
        refused(&reply, Code::Halted);
        assert!(refusal(&reply).unwrap().why.starts_with("the instance that started it"), "{reply:?}");
        resume(&world, &stop).await;
    }
    let name: AgentName = "mailer".parse().unwrap();
    kill(&world, target("agent:mailer")).await;
    let request = StartRequest {
        agent: name.clone(),
        mandate: Default::default(),
        life: Duration::from_secs(5),
        by: ana(),
        parent: None,
    };
    let error = world.engine.start(request).await.unwrap_err();
    assert!(matches!(error, StartError::NotRunning { .. }), "{error}");
    resume(&world, &target("agent:mailer")).await;
    world.engine.suspend(&name, &ana()).await.unwrap();
    refused(&grandchild.calls(UPDATE, SMALL).await, Code::UnknownAgent);
    world.engine.resume(&name, &ana()).await.unwrap();
    assert!(world.engine.revoke(parent.instance.id, &ana()).await.unwrap());
    for actor in [&parent, &child, &grandchild] {
        refused(&actor.calls(UPDATE, SMALL).await, Code::RevokedInstance);
    }
}

#[tokio::test]
async fn a_child_does_not_outlive_its_parent_and_chains_are_short() {
    let world = world().await;
    let parent = world.agent("billing").life(Duration::from_secs(60)).start().await;
    let child = world.agent("mailer").child_of(&parent).start().await;
    assert_eq!(child.instance.expires, parent.instance.expires);
    let grandchild = world.agent("sorter").child_of(&child).start().await;
    let request = |parent: &Actor| StartRequest {
        agent: "billing".parse().unwrap(),
        mandate: Default::default(),
        life: Duration::from_secs(5),
        by: ana(),
        parent: Some(parent.instance.id),
    };
    let error = world.engine.start(request(&grandchild)).await.unwrap_err();
    assert!(error.to_string().ends_with("a chain has at most 3 instances"), "{error}");
    kill(&world, itself(&parent)).await;
    let error = world.engine.start(request(&child)).await.unwrap_err();
    assert!(matches!(error, StartError::Parent { .. }), "{error}");
    world.clock.advance(Duration::from_secs(61));
    assert!(world.engine.start(request(&parent)).await.is_err());
}

#[tokio::test]
async fn whoever_leaves_takes_the_runs_of_theirs_along() {
    let world = world().await;
    let (for_bob, for_dana) = (
        world.agent("billing").on_behalf_of("bob").start().await,
        world.agent("billing").on_behalf_of("dana").start().await,
    );
    world.people.leave("bob");
    refused(&for_bob.calls(UPDATE, SMALL).await, Code::RevokedInstance);
    assert_eq!(world.engine.revoke_of_leavers().await.unwrap(), 1);
    assert_eq!(world.engine.revoke_of_leavers().await.unwrap(), 0);
    let receipt = world.receipts("revocation").pop().unwrap();
    assert_eq!(
        receipt.member("about").and_then(|about| about.member("cause")).and_then(Json::as_str),
        Some("left")
    );
    // Whoever comes back starts anew.
    world.people.add("bob", &[]);
    refused(&for_bob.calls(UPDATE, SMALL).await, Code::RevokedInstance);
    let dana = r#"{"deal_id":"D-dana","amount":5}"#;
    answered(&for_dana.calls(UPDATE, dana).await);
    world.people.leave("ana");
    refused(&for_dana.calls(UPDATE, dana).await, Code::RevokedInstance);
}

#[tokio::test]
async fn the_runs_of_a_person_are_revoked_together() {
    let world = world().await;
    let runs = [world.agent("billing").on_behalf_of("bob"), world.agent("mailer").on_behalf_of("bob")];
    let mut actors = Vec::new();
    for run in runs {
        actors.push(run.start().await);
    }
    let other = world.agent("billing").start().await;
    let revoked = world.engine.revoke_of(&"bob".parse().unwrap(), "session-revoked", None).await.unwrap();
    assert_eq!(revoked, 2);
    for actor in &actors {
        refused(&actor.calls(UPDATE, SMALL).await, Code::RevokedInstance);
    }
    assert!(world.engine.authenticate(&other.credential()).is_ok());
    assert_eq!(world.engine.revoke_of(&ana(), "session-revoked", None).await.unwrap(), 1);
    assert!(world.engine.authenticate(&other.credential()).is_err());
}

#[tokio::test]
async fn whoever_waits_hears_of_the_ending_and_of_nobody_elses() {
    let world = world().await;
    for stop in ["agent:billing", "all", "connector:crm", "tool:crm/update_deal"] {
        let actor = billing(&world).await;
        let waiting = waiting(&world, &actor);
        kill(&world, target("tool:crm/close_deal")).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!waiting.is_finished());
        kill(&world, target(stop)).await;
        assert_eq!(heard(waiting).await, Code::Halted);
        resume(&world, &target(stop)).await;
        resume(&world, &target("tool:crm/close_deal")).await;
    }
    let (actor, name) = (billing(&world).await, "billing".parse().unwrap());
    let first = waiting(&world, &actor);
    world.engine.suspend(&name, &ana()).await.unwrap();
    assert_eq!(heard(first).await, Code::UnknownAgent);
    world.engine.resume(&name, &ana()).await.unwrap();
    let second = waiting(&world, &actor);
    world.people.leave("bob");
    world.engine.revoke_of_leavers().await.unwrap();
    assert_eq!(heard(second).await, Code::RevokedInstance);
    let brief = world.agent("billing").life(Duration::from_secs(60)).start().await;
    let third = waiting(&world, &brief);
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(heard(third).await, Code::ExpiredCredential);
}

fn calling(actor: &Actor) -> JoinHandle<placet_engine::Reply> {
    let actor = actor.clone();
    tokio::spawn(async move { actor.calls(UPDATE, SMALL).await })
}

fn waiting(world: &World, actor: &Actor) -> JoinHandle<Code> {
    let caller = world.engine.authenticate(&actor.credential()).unwrap();
    let engine = world.engine.clone();
    tokio::spawn(async move {
        let tool = placet_domain::Operation::Tool("update_deal".parse().unwrap());
        engine.ended(&caller, &"crm".parse().unwrap(), Some(&tool)).await.code
    })
}

/// The bar for open streams is a second.
async fn heard(waiting: JoinHandle<Code>) -> Code {
    tokio::time::timeout(Duration::from_millis(1_500), waiting).await.expect("within a second").unwrap()
}
