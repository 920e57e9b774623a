//! What is particular about each kind of foreign token: one line a case, one change of a good token.

use placet_identity::TokenFault::*;
use serde_json::{Value, json};

use super::{
    keys::{P256, ecdsa, rsa_der},
    world::{ISSUER, ath, now},
};
use crate::corpus::{attacks::Attack, forge::hmac_sha256};

fn set(value: &mut Value, name: &str, to: Value) {
    value[name] = to;
}

fn without(value: &mut Value, name: &str) {
    value.as_object_mut().unwrap().remove(name);
}

/// Of anybody who issues JWTs under an RSA key.
#[rustfmt::skip]
pub(crate) const RSA_CONFUSION: &[Attack] = &[
    ("alg HS256 with the public key as secret", &[Algorithm], |t| { set(&mut t.header, "alg", json!("HS256")); t.signer = hmac_sha256(&rsa_der()); }),
    ("alg RS256 claimed, PS256 used", &[Signature], |t| t.signer = super::keys::ps256()),
    ("alg ES256 with the RSA key's id", &[Algorithm], |t| { set(&mut t.header, "alg", json!("ES256")); t.signer = ecdsa(&P256); }),
    ("alg EdDSA with the RSA key's id", &[Algorithm], |t| set(&mut t.header, "alg", json!("EdDSA"))),
];

#[rustfmt::skip]
pub(crate) const USER: &[Attack] = &[
    ("of another issuer", &[Issuer], |t| set(&mut t.claims, "iss", json!("https://evil.example"))),
    ("iss with a slash more", &[Issuer], |t| set(&mut t.claims, "iss", json!("https://idp.example/"))),
    ("iss missing", &[Issuer], |t| without(&mut t.claims, "iss")),
    ("iss a list", &[Issuer], |t| set(&mut t.claims, "iss", json!(["https://idp.example"]))),
    ("for another audience", &[Audience], |t| set(&mut t.claims, "aud", json!("https://other.example"))),
    ("for a prefix of us", &[Audience], |t| set(&mut t.claims, "aud", json!("https://placet"))),
    ("for us and others", &[Audience], |t| set(&mut t.claims, "aud", json!([ISSUER, "https://other.example"]))),
    ("for us twice", &[Audience], |t| set(&mut t.claims, "aud", json!([ISSUER, ISSUER]))),
    ("aud missing", &[Audience], |t| without(&mut t.claims, "aud")),
    ("aud empty", &[Audience], |t| set(&mut t.claims, "aud", json!([]))),
    ("aud an object", &[Audience], |t| set(&mut t.claims, "aud", json!({ISSUER: true}))),
    ("an id token as access token", &[Type], |t| set(&mut t.header, "typ", json!("JWT"))),
    ("typ missing", &[Type], |t| without(&mut t.header, "typ")),
    ("not valid before tomorrow", &[NotYet], |t| set(&mut t.claims, "nbf", json!(now() + 86_400))),
    ("nbf a text", &[Claim], |t| set(&mut t.claims, "nbf", json!("0"))),
    ("iat missing", &[Claim], |t| without(&mut t.claims, "iat")),
    ("a second too long", &[Life], |t| set(&mut t.claims, "exp", json!(now() + 3_601))),
    ("x5t a list", &[Header], |t| set(&mut t.header, "x5t", json!(["AAAA"]))),
];

#[rustfmt::skip]
pub(crate) const CLIENT: &[Attack] = &[
    ("iss of another client", &[Issuer], |t| set(&mut t.claims, "iss", json!("reports"))),
    ("sub of another client", &[Claim], |t| set(&mut t.claims, "sub", json!("reports"))),
    ("sub missing", &[Claim], |t| without(&mut t.claims, "sub")),
    ("aud the token endpoint", &[Audience], |t| set(&mut t.claims, "aud", json!("https://placet.example/token"))),
    ("aud a list of one", &[Audience], |t| set(&mut t.claims, "aud", json!([ISSUER]))),
    ("aud a list with a stranger", &[Audience], |t| set(&mut t.claims, "aud", json!([ISSUER, "https://evil.example"]))),
    ("aud missing", &[Audience], |t| without(&mut t.claims, "aud")),
    ("jti missing", &[Claim], |t| without(&mut t.claims, "jti")),
    ("jti empty", &[Claim], |t| set(&mut t.claims, "jti", json!(""))),
    ("jti a number", &[Claim], |t| set(&mut t.claims, "jti", json!(7))),
    ("jti too long", &[Claim], |t| set(&mut t.claims, "jti", json!("j".repeat(257)))),
    ("iat missing", &[Claim], |t| without(&mut t.claims, "iat")),
    ("five minutes and a second", &[Life], |t| set(&mut t.claims, "exp", json!(now() + 301))),
    ("not valid yet", &[NotYet], |t| set(&mut t.claims, "nbf", json!(now() + 60))),
    ("typ of an access token", &[Type], |t| set(&mut t.header, "typ", json!("at+jwt"))),
    ("typ of an id-jag", &[Type], |t| set(&mut t.header, "typ", json!("oauth-id-jag+jwt"))),
];

#[rustfmt::skip]
pub(crate) const SVID: &[Attack] = &[
    ("of another trust domain", &[Issuer], |t| set(&mut t.claims, "sub", json!("spiffe://evil.org/ns/prod/sa/billing"))),
    ("of another workload than client_id", &[Claim], |t| set(&mut t.claims, "sub", json!("spiffe://example.org/ns/prod/sa/other"))),
    ("sub missing", &[Claim], |t| without(&mut t.claims, "sub")),
    ("sub no SPIFFE id", &[Claim], |t| set(&mut t.claims, "sub", json!("billing"))),
    ("sub the trust domain alone", &[Claim], |t| set(&mut t.claims, "sub", json!("spiffe://example.org"))),
    ("sub with dot segments", &[Claim], |t| set(&mut t.claims, "sub", json!("spiffe://example.org/ns/dev/../prod/sa/billing"))),
    ("sub with an encoded slash", &[Claim], |t| set(&mut t.claims, "sub", json!("spiffe://example.org/ns%2Fprod/sa/billing"))),
    ("sub in upper case", &[Claim], |t| set(&mut t.claims, "sub", json!("SPIFFE://example.org/ns/prod/sa/billing"))),
    ("aud missing", &[Audience], |t| without(&mut t.claims, "aud")),
    ("aud of another server", &[Audience], |t| set(&mut t.claims, "aud", json!(["https://other.example"]))),
    ("aud with another server", &[Audience], |t| set(&mut t.claims, "aud", json!([ISSUER, "https://other.example"]))),
    ("under an algorithm SVIDs do not have", &[Algorithm], |t| { t.header = json!({"alg":"EdDSA","typ":"JWT","kid":"ed"}); t.signer = crate::corpus::forge::ed25519(&super::keys::SEED); }),
    ("typ of an access token", &[Type], |t| set(&mut t.header, "typ", json!("at+jwt"))),
    ("an hour and a second", &[Life], |t| set(&mut t.claims, "exp", json!(now() + 3_601))),
    ("a day long and undated", &[Life], |t| { without(&mut t.claims, "iat"); set(&mut t.claims, "exp", json!(now() + 86_400)); }),
];

#[rustfmt::skip]
pub(crate) const ID_JAG: &[Attack] = &[
    ("of another IdP", &[Issuer], |t| set(&mut t.claims, "iss", json!("https://evil.example"))),
    ("for another client", &[Binding], |t| set(&mut t.claims, "client_id", json!("reports"))),
    ("client_id missing", &[Claim], |t| without(&mut t.claims, "client_id")),
    ("client_id a list", &[Claim], |t| set(&mut t.claims, "client_id", json!(["billing"]))),
    ("sub missing", &[Claim], |t| without(&mut t.claims, "sub")),
    ("sub too long", &[Claim], |t| set(&mut t.claims, "sub", json!("u".repeat(256)))),
    ("jti missing", &[Claim], |t| without(&mut t.claims, "jti")),
    ("iat missing", &[Claim], |t| without(&mut t.claims, "iat")),
    ("aud the resource", &[Audience], |t| set(&mut t.claims, "aud", json!("https://placet.example/mcp"))),
    ("aud missing", &[Audience], |t| without(&mut t.claims, "aud")),
    ("aud with another server", &[Audience], |t| set(&mut t.claims, "aud", json!([ISSUER, "https://other.example"]))),
    ("typ JWT", &[Type], |t| set(&mut t.header, "typ", json!("JWT"))),
    ("typ missing", &[Type], |t| without(&mut t.header, "typ")),
    ("scope a list", &[Claim], |t| set(&mut t.claims, "scope", json!(["crm"]))),
    ("delegated already", &[Binding], |t| set(&mut t.claims, "act", json!({"sub": "other"}))),
    ("bound to a key", &[Binding], |t| set(&mut t.claims, "cnf", json!({"jkt": "x"}))),
    ("ten minutes long", &[Life], |t| set(&mut t.claims, "exp", json!(now() + 600))),
];

#[rustfmt::skip]
pub(crate) const WORKLOAD: &[Attack] = &[
    ("of another cluster", &[Issuer], |t| set(&mut t.claims, "iss", json!("https://other.cluster"))),
    ("iss missing", &[Issuer], |t| without(&mut t.claims, "iss")),
    ("for the cluster itself", &[Audience], |t| set(&mut t.claims, "aud", json!(["https://kubernetes.default.svc"]))),
    ("for us and the cluster", &[Audience], |t| set(&mut t.claims, "aud", json!([ISSUER, "https://kubernetes.default.svc"]))),
    ("of another service account", &[Match], |t| set(&mut t.claims, "sub", json!("system:serviceaccount:prod:default"))),
    ("of another namespace", &[Match], |t| t.claims["kubernetes.io"]["namespace"] = json!("dev")),
    ("whose nested name differs", &[Match], |t| t.claims["kubernetes.io"]["serviceaccount"]["name"] = json!("default")),
    ("without nested claims", &[Match], |t| without(&mut t.claims, "kubernetes.io")),
    ("with a dotted claim in place of nested ones", &[Match], |t| { without(&mut t.claims, "kubernetes.io"); set(&mut t.claims, "kubernetes.io.namespace", json!("prod")); }),
    ("with a list where a text is compared", &[Match], |t| set(&mut t.claims, "sub", json!(["system:serviceaccount:prod:billing"]))),
    ("that two rules fit", &[Match], |t| { set(&mut t.claims, "sub", json!("system:serviceaccount:reports:x1")); t.claims["kubernetes.io"]["namespace"] = json!("reports"); }),
    ("typ of an access token", &[Type], |t| set(&mut t.header, "typ", json!("at+jwt"))),
    ("iat missing", &[Claim], |t| without(&mut t.claims, "iat")),
    ("two days long", &[Life], |t| set(&mut t.claims, "exp", json!(now() + 172_800))),
    ("not valid yet", &[NotYet], |t| set(&mut t.claims, "nbf", json!(now() + 600))),
];

#[rustfmt::skip]
pub(crate) const GITHUB: &[Attack] = &[
    ("of a fork", &[Match], |t| set(&mut t.claims, "repository", json!("mallory/crm"))),
    ("of a repository whose name begins alike", &[Match], |t| set(&mut t.claims, "repository", json!("acme/crm2"))),
    ("of a pull request", &[Match], |t| set(&mut t.claims, "ref", json!("refs/pull/7/merge"))),
    ("of a tag named like the branch", &[Match], |t| set(&mut t.claims, "ref", json!("refs/tags/main"))),
    ("ref missing", &[Match], |t| without(&mut t.claims, "ref")),
    ("repository in other case", &[Match], |t| set(&mut t.claims, "repository", json!("Acme/crm"))),
    ("for the default audience", &[Audience], |t| set(&mut t.claims, "aud", json!("https://github.com/acme"))),
    ("that two agents' rules fit", &[Match], |t| set(&mut t.claims, "environment", json!("release-eu"))),
];

#[rustfmt::skip]
pub(crate) const PROOF: &[Attack] = &[
    ("typ JWT", &[Type], |t| set(&mut t.header, "typ", json!("JWT"))),
    ("typ missing", &[Type], |t| without(&mut t.header, "typ")),
    ("jwk missing", &[Header], |t| without(&mut t.header, "jwk")),
    ("jwk with its private half", &[Header], |t| t.header["jwk"]["d"] = json!("AAAA")),
    ("jwk symmetric", &[Header], |t| set(&mut t.header, "jwk", json!({"kty": "oct", "k": "AAAA"}))),
    ("jwk a text", &[Header], |t| set(&mut t.header, "jwk", json!("{}"))),
    ("jwk off its curve", &[Header], |t| t.header["jwk"]["y"] = t.header["jwk"]["x"].clone()),
    ("jwk for encryption", &[Header], |t| t.header["jwk"]["use"] = json!("enc")),
    ("jwk of a weak RSA key", &[Header], |t| set(&mut t.header, "jwk", json!({"kty": "RSA", "e": "AQAB", "n": super::keys::encode(&[0xff; 128])}))),
    ("another jwk than the signature's", &[Signature], |t| set(&mut t.header, "jwk", json!({"kty":"EC","crv":"P-256","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"}))),
    ("of a key that the token is not bound to", &[Binding], |t| { t.header["alg"] = json!("EdDSA"); t.header["jwk"] = super::keys::public()[0].clone(); t.signer = crate::corpus::forge::ed25519(&super::keys::SEED); }),
    ("kid beside jwk", &[Header], |t| set(&mut t.header, "kid", json!("p256"))),
    ("x5t beside jwk", &[Header], |t| set(&mut t.header, "x5t", json!("AAAA"))),
    ("jwk twice", &[Json], |t| t.header_start = r#""jwk":{},"#),
    ("alg of another key's type", &[Signature], |t| set(&mut t.header, "alg", json!("ES384"))),
    ("htm of another method", &[Binding], |t| set(&mut t.claims, "htm", json!("GET"))),
    ("htm in lower case", &[Binding], |t| set(&mut t.claims, "htm", json!("post"))),
    ("htm missing", &[Claim], |t| without(&mut t.claims, "htm")),
    ("htu of another host", &[Binding], |t| set(&mut t.claims, "htu", json!("https://evil.example/mcp/crm"))),
    ("htu of another path", &[Binding], |t| set(&mut t.claims, "htu", json!("https://placet.example/mcp/mail"))),
    ("htu without TLS", &[Binding], |t| set(&mut t.claims, "htu", json!("http://placet.example/mcp/crm"))),
    ("htu of another port", &[Binding], |t| set(&mut t.claims, "htu", json!("https://placet.example:8443/mcp/crm"))),
    ("htu with a slash more", &[Binding], |t| set(&mut t.claims, "htu", json!("https://placet.example/mcp/crm/"))),
    ("htu a path", &[Claim], |t| set(&mut t.claims, "htu", json!("/mcp/crm"))),
    ("htu with dot segments", &[Claim], |t| set(&mut t.claims, "htu", json!("https://placet.example/mcp/x/../crm"))),
    ("htu with a user", &[Claim], |t| set(&mut t.claims, "htu", json!("https://placet.example@evil.example/mcp/crm"))),
    ("htu missing", &[Claim], |t| without(&mut t.claims, "htu")),
    ("ath of another token", &[Binding], |t| set(&mut t.claims, "ath", json!(ath("other")))),
    ("ath missing", &[Binding], |t| without(&mut t.claims, "ath")),
    ("ath a number", &[Binding], |t| set(&mut t.claims, "ath", json!(1))),
    ("iat missing", &[Claim], |t| without(&mut t.claims, "iat")),
    ("iat a minute old", &[Expired], |t| set(&mut t.claims, "iat", json!(now() - 60))),
    ("iat six seconds ahead", &[NotYet], |t| set(&mut t.claims, "iat", json!(now() + 6))),
    ("jti missing", &[Claim], |t| without(&mut t.claims, "jti")),
    ("jti too long", &[Claim], |t| set(&mut t.claims, "jti", json!("j".repeat(257)))),
    ("nonce missing", &[Nonce], |t| without(&mut t.claims, "nonce")),
    ("nonce of somebody else", &[Nonce], |t| set(&mut t.claims, "nonce", json!("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"))),
    ("nonce a number", &[Nonce], |t| set(&mut t.claims, "nonce", json!(1))),
];

#[rustfmt::skip]
pub(crate) const EVENT: &[Attack] = &[
    ("of another transmitter", &[Issuer], |t| set(&mut t.claims, "iss", json!("https://evil.example"))),
    ("for another receiver", &[Audience], |t| set(&mut t.claims, "aud", json!("https://other.example"))),
    ("aud missing", &[Audience], |t| without(&mut t.claims, "aud")),
    ("typ JWT", &[Type], |t| set(&mut t.header, "typ", json!("JWT"))),
    ("typ missing", &[Type], |t| without(&mut t.header, "typ")),
    ("with exp", &[Claim], |t| set(&mut t.claims, "exp", json!(now() + 60))),
    ("with sub", &[Claim], |t| set(&mut t.claims, "sub", json!("u-1"))),
    ("jti missing", &[Claim], |t| without(&mut t.claims, "jti")),
    ("iat missing", &[Claim], |t| without(&mut t.claims, "iat")),
    ("eight days old", &[Expired], |t| t.shift("iat", -8 * 86_400)),
    ("events missing", &[Claim], |t| without(&mut t.claims, "events")),
    ("events empty", &[Claim], |t| set(&mut t.claims, "events", json!({}))),
    ("events a list", &[Claim], |t| set(&mut t.claims, "events", json!([]))),
    ("two events", &[Claim], |t| t.claims["events"]["https://other.example"] = json!({})),
    ("the event a text", &[Claim], |t| set(&mut t.claims, "events", json!({"https://a.example": "x"}))),
    ("event_timestamp ahead", &[NotYet], |t| set(&mut t.claims, "events", json!({"https://a.example": {"event_timestamp": now() + 60}}))),
    ("event_timestamp a text", &[Claim], |t| set(&mut t.claims, "events", json!({"https://a.example": {"event_timestamp": "now"}}))),
    ("credential-change without what changed", &[Claim], |t| set(&mut t.claims, "events", json!({"https://schemas.openid.net/secevent/caep/event-type/credential-change": {"change_type": "revoke"}}))),
    ("credential-change of no known kind", &[Claim], |t| set(&mut t.claims, "events", json!({"https://schemas.openid.net/secevent/caep/event-type/credential-change": {"change_type": "lost", "credential_type": "password"}}))),
    ("sub_id missing", &[Claim], |t| without(&mut t.claims, "sub_id")),
    ("sub_id without format", &[Claim], |t| set(&mut t.claims, "sub_id", json!({"email": "ana@example.com"}))),
    ("sub_id of an unknown format", &[Claim], |t| set(&mut t.claims, "sub_id", json!({"format": "guess", "id": "x"}))),
    ("sub_id with a member too many", &[Claim], |t| set(&mut t.claims, "sub_id", json!({"format": "email", "email": "ana@example.com", "id": "x"}))),
    ("sub_id with an empty email", &[Claim], |t| set(&mut t.claims, "sub_id", json!({"format": "email", "email": ""}))),
    ("sub_id complex about nobody", &[Claim], |t| set(&mut t.claims, "sub_id", json!({"format": "complex", "tenant": {"format": "opaque", "id": "x"}}))),
    ("sub_id complex within complex", &[Claim], |t| set(&mut t.claims, "sub_id", json!({"format": "complex", "user": {"format": "complex", "user": {"format": "opaque", "id": "x"}}}))),
];

#[rustfmt::skip]
pub(crate) const ID_TOKEN: &[Attack] = &[
    ("of another provider", &[Issuer], |t| set(&mut t.claims, "iss", json!("https://evil.example"))),
    ("for another client", &[Audience], |t| set(&mut t.claims, "aud", json!("other-app"))),
    ("aud missing", &[Audience], |t| without(&mut t.claims, "aud")),
    ("for several without azp", &[Audience], |t| set(&mut t.claims, "aud", json!(["placet-console", "other-app"]))),
    ("azp of another party", &[Audience], |t| set(&mut t.claims, "azp", json!("other-app"))),
    ("azp empty", &[Claim], |t| set(&mut t.claims, "azp", json!(""))),
    ("nonce of another sign-in", &[Binding], |t| set(&mut t.claims, "nonce", json!("n-2"))),
    ("nonce missing", &[Claim], |t| without(&mut t.claims, "nonce")),
    ("nonce empty", &[Claim], |t| set(&mut t.claims, "nonce", json!(""))),
    ("nonce a list", &[Claim], |t| set(&mut t.claims, "nonce", json!(["n-1"]))),
    ("sub missing", &[Claim], |t| without(&mut t.claims, "sub")),
    ("sub empty", &[Claim], |t| set(&mut t.claims, "sub", json!(""))),
    ("sub too long", &[Claim], |t| set(&mut t.claims, "sub", json!("u".repeat(256)))),
    ("iat missing", &[Claim], |t| without(&mut t.claims, "iat")),
    ("an access token as id token", &[Type], |t| set(&mut t.header, "typ", json!("at+jwt"))),
    ("a logout token as id token", &[Type], |t| set(&mut t.header, "typ", json!("logout+jwt"))),
];
