//! The life of an approval: asked, answered, used once or expired, and never stronger than today's rules.

use std::time::Duration;

use placet_domain::{ApprovalState, Code, Json, limits};
use placet_engine::AnswerError;
use placet_testkit::{Failure, PortOperation};

use super::crm::{
    LARGE, UPDATE, answered, asked, billing, calls_anew, code, owner, refused, rules_and, text, world,
};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn an_approval_runs_one_call_once() {
    let world = world().await;
    let billing = billing(&world).await;
    let id = asked(&billing.calls(UPDATE, LARGE).await);
    world.approve(id, "alice").await.unwrap();
    answered(&billing.calls(UPDATE, LARGE).await);
    assert_ne!(asked(&billing.calls(UPDATE, LARGE).await), id);
    assert_eq!(world.sent().len(), 1);
    let approval = world.ports.approvals.approval(id).await.unwrap().unwrap();
    assert!(matches!(approval.state, ApprovalState::Consumed(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_racing_calls_exactly_one_uses_the_approval() {
    let world = world().await;
    for round in 1..=20 {
        let billing = billing(&world).await;
        let id = asked(&billing.calls(UPDATE, LARGE).await);
        world.approve(id, "alice").await.unwrap();
        let racing: Vec<_> = (0..8)
            .map(|_| {
                let billing = billing.clone();
                tokio::spawn(async move { code(&billing.calls(UPDATE, LARGE).await) })
            })
            .collect();
        let mut ran = 0;
        for one in racing {
            match one.await.unwrap() {
                None => ran += 1,
                Some(code) => assert!(matches!(code, Code::ApprovalUsed | Code::ApprovalRequired), "{code}"),
            }
        }
        assert_eq!((ran, world.sent().len()), (1, round));
        if let Some(open) = world.ports.approvals.all(1).await.unwrap().pop() {
            // Those who came too late may have asked anew; an agent has only so many questions open.
            drop(world.deny(open.id, "alice").await);
        }
    }
}

#[tokio::test]
async fn a_question_is_asked_once_however_often_the_call_comes() {
    let world = world().await;
    let billing = billing(&world).await;
    let id = asked(&billing.calls(UPDATE, LARGE).await);
    for _ in 0..3 {
        assert_eq!(asked(&billing.calls(UPDATE, LARGE).await), id);
    }
    assert_eq!(world.ports.approvals.all(10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_denial_holds_until_it_expires_and_through_a_restart() {
    let mut world = world().await;
    let billing = billing(&world).await;
    let id = asked(&billing.calls(UPDATE, LARGE).await);
    world.deny(id, "alice").await.unwrap();
    refused(&billing.calls(UPDATE, LARGE).await, Code::ApprovalDenied);
    world.restart().await;
    refused(&calls_anew(&world, &billing, UPDATE, LARGE).await, Code::ApprovalDenied);
    assert!(matches!(world.approve(id, "alice").await, Err(AnswerError::Closed(_))));
    assert_eq!(world.sent(), []);
}

#[tokio::test]
async fn an_expired_denial_no_longer_refuses_but_asks_anew() {
    let world = world().await;
    let billing = world.agent("billing").on_behalf_of("bob").life(HOUR).start().await;
    world.clock.advance(Duration::from_secs(1));
    // The question may wait an hour, which is longer than what is left of the instance: shorten it by the rule.
    let rules = rules_and(
        r#"@id("short") @unless("approval") @approvers("sales-managers") @timeout("5m")
forbid (principal, action == Action::"crm.update_deal", resource)
    when { context.input has amount && context.input.amount > 10000 };"#,
    );
    world.engine.reload(rules, None).await.unwrap();
    let id = asked(&billing.calls(UPDATE, LARGE).await);
    world.deny(id, "alice").await.unwrap();
    world.clock.advance(Duration::from_secs(299));
    refused(&billing.calls(UPDATE, LARGE).await, Code::ApprovalDenied);
    world.clock.advance(Duration::from_secs(1));
    assert_ne!(asked(&billing.calls(UPDATE, LARGE).await), id);
}

#[tokio::test]
async fn a_question_that_nobody_answered_in_time_is_closed() {
    let world = world().await;
    let billing = billing(&world).await;
    let id = asked(&billing.calls(UPDATE, LARGE).await);
    world.clock.advance(HOUR);
    assert!(world.approve(id, "alice").await.is_err());
    let later = world.agent("billing").on_behalf_of("bob").start().await;
    assert_ne!(asked(&later.calls(UPDATE, LARGE).await), id);
}

#[tokio::test]
async fn an_approval_that_was_not_used_in_time_is_worth_nothing() {
    let world = world().await;
    let billing = world.agent("billing").on_behalf_of("bob").life(HOUR).start().await;
    let id = asked(&billing.calls(UPDATE, LARGE).await);
    world.approve(id, "alice").await.unwrap();
    world.clock.advance(limits::APPROVAL_USE);
    assert_ne!(asked(&billing.calls(UPDATE, LARGE).await), id);
    assert_eq!(world.sent(), []);
}

#[tokio::test]
async fn a_veto_that_came_after_the_approval_wins() {
    let world = world().await;
    let billing = billing(&world).await;
    let id = asked(&billing.calls(UPDATE, LARGE).await);
    world.approve(id, "alice").await.unwrap();
    let freeze = r#"@id("freeze") forbid (principal, action == Action::"crm.update_deal", resource);"#;
    world.engine.reload(rules_and(freeze), None).await.unwrap();
    refused(&billing.calls(UPDATE, LARGE).await, Code::Vetoed);
    assert_eq!(world.sent(), []);
}

#[tokio::test]
async fn facts_that_changed_after_the_approval_win() {
    let world = world().await;
    let billing = billing(&world).await;
    let id = asked(&billing.calls(UPDATE, LARGE).await);
    world.approve(id, "alice").await.unwrap();
    owner(&world, "bob", "dana");
    refused(&billing.calls(UPDATE, LARGE).await, Code::NoGrant);
    assert_eq!(world.sent(), []);
    // Nothing was used up: with the old facts the approval is as good as before.
    owner(&world, "bob", "bob");
    answered(&billing.calls(UPDATE, LARGE).await);
}

#[tokio::test]
async fn a_gate_that_stands_only_later_needs_an_approval_that_covers_it() {
    let world = world().await;
    let rules = r#"@id("after-midnight") @unless("approval") @approvers("sales-managers")
forbid (principal, action == Action::"crm.update_deal", resource) when { context.time.minute_of_day < 60 };"#;
    world.engine.reload(rules_and(rules), None).await.unwrap();
    // It is half past ten in the evening. In 85 minutes one gate stands, ten minutes later two.
    world.clock.advance(Duration::from_secs(85 * 60));
    let billing = billing(&world).await;
    let before = asked(&billing.calls(UPDATE, LARGE).await);
    world.approve(before, "alice").await.unwrap();
    world.clock.advance(Duration::from_secs(10 * 60));
    let after = asked(&billing.calls(UPDATE, LARGE).await);
    assert_ne!(before, after);
    assert_eq!(world.sent(), []);
    let question = world.ports.approvals.approval(after).await.unwrap().unwrap();
    assert_eq!(question.gates.len(), 2);
    world.approve(after, "alice").await.unwrap();
    answered(&billing.calls(UPDATE, LARGE).await);
}

#[tokio::test]
async fn an_agent_has_so_many_questions_open_and_no_more() {
    let world = world().await;
    let billing = billing(&world).await;
    let large = |number: usize| format!(r#"{{"deal_id":"D-bob","amount":{}}}"#, 20_000 + number);
    let first = asked(&billing.calls(UPDATE, &large(0)).await);
    for number in 1..limits::APPROVALS_PENDING {
        asked(&billing.calls(UPDATE, &large(number)).await);
    }
    refused(&billing.calls(UPDATE, &large(limits::APPROVALS_PENDING)).await, Code::TooManyPending);
    // The open ones stay open, other agents have their own, and an answer makes room.
    assert_eq!(asked(&billing.calls(UPDATE, &large(0)).await), first);
    asked(&world.agent("mailer").on_behalf_of("bob").start().await.calls(UPDATE, LARGE).await);
    world.deny(first, "alice").await.unwrap();
    asked(&billing.calls(UPDATE, &large(limits::APPROVALS_PENDING)).await);
    assert_eq!(world.sent(), []);
}

#[tokio::test]
async fn what_a_person_is_shown_is_what_is_sent() {
    let world = world().await;
    let billing = billing(&world).await;
    let id = asked(&billing.calls(UPDATE, LARGE).await);
    let shown = world.ports.approvals.approval(id).await.unwrap().unwrap();
    world.approve(id, "alice").await.unwrap();
    answered(&billing.calls(UPDATE, LARGE).await);
    let sent = Json::parse(world.sent()[0].params.as_bytes()).unwrap();
    assert_eq!(sent.member("arguments"), Some(&Json::Object(shown.arguments)));
    assert_eq!(sent.member("name").and_then(Json::as_str), Some(shown.operation.as_str()));
}

#[tokio::test]
async fn the_receipts_tell_who_approved_what_and_which_call_used_it() {
    let world = world().await;
    let billing = billing(&world).await;
    let id = asked(&billing.calls(UPDATE, LARGE).await);
    world.approve(id, "alice").await.unwrap();
    answered(&billing.calls(UPDATE, LARGE).await);
    let answer = world.receipts("approval").pop().unwrap();
    let decision = world.receipts("decision").pop().unwrap();
    let (given, used) = (answer.member("approval").unwrap(), decision.member("approval").unwrap());
    assert_eq!((text(given, "state"), text(given, "by")), ("approved".into(), "alice".into()));
    assert_eq!((text(used, "state"), text(used, "id")), ("consumed".into(), id.to_string()));
    assert_eq!(text(&answer, "call_digest"), text(&decision, "call_digest"));
}

#[tokio::test]
async fn an_answer_that_is_not_on_record_is_worth_nothing() {
    for failure in [Failure::Before, Failure::After] {
        let world = world().await;
        let billing = billing(&world).await;
        let id = asked(&billing.calls(UPDATE, LARGE).await);
        world.failpoints.fail_nth(PortOperation::LedgerAppend, 0, failure);
        assert!(matches!(world.approve(id, "alice").await, Err(AnswerError::Ledger(_))));
        assert_eq!(asked(&billing.calls(UPDATE, LARGE).await), id);
        assert_eq!(world.sent(), []);
    }
}

#[tokio::test]
async fn a_call_that_cannot_be_recorded_burns_its_approval_and_is_not_sent() {
    let world = world().await;
    let billing = billing(&world).await;
    let id = asked(&billing.calls(UPDATE, LARGE).await);
    world.approve(id, "alice").await.unwrap();
    world.failpoints.fail_nth(PortOperation::LedgerAppend, 0, Failure::After);
    refused(&billing.calls(UPDATE, LARGE).await, Code::LedgerUnavailable);
    assert_ne!(asked(&billing.calls(UPDATE, LARGE).await), id);
    assert_eq!(world.sent(), []);
}
