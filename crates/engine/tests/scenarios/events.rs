//! Security events of an identity provider, for what people have opened by signing in. Runs are in `halts.rs`.

use placet_domain::{Digest, Json, Object};
use placet_engine::ports::{AccessKey, AccessKind, Clock as _};
use placet_identity::{EventReceiver, Jwks};
use placet_testkit::{Signer, World};

use super::crm::text;

const IDP: &str = "https://idp.example";
const US: &str = "https://placet.example/events";

async fn session(world: &World, person: &str, secret: &[u8]) {
    let now = world.clock.now();
    let key = AccessKey {
        hash: Digest::of(secret),
        kind: AccessKind::Session,
        person: person.parse().unwrap(),
        made: now,
        used: now,
        expires: now.after(std::time::Duration::from_secs(3_600)),
    };
    world.ports.accounts.add_key(key).await.unwrap();
}

async fn is_open(world: &World, secret: &[u8]) -> bool {
    world.ports.accounts.key(AccessKind::Session, Digest::of(secret)).await.unwrap().is_some()
}

fn event(idp: &Signer, world: &World, kind: &str, id: &str) -> String {
    let now = world.clock.now().seconds();
    let subject = Object::new().with("format", "email").with("email", "bob@example.com");
    let particulars = Object::new()
        .with("event_timestamp", now)
        .with("change_type", "revoke")
        .with("credential_type", "password");
    let claims = Object::new()
        .with("iss", IDP)
        .with("aud", US)
        .with("iat", now)
        .with("jti", id)
        .with("sub_id", subject)
        .with("events", Object::new().with(kind, particulars));
    idp.token("secevent+jwt", claims)
}

#[tokio::test]
async fn whatever_ends_somebody_at_the_provider_ends_their_sign_ins_here() {
    let idp = Signer::ed25519(9, "idp-1");
    let keys = Jwks::parse(Json::Object(idp.jwks("sig")).canonical().as_bytes()).unwrap();
    let receiver = EventReceiver::new(IDP, US, keys);
    let world = World::new().person("bob", &[]).person("eve", &[]).transmitter(receiver).open().await;
    for (number, kind) in [
        "caep/event-type/session-revoked",
        "caep/event-type/credential-change",
        "risc/event-type/account-disabled",
    ]
    .into_iter()
    .enumerate()
    {
        session(&world, "bob", b"bob's").await;
        session(&world, "eve", b"eve's").await;
        let kind = format!("https://schemas.openid.net/secevent/{kind}");
        let token = event(&idp, &world, &kind, &number.to_string());
        world.engine.take_event(&token).await.unwrap();
        assert!(!is_open(&world, b"bob's").await && is_open(&world, b"eve's").await, "{kind}");
        let receipt = world.receipts("revocation").pop().unwrap();
        assert_eq!(text(&receipt, "change"), "sessions_ended");
        let about = receipt.member("about").unwrap();
        assert_eq!((text(about, "person"), text(about, "cause")), ("bob".to_owned(), "event".to_owned()));
        // Delivered twice, it ends nothing that began since.
        session(&world, "bob", b"bob's").await;
        world.engine.take_event(&token).await.unwrap();
        assert!(is_open(&world, b"bob's").await, "{kind}");
    }
}
