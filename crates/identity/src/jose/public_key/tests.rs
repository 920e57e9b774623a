use placet_domain::Json;

use super::*;

fn jwk(text: &str) -> Object {
    Json::parse(text.as_bytes()).unwrap().as_object().unwrap().clone()
}

const ED25519_KEY: &str =
    r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
const P256_KEY: &str = r#"{"kty":"EC","crv":"P-256","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
    "y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"}"#;

#[test]
fn thumbprints_are_those_of_the_standards() {
    // RFC 8037 appendix A.3, RFC 9449 section 6.1, RFC 7638 section 3.1.
    let rsa = r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#;
    for (key, thumbprint) in [
        (ED25519_KEY, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"),
        (P256_KEY, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"),
        (rsa, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"),
    ] {
        assert_eq!(PublicKey::from_jwk(&jwk(key)).unwrap().thumbprint().to_string(), thumbprint);
    }
}

#[test]
fn a_key_reads_back_as_it_was_written() {
    for text in [ED25519_KEY, P256_KEY] {
        let key = PublicKey::from_jwk(&jwk(text)).unwrap();
        assert_eq!(PublicKey::from_jwk(&key.to_jwk()).unwrap(), key);
    }
}

#[test]
fn a_key_fits_the_algorithms_of_its_type_only() {
    let key = PublicKey::from_jwk(&jwk(P256_KEY)).unwrap();
    let fitting: Vec<_> = Algorithm::ALL.into_iter().filter(|one| key.fits(*one)).collect();
    assert_eq!(fitting, [Algorithm::Es256]);
    assert!(!key.verifies(Algorithm::EdDsa, b"", &[0; 64]));
}

#[test]
fn keys_that_hold_secrets_are_refused() {
    for text in [
        r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
        r#"{"kty":"oct","k":"AAAA"}"#,
        r#"{"kty":"oct"}"#,
    ] {
        assert_eq!(PublicKey::from_jwk(&jwk(text)), Err(JwkError::Secret), "{text}");
    }
}

#[test]
fn weak_and_malformed_keys_are_refused() {
    let small = encode(&[0xff; 128]);
    let full = encode(&[0xff; 256]);
    for (text, error) in [
        (format!(r#"{{"kty":"RSA","n":"{small}","e":"AQAB"}}"#), JwkError::Weak),
        (format!(r#"{{"kty":"RSA","n":"{full}","e":"AQ"}}"#), JwkError::Weak),
        (format!(r#"{{"kty":"RSA","n":"AA{full}","e":"AQAB"}}"#), JwkError::Malformed("n")),
        (format!(r#"{{"kty":"RSA","n":"{full}="}}"#), JwkError::Malformed("n")),
        (ED25519_KEY.replace("HURo", "HU"), JwkError::Malformed("x")),
        (P256_KEY.replace("9VE4", "9VE5"), JwkError::Malformed("x")),
        (ED25519_KEY.replace("OKP", "EC"), JwkError::Unsupported("EC Ed25519".into())),
        (ED25519_KEY.replace("kty\":\"OKP", "kty\":5,\"a\":\""), JwkError::Malformed("kty")),
        (ED25519_KEY.replace('{', r#"{"alg":"ES256","#), JwkError::Malformed("alg")),
        (ED25519_KEY.replace('{', r#"{"alg":"HS256","#), JwkError::Unsupported("HS256".into())),
        (ED25519_KEY.replace('{', r#"{"use":"enc","#), JwkError::Unsupported("use enc".into())),
    ] {
        assert_eq!(PublicKey::from_jwk(&jwk(&text)), Err(error), "{text}");
    }
    let encrypts = jwk(&ED25519_KEY.replace('{', r#"{"key_ops":["encrypt"],"#));
    assert!(matches!(PublicKey::from_jwk(&encrypts), Err(JwkError::Unsupported(_))));
}
