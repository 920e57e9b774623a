//! Sentences of `Approvals` that need no race.

use placet_domain::{Approval, ApprovalState};
use placet_engine::ports::{Approvals, Asked};

use crate::storage::{Backend, answer, digest, minute, question};

const LIMIT: usize = 3;

async fn ask(approvals: &dyn Approvals, approval: Approval) -> Asked {
    let now = approval.asked;
    approvals.ask(approval, now, LIMIT).await.unwrap()
}

async fn state(approvals: &dyn Approvals, approval: &Approval) -> ApprovalState {
    approvals.approval(approval.id).await.unwrap().unwrap().state
}

pub(crate) async fn a_question_reads_back_as_it_was_asked(backend: &dyn Backend) {
    let approvals = backend.open().await.approvals;
    let asked = question(1, "billing", "pay");
    assert_eq!(approvals.approval(asked.id).await.unwrap(), None);
    assert_eq!(ask(&*approvals, asked.clone()).await, Asked::Open(asked.clone()));
    assert_eq!(approvals.approval(asked.id).await.unwrap(), Some(asked));
}

pub(crate) async fn the_same_open_question_is_asked_once(backend: &dyn Backend) {
    let approvals = backend.open().await.approvals;
    let first = question(1, "billing", "pay");
    ask(&*approvals, first.clone()).await;
    assert_eq!(ask(&*approvals, question(2, "billing", "pay")).await, Asked::Open(first.clone()));
    assert_eq!(approvals.all(9).await.unwrap(), [first]);
}

pub(crate) async fn an_expired_question_makes_room_for_a_new_one(backend: &dyn Backend) {
    let approvals = backend.open().await.approvals;
    ask(&*approvals, question(1, "billing", "pay")).await;
    let exactly_at_expiry = question(61, "billing", "pay");
    assert_eq!(ask(&*approvals, exactly_at_expiry.clone()).await, Asked::Open(exactly_at_expiry));
    assert_eq!(approvals.all(9).await.unwrap().len(), 2);
}

pub(crate) async fn an_agent_may_have_so_many_open_questions_and_no_more(backend: &dyn Backend) {
    let approvals = backend.open().await.approvals;
    for n in 1..=3 {
        assert!(matches!(
            ask(&*approvals, question(n, "billing", &format!("pay {n}"))).await,
            Asked::Open(_)
        ));
    }
    assert_eq!(ask(&*approvals, question(4, "billing", "pay 4")).await, Asked::TooMany);
    assert_eq!(approvals.of_call(digest("pay 4")).await.unwrap(), None);
    // Neither another agent's question, nor one already open, nor one after an answer or an expiry is too many.
    assert!(matches!(ask(&*approvals, question(5, "scout", "look")).await, Asked::Open(_)));
    assert!(matches!(ask(&*approvals, question(6, "billing", "pay 2")).await, Asked::Open(_)));
    let first = question(1, "billing", "pay 1");
    assert!(approvals.answer(first.id, false, answer("cy", minute(7)), minute(90)).await.unwrap());
    assert!(matches!(ask(&*approvals, question(8, "billing", "pay 4")).await, Asked::Open(_)));
    assert_eq!(ask(&*approvals, question(9, "billing", "pay 5")).await, Asked::TooMany);
    assert!(matches!(ask(&*approvals, question(62, "billing", "pay 5")).await, Asked::Open(_)));
}

pub(crate) async fn an_answered_question_is_not_answered_again(backend: &dyn Backend) {
    let approvals = backend.open().await.approvals;
    let asked = question(1, "billing", "pay");
    ask(&*approvals, asked.clone()).await;
    assert!(approvals.answer(asked.id, false, answer("cy", minute(2)), minute(20)).await.unwrap());
    assert!(!approvals.answer(asked.id, true, answer("di", minute(3)), minute(20)).await.unwrap());
    assert_eq!(state(&*approvals, &asked).await, ApprovalState::Denied(answer("cy", minute(2))));
    let nobody_asked = question(9, "billing", "pay").id;
    assert!(!approvals.answer(nobody_asked, true, answer("di", minute(3)), minute(20)).await.unwrap());
}

pub(crate) async fn an_expired_question_is_not_answered(backend: &dyn Backend) {
    let approvals = backend.open().await.approvals;
    let asked = question(1, "billing", "pay");
    ask(&*approvals, asked.clone()).await;
    assert!(!approvals.answer(asked.id, true, answer("cy", asked.expires), minute(90)).await.unwrap());
    assert_eq!(approvals.approval(asked.id).await.unwrap(), Some(asked));
}

pub(crate) async fn approval_sets_until_when_it_may_be_used_and_denial_does_not(backend: &dyn Backend) {
    let approvals = backend.open().await.approvals;
    let (approved, denied) = (question(1, "billing", "pay"), question(2, "billing", "refund"));
    ask(&*approvals, approved.clone()).await;
    ask(&*approvals, denied.clone()).await;
    assert!(approvals.answer(approved.id, true, answer("cy", minute(5)), minute(20)).await.unwrap());
    assert!(approvals.answer(denied.id, false, answer("cy", minute(5)), minute(20)).await.unwrap());
    let approved =
        Approval { state: ApprovalState::Approved(answer("cy", minute(5))), expires: minute(20), ..approved };
    let denied = Approval { state: ApprovalState::Denied(answer("cy", minute(5))), ..denied };
    assert_eq!(approvals.all(9).await.unwrap(), [denied, approved]);
}

pub(crate) async fn only_an_approved_question_is_used_and_only_once(backend: &dyn Backend) {
    let approvals = backend.open().await.approvals;
    let (asked, denied) = (question(1, "billing", "pay"), question(2, "billing", "refund"));
    ask(&*approvals, asked.clone()).await;
    ask(&*approvals, denied.clone()).await;
    assert!(!approvals.claim(asked.id, minute(3)).await.unwrap());
    assert!(approvals.answer(denied.id, false, answer("cy", minute(4)), minute(20)).await.unwrap());
    assert!(!approvals.claim(denied.id, minute(5)).await.unwrap());
    assert!(approvals.answer(asked.id, true, answer("cy", minute(4)), minute(20)).await.unwrap());
    assert!(approvals.claim(asked.id, minute(5)).await.unwrap());
    assert!(!approvals.claim(asked.id, minute(5)).await.unwrap());
    assert_eq!(state(&*approvals, &asked).await, ApprovalState::Consumed(answer("cy", minute(4))));
    assert!(!approvals.claim(question(9, "billing", "pay").id, minute(5)).await.unwrap());
}

pub(crate) async fn an_expired_approval_is_not_used(backend: &dyn Backend) {
    let approvals = backend.open().await.approvals;
    let asked = question(1, "billing", "pay");
    ask(&*approvals, asked.clone()).await;
    approvals.answer(asked.id, true, answer("cy", minute(4)), minute(20)).await.unwrap();
    assert!(!approvals.claim(asked.id, minute(20)).await.unwrap());
    assert_eq!(state(&*approvals, &asked).await, ApprovalState::Approved(answer("cy", minute(4))));
}

pub(crate) async fn the_newest_question_about_a_call_is_found(backend: &dyn Backend) {
    let approvals = backend.open().await.approvals;
    assert_eq!(approvals.of_call(digest("pay")).await.unwrap(), None);
    let (first, second) = (question(1, "billing", "pay"), question(3, "billing", "pay"));
    ask(&*approvals, first.clone()).await;
    approvals.answer(first.id, false, answer("cy", minute(2)), minute(20)).await.unwrap();
    assert_eq!(approvals.of_call(digest("pay")).await.unwrap().unwrap().id, first.id);
    ask(&*approvals, second.clone()).await;
    assert_eq!(approvals.of_call(digest("pay")).await.unwrap(), Some(second));
    assert_eq!(approvals.of_call(digest("pay more")).await.unwrap(), None);
}

pub(crate) async fn questions_are_listed_newest_first(backend: &dyn Backend) {
    let approvals = backend.open().await.approvals;
    for n in 1..=3 {
        ask(&*approvals, question(n, "billing", &format!("pay {n}"))).await;
    }
    let ids = |questions: Vec<Approval>| questions.iter().map(|one| one.id).collect::<Vec<_>>();
    let expected = [3, 2, 1].map(|n| question(n, "billing", "").id);
    assert_eq!(ids(approvals.all(9).await.unwrap()), expected);
    assert_eq!(ids(approvals.all(2).await.unwrap()), expected[..2]);
    assert_eq!(ids(approvals.all(usize::MAX).await.unwrap()), expected);
}

pub(crate) async fn a_restart_keeps_questions_answers_and_uses(backend: &dyn Backend) {
    let before = backend.open().await;
    for (n, call) in [(1, "pending"), (2, "approved"), (3, "used")] {
        ask(&*before.approvals, question(n, "billing", call)).await;
    }
    for n in [2, 3] {
        let id = question(n, "billing", "").id;
        assert!(before.approvals.answer(id, true, answer("cy", minute(4)), minute(20)).await.unwrap());
    }
    assert!(before.approvals.claim(question(3, "billing", "").id, minute(5)).await.unwrap());
    let kept = before.approvals.all(9).await.unwrap();
    drop(before);
    let approvals = backend.open().await.approvals;
    assert_eq!(approvals.all(9).await.unwrap(), kept);
    assert!(!approvals.claim(question(3, "billing", "").id, minute(6)).await.unwrap());
    assert!(approvals.claim(question(2, "billing", "").id, minute(6)).await.unwrap());
}
