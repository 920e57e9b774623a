//! Sentences of `Grants`.

use std::time::Duration;

use placet_domain::{Answer, Giver, Grant, GrantId, GrantState, Resource};

use crate::storage::{Backend, minute, parse};

fn answer(n: i64) -> Answer {
    Answer { by: parse("sue"), at: minute(n), rationale: "it \"must\" be ünïcode\nnow".to_owned() }
}

/// One in each state, with and without what is optional.
fn grants() -> Vec<Grant> {
    let states = [
        GrantState::Pending,
        GrantState::Given(Giver::Policy(parse("reads-at-once"), minute(3))),
        GrantState::Given(Giver::Person(answer(4))),
        GrantState::Denied(answer(5)),
        GrantState::Revoked(answer(6)),
    ];
    let grant = |(number, state): (u8, GrantState)| {
        let some = number % 2 == 0;
        Grant {
            id: GrantId::new(minute(1), [number; 10]),
            agent: parse("billing"),
            instance: some.then(|| parse("ins_01k9sbabr0e1q4w7r9t0v2x5z8")),
            connector: parse("crm.eu"),
            tools: vec![parse("fs/read.v2"), parse("update")],
            resource: some.then(|| Resource { kind: "Deal".to_owned(), id: "7\"\\".to_owned() }),
            lasts: Duration::from_secs(300),
            justification: "INC-1: ünïcode".to_owned(),
            asked_by: some.then(|| parse("bob")),
            on_behalf_of: some.then(|| parse("dana@example.com")),
            started_by: some.then(|| parse("ana")),
            asked: minute(1),
            expires: minute(9),
            recorded: !matches!(state, GrantState::Revoked(_)),
            state,
        }
    };
    (0..).zip(states).map(grant).collect()
}

fn by_id(mut grants: Vec<Grant>) -> Vec<Grant> {
    grants.sort_by_key(|grant| grant.id);
    grants
}

pub(crate) async fn nothing_is_granted_at_first(backend: &dyn Backend) {
    assert_eq!(backend.open().await.grants.grants(), []);
}

pub(crate) async fn a_grant_is_seen_by_every_later_read_and_replaces_itself(backend: &dyn Backend) {
    let store = backend.open().await.grants;
    let asked = grants().remove(0);
    store.put(asked.clone()).await.unwrap();
    assert_eq!(store.grants(), std::slice::from_ref(&asked));
    let given = Grant { state: GrantState::Given(Giver::Person(answer(7))), expires: minute(20), ..asked };
    store.put(given.clone()).await.unwrap();
    assert_eq!(store.grants(), [given]);
}

pub(crate) async fn a_restart_keeps_grants_as_they_were_and_forgets_the_removed(backend: &dyn Backend) {
    let before = backend.open().await.grants;
    for grant in grants() {
        before.put(grant).await.unwrap();
    }
    before.remove(grants()[3].id).await.unwrap();
    before.remove(grants()[3].id).await.unwrap();
    drop(before);
    let mut expected = grants();
    expected.remove(3);
    assert_eq!(by_id(backend.open().await.grants.grants()), by_id(expected));
}
