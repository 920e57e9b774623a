//! What this deployment says about itself: RFC 8414, RFC 9728, its keys, and the challenge of its MCP routes.

use placet_domain::{Code, ConnectorName, Object};
use placet_identity::{AuthorizationServer, Challenge, OAuthCode, OAuthError, ProtectedResource};

use super::token::GRANTS;
use crate::Engine;

/// How clients authenticate at our endpoints.
const AUTHENTICATION: [&str; 3] = ["private_key_jwt", "spiffe_jwt", "none"];

impl Engine {
    /// The metadata of the authorization server.
    #[must_use]
    pub fn authorization_server(&self) -> Object {
        let at = |path: &str| format!("{}/oauth/{path}", self.base());
        AuthorizationServer {
            issuer: &self.deployment.issuer,
            authorization_endpoint: &at("authorize"),
            token_endpoint: &at("token"),
            jwks_uri: &at("jwks"),
            introspection_endpoint: &at("introspect"),
            revocation_endpoint: &at("revoke"),
            grant_types: &GRANTS,
            client_authentication: &AUTHENTICATION,
            scopes: &self.scopes(None).iter().map(String::as_str).collect::<Vec<_>>(),
        }
        .metadata()
    }

    /// The keys that our tokens are signed with.
    #[must_use]
    pub fn token_keys(&self) -> Object {
        self.verifier.keys().jwks(self.ports.clock.now())
    }

    /// The metadata of this deployment as a resource, or of one connector.
    #[must_use]
    pub fn protected_resource(&self, connector: Option<&ConnectorName>) -> Object {
        let resource = match connector {
            Some(connector) => self.resource_of(connector),
            None => self.deployment.audience.clone(),
        };
        ProtectedResource {
            resource: &resource,
            authorization_servers: &[&self.deployment.issuer],
            scopes: &self.scopes(connector).iter().map(String::as_str).collect::<Vec<_>>(),
            bound_tokens_only: self.credentialing.dpop.required,
        }
        .metadata()
    }

    /// `WWW-Authenticate` and, where a proof needs one, `DPoP-Nonce` for a refused credential.
    #[must_use]
    pub fn challenge(&self, connector: &ConnectorName, code: Code) -> (String, Option<String>) {
        let about_proof = matches!(code, Code::ProofRequired | Code::ProofRejected | Code::ProofNonce);
        let oauth = match code {
            Code::ProofNonce => OAuthCode::UseDpopNonce,
            Code::ProofRejected => OAuthCode::InvalidDpopProof,
            _ => OAuthCode::InvalidToken,
        };
        let error = OAuthError::new(oauth, format!("{code} {}", code.what()));
        let metadata = format!("{}/.well-known/oauth-protected-resource/mcp/{connector}", self.base());
        let scopes = self.scopes(Some(connector));
        let challenge = Challenge {
            scheme: if about_proof || self.credentialing.dpop.required { "DPoP" } else { "Bearer" },
            resource_metadata: &metadata,
            error: (code != Code::NoCredential).then_some(&error),
            scope: scopes.first().map(String::as_str),
        };
        let nonce = self.credentialing.nonce(self.ports.clock.now()).filter(|_| about_proof);
        (challenge.to_header(), nonce)
    }

    /// The scopes of whole connectors. Narrower ones are as many as there are tools and resources.
    fn scopes(&self, connector: Option<&ConnectorName>) -> Vec<String> {
        let models = self.policy.connectors.iter().map(|model| &model.name);
        let wanted = models.filter(|name| connector.is_none_or(|connector| connector == *name));
        // The one character of a connector's name that would end it in a scope.
        wanted.map(|name| name.as_str().replace('.', "%2E")).collect()
    }
}
