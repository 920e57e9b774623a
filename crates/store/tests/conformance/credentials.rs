//! Sentences of `Credentials`.

use placet_domain::{AgentCredential, CredentialId, Digest, Enrolment, Means, Object};

use crate::{
    races::race,
    storage::{Backend, Storage, agent, minute, parse},
};

async fn registered(backend: &dyn Backend) -> Storage {
    let storage = backend.open().await;
    let _taken = storage.registry.register(agent("billing")).await.unwrap();
    storage
}

fn credential(n: u8, means: Means) -> AgentCredential {
    AgentCredential {
        id: CredentialId::new(minute(i64::from(n)), [n; 10]),
        agent: parse("billing"),
        means,
        added: minute(i64::from(n)),
        by: parse("ana@example.com"),
    }
}

fn all() -> Vec<AgentCredential> {
    let jwk = Object::new().with("kty", "OKP").with("x", "\"é\n");
    let claims = vec![("/kubernetes.io/namespace".to_owned(), "prod*".to_owned())];
    vec![
        credential(1, Means::Key(jwk)),
        credential(2, Means::Spiffe("spiffe://prod.example/billing/*".to_owned())),
        credential(3, Means::Federated { issuer: "cluster".to_owned(), claims }),
    ]
}

fn enrolment(n: i64) -> Enrolment {
    Enrolment { agent: parse("billing"), by: parse("ana@example.com"), expires: minute(n) }
}

fn known(storage: &Storage) -> Vec<AgentCredential> {
    storage.credentials.credentials().iter().map(|one| AgentCredential::clone(one)).collect()
}

pub(crate) async fn credentials_are_found_at_once_and_oldest_first(backend: &dyn Backend) {
    let storage = registered(backend).await;
    for credential in all().into_iter().rev() {
        assert!(storage.credentials.add(credential).await.unwrap());
    }
    assert_eq!(known(&storage), all());
    assert!(!storage.credentials.add(credential(1, Means::Spiffe("other".to_owned()))).await.unwrap());
    assert_eq!(known(&storage), all());
}

pub(crate) async fn a_removed_credential_is_seen_by_no_later_read(backend: &dyn Backend) {
    let storage = registered(backend).await;
    for credential in all() {
        storage.credentials.add(credential).await.unwrap();
    }
    assert!(storage.credentials.remove(all()[0].id).await.unwrap());
    assert_eq!(known(&storage), all()[1..]);
    assert!(!storage.credentials.remove(all()[0].id).await.unwrap());
}

pub(crate) async fn a_restart_keeps_credentials_and_codes(backend: &dyn Backend) {
    let storage = registered(backend).await;
    for credential in all() {
        storage.credentials.add(credential).await.unwrap();
    }
    storage.credentials.remove(all()[1].id).await.unwrap();
    storage.credentials.open_enrolment(Digest::of(b"code"), enrolment(10)).await.unwrap();
    drop(storage);
    let storage = backend.open().await;
    assert_eq!(known(&storage), [all()[0].clone(), all()[2].clone()]);
    let redeemed = storage.credentials.redeem(Digest::of(b"code"), minute(9)).await.unwrap();
    assert_eq!(redeemed, Some(enrolment(10)));
    drop(storage);
    let storage = backend.open().await;
    assert_eq!(storage.credentials.redeem(Digest::of(b"code"), minute(9)).await.unwrap(), None);
}

pub(crate) async fn a_code_is_good_until_it_ends_and_for_itself_alone(backend: &dyn Backend) {
    let credentials = registered(backend).await.credentials;
    for code in [&b"one"[..], b"two"] {
        credentials.open_enrolment(Digest::of(code), enrolment(10)).await.unwrap();
    }
    assert_eq!(credentials.redeem(Digest::of(b"three"), minute(9)).await.unwrap(), None);
    assert_eq!(credentials.redeem(Digest::of(b"one"), minute(9)).await.unwrap(), Some(enrolment(10)));
    assert_eq!(credentials.redeem(Digest::of(b"one"), minute(9)).await.unwrap(), None);
    assert_eq!(credentials.redeem(Digest::of(b"two"), minute(10)).await.unwrap(), None);
    assert_eq!(credentials.redeem(Digest::of(b"two"), minute(9)).await.unwrap(), None);
}

pub(crate) async fn of_sixty_four_racing_uses_of_a_code_one_wins(backend: &dyn Backend) {
    let credentials = registered(backend).await.credentials;
    for trial in 0..20_u8 {
        let code = Digest::of(&[trial]);
        credentials.open_enrolment(code, enrolment(10)).await.unwrap();
        let redeemed = race(64, |_| {
            let credentials = credentials.clone();
            async move { credentials.redeem(code, minute(1)).await.unwrap() }
        })
        .await;
        let winners: Vec<_> = redeemed.into_iter().flatten().collect();
        assert_eq!(winners, [enrolment(10)], "trial {trial}");
    }
}
