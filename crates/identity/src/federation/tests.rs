use super::*;

fn keys() -> Jwks {
    let key = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    Jwks::parse(key.as_bytes()).unwrap()
}

fn rule(conditions: &[(&str, &str)]) -> Result<FederationRule, RuleError> {
    let conditions =
        conditions.iter().map(|(path, pattern)| Condition::parse(path, pattern).unwrap()).collect();
    FederationRule::new("billing".parse().unwrap(), "https://ci.example", "https://a", keys(), conditions)
}

#[test]
fn a_rule_that_lets_every_workload_in_is_refused() {
    assert!(matches!(rule(&[]), Err(RuleError::Unconditional(_))));
    for idle in ["iss", "aud", "exp", "nbf", "iat", "jti", "/aud/0"] {
        assert!(matches!(rule(&[("sub", "a"), (idle, "a")]), Err(RuleError::Idle(_))), "{idle}");
    }
    assert!(matches!(rule(&[("sub", "a"), ("/sub", "b")]), Err(RuleError::Repeated(_))));
    assert!(rule(&[("sub", "repo:acme/*")]).is_ok());
}
