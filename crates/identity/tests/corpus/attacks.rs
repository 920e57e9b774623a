//! Changes that make any good token a bad one. Each is one line: its name, the reasons it may be refused for, and
//! what it does.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use placet_identity::TokenFault::{self, *};
use serde_json::{Value, json};

use super::forge::{BadToken, Forge, ed25519, hmac_sha256, unsigned};

/// Name, acceptable reasons, change.
pub(crate) type Attack = (&'static str, &'static [TokenFault], fn(&mut Forge));

/// Makes the bad tokens of a kind from a good one of it.
pub(crate) fn against(kind: &str, good: &Forge, attacks: &[Attack]) -> Vec<BadToken<TokenFault>> {
    let bad = |(name, faults, change): &Attack| BadToken {
        name: format!("{kind}: {name}"),
        token: good.changed(*change),
        faults,
    };
    attacks.iter().map(bad).collect()
}

/// On the form of any token, proofs included.
#[rustfmt::skip]
pub(crate) const FORM: &[Attack] = &[
    ("alg none without a signature", &[Algorithm], |t| { t.header["alg"] = json!("none"); t.signer = unsigned(); }),
    ("alg None in other case", &[Algorithm], |t| { t.header["alg"] = json!("nOnE"); t.signer = unsigned(); }),
    ("alg none, signed all the same", &[Algorithm], |t| t.header["alg"] = json!("none")),
    ("alg HS256 with the key id as secret", &[Algorithm], |t| {
        let secret = t.header["kid"].as_str().unwrap_or_default().to_owned();
        t.header["alg"] = json!("HS256"); t.signer = hmac_sha256(secret.as_bytes());
    }),
    ("alg HS256 with an empty secret", &[Algorithm], |t| { t.header["alg"] = json!("HS256"); t.signer = hmac_sha256(b""); }),
    ("alg RS512", &[Algorithm], |t| t.header["alg"] = json!("RS512")),
    ("alg RS1", &[Algorithm], |t| t.header["alg"] = json!("RS1")),
    ("alg in lower case", &[Algorithm], |t| t.header["alg"] = json!(t.header["alg"].as_str().unwrap().to_lowercase())),
    ("alg empty", &[Algorithm], |t| t.header["alg"] = json!("")),
    ("alg missing", &[Algorithm], |t| { t.header.as_object_mut().unwrap().remove("alg"); }),
    ("alg a number", &[Algorithm, Header], |t| t.header["alg"] = json!(256)),
    ("alg a list", &[Algorithm, Header], |t| t.header["alg"] = json!([t.header["alg"]])),
    ("alg twice, none first", &[Json], |t| t.header_start = r#""alg":"none","#),
    ("crit names a claim", &[Header], |t| t.header["crit"] = json!(["exp"])),
    ("crit empty", &[Header], |t| t.header["crit"] = json!([])),
    ("b64 false", &[Header], |t| { t.header["b64"] = json!(false); t.header["crit"] = json!(["b64"]); }),
    ("zip", &[Header], |t| t.header["zip"] = json!("DEF")),
    ("cty JWT", &[Header], |t| t.header["cty"] = json!("JWT")),
    ("jku", &[Header], |t| t.header["jku"] = json!("https://attacker.example/jwks.json")),
    ("x5u", &[Header], |t| t.header["x5u"] = json!("https://attacker.example/key.pem")),
    ("x5c", &[Header], |t| t.header["x5c"] = json!(["MIIB"])),
    ("an unknown header member", &[Header], |t| t.header["url"] = json!("https://attacker.example")),
    ("typ of another kind", &[Type], |t| t.header["typ"] = json!("wit+jwt")),
    ("typ empty", &[Type], |t| t.header["typ"] = json!("")),
    ("typ a number", &[Type, Header], |t| t.header["typ"] = json!(1)),
    ("typ twice", &[Json], |t| t.header_start = r#""typ":"JWT","typ":"JWT","#),
    ("header a list", &[Json], |t| t.header = json!([t.header])),
    ("header null", &[Json], |t| t.header = Value::Null),
    ("claims a list", &[Json], |t| t.claims = json!([t.claims])),
    ("claims a text", &[Json], |t| t.raw_claims = Some(b"\"sub\"".to_vec())),
    ("claims empty", &[Json], |t| t.raw_claims = Some(Vec::new())),
    ("no claims in the object", &[Claim, Issuer, Audience], |t| t.claims = json!({})),
    ("a token in the token", &[Json], |t| t.raw_claims = Some(t.token().into_bytes())),
    ("iat twice", &[Json], |t| t.claims_start = r#""iat":1,"#),
    ("claims of the second object count", &[Json], |t| { let twice = format!("{}{}", t.claims, t.claims); t.raw_claims = Some(twice.into_bytes()); }),
    ("a byte order mark before the claims", &[Json], |t| t.raw_claims = Some(format!("\u{feff}{}", t.claims).into_bytes())),
    ("claims that are not UTF-8", &[Json], |t| t.raw_claims = Some(b"{\"a\":\"\xff\"}".to_vec())),
    ("a lone surrogate", &[Json], |t| t.claims_start = r#""note":"\ud800","#),
    ("a NUL in a claim", &[Json], |t| t.claims_start = "\"note\":\"\\u0000\","),
    ("an inexact number", &[Json], |t| t.claims_start = r#""note":9007199254740993,"#),
    ("a comment in the claims", &[Json], |t| t.claims_start = "/* */"),
    ("nesting without end", &[Json], |t| { let deep = "[".repeat(80) + &"]".repeat(80); t.claims["note"] = serde_json::from_str(&deep).unwrap(); }),
    ("iat a text", &[Claim], |t| t.claims["iat"] = json!(t.claims["iat"].to_string())),
    ("iat with a fraction", &[Claim], |t| t.claims["iat"] = json!(t.claims["iat"].as_f64().unwrap() - 0.5)),
    ("iat null", &[Claim], |t| t.claims["iat"] = Value::Null),
    ("iat an hour ahead", &[NotYet, Life], |t| t.shift("iat", 3_600)),
    ("signature empty", &[Signature], |t| t.signer = unsigned()),
    ("signature of zeros", &[Signature], |t| t.signer = std::sync::Arc::new(|_| vec![0; 64])),
    ("signature of another key", &[Signature], |t| t.signer = ed25519(&[99; 32])),
    ("signature of another text", &[Signature], |t| { let signer = t.signer.clone(); t.signer = std::sync::Arc::new(move |_| signer(b"other")); }),
    ("signature one byte short", &[Signature], |t| { let signer = t.signer.clone(); t.signer = std::sync::Arc::new(move |text| { let mut made = signer(text); made.pop(); made }); }),
    ("signature one byte long", &[Signature], |t| { let signer = t.signer.clone(); t.signer = std::sync::Arc::new(move |text| { let mut made = signer(text); made.push(0); made }); }),
    ("signature with a flipped bit", &[Signature], |t| { let signer = t.signer.clone(); t.signer = std::sync::Arc::new(move |text| { let mut made = signer(text); made[7] ^= 1; made }); }),
    ("claims changed after signing", &[Signature], |t| t.spoil = |token| {
        let parts: Vec<&str> = token.split('.').collect();
        let mut claims = URL_SAFE_NO_PAD.decode(parts[1]).unwrap(); claims.push(b' ');
        format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(claims), parts[2])
    }),
    ("header changed after signing", &[Signature], |t| t.spoil = |token| {
        let (header, rest) = token.split_once('.').unwrap();
        let mut header = URL_SAFE_NO_PAD.decode(header).unwrap(); header.push(b' ');
        format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header))
    }),
    ("padding", &[Form], |t| t.spoil = |token| format!("{token}==")),
    ("another spelling of the signature", &[Form, Signature], |t| t.spoil = |mut token| {
        let last = token.pop().unwrap();
        token.push(char::from(last as u8 + 1)); token
    }),
    ("a space at the end", &[Form], |t| t.spoil = |token| format!("{token} ")),
    ("a line break within", &[Form], |t| t.spoil = |token| token.replacen('.', ".\n", 1)),
    ("the standard alphabet", &[Form], |t| t.spoil = |token| token.replacen('.', "+/.", 1)),
    ("no signature part", &[Form], |t| t.spoil = |token| token.rsplit_once('.').unwrap().0.to_owned()),
    ("four parts", &[Form], |t| t.spoil = |token| format!("{token}.e30")),
    ("five parts, as if encrypted", &[Form], |t| t.spoil = |token| format!("{token}.e30.e30")),
    ("two tokens", &[Form], |t| t.spoil = |token| format!("{token},{token}")),
    ("empty", &[Form], |t| t.spoil = |_| String::new()),
    ("dots alone", &[Form, Json], |t| t.spoil = |_| "..".to_owned()),
    ("the JSON form of a JWS", &[Form], |t| t.spoil = |token| {
        let parts: Vec<&str> = token.split('.').collect();
        json!({"protected": parts[0], "payload": parts[1], "signature": parts[2]}).to_string()
    }),
    ("nine thousand bytes", &[Size], |t| t.claims["note"] = json!("a".repeat(9_000))),
    ("a mebibyte", &[Size], |t| t.spoil = |token| token + &"A".repeat(1 << 20)),
];

/// On the choice of the key, of tokens that name one.
#[rustfmt::skip]
pub(crate) const KEYED: &[Attack] = &[
    ("kid missing", &[Key], |t| { t.header.as_object_mut().unwrap().remove("kid"); }),
    ("kid empty", &[Key], |t| t.header["kid"] = json!("")),
    ("kid unknown", &[Key], |t| t.header["kid"] = json!("another")),
    ("kid a path", &[Key], |t| t.header["kid"] = json!("../../../../dev/null")),
    ("kid a query", &[Key], |t| t.header["kid"] = json!("' or 1=1 --")),
    ("kid a command", &[Key], |t| t.header["kid"] = json!("x|/usr/bin/id")),
    ("kid with a space", &[Key], |t| t.header["kid"] = json!(format!("{} ", t.header["kid"].as_str().unwrap()))),
    ("kid a number", &[Key, Header], |t| t.header["kid"] = json!(0)),
    ("kid twice", &[Json], |t| t.header_start = r#""kid":"another","#),
    ("a key in the header", &[Header], |t| {
        t.header["jwk"] = json!({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    }),
    ("alg of another key's type", &[Algorithm], |t| {
        t.header["alg"] = if t.header["alg"] == "ES384" { json!("ES256") } else { json!("ES384") };
    }),
];

/// On the end of tokens that have one.
#[rustfmt::skip]
pub(crate) const ENDING: &[Attack] = &[
    ("exp missing", &[Claim], |t| { t.claims.as_object_mut().unwrap().remove("exp"); }),
    ("exp a text", &[Claim], |t| t.claims["exp"] = json!(t.claims["exp"].to_string())),
    ("exp with a fraction", &[Claim], |t| t.claims["exp"] = json!(t.claims["exp"].as_f64().unwrap() + 0.5)),
    ("exp null", &[Claim], |t| t.claims["exp"] = Value::Null),
    ("exp true", &[Claim], |t| t.claims["exp"] = json!(true)),
    ("exp twice", &[Json], |t| t.claims_start = r#""exp":99999999999,"#),
    ("expired", &[Expired], |t| { t.shift("iat", -4_000); t.shift("exp", -4_000); }),
    ("expired long ago", &[Expired, Life], |t| t.claims["exp"] = json!(1)),
    ("exp negative", &[Expired, Life], |t| t.claims["exp"] = json!(-1)),
    ("exp before iat", &[Expired, Life], |t| { t.claims["exp"] = t.claims["iat"].clone(); t.shift("exp", -1); }),
    ("valid for ten years", &[Life], |t| t.shift("exp", 315_360_000)),
    ("exp in milliseconds", &[Life], |t| t.claims["exp"] = json!(t.claims["exp"].as_i64().unwrap() * 1_000)),
    ("exp as far as integers go", &[Life, Claim], |t| t.claims["exp"] = json!(9_007_199_254_740_991_i64)),
    ("exp beyond all doubles", &[Json], |t| t.claims_start = r#""exp":1e999,"#),
];
