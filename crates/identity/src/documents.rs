//! The documents and answers of an authorization server, as values: RFC 8414, 9728, 7662, 6749 and 6750.
//! Paths and headers around them belong to whoever serves them.

use placet_domain::{Object, Timestamp};

use crate::{AccessToken, Algorithm, OAuthError};

/// What an authorization server says about itself (RFC 8414).
#[derive(Debug, Clone, Copy)]
pub struct AuthorizationServer<'a> {
    /// `issuer`.
    pub issuer: &'a str,
    /// `authorization_endpoint`.
    pub authorization_endpoint: &'a str,
    /// `token_endpoint`.
    pub token_endpoint: &'a str,
    /// `jwks_uri`.
    pub jwks_uri: &'a str,
    /// `introspection_endpoint` (RFC 7662).
    pub introspection_endpoint: &'a str,
    /// `revocation_endpoint` (RFC 7009).
    pub revocation_endpoint: &'a str,
    /// `grant_types_supported`.
    pub grant_types: &'a [&'a str],
    /// `token_endpoint_auth_methods_supported`: `private_key_jwt`, `spiffe_jwt`, `none`.
    pub client_authentication: &'a [&'a str],
    /// `scopes_supported`; left out if empty.
    pub scopes: &'a [&'a str],
}

impl AuthorizationServer<'_> {
    /// The metadata document. It promises no response type: consent is a mandate or an IdP's matter. An authorization
    /// endpoint is named all the same, because clients that read metadata strictly stop without one.
    #[must_use]
    pub fn metadata(&self) -> Object {
        let signing: Vec<&str> = Algorithm::ALL.iter().map(|one| one.name()).collect();
        Object::new()
            .with("issuer", self.issuer)
            .with("authorization_endpoint", self.authorization_endpoint)
            .with("token_endpoint", self.token_endpoint)
            .with("jwks_uri", self.jwks_uri)
            .with("introspection_endpoint", self.introspection_endpoint)
            .with("revocation_endpoint", self.revocation_endpoint)
            // Required by RFC 8414 even where nothing answers with a response type.
            .with("response_types_supported", Vec::<&str>::new())
            .with("grant_types_supported", self.grant_types.to_vec())
            .with("token_endpoint_auth_methods_supported", self.client_authentication.to_vec())
            .with("token_endpoint_auth_signing_alg_values_supported", signing.clone())
            // Required by RFC 8414 beside a method that signs.
            .with("introspection_endpoint_auth_methods_supported", self.client_authentication.to_vec())
            .with("introspection_endpoint_auth_signing_alg_values_supported", signing.clone())
            .with("revocation_endpoint_auth_methods_supported", self.client_authentication.to_vec())
            .with("revocation_endpoint_auth_signing_alg_values_supported", signing.clone())
            .with("dpop_signing_alg_values_supported", signing)
            .with_some("scopes_supported", (!self.scopes.is_empty()).then(|| self.scopes.to_vec()))
    }
}

/// What a protected resource says about itself (RFC 9728).
#[derive(Debug, Clone, Copy)]
pub struct ProtectedResource<'a> {
    /// `resource`: its address, as clients use it.
    pub resource: &'a str,
    /// `authorization_servers`.
    pub authorization_servers: &'a [&'a str],
    /// `scopes_supported`; left out if empty.
    pub scopes: &'a [&'a str],
    /// `dpop_bound_access_tokens_required`.
    pub bound_tokens_only: bool,
}

impl ProtectedResource<'_> {
    /// The metadata document.
    #[must_use]
    pub fn metadata(&self) -> Object {
        let signing: Vec<&str> = Algorithm::ALL.iter().map(|one| one.name()).collect();
        Object::new()
            .with("resource", self.resource)
            .with("authorization_servers", self.authorization_servers.to_vec())
            .with("bearer_methods_supported", vec!["header"])
            .with("dpop_signing_alg_values_supported", signing)
            .with("dpop_bound_access_tokens_required", self.bound_tokens_only)
            .with_some("scopes_supported", (!self.scopes.is_empty()).then(|| self.scopes.to_vec()))
    }
}

/// The answer about a token (RFC 7662). `None` for every token that is not good now, whatever the reason: the
/// asker learns no more than that.
#[must_use]
pub fn introspection(issuer: &str, token: Option<&AccessToken>) -> Object {
    let Some(token) = token else { return Object::new().with("active", false) };
    token
        .to_claims(issuer)
        .with("active", true)
        .with("token_type", token_type(token))
        .with_some("username", token.person().map(|person| person.as_str()))
}

/// The answer with a token (RFC 6749 section 5.1; `issued_type` for RFC 8693), to be sent with `no-store`.
/// There is never a refresh token.
#[must_use]
pub fn token_response(
    signed: &str,
    token: &AccessToken,
    issued_type: Option<&str>,
    now: Timestamp,
) -> Object {
    Object::new()
        .with("access_token", signed)
        .with_some("issued_token_type", issued_type)
        .with("token_type", token_type(token))
        .with("expires_in", token.expires.seconds().saturating_sub(now.seconds()))
        .with_some("scope", token.scope.as_ref().map(ToString::to_string))
}

fn token_type(token: &AccessToken) -> &'static str {
    if token.bound_to.is_some() { "DPoP" } else { "Bearer" }
}

/// What a protected resource asks for (RFC 6750 section 3, RFC 9728 section 5.1, RFC 9449 section 7.1).
#[derive(Debug, Clone, Copy)]
pub struct Challenge<'a> {
    /// `Bearer` or `DPoP`.
    pub scheme: &'a str,
    /// Where the resource's metadata are.
    pub resource_metadata: &'a str,
    /// What was wrong with the credential that came. None if none came.
    pub error: Option<&'a OAuthError>,
    /// The scope that would do.
    pub scope: Option<&'a str>,
}

impl Challenge<'_> {
    /// The value of `WWW-Authenticate`.
    #[must_use]
    pub fn to_header(&self) -> String {
        let mut parts = Vec::new();
        if let Some(error) = self.error {
            parts.push(format!("error=\"{}\"", error.code.as_str()));
            parts.push(format!("error_description=\"{}\"", error.description));
        }
        if let Some(scope) = self.scope {
            parts.push(format!("scope=\"{}\"", quotable(scope)));
        }
        if self.scheme.eq_ignore_ascii_case("DPoP") {
            let names: Vec<&str> = Algorithm::ALL.iter().map(|one| one.name()).collect();
            parts.push(format!("algs=\"{}\"", names.join(" ")));
        }
        parts.push(format!("resource_metadata=\"{}\"", quotable(self.resource_metadata)));
        format!("{} {}", self.scheme, parts.join(", "))
    }
}

/// A header's quoted text ends at a quote: nothing that holds one, or is not printable, gets there.
fn quotable(text: &str) -> String {
    text.chars().filter(|one| matches!(one, ' '..='~') && !matches!(one, '"' | '\\')).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use placet_domain::{InstanceId, Json};

    use super::*;
    use crate::{Claims, Delegation, OAuthCode};

    const NOW: Timestamp = Timestamp::from_micros(1_795_300_000_000_000);

    fn token() -> AccessToken {
        let claims = Claims {
            instance: InstanceId::new(NOW, [3; 10]),
            agent: "billing".parse().unwrap(),
            expires: NOW.after(Duration::from_secs(60)),
        };
        AccessToken::new(&claims, "t-1", "https://a/mcp", NOW)
    }

    #[test]
    fn a_token_that_is_not_good_is_told_nothing_about() {
        let answer = Json::Object(introspection("https://a", None)).canonical();
        assert_eq!(answer, r#"{"active":false}"#);
    }

    #[test]
    fn introspection_shows_the_chain_and_the_scope() {
        let delegation =
            Delegation::new(token().instance(), vec![], Some("ana@example.com".parse().unwrap())).unwrap();
        let token = token().acting(delegation).within("crm".parse().unwrap());
        let answer = introspection("https://a", Some(&token));
        assert_eq!(answer.member("sub").and_then(Json::as_str), Some("ana@example.com"));
        assert_eq!(answer.member("username").and_then(Json::as_str), Some("ana@example.com"));
        assert_eq!(answer.member("scope").and_then(Json::as_str), Some("crm"));
        assert_eq!(
            answer.member("act").and_then(|act| act.member("sub")).and_then(Json::as_str),
            Some(token.instance().to_string().as_str())
        );
        assert_eq!(answer.member("active").and_then(Json::as_bool), Some(true));
    }

    #[test]
    fn an_issued_token_comes_without_a_refresh_token() {
        let answer = token_response("x.y.z", &token(), None, NOW);
        assert_eq!(answer.member("expires_in").and_then(Json::as_integer), Some(60));
        assert_eq!(answer.member("token_type").and_then(Json::as_str), Some("Bearer"));
        assert!(answer.member("refresh_token").is_none() && answer.member("scope").is_none());
    }

    #[test]
    fn metadata_name_the_endpoints_and_only_asymmetric_algorithms() {
        let server = AuthorizationServer {
            issuer: "https://a",
            authorization_endpoint: "https://a/authorize",
            token_endpoint: "https://a/token",
            jwks_uri: "https://a/jwks",
            introspection_endpoint: "https://a/introspect",
            revocation_endpoint: "https://a/revoke",
            grant_types: &[crate::TOKEN_EXCHANGE],
            client_authentication: &["private_key_jwt"],
            scopes: &[],
        };
        let written = Json::Object(server.metadata()).canonical();
        assert!(written.contains(r#""issuer":"https://a""#) && !written.contains("HS256"));
        assert!(!written.contains("scopes_supported"));
        for endpoint in ["token", "introspection", "revocation"] {
            let name = format!("{endpoint}_endpoint_auth_signing_alg_values_supported");
            assert!(
                server.metadata().member(&name).and_then(Json::as_array).is_some_and(|all| !all.is_empty())
            );
        }
        let resource = ProtectedResource {
            resource: "https://a/mcp/crm",
            authorization_servers: &["https://a"],
            scopes: &["crm"],
            bound_tokens_only: true,
        };
        let written = Json::Object(resource.metadata()).canonical();
        assert!(written.contains(r#""dpop_bound_access_tokens_required":true"#));
        assert!(written.contains(r#""scopes_supported":["crm"]"#));
    }

    #[test]
    fn a_challenge_cannot_be_broken_out_of() {
        let error = OAuthError::new(OAuthCode::InvalidToken, "expired\", evil=\"x");
        let challenge = Challenge {
            scheme: "Bearer",
            resource_metadata: "https://a/.well-known/oauth-protected-resource/mcp",
            error: Some(&error),
            scope: Some("crm\"\r\nX: y"),
        };
        assert_eq!(
            challenge.to_header(),
            "Bearer error=\"invalid_token\", error_description=\"expired', evil='x\", scope=\"crmX: y\", \
             resource_metadata=\"https://a/.well-known/oauth-protected-resource/mcp\""
        );
    }
}
