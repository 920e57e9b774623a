//! Identity assertion grants: the company's IdP lets one of our clients act for a person
//! (draft-ietf-oauth-identity-assertion-authz-grant, presented by `jwt-bearer`).

use placet_domain::{AgentName, Timestamp};

use crate::{
    Audience, ForeignClaims, Jwks, Replays, TokenError, TokenFault, TokenType, Trust, assertion::admit_once,
    limits,
};

/// The grant type in a token request, also of workload federation.
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// The token type under which an IdP issues it.
pub const ID_JAG_TYPE: &str = "urn:ietf:params:oauth:token-type:id-jag";

/// The rules for the identity assertions of one IdP.
#[derive(Debug, Clone)]
pub struct IdJagTrust(Trust);

/// A person's consent, as the IdP gives it.
#[derive(Debug, Clone, PartialEq)]
pub struct IdentityAssertion {
    /// The person at the IdP (`iss`, `sub`): to be mapped to one here.
    pub subject: String,
    /// The scope it is for, of our vocabulary; absent, what the client may.
    pub scope: Option<String>,
    /// The resource it is for.
    pub resource: Option<String>,
    /// Everything else.
    pub claims: ForeignClaims,
}

impl IdJagTrust {
    /// Believes this IdP's assertions whose `aud` is our issuer.
    #[must_use]
    pub fn new(idp: &str, issuer: &str, keys: Jwks) -> Self {
        Self(
            Trust::new(idp, issuer, keys)
                .with_audience_form(Audience::Sole)
                .with_type(TokenType::only(&["oauth-id-jag+jwt"]))
                .with_longest_life(limits::ASSERTION_LIFE),
        )
    }

    /// Takes an assertion once, for the client that was authenticated with the request. The IdP says which client
    /// it is for (`client_id`), by the name it knows the client under here.
    ///
    /// # Errors
    /// See [`TokenFault`].
    pub fn accept(
        &self,
        assertion: &str,
        client: &AgentName,
        replays: &Replays,
        now: Timestamp,
    ) -> Result<IdentityAssertion, TokenError> {
        let claims = self.0.verify(assertion, now)?;
        if claims.text("client_id")? != client.as_str() {
            return Err(TokenError::new(TokenFault::Binding, "the assertion is for another client"));
        }
        for (name, why) in [
            ("act", "the assertion is delegated to somebody already"),
            ("cnf", "the assertion is bound to a key, which is not looked at here"),
        ] {
            if claims.object().member(name).is_some() {
                return Err(TokenError::new(TokenFault::Binding, why));
            }
        }
        let accepted = IdentityAssertion {
            subject: claims.subject()?.to_owned(),
            scope: claims.optional_text("scope")?.map(str::to_owned),
            resource: claims.optional_text("resource")?.map(str::to_owned),
            claims,
        };
        let owner = self.0.issuer().unwrap_or_default();
        admit_once(&accepted.claims, owner, &self.0, replays, now)?;
        Ok(accepted)
    }
}
