//! Bad tokens of our own: instance tokens as they are sent with every call.

use placet_identity::TokenFault::{self, *};
use serde_json::json;

use super::{
    attacks::{self, Attack, ENDING, FORM, KEYED},
    forge::{BadToken, Forge, Signer},
};

/// What a good token of a deployment says. The texts are those of a running one.
pub(crate) struct Good<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) audience: &'a str,
    pub(crate) instance: &'a str,
    pub(crate) agent: &'a str,
    pub(crate) key_id: &'a str,
    /// Seconds since 1970.
    pub(crate) now: i64,
}

/// A token that the deployment accepts.
pub(crate) fn good_token(good: &Good<'_>, signer: Signer) -> Forge {
    Forge::new(
        json!({"alg": "EdDSA", "typ": "at+jwt", "kid": good.key_id}),
        json!({
            "iss": good.issuer, "aud": good.audience, "sub": good.instance, "client_id": good.agent,
            "iat": good.now, "exp": good.now + 900, "jti": good.instance,
        }),
        signer,
    )
}

/// Tokens that it must refuse.
pub(crate) fn bad_tokens(good: &Forge) -> Vec<BadToken<TokenFault>> {
    [FORM, KEYED, ENDING, OWN]
        .iter()
        .flat_map(|table| attacks::against("access token", good, table))
        .collect()
}

#[rustfmt::skip]
const OWN: &[Attack] = &[
    ("alg Ed25519, which we do not write", &[Algorithm], |t| t.header["alg"] = json!("Ed25519")),
    ("typ JWT", &[Type], |t| t.header["typ"] = json!("JWT")),
    ("typ AT+JWT in other case", &[Type], |t| t.header["typ"] = json!("AT+JWT")),
    ("typ with its prefix", &[Type], |t| t.header["typ"] = json!("application/at+jwt")),
    ("typ missing", &[Type], |t| { t.header.as_object_mut().unwrap().remove("typ"); }),
    ("typ of a proof", &[Type], |t| t.header["typ"] = json!("dpop+jwt")),
    ("typ of an event", &[Type], |t| t.header["typ"] = json!("secevent+jwt")),
    ("x5t, which only others send", &[Header], |t| t.header["x5t"] = json!("AAAA")),
    ("iss of another deployment", &[Audience], |t| t.claims["iss"] = json!("https://other.example")),
    ("iss with a slash more", &[Audience], |t| t.claims["iss"] = json!(format!("{}/", t.claims["iss"].as_str().unwrap()))),
    ("iss missing", &[Claim], |t| { t.claims.as_object_mut().unwrap().remove("iss"); }),
    ("iss a list", &[Claim], |t| t.claims["iss"] = json!([t.claims["iss"]])),
    ("aud of another deployment", &[Audience], |t| t.claims["aud"] = json!("https://other.example")),
    ("aud in upper case", &[Audience], |t| t.claims["aud"] = json!(t.claims["aud"].as_str().unwrap().to_uppercase())),
    ("aud a list", &[Audience], |t| t.claims["aud"] = json!([t.claims["aud"]])),
    ("aud a list with a stranger", &[Audience], |t| t.claims["aud"] = json!([t.claims["aud"], "https://other.example"])),
    ("aud missing", &[Audience], |t| { t.claims.as_object_mut().unwrap().remove("aud"); }),
    ("aud twice", &[Json], |t| t.claims_start = r#""aud":"https://other.example","#),
    ("sub missing", &[Claim], |t| { t.claims.as_object_mut().unwrap().remove("sub"); }),
    ("sub a person who acts alone", &[Chain], |t| t.claims["sub"] = json!("ana@example.com")),
    ("sub an id of another kind", &[Chain], |t| t.claims["sub"] = json!(t.claims["sub"].as_str().unwrap().replace("ins_", "cal_"))),
    ("sub in upper case", &[Chain], |t| t.claims["sub"] = json!(t.claims["sub"].as_str().unwrap().to_uppercase())),
    ("sub twice", &[Json], |t| t.claims_start = r#""sub":"ana@example.com","#),
    ("client_id missing", &[Claim], |t| { t.claims.as_object_mut().unwrap().remove("client_id"); }),
    ("client_id with a line break", &[Claim], |t| t.claims["client_id"] = json!("billing\n")),
    ("jti missing", &[Claim], |t| { t.claims.as_object_mut().unwrap().remove("jti"); }),
    ("jti a number", &[Claim], |t| t.claims["jti"] = json!(1)),
    ("jti empty", &[Claim], |t| t.claims["jti"] = json!("")),
    ("jti too long", &[Claim], |t| t.claims["jti"] = json!("a".repeat(257))),
    ("iat missing", &[Claim], |t| { t.claims.as_object_mut().unwrap().remove("iat"); }),
    ("nbf, which we do not write", &[Claim], |t| t.claims["nbf"] = json!(0)),
    ("a claim we do not write", &[Claim], |t| t.claims["admin"] = json!(true)),
    ("a nonce, as id tokens have", &[Claim], |t| t.claims["nonce"] = json!("n")),
    ("an hour and a second long", &[Life], |t| { t.claims["exp"] = t.claims["iat"].clone(); t.shift("exp", 3_601); }),
    ("scope empty", &[Claim], |t| t.claims["scope"] = json!("")),
    ("scope a list", &[Claim], |t| t.claims["scope"] = json!(["crm"])),
    ("scope that is none", &[Claim], |t| t.claims["scope"] = json!("crm.get_deal:")),
    ("scope of two spaces", &[Claim], |t| t.claims["scope"] = json!("crm  mail")),
    ("cnf empty", &[Claim], |t| t.claims["cnf"] = json!({})),
    ("cnf null", &[Claim], |t| t.claims["cnf"] = serde_json::Value::Null),
    ("cnf of another method", &[Claim], |t| t.claims["cnf"] = json!({"x5t#S256": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"})),
    ("cnf of two methods", &[Claim], |t| t.claims["cnf"] = json!({"jkt": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "kid": "a"})),
    ("cnf with a short thumbprint", &[Claim], |t| t.claims["cnf"] = json!({"jkt": "AAAA"})),
    ("act a text", &[Chain], |t| t.claims["act"] = json!("billing")),
    ("act without sub", &[Chain], |t| t.claims["act"] = json!({"iss": t.claims["iss"]})),
    ("act a person", &[Chain], |t| t.claims["act"] = json!({"sub": "ana@example.com"})),
    ("act of another issuer", &[Chain], |t| t.claims["act"] = json!({"iss": "https://other.example", "sub": ACTORS[0]})),
    ("act with another member", &[Chain], |t| t.claims["act"] = json!({"sub": ACTORS[0], "client_id": "billing"})),
    ("act is the subject itself", &[Chain], |t| t.claims["act"] = json!({"sub": t.claims["sub"]})),
    ("act in a circle", &[Chain], |t| t.claims["act"] = json!({"sub": ACTORS[0], "act": {"sub": ACTORS[1], "act": {"sub": ACTORS[0]}}})),
    ("act four deep for a person", &[Chain], |t| {
        t.claims["sub"] = json!("ana@example.com");
        t.claims["act"] = json!({"sub": ACTORS[0], "act": {"sub": ACTORS[1], "act": {"sub": ACTORS[2], "act": {"sub": ACTORS[3]}}}});
    }),
    ("act three deep for an instance", &[Chain], |t| t.claims["act"] = json!({"sub": ACTORS[0], "act": {"sub": ACTORS[1], "act": {"sub": ACTORS[2]}}})),
    ("act fifty deep", &[Chain], |t| t.claims["act"] = (0..50).fold(json!({"sub": ACTORS[0]}), |inner, _| json!({"sub": ACTORS[1], "act": inner}))),
    ("act twice", &[Json], |t| { t.claims_start = r#""act":{},"#; t.claims["act"] = json!({"sub": ACTORS[0]}); }),
];

const ACTORS: [&str; 4] = [
    "ins_00000000000000000000000001",
    "ins_00000000000000000000000002",
    "ins_00000000000000000000000003",
    "ins_00000000000000000000000004",
];
