use placet_domain::InstanceId;
use serde_json::json;

use super::*;

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
        "client_id":"x","iat":0,"exp":later(60).seconds(),"jti":"x"})
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

#[test]
fn ambiguous_or_incomplete_claims_are_refused() {
    let verifier = TokenVerifier::new(deployment("a"), &key(1));
    let header = json!({"alg":"EdDSA","typ":"at+jwt","kid":key(1).id()});
    let subject = claims(NOW).instance.to_string();
    for payload in [
        "{}".to_owned(),
        format!(
            r#"{{"iss":"http://127.0.0.1:7420","aud":"a","sub":"{subject}","client_id":"x","iat":0,"jti":"x"}}"#
        ),
        format!(
            r#"{{"iss":"http://127.0.0.1:7420","aud":"b","aud":"a","sub":"{subject}","client_id":"x","iat":0,"exp":9999999999,"jti":"x"}}"#
        ),
        format!(
            r#"{{"iss":"http://127.0.0.1:7420","aud":["a"],"sub":"{subject}","client_id":"x","iat":0,"exp":9999999999,"jti":"x"}}"#
        ),
        r#"{"iss":"http://127.0.0.1:7420","aud":"a","sub":"bob","client_id":"x","iat":0,"exp":9999999999,"jti":"x"}"#
            .to_owned(),
    ] {
        assert!(verifier.verify(&forge(header.clone(), &payload), NOW).is_err(), "{payload}");
    }
    for token in ["", "a.b", "a.b.c", "a.b.c.d", &"a".repeat(9_000)] {
        assert!(verifier.verify(token, NOW).is_err());
    }
}
