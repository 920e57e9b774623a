//! Good tokens of others are accepted, and read as they were meant; an independent library agrees with us.

use std::time::Duration;

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    signature::EcdsaKeyPair,
};
use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation};
use placet_domain::{InstanceId, Json};
use placet_identity::{
    AccessToken, Algorithm, Claims, CredentialChange, Deployment, EventKind, EventPrincipal, EventSubject,
    IdJagTrust, Jwks, KeySet, Replays, SecurityEvent, SignIn, TokenKey, Trust,
};
use serde_json::{Value, json};

use super::{
    keys::{P256, P384, RSA, SEED, document, ecdsa, ps256, rs256},
    world::{self, IDP, ISSUER, NOW, now},
};
use crate::corpus::forge::{Forge, Signer, ed25519};

fn claims() -> Value {
    json!({"iss": IDP, "aud": ISSUER, "sub": "u-1", "iat": now(), "exp": now() + 60})
}

fn trust() -> Trust {
    Trust::new(IDP, ISSUER, Jwks::parse(&document("sig")).unwrap())
}

#[test]
fn every_algorithm_is_verified_by_the_key_of_its_type() {
    let signers: [(&str, &str, Signer); 6] = [
        ("RS256", "rsa", rs256()),
        ("PS256", "rsa", ps256()),
        ("ES256", "p256", ecdsa(&P256)),
        ("ES384", "p384", ecdsa(&P384)),
        ("EdDSA", "ed", ed25519(&SEED)),
        ("Ed25519", "ed", ed25519(&SEED)),
    ];
    for (name, kid, signer) in signers {
        let token = Forge::new(json!({"alg": name, "kid": kid}), claims(), signer).token();
        assert_eq!(trust().verify(&token, NOW).unwrap().subject(), Ok("u-1"), "{name}");
        let algorithm = Algorithm::from_name(name).unwrap();
        let others: Vec<_> = Algorithm::ALL.into_iter().filter(|one| *one != algorithm).collect();
        assert!(trust().with_algorithms(&others).verify(&token, NOW).is_err(), "{name}");
    }
}

#[test]
fn tokens_of_an_independent_library_are_accepted() {
    let elliptic = |pair: &EcdsaKeyPair| EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref());
    let rsa = {
        // The library wants the RSAPrivateKey within the PKCS#8 document, which begins at its first OCTET STRING.
        let document: Pkcs8V1Der<'_> = RSA.as_der().unwrap();
        let document = document.as_ref();
        let start = document.windows(4).position(|bytes| bytes[0] == 4 && bytes[1] == 0x82).unwrap();
        EncodingKey::from_rsa_der(&document[start + 4..])
    };
    for (algorithm, kid, key) in [
        (jsonwebtoken::Algorithm::RS256, "rsa", rsa.clone()),
        (jsonwebtoken::Algorithm::PS256, "rsa", rsa),
        (jsonwebtoken::Algorithm::ES256, "p256", elliptic(&P256)),
        (jsonwebtoken::Algorithm::ES384, "p384", elliptic(&P384)),
    ] {
        let header = Header { kid: Some(kid.to_owned()), ..Header::new(algorithm) };
        let token = jsonwebtoken::encode(&header, &claims(), &key).unwrap();
        assert!(trust().verify(&token, NOW).is_ok(), "{algorithm:?}");
    }
}

#[test]
fn an_independent_library_accepts_our_tokens_by_our_key_document() {
    let keys = KeySet::new(std::sync::Arc::new(TokenKey::from_seed(&[1; 32]).unwrap()));
    let deployment = Deployment { issuer: ISSUER.into(), audience: "a".into() };
    let claims = Claims {
        instance: InstanceId::new(NOW, [3; 10]),
        agent: "billing".parse().unwrap(),
        expires: NOW.after(Duration::from_secs(60)),
    };
    let token = AccessToken::new(&claims, "t-1", "a", NOW).within("crm".parse().unwrap());
    let signed = keys.active().issue_access(&deployment, &token).unwrap();
    let document = Json::Object(keys.verifying().jwks(NOW)).canonical();
    let document: jsonwebtoken::jwk::JwkSet = serde_json::from_str(&document).unwrap();
    let key = DecodingKey::from_jwk(document.find(&keys.active().id()).unwrap()).unwrap();
    let mut validation = Validation::new(jsonwebtoken::Algorithm::EdDSA);
    validation.validate_exp = false;
    validation.set_audience(&["a"]);
    validation.set_issuer(&[ISSUER]);
    let read = jsonwebtoken::decode::<Value>(&signed, &key, &validation).unwrap();
    assert_eq!(read.header.typ.as_deref(), Some("at+jwt"));
    assert_eq!(read.claims["scope"], "crm");
    assert_eq!(read.claims["sub"], claims.instance.to_string());
}

#[test]
fn a_clock_that_differs_a_little_does_no_harm() {
    let at = |change: fn(&mut Forge)| {
        let good = Forge::new(json!({"alg": "EdDSA", "kid": "ed"}), claims(), ed25519(&SEED));
        trust().verify(&good.changed(change), NOW).is_ok()
    };
    assert!(at(|token| token.shift("iat", 30)) && !at(|token| token.shift("iat", 31)));
    assert!(at(|token| token.claims["nbf"] = json!(now() + 30)));
    let ended = |ago| {
        let mut good = Forge::new(json!({"alg": "EdDSA", "kid": "ed"}), claims(), ed25519(&SEED));
        good.shift("iat", -600);
        good.claims["exp"] = json!(now() - ago);
        trust().verify(&good.token(), NOW).is_ok()
    };
    assert!(ended(29) && !ended(30));
}

#[test]
fn workloads_become_their_agents() {
    let agent = |token: &str| world::federation().admit(token, NOW).unwrap().agent.to_string();
    assert_eq!(agent(&world::workload().good.token()), "billing");
    assert_eq!(agent(&world::github().good.token()), "deploy");
    let tagged = world::github().good.changed(|token| {
        token.claims["ref"] = json!("refs/tags/v1");
        token.claims["environment"] = json!("release-eu");
    });
    assert_eq!(agent(&tagged), "release");
    assert!(world::federation().knows(world::CLUSTER) && !world::federation().knows(IDP));
}

#[test]
fn an_svid_names_the_agent_of_exactly_one_pattern() {
    let trust = world::spiffe_trust();
    let workload = trust.authenticate(&world::svid().good.token(), None, NOW).unwrap();
    assert_eq!((workload.agent.as_str(), workload.id.as_str()), ("billing", world::SVID));
    // `iat` and `iss` are optional, and `aud` may be a text.
    let bare = world::svid().good.changed(|token| {
        token.claims = json!({"sub": world::SVID, "aud": ISSUER, "exp": now() + 60});
    });
    assert!(trust.authenticate(&bare, None, NOW).is_ok());
    for sub in ["spiffe://example.org/ns/twice/sa/x", "spiffe://example.org/ns/none"] {
        let mut token = world::svid().good;
        token.claims["sub"] = json!(sub);
        assert!(trust.authenticate(&token.token(), None, NOW).is_err(), "{sub}");
    }
    let mut token = world::svid().good;
    token.claims["sub"] = json!("spiffe://example.org/ns/twice/x");
    assert_eq!(trust.authenticate(&token.token(), None, NOW).unwrap().agent.as_str(), "one");
}

#[test]
fn an_identity_assertion_says_who_and_for_what() {
    let idp = IdJagTrust::new(IDP, ISSUER, Jwks::parse(&document("sig")).unwrap());
    let replays = Replays::new(8, 8);
    let client = "billing".parse().unwrap();
    let token =
        world::id_jag().good.changed(|token| token.claims["resource"] = json!("https://placet.example/mcp"));
    let accepted = idp.accept(&token, &client, &replays, NOW).unwrap();
    assert_eq!((accepted.subject.as_str(), accepted.scope.as_deref()), ("u-1", Some("crm")));
    assert_eq!(accepted.resource.as_deref(), Some("https://placet.example/mcp"));
    assert!(idp.accept(&token, &client, &replays, NOW).is_err());
}

#[test]
fn a_sign_in_for_several_audiences_names_us_as_the_party() {
    let provider = SignIn::new(IDP, "placet-console", Jwks::parse(&document("sig")).unwrap());
    let token = world::id_token().good.changed(|token| {
        token.claims["aud"] = json!(["placet-console", "other-app"]);
        token.claims["azp"] = json!("placet-console");
        token.claims["groups"] = json!(["security", "sales"]);
    });
    let claims = provider.verify(&token, "n-1", NOW).unwrap();
    assert_eq!(claims.texts("groups"), Ok(vec!["security", "sales"]));
}

fn received(events: Value, sub_id: Value) -> SecurityEvent {
    let mut token = world::event().good;
    token.claims["events"] = events;
    token.claims["sub_id"] = sub_id;
    world::receiver().receive(&token.token(), &Replays::new(8, 8), NOW).unwrap()
}

#[test]
fn events_are_read_with_their_subjects() {
    let event =
        |name: &str, body: Value| json!({format!("https://schemas.openid.net/secevent/{name}"): body});
    let user = EventPrincipal::IssuerSubject { issuer: IDP.into(), subject: "u-1".into() };
    let user_id = json!({"format": "iss_sub", "iss": IDP, "sub": "u-1"});

    let read = received(
        event("caep/event-type/session-revoked", json!({"event_timestamp": now() - 5})),
        json!({"format": "complex", "user": user_id, "session": {"format": "opaque", "id": "s-1"}}),
    );
    assert_eq!((read.kind, read.at.seconds(), read.id.as_str()), (EventKind::SessionRevoked, now() - 5, "1"));
    assert_eq!(read.subject.user(), Some(&user));

    let read = received(
        event(
            "caep/event-type/credential-change",
            json!({"change_type": "revoke", "credential_type": "password"}),
        ),
        json!({"format": "email", "email": "ana@example.com"}),
    );
    assert_eq!(
        read.kind,
        EventKind::CredentialChange { change: CredentialChange::Revoke, credential: "password".into() }
    );
    assert_eq!(read.at.seconds(), now(), "signed when it happened");
    assert_eq!(read.subject.user(), Some(&EventPrincipal::Email("ana@example.com".into())));

    let read = received(
        event("ssf/event-type/verification", json!({"state": "abc"})),
        json!({"format": "opaque", "id": "stream-1"}),
    );
    assert_eq!(read.kind, EventKind::Verification { state: Some("abc".into()) });
    assert_eq!(read.subject, EventSubject::One(EventPrincipal::Opaque("stream-1".into())));
    assert_eq!(read.subject.user(), None);

    let read = received(event("caep/event-type/assurance-level-change", json!({})), user_id);
    assert!(matches!(read.kind, EventKind::Other(uri) if uri.ends_with("assurance-level-change")));
}
