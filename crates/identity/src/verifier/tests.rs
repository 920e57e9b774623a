use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use placet_domain::InstanceId;
use serde_json::json;

use super::*;
use crate::{Delegation, KeySet, Scope};

const NOW: Timestamp = Timestamp::from_micros(1_795_300_000_000_000);

fn deployment(audience: &str) -> Deployment {
    Deployment { issuer: "http://127.0.0.1:7420".into(), audience: audience.into() }
}

fn claims(expires: Timestamp) -> Claims {
    Claims { instance: InstanceId::new(NOW, [3; 10]), agent: "deal-update-agent".parse().unwrap(), expires }
}

fn later(seconds: u64) -> Timestamp {
    NOW.after(std::time::Duration::from_secs(seconds))
}

fn key(seed: u8) -> TokenKey {
    TokenKey::from_seed(&[seed; 32]).unwrap()
}

/// Signs any header and payload with the right key.
fn forge(header: serde_json::Value, payload: &str) -> String {
    let pair = aws_lc_rs::signature::Ed25519KeyPair::from_pkcs8(key(1).pkcs8()).unwrap();
    let head = URL_SAFE_NO_PAD.encode(header.to_string());
    let signed = format!("{head}.{}", URL_SAFE_NO_PAD.encode(payload));
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(pair.sign(signed.as_bytes())))
}

#[test]
fn an_issued_token_is_accepted_until_it_expires() {
    let verifier = TokenVerifier::new(deployment("a"), &key(1));
    let token = key(1).issue(&deployment("a"), &claims(later(60)), NOW).unwrap();
    assert_eq!(verifier.verify(&token, NOW), Ok(claims(later(60))));
    assert_eq!(verifier.verify(&token, later(59)), Ok(claims(later(60))));
    assert_eq!(verifier.verify(&token, later(60)), Err(VerifyError::Expired(claims(later(60)))));
}

#[test]
fn tokens_of_other_keys_and_audiences_are_refused() {
    let verifier = TokenVerifier::new(deployment("a"), &key(1));
    let other_key = key(2).issue(&deployment("a"), &claims(later(60)), NOW).unwrap();
    assert!(matches!(verifier.verify(&other_key, NOW), Err(VerifyError::Rejected(_))));
    let other_audience = key(1).issue(&deployment("b"), &claims(later(60)), NOW).unwrap();
    assert_eq!(verifier.verify(&other_audience, NOW), Err(VerifyError::WrongAudience));
}

#[test]
fn headers_that_choose_the_key_or_the_algorithm_are_refused() {
    let verifier = TokenVerifier::new(deployment("a"), &key(1));
    let id = key(1).id();
    let payload = json!({"iss":"http://127.0.0.1:7420","aud":"a","sub":claims(NOW).instance.to_string(),
        "client_id":"x","iat":NOW.seconds(),"exp":later(60).seconds(),"jti":"x"})
    .to_string();
    let good = json!({"alg":"EdDSA","typ":"at+jwt","kid":id});
    assert!(verifier.verify(&forge(good, &payload), NOW).is_ok());
    for header in [
        json!({"alg":"none","typ":"at+jwt","kid":id}),
        json!({"alg":"HS256","typ":"at+jwt","kid":id}),
        json!({"alg":"EdDSA","typ":"JWT","kid":id}),
        json!({"alg":"EdDSA","kid":id}),
        json!({"alg":"EdDSA","typ":"at+jwt"}),
        json!({"alg":"EdDSA","typ":"at+jwt","kid":"../key"}),
        json!({"alg":"EdDSA","typ":"at+jwt","kid":id,"jku":"https://example.com"}),
        json!({"alg":"EdDSA","typ":"at+jwt","kid":id,"jwk":{}}),
        json!({"alg":"EdDSA","typ":"at+jwt","kid":id,"crit":["exp"]}),
    ] {
        assert!(verifier.verify(&forge(header.clone(), &payload), NOW).is_err(), "{header}");
    }
}

/// A token of key 1 for audience `a` that is changed before it is signed.
fn access(change: impl FnOnce(AccessToken) -> AccessToken) -> String {
    let token = change(AccessToken::new(&claims(later(60)), "t-1", "a", NOW));
    key(1).issue_access(&deployment("a"), &token).unwrap()
}

#[test]
fn texts_that_are_no_tokens_are_refused() {
    let verifier = TokenVerifier::new(deployment("a"), &key(1));
    for token in ["", "a.b", "a.b.c", "a.b.c.d", &"a".repeat(9_000)] {
        assert!(verifier.verify(token, NOW).is_err());
    }
}

#[test]
fn a_limited_token_is_not_taken_for_a_plain_one() {
    let verifier = TokenVerifier::new(deployment("a"), &key(1));
    let person = Some("ana@example.com".parse().unwrap());
    let acting = Delegation::new(claims(NOW).instance, vec![], person).unwrap();
    let bound = crate::PublicKey::from_jwk(
        KeySet::new(Arc::new(key(3))).verifying().jwks(NOW).member("keys").unwrap().as_array().unwrap()[0]
            .as_object()
            .unwrap(),
    );
    let bound = bound.unwrap().thumbprint();
    for token in [
        access(|token| token.within("crm".parse().unwrap())),
        access(|token| token.bound_to(bound)),
        access(|token| token.acting(acting)),
    ] {
        assert!(verifier.verify_access(&token, NOW).is_ok());
        assert!(matches!(verifier.verify(&token, NOW), Err(VerifyError::Rejected(_))));
    }
}

#[test]
fn everything_a_token_says_is_read_back() {
    let verifier = TokenVerifier::new(deployment("a"), &key(1));
    let parent = InstanceId::new(NOW, [4; 10]);
    let person = Some("ana@example.com".parse().unwrap());
    let written = AccessToken::new(&claims(later(60)), "t-1", "a", NOW)
        .within("crm.get_deal:Deal/D-1 mail".parse().unwrap())
        .acting(Delegation::new(claims(NOW).instance, vec![parent], person).unwrap());
    let signed = key(1).issue_access(&deployment("a"), &written).unwrap();
    let read = verifier.verify_access(&signed, NOW).unwrap();
    assert_eq!(*read, written);
    assert_eq!((read.instance(), read.claims()), (claims(NOW).instance, claims(later(60))));
}

#[test]
fn a_token_for_another_audience_is_taken_only_where_it_is_named() {
    let verifier = TokenVerifier::new(deployment("a"), &key(1));
    let token = access(|token| AccessToken { audience: "a/crm".into(), ..token });
    assert_eq!(verifier.verify_access(&token, NOW), Err(VerifyError::WrongAudience));
    assert!(verifier.verify_for(&token, &["a", "a/crm"], NOW).is_ok());
    assert!(verifier.inspect(&token, |audience| audience == "a/crm", NOW).is_ok());
    assert_eq!(verifier.inspect(&token, |audience| audience == "a", NOW), Err(VerifyError::WrongAudience));
}

#[test]
fn tokens_of_a_retired_key_are_refused_from_its_time_on_even_if_they_were_seen() {
    let keys = KeySet::new(Arc::new(key(1)));
    let verifier = TokenVerifier::with_keys(deployment("a"), keys.verifying().clone());
    let old = key(1).issue(&deployment("a"), &claims(later(60)), NOW).unwrap();
    assert!(verifier.verify(&old, NOW).is_ok());

    let rotated = keys.rotated(Arc::new(key(2)), later(30));
    verifier.replace_keys(rotated.verifying().clone());
    let new = rotated.active().issue(&deployment("a"), &claims(later(60)), NOW).unwrap();
    assert!(verifier.verify(&old, later(29)).is_ok() && verifier.verify(&new, later(29)).is_ok());
    assert!(matches!(verifier.verify(&old, later(30)), Err(VerifyError::Rejected(_))));
    assert!(verifier.verify(&new, later(30)).is_ok());

    verifier.replace_keys(KeySet::new(Arc::new(key(3))).verifying().clone());
    assert!(matches!(verifier.verify(&new, later(31)), Err(VerifyError::Rejected(_))));
    assert_eq!(verifier.keys(), VerifyingKeys::of(&key(3)));
}

#[test]
fn a_token_that_could_do_nothing_or_lives_too_long_is_not_issued() {
    use crate::IssueError;
    let issue = |change: &dyn Fn(AccessToken) -> AccessToken| {
        key(1).issue_access(&deployment("a"), &change(AccessToken::new(&claims(later(60)), "t-1", "a", NOW)))
    };
    assert_eq!(issue(&|token| token.within(Scope::nothing())), Err(IssueError::Powerless));
    let ending = |expires: Timestamp| move |token: AccessToken| AccessToken { expires, ..token };
    assert!(issue(&ending(later(3_600))).is_ok());
    assert_eq!(issue(&ending(later(3_601))), Err(IssueError::Life));
    assert_eq!(issue(&ending(NOW)), Err(IssueError::Life));
    assert_eq!(issue(&|token| AccessToken { id: String::new(), ..token }), Err(IssueError::Size));
    // What both permit can be longer than either: a token that could not be read back is not issued.
    let text: Vec<String> = (10..42).map(|number| format!("crm.{number}{}", "x".repeat(100))).collect();
    let (wide, other): (Scope, Scope) =
        (text.join(" ").parse().unwrap(), "crm.*:Deal/A* crm.*:Deal/B*".parse().unwrap());
    assert!(issue(&|token| token.within(wide.clone())).is_ok());
    assert_eq!(issue(&|token| token.within(wide.narrow(&other))), Err(IssueError::Size));
}
