//! Sentences of `Accounts`.

use std::sync::Arc;

use placet_domain::Digest;
use placet_engine::ports::{AccessKey, AccessKind, Account};

use crate::storage::{Backend, minute, parse};

fn account(person: &str) -> Account {
    Account {
        groups: vec![parse("staff"), parse("lead")],
        identity: Some(("https://idp.example".to_owned(), "248 289".to_owned())),
        passphrase: Some("$argon2id$…".to_owned()),
        signed_in: Some(minute(3)),
        ..Account::new(parse(person))
    }
}

fn key(secret: &str, kind: AccessKind, person: &str) -> AccessKey {
    let hash = Digest::of(secret.as_bytes());
    AccessKey { hash, kind, person: parse(person), made: minute(0), used: minute(0), expires: minute(30) }
}

pub(crate) async fn an_account_reads_back_after_a_restart_as_it_was_kept(backend: &dyn Backend) {
    let before = backend.open().await.accounts;
    before.put_account(Account::new(parse("bo"))).await.unwrap();
    before.put_account(account("ana@example.com")).await.unwrap();
    before.put_account(account("bo")).await.unwrap();
    drop(before);
    let after = backend.open().await.accounts;
    assert_eq!(after.accounts().await.unwrap(), [account("ana@example.com"), account("bo")]);
    assert_eq!(after.account(&parse("bo")).await.unwrap(), Some(account("bo")));
    assert_eq!(after.account(&parse("cy")).await.unwrap(), None);
}

pub(crate) async fn a_key_is_found_by_its_kind_and_digest_alone(backend: &dyn Backend) {
    let accounts = backend.open().await.accounts;
    let made = key("s", AccessKind::Session, "bo");
    accounts.add_key(made.clone()).await.unwrap();
    assert_eq!(accounts.key(AccessKind::Session, made.hash).await.unwrap(), Some(made.clone()));
    assert_eq!(accounts.key(AccessKind::Token, made.hash).await.unwrap(), None);
    assert_eq!(accounts.key(AccessKind::Session, Digest::of(b"t")).await.unwrap(), None);
    accounts.use_key(made.hash, minute(5)).await.unwrap();
    accounts.use_key(made.hash, minute(4)).await.unwrap();
    let used = accounts.key(AccessKind::Session, made.hash).await.unwrap().unwrap();
    assert_eq!(used.used, minute(5));
}

pub(crate) async fn an_ended_key_is_not_taken(backend: &dyn Backend) {
    let accounts = backend.open().await.accounts;
    let made = key("s", AccessKind::Setup, "bo");
    accounts.add_key(made.clone()).await.unwrap();
    assert_eq!(accounts.take_key(AccessKind::Setup, made.hash, minute(30)).await.unwrap(), None);
    assert_eq!(accounts.take_key(AccessKind::Token, made.hash, minute(1)).await.unwrap(), None);
    assert_eq!(accounts.take_key(AccessKind::Setup, made.hash, minute(29)).await.unwrap(), Some(made));
}

pub(crate) async fn keys_end_one_by_one_by_person_and_by_time(backend: &dyn Backend) {
    let accounts = backend.open().await.accounts;
    for (secret, person) in [("1", "bo"), ("2", "bo"), ("3", "bo"), ("4", "ana")] {
        accounts.add_key(key(secret, AccessKind::Token, person)).await.unwrap();
    }
    assert!(accounts.end_key(Digest::of(b"1")).await.unwrap());
    assert!(!accounts.end_key(Digest::of(b"1")).await.unwrap());
    assert_eq!(accounts.end_keys(&parse("bo")).await.unwrap(), 2);
    assert_eq!(accounts.sweep_keys(minute(29)).await.unwrap(), 0);
    assert_eq!(accounts.sweep_keys(minute(30)).await.unwrap(), 1);
}

pub(crate) async fn with_an_account_its_keys_are_removed(backend: &dyn Backend) {
    let accounts = backend.open().await.accounts;
    accounts.put_account(account("bo")).await.unwrap();
    accounts.add_key(key("1", AccessKind::Session, "bo")).await.unwrap();
    assert!(accounts.remove_account(&parse("bo")).await.unwrap());
    assert!(!accounts.remove_account(&parse("bo")).await.unwrap());
    assert_eq!(accounts.key(AccessKind::Session, Digest::of(b"1")).await.unwrap(), None);
}

pub(crate) async fn of_sixty_four_who_take_a_key_one_gets_it(backend: &dyn Backend) {
    let accounts = Arc::new(backend.open().await.accounts);
    accounts.add_key(key("once", AccessKind::Setup, "bo")).await.unwrap();
    let takers: Vec<_> = (0..64)
        .map(|_| {
            let accounts = accounts.clone();
            tokio::spawn(async move {
                accounts.take_key(AccessKind::Setup, Digest::of(b"once"), minute(1)).await.unwrap()
            })
        })
        .collect();
    let mut taken = 0;
    for taker in takers {
        taken += usize::from(taker.await.unwrap().is_some());
    }
    assert_eq!(taken, 1);
}
