//! The kill switch, the rotation of keys and the events of an identity provider, as operators and agents see them.

use std::fs;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

use super::{
    deployment::{Deployment, text},
    http::{Post, Response},
};

fn calls(deployment: &Deployment, token: &str) -> Response {
    deployment.calls(token, "get_deal", json!({"deal_id": "789"}))
}

#[test]
fn what_is_killed_stays_so_through_a_crash_until_it_is_resumed() {
    let mut deployment = Deployment::open();
    let token = deployment.token();
    calls(&deployment, &token).answered();
    let agent = "deal-agent";
    deployment.does(&["kill", "agent", agent, "--reason", "it loops"]);
    deployment.does(&["kill", "tool", "crm.get_deal", "--reason", "it leaks"]);
    let listed = deployment.does(&["kill", "list"]);
    assert!(
        listed.contains("it loops") && listed.contains("crm.get_deal") && listed.contains("alice"),
        "{listed}"
    );
    let refused = calls(&deployment, &token);
    assert_eq!(refused.status, 403, "{refused:?}");
    refused.refused("PL-1231");
    deployment.crash();
    calls(&deployment, &token).refused("PL-1231");
    deployment.does(&["resume", "agent", agent]);
    let refused = calls(&deployment, &token);
    assert_eq!(refused.status, 200, "{refused:?}");
    refused.refused("PL-1231");
    deployment.does(&["resume", "tool", "crm.get_deal"]);
    calls(&deployment, &token).answered();
    assert_eq!(deployment.ran(), ["get_deal", "get_deal"]);
    let unknown = deployment.run(&["resume", "all"]);
    assert_eq!(unknown.status.code(), Some(5), "{}", text(&unknown.stderr));
}

#[test]
fn tokens_of_the_key_before_are_good_until_their_end_and_those_of_a_leaked_one_are_not() {
    let mut deployment = Deployment::open();
    let first = deployment.token();
    let rotated = deployment.does(&["keys", "rotate"]);
    assert!(rotated.contains("signs tokens"), "{rotated}");
    let second = deployment.token();
    for _ in 0..2 {
        for token in [&first, &second] {
            calls(&deployment, token).answered();
        }
        deployment.crash();
    }
    deployment.does(&["keys", "rotate", "--leaked"]);
    let third = deployment.token();
    for _ in 0..2 {
        calls(&deployment, &second).refused("PL-1002");
        calls(&deployment, &third).answered();
        deployment.crash();
    }
    // The key before the leaked one was not known to anybody.
    calls(&deployment, &first).answered();
    let verified = deployment.run(&["ledger", "verify"]);
    assert!(verified.status.success(), "{}", text(&verified.stderr));
}

#[test]
fn an_event_of_an_identity_provider_ends_the_runs_of_its_subject() {
    let mut deployment = Deployment::open();
    let key = Ed25519KeyPair::from_seed_unchecked(&[5; 32]).unwrap();
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": base64(key.public_key().as_ref()), "kid": "1",
        "alg": "EdDSA", "use": "sig"});
    let config = deployment.folder.path().join("placet.toml");
    let further = format!(
        "\n[[transmitter]]\nissuer = \"https://idp.example\"\naudience = \"https://placet.example\"\njwks = '{}'\n",
        json!({ "keys": [jwk] })
    );
    let text = fs::read_to_string(&config).unwrap();
    let text =
        text.replacen("name = \"alice\"", "name = \"alice\"\nsubjects = [\"https://idp.example|00u1\"]", 1);
    fs::write(&config, text + &further).unwrap();
    deployment.crash();
    let token = deployment.token();
    calls(&deployment, &token).answered();
    let event = |id: &str, subject: &str, audience: &str| {
        let now = now();
        let claims = json!({"iss": "https://idp.example", "aud": audience, "iat": now, "jti": id,
            "sub_id": {"format": "iss_sub", "iss": "https://idp.example", "sub": subject},
            "events": {"https://schemas.openid.net/secevent/caep/event-type/session-revoked":
                {"event_timestamp": now}}});
        signed(&key, &claims)
    };
    let push = |token: &str| {
        let post = Post::message(deployment.address, "", &Value::Null).without("authorization");
        let post = Post { path: "/events".to_owned(), ..post };
        post.with("content-type", "application/secevent+jwt").body(token).send(deployment.address)
    };
    let ours = "https://placet.example";
    assert_eq!(push(&event("e1", "00u2", ours)).status, 202);
    for (bad, code) in [
        (event("e2", "00u1", "https://other.example"), "invalid_audience"),
        (format!("{}A", event("e3", "00u1", ours)), "invalid"),
        ("x".to_owned(), "invalid_request"),
    ] {
        let answer = push(&bad);
        assert!(answer.status == 400 && answer.body.contains(code), "{answer:?}");
    }
    calls(&deployment, &token).answered();
    let event = event("e4", "00u1", ours);
    let answer = push(&event);
    assert_eq!((answer.status, answer.body.as_str()), (202, ""));
    calls(&deployment, &token).refused("PL-1004");
    // Delivered twice, it ends nothing that began since.
    let later = deployment.token();
    assert_eq!(push(&event).status, 202);
    calls(&deployment, &later).answered();
}

fn now() -> u64 {
    let out = std::process::Command::new("date").arg("+%s").output().unwrap();
    text(&out.stdout).trim().parse().unwrap()
}

fn signed(key: &Ed25519KeyPair, claims: &Value) -> String {
    let header = json!({"alg": "EdDSA", "typ": "secevent+jwt", "kid": "1"});
    let token =
        format!("{}.{}", base64(header.to_string().as_bytes()), base64(claims.to_string().as_bytes()));
    let signature = base64(key.sign(token.as_bytes()).as_ref());
    format!("{token}.{signature}")
}

/// Without padding, in the alphabet of URLs (RFC 4648 section 5).
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let number = three.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte))
            << (8 * (3 - three.len()));
        for place in 0..=three.len() {
            text.push(char::from(LETTERS[(number >> (18 - 6 * place)) as usize & 63]));
        }
    }
    text
}
