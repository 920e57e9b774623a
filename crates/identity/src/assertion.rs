//! Client authentication by a signed assertion of the client's own key: `private_key_jwt` (RFC 7523 section 2.2).
//! JWT-SVIDs are `spiffe.rs`; identity assertions of a company's IdP are `id_jag.rs`.

use placet_domain::{AgentName, Timestamp};

use crate::{
    Audience, ForeignClaims, Jwks, Replays, TokenError, TokenFault, TokenType, Trust, UnverifiedToken, limits,
};

/// The type of this assertion in a token request.
pub const CLIENT_ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What one client's assertions are checked by.
#[derive(Debug, Clone)]
pub struct ClientKeys {
    client: AgentName,
    trust: Trust,
}

impl ClientKeys {
    /// The client an assertion claims to be of, whose keys are then to be looked up. Not a proof of anything.
    ///
    /// # Errors
    /// It is not a token, or names no agent.
    pub fn claimed_client(assertion: &str) -> Result<AgentName, TokenError> {
        UnverifiedToken::parse(assertion)?.subject().and_then(|subject| subject.parse().ok()).ok_or_else(
            || TokenError::new(TokenFault::Claim, "the assertion's `sub` is not the name of an agent"),
        )
    }

    /// The rules for a client with these keys at the deployment of this issuer.
    #[must_use]
    pub fn new(client: AgentName, keys: Jwks, issuer: &str) -> Self {
        let trust = Trust::new(client.as_str(), issuer, keys)
            .with_audience_form(Audience::Text)
            .with_type(TokenType::or_absent(&["JWT", "client-authentication+jwt"]))
            .with_longest_life(limits::ASSERTION_LIFE);
        Self { client, trust }
    }

    /// Whether the assertion is this client's: `iss` and `sub` are the client, `aud` is our issuer as one text,
    /// it lives five minutes at most, and it was never used.
    ///
    /// # Errors
    /// See [`TokenFault`].
    pub fn authenticate(
        &self,
        assertion: &str,
        replays: &Replays,
        now: Timestamp,
    ) -> Result<ForeignClaims, TokenError> {
        let claims = self.trust.verify(assertion, now)?;
        if claims.subject()? != self.client.as_str() {
            return Err(TokenError::new(TokenFault::Claim, "the assertion's `sub` is not its `iss`"));
        }
        // Last, so that only the client itself can use its ids up.
        admit_once(&claims, self.client.as_str(), &self.trust, replays, now)?;
        Ok(claims)
    }
}

/// Marks a token with `jti` and `exp` as used until it has run out, leeway included.
pub(crate) fn admit_once(
    claims: &ForeignClaims,
    owner: &str,
    trust: &Trust,
    replays: &Replays,
    now: Timestamp,
) -> Result<(), TokenError> {
    let expires =
        claims.expires().ok_or_else(|| TokenError::new(TokenFault::Claim, "claim `exp` is missing"))?;
    replays.admit(owner, claims.token_id()?, expires.after(trust.leeway()), now)
}
