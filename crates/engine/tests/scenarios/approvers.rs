//! Who may answer: members of the groups that the gate names, never the person acted for, by `policies/approvals.cedar`
//! and `policies/owners.cedar`.

use placet_engine::AnswerError;
use placet_testkit::{World, result};

use super::crm::{LARGE, UPDATE, asked, billing, world};

/// Whether this person's approval of bob's large deal is taken, and why not.
async fn taken(world: &World, by: &str) -> Result<(), String> {
    let billing = billing(world).await;
    let id = asked(&billing.calls(UPDATE, LARGE).await);
    let answered = world.approve(id, by).await;
    let ran = result(&billing.calls(UPDATE, LARGE).await).is_some();
    assert_eq!(ran, answered.is_ok());
    match answered {
        Ok(_) => Ok(()),
        Err(AnswerError::NotAllowed { why, .. }) => Err(why),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_member_of_the_approvers_approves() {
    assert_eq!(taken(&world().await, "alice").await, Ok(()));
}

#[tokio::test]
async fn somebody_in_no_group_does_not_approve() {
    assert!(taken(&world().await, "eve").await.is_err());
}

#[tokio::test]
async fn a_person_nobody_declared_does_not_approve() {
    assert!(taken(&world().await, "mallory").await.unwrap_err().contains("not declared"));
}

#[tokio::test]
async fn the_person_acted_for_does_not_approve_even_as_a_manager() {
    let world = world().await;
    let for_dana = world.agent("billing").on_behalf_of("dana").start().await;
    let id = asked(&for_dana.calls(UPDATE, r#"{"deal_id":"D-dana","amount":48250}"#).await);
    assert!(matches!(world.approve(id, "dana").await, Err(AnswerError::NotAllowed { .. })));
    assert!(world.approve(id, "alice").await.is_ok());
}

#[tokio::test]
async fn the_owner_of_the_agent_does_not_approve_even_as_a_manager() {
    let world = world().await;
    world.people.add("ana", &["sales-managers"]);
    assert!(taken(&world, "ana").await.unwrap_err().contains("owner"));
}

#[tokio::test]
async fn a_denial_is_for_approvers_too() {
    let world = world().await;
    let billing = billing(&world).await;
    let id = asked(&billing.calls(UPDATE, LARGE).await);
    assert!(matches!(world.deny(id, "eve").await, Err(AnswerError::NotAllowed { .. })));
    assert!(world.deny(id, "carol").await.is_ok());
}

#[tokio::test]
async fn the_second_answer_is_too_late() {
    let world = world().await;
    let billing = billing(&world).await;
    let id = asked(&billing.calls(UPDATE, LARGE).await);
    world.deny(id, "alice").await.unwrap();
    assert!(matches!(world.approve(id, "carol").await, Err(AnswerError::Closed(_))));
    assert_eq!(world.receipts("approval").len(), 1);
}

#[tokio::test]
async fn a_question_that_was_never_asked_has_no_answer() {
    let world = world().await;
    let id = placet_domain::ApprovalId::new(world.ports.clock.now(), [5; 10]);
    assert!(matches!(world.approve(id, "alice").await, Err(AnswerError::Unknown(_))));
    assert!(world.receipts("approval").is_empty());
}

#[tokio::test]
async fn somebody_who_left_the_group_after_the_question_does_not_approve() {
    let world = world().await;
    let billing = billing(&world).await;
    let id = asked(&billing.calls(UPDATE, LARGE).await);
    world.people.add("alice", &[]);
    assert!(world.approve(id, "alice").await.is_err());
}
