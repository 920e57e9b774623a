//! One deployment and everybody who sends it tokens: for each kind a good token, and the door it has to pass.

use std::time::Duration;

use placet_domain::Timestamp;
use placet_identity::{
    ClientKeys, Condition, EventReceiver, Federation, FederationRule, IdJagTrust, Jwks, Nonces,
    ProvenRequest, Replays, SignIn, SpiffeTrust, Target, TokenFault, TokenType, Trust,
};
use serde_json::json;

use super::keys::{P256, P384, document, ecdsa, ps256, public, rs256};
use crate::corpus::forge::Forge;

pub(crate) const NOW: Timestamp = Timestamp::from_micros(1_795_300_000_000_000);
pub(crate) const ISSUER: &str = "https://placet.example";
pub(crate) const IDP: &str = "https://idp.example";
pub(crate) const SVID: &str = "spiffe://example.org/ns/prod/sa/billing";
/// An access token that proofs are made for. Any text does.
pub(crate) const TOKEN: &str = "an.access.token";
pub(crate) const NONCES: [u8; 32] = [5; 32];

pub(crate) fn now() -> i64 {
    NOW.seconds()
}

/// A kind of token: a good one, and the door.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) good: Forge,
    /// The door as it is for a first token: nothing was used before.
    pub(crate) check: fn(&str) -> Result<(), TokenFault>,
}

fn keys() -> Jwks {
    Jwks::parse(&document("sig")).unwrap()
}

fn replays() -> Replays {
    Replays::new(64, 64)
}

pub(crate) fn user_trust() -> Trust {
    Trust::new(IDP, ISSUER, keys()).with_type(TokenType::ACCESS).with_longest_life(Duration::from_secs(3_600))
}

pub(crate) fn user_token() -> Kind {
    let claims = json!({
        "iss": IDP, "aud": ISSUER, "sub": "u-1", "client_id": "crm-app", "jti": "1", "iat": now(), "exp": now() + 600,
    });
    Kind {
        name: "user token",
        good: Forge::new(json!({"alg": "RS256", "typ": "at+jwt", "kid": "rsa"}), claims, rs256()),
        check: |token| user_trust().verify(token, NOW).map(drop).map_err(|error| error.fault),
    }
}

pub(crate) fn client_assertion() -> Kind {
    let claims = json!({
        "iss": "billing", "sub": "billing", "aud": ISSUER, "jti": "1", "iat": now(), "exp": now() + 60,
    });
    Kind {
        name: "client assertion",
        good: Forge::new(json!({"alg": "ES256", "typ": "JWT", "kid": "p256"}), claims, ecdsa(&P256)),
        check: |token| {
            let client = ClientKeys::new("billing".parse().unwrap(), keys(), ISSUER);
            client.authenticate(token, &replays(), NOW).map(drop).map_err(|error| error.fault)
        },
    }
}

pub(crate) fn spiffe_trust() -> SpiffeTrust {
    let agents = vec![
        (SVID.parse().unwrap(), "billing".parse().unwrap()),
        ("spiffe://example.org/ns/twice/*".parse().unwrap(), "one".parse().unwrap()),
        ("spiffe://example.org/ns/twice/sa/*".parse().unwrap(), "two".parse().unwrap()),
    ];
    let bundle = Jwks::parse_bundle(&document("jwt-svid")).unwrap();
    SpiffeTrust::new("example.org", bundle, ISSUER, agents).unwrap()
}

pub(crate) fn svid() -> Kind {
    let claims = json!({"sub": SVID, "aud": [ISSUER], "iat": now(), "exp": now() + 300});
    Kind {
        name: "SVID",
        good: Forge::new(json!({"alg": "ES256", "typ": "JWT", "kid": "p256"}), claims, ecdsa(&P256)),
        check: |token| {
            spiffe_trust().authenticate(token, Some(SVID), NOW).map(drop).map_err(|error| error.fault)
        },
    }
}

pub(crate) fn id_jag() -> Kind {
    let claims = json!({
        "iss": IDP, "aud": ISSUER, "sub": "u-1", "client_id": "billing", "jti": "1", "scope": "crm",
        "iat": now(), "exp": now() + 120,
    });
    let header = json!({"alg": "ES384", "typ": "oauth-id-jag+jwt", "kid": "p384"});
    Kind {
        name: "ID-JAG",
        good: Forge::new(header, claims, ecdsa(&P384)),
        check: |token| {
            IdJagTrust::new(IDP, ISSUER, keys())
                .accept(token, &"billing".parse().unwrap(), &replays(), NOW)
                .map(drop)
                .map_err(|error| error.fault)
        },
    }
}

pub(crate) const CLUSTER: &str = "https://kubernetes.default.svc";
pub(crate) const GITHUB: &str = "https://token.actions.githubusercontent.com";

pub(crate) fn federation() -> Federation {
    let rule = |agent: &str, issuer: &str, conditions: Vec<Condition>| {
        FederationRule::new(agent.parse().unwrap(), issuer, ISSUER, keys(), conditions).unwrap()
    };
    let environment = Condition::parse("environment", "release*").unwrap();
    Federation::new(vec![
        rule("billing", CLUSTER, Condition::kubernetes("prod", "billing").unwrap()),
        rule("reports", CLUSTER, vec![Condition::parse("/kubernetes.io/namespace", "reports").unwrap()]),
        rule("all", CLUSTER, vec![Condition::parse("sub", "system:serviceaccount:reports:x*").unwrap()]),
        rule("deploy", GITHUB, Condition::github_actions("acme/crm", "refs/heads/main").unwrap()),
        rule("release", GITHUB, vec![Condition::parse("repository", "acme/crm").unwrap(), environment]),
    ])
}

pub(crate) fn workload() -> Kind {
    let claims = json!({
        "iss": CLUSTER, "aud": [ISSUER], "sub": "system:serviceaccount:prod:billing", "iat": now(), "nbf": now(),
        "exp": now() + 3_607, "jti": "1",
        "kubernetes.io": {"namespace": "prod", "serviceaccount": {"name": "billing", "uid": "u"}, "pod": {"name": "p"}},
    });
    Kind {
        name: "workload token",
        good: Forge::new(json!({"alg": "RS256", "kid": "rsa"}), claims, rs256()),
        check: |token| federation().admit(token, NOW).map(drop).map_err(|error| error.fault),
    }
}

pub(crate) fn github() -> Kind {
    let claims = json!({
        "iss": GITHUB, "aud": ISSUER, "sub": "repo:acme/crm:ref:refs/heads/main", "repository": "acme/crm",
        "ref": "refs/heads/main", "iat": now(), "nbf": now() - 600, "exp": now() + 300, "jti": "1",
    });
    let header = json!({"alg": "RS256", "typ": "JWT", "kid": "rsa", "x5t": "AAAA"});
    Kind { name: "GitHub token", good: Forge::new(header, claims, rs256()), check: workload().check }
}

pub(crate) fn proof() -> Kind {
    let mut key = public()[1].clone();
    key.as_object_mut().unwrap().remove("kid");
    let claims = json!({
        "jti": "1", "htm": "POST", "htu": "https://placet.example/mcp/crm", "iat": now(),
        "ath": ath(TOKEN), "nonce": Nonces::new(&NONCES, Duration::from_secs(300)).issue(NOW),
    });
    Kind {
        name: "DPoP proof",
        good: Forge::new(json!({"alg": "ES256", "typ": "dpop+jwt", "jwk": key}), claims, ecdsa(&P256)),
        check: |token| check_proof(token, &replays()),
    }
}

pub(crate) fn ath(token: &str) -> String {
    super::keys::encode(placet_domain::Digest::of(token.as_bytes()).as_bytes())
}

pub(crate) fn check_proof(proof: &str, replays: &Replays) -> Result<(), TokenFault> {
    let target: Target = "https://Placet.example:443/mcp/crm?session=1".parse().unwrap();
    let key = public()[1].to_string();
    let key = placet_domain::Json::parse(key.as_bytes()).unwrap();
    let key = placet_identity::PublicKey::from_jwk(key.as_object().unwrap()).unwrap();
    let request = ProvenRequest {
        method: "POST",
        target: &target,
        access_token: Some(TOKEN),
        bound_to: Some(key.thumbprint()),
    };
    let nonces = Nonces::new(&NONCES, Duration::from_secs(300));
    request.verify(proof, Some(&nonces), replays, NOW).map(drop).map_err(|error| error.fault)
}

pub(crate) fn receiver() -> EventReceiver {
    EventReceiver::new(IDP, "https://placet.example/events", keys())
}

pub(crate) fn event() -> Kind {
    let claims = json!({
        "iss": IDP, "aud": "https://placet.example/events", "jti": "1", "iat": now(),
        "sub_id": {"format": "iss_sub", "iss": IDP, "sub": "u-1"},
        "events": {"https://schemas.openid.net/secevent/caep/event-type/session-revoked": {"event_timestamp": now() - 5}},
    });
    Kind {
        name: "security event",
        good: Forge::new(json!({"alg": "PS256", "typ": "secevent+jwt", "kid": "rsa"}), claims, ps256()),
        check: |token| receiver().receive(token, &replays(), NOW).map(drop).map_err(|error| error.fault),
    }
}

pub(crate) fn id_token() -> Kind {
    let claims = json!({
        "iss": IDP, "aud": "placet-console", "sub": "u-1", "nonce": "n-1", "iat": now(), "exp": now() + 300,
    });
    Kind {
        name: "id token",
        good: Forge::new(json!({"alg": "RS256", "kid": "rsa"}), claims, rs256()),
        check: |token| {
            SignIn::new(IDP, "placet-console", keys())
                .verify(token, "n-1", NOW)
                .map(drop)
                .map_err(|error| error.fault)
        },
    }
}
