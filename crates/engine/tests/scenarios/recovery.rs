//! What a crash leaves: open calls become `unknown`, and nothing is sent again.

use std::time::Duration;

use placet_domain::{Code, Digest};
use placet_testkit::{Failure, PortOperation, World};

use super::crm::{HUGE, LARGE, SMALL, UPDATE, answered, asked, billing, calls_anew, refused, text, world};

/// A world in which so many calls were sent and then everything stopped.
async fn crashed(calls: usize) -> World {
    let mut world = world().await;
    let billing = billing(&world).await;
    answered(&billing.calls(UPDATE, SMALL).await);
    refused(&billing.calls(UPDATE, HUGE).await, Code::Vetoed);
    asked(&billing.calls(UPDATE, LARGE).await);
    world.failpoints.hang(PortOperation::ConnectorsPerform);
    for _ in 0..calls {
        let call = billing.calls(UPDATE, SMALL);
        assert!(tokio::time::timeout(Duration::from_millis(50), call).await.is_err());
    }
    world.failpoints.heal();
    world.restart().await;
    world
}

#[tokio::test]
async fn open_calls_become_unknown_and_nothing_is_sent_again() {
    let world = crashed(3).await;
    let outcomes: Vec<String> = world.receipts("outcome").iter().map(|one| text(one, "outcome")).collect();
    assert_eq!(outcomes, ["succeeded", "unknown", "unknown", "unknown"]);
    assert_eq!(world.sent().len(), 4);
}

#[tokio::test]
async fn each_unknown_outcome_names_the_leaf_of_its_decision() {
    let world = crashed(2).await;
    let leaves = world.ledger.leaves();
    for outcome in world.receipts("outcome") {
        let decision = leaves
            .iter()
            .find(|leaf| leaf.contains(r#""kind":"decision""#) && leaf.contains(&text(&outcome, "call")))
            .unwrap();
        assert_eq!(text(&outcome, "decision"), Digest::of(&[&[0], decision.as_bytes()].concat()).to_string());
    }
}

#[tokio::test]
async fn a_second_restart_has_nothing_left_to_settle() {
    let mut world = crashed(1).await;
    let before = world.receipts("outcome");
    world.restart().await;
    assert_eq!(world.receipts("outcome"), before);
    assert_eq!(world.engine.settle_open_calls(0).await.unwrap().unknown, 0);
}

#[tokio::test]
async fn denied_and_waiting_calls_are_not_open() {
    let world = crashed(0).await;
    assert_eq!(world.receipts("outcome").len(), 1);
}

#[tokio::test]
async fn an_outcome_that_could_not_be_recorded_is_settled_as_unknown() {
    let mut world = world().await;
    let billing = billing(&world).await;
    world.failpoints.fail_nth(PortOperation::LedgerAppend, 1, Failure::Before);
    refused(&billing.calls(UPDATE, SMALL).await, Code::OutcomeUnknown);
    world.restart().await;
    assert_eq!(text(&world.receipts("outcome")[0], "outcome"), "unknown");
    assert_eq!(world.sent().len(), 1);
}

#[tokio::test]
async fn an_outcome_that_was_recorded_although_it_was_not_acknowledged_stays_as_it_is() {
    let mut world = world().await;
    let billing = billing(&world).await;
    world.failpoints.fail_nth(PortOperation::LedgerAppend, 1, Failure::After);
    refused(&billing.calls(UPDATE, SMALL).await, Code::OutcomeUnknown);
    world.restart().await;
    let outcomes: Vec<String> = world.receipts("outcome").iter().map(|one| text(one, "outcome")).collect();
    assert_eq!(outcomes, ["succeeded"]);
}

#[tokio::test]
async fn an_approval_that_a_crash_used_is_used() {
    let mut world = world().await;
    let billing = billing(&world).await;
    let id = asked(&billing.calls(UPDATE, LARGE).await);
    world.approve(id, "alice").await.unwrap();
    world.failpoints.hang(PortOperation::ConnectorsPerform);
    assert!(tokio::time::timeout(Duration::from_millis(50), billing.calls(UPDATE, LARGE)).await.is_err());
    world.failpoints.heal();
    world.restart().await;
    assert_ne!(asked(&calls_anew(&world, &billing, UPDATE, LARGE).await), id);
    assert_eq!(world.sent().len(), 1);
}

#[tokio::test]
async fn a_log_that_cannot_be_read_or_written_settles_nothing() {
    for operation in [PortOperation::LedgerScan, PortOperation::LedgerAppend] {
        let world = world().await;
        let billing = billing(&world).await;
        world.failpoints.hang(PortOperation::ConnectorsPerform);
        assert!(tokio::time::timeout(Duration::from_millis(50), billing.calls(UPDATE, SMALL)).await.is_err());
        world.failpoints.heal();
        world.failpoints.fail_before(operation);
        assert!(world.engine.settle_open_calls(0).await.is_err(), "{operation:?}");
        world.failpoints.heal();
        assert_eq!(world.engine.settle_open_calls(0).await.unwrap().unknown, 1);
    }
}
