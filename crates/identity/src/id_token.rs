//! Sign-in of people: the id token of an `OpenID` provider (`OpenID` Connect Core section 3.1.3.7).
//! It says who signed in at our console, and is good for nothing else.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use placet_domain::Timestamp;

use crate::{Audience, ForeignClaims, Jwks, TokenError, TokenFault, TokenType, Trust};

/// The rules for the id tokens of one provider, for one client of it.
#[derive(Debug, Clone)]
pub struct SignIn {
    client_id: String,
    trust: Trust,
}

impl SignIn {
    /// Believes this provider's id tokens for the client it knows us as.
    #[must_use]
    pub fn new(provider: &str, client_id: &str, keys: Jwks) -> Self {
        let trust = Trust::new(provider, client_id, keys)
            .with_audience_form(Audience::Among)
            .with_type(TokenType::JWT);
        Self { client_id: client_id.to_owned(), trust }
    }

    /// What the provider says about the person who signed in, if the token answers the request that `nonce` was
    /// made for. `sub` is there and not longer than 255 characters.
    ///
    /// # Errors
    /// See [`TokenFault`].
    pub fn verify(&self, token: &str, nonce: &str, now: Timestamp) -> Result<ForeignClaims, TokenError> {
        let claims = self.trust.verify(token, now)?;
        claims.subject()?;
        let party = claims.optional_text("azp")?;
        match party {
            Some(party) if party != self.client_id => {
                return Err(TokenError::new(
                    TokenFault::Audience,
                    "the id token is for another party (`azp`)",
                ));
            }
            // With several audiences, only `azp` says that we are the one that asked.
            None if claims.texts("aud")?.len() > 1 => {
                return Err(TokenError::new(
                    TokenFault::Audience,
                    "the id token has several audiences and no `azp`",
                ));
            }
            _ => {}
        }
        // An empty nonce would be matched by a provider that sends none back.
        let stated = claims.text("nonce")?;
        match verify_slices_are_equal(stated.as_bytes(), nonce.as_bytes()) {
            Ok(()) => Ok(claims),
            Err(_) => {
                Err(TokenError::new(TokenFault::Binding, "the id token answers another sign-in (`nonce`)"))
            }
        }
    }
}
