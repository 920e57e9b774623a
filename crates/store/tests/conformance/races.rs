//! Sentences about callers that race.

use std::{future::Future, sync::Arc};

use placet_domain::{Agent, ApprovalState};
use placet_engine::ports::Asked;
use tokio::sync::Barrier;

use crate::storage::{Backend, agent, answer, minute, parse, question};

/// Lets `racers` futures start together and gathers what each found.
pub(crate) async fn race<T, F>(racers: u8, run: impl Fn(u8) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let barrier = Arc::new(Barrier::new(usize::from(racers)));
    let tasks: Vec<_> = (0..racers)
        .map(|n| {
            let (barrier, racer) = (barrier.clone(), run(n));
            tokio::spawn(async move {
                barrier.wait().await;
                racer.await
            })
        })
        .collect();
    let mut found = Vec::new();
    for task in tasks {
        found.push(task.await.unwrap());
    }
    found
}

pub(crate) async fn of_racing_registrations_of_a_name_one_wins(backend: &dyn Backend) {
    let registry = backend.open().await.registry;
    let won = race(16, |n| {
        let registry = registry.clone();
        async move { registry.register(Agent { purpose: n.to_string(), ..agent("billing") }).await.unwrap() }
    })
    .await;
    let winners: Vec<_> = (0..16).filter(|n| won[*n]).map(|n| n.to_string()).collect();
    assert_eq!(winners, [registry.agent(&parse("billing")).unwrap().purpose.clone()]);
}

pub(crate) async fn of_racing_equal_questions_one_is_opened(backend: &dyn Backend) {
    let approvals = backend.open().await.approvals;
    let opened = race(24, |n| {
        let approvals = approvals.clone();
        async move { approvals.ask(question(n, "billing", "pay"), minute(30), 9).await.unwrap() }
    })
    .await;
    let stored = approvals.all(99).await.unwrap();
    assert_eq!(stored.len(), 1);
    assert!(opened.iter().all(|asked| *asked == Asked::Open(stored[0].clone())));
}

pub(crate) async fn of_racing_askers_for_the_last_places_none_gets_one_too_many(backend: &dyn Backend) {
    let approvals = backend.open().await.approvals;
    let opened = race(24, |n| {
        let approvals = approvals.clone();
        async move { approvals.ask(question(n, "billing", &n.to_string()), minute(30), 5).await.unwrap() }
    })
    .await;
    assert_eq!(opened.iter().filter(|asked| matches!(asked, Asked::Open(_))).count(), 5);
    assert_eq!(approvals.all(99).await.unwrap().len(), 5);
}

pub(crate) async fn of_racing_answers_one_wins(backend: &dyn Backend) {
    let approvals = backend.open().await.approvals;
    for trial in 0..20 {
        let asked = question(trial, "billing", &trial.to_string());
        approvals.ask(asked.clone(), asked.asked, 99).await.unwrap();
        let won = race(16, |n| {
            let (approvals, id, answer) =
                (approvals.clone(), asked.id, answer(&format!("cy{n}"), minute(25)));
            async move { approvals.answer(id, n % 2 == 0, answer, minute(40)).await.unwrap() }
        })
        .await;
        let winners: Vec<_> = (0..16).filter(|n| won[*n]).collect();
        assert_eq!(winners.len(), 1, "trial {trial}: {winners:?}");
        let expected = answer(&format!("cy{}", winners[0]), minute(25));
        let expected = match winners[0] % 2 {
            0 => ApprovalState::Approved(expected),
            _ => ApprovalState::Denied(expected),
        };
        assert_eq!(approvals.approval(asked.id).await.unwrap().unwrap().state, expected);
    }
}

pub(crate) async fn of_sixty_four_racing_uses_one_wins(backend: &dyn Backend) {
    let approvals = backend.open().await.approvals;
    for trial in 0..50 {
        let asked = question(trial, "billing", &trial.to_string());
        approvals.ask(asked.clone(), asked.asked, 99).await.unwrap();
        approvals.answer(asked.id, true, answer("cy", minute(55)), minute(90)).await.unwrap();
        let won = race(64, |_| {
            let (approvals, id) = (approvals.clone(), asked.id);
            async move { approvals.claim(id, minute(56)).await.unwrap() }
        })
        .await;
        assert_eq!(won.iter().filter(|won| **won).count(), 1, "trial {trial}");
    }
}
