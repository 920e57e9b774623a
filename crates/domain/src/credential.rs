//! How an agent proves who it is without a secret that is kept here: a public key, a SPIFFE id, another system's tokens.
//! What a means says is checked where it is used; here is its one written form, for the store, the API and receipts.

use crate::{AgentName, CredentialId, Json, Object, PersonName, Timestamp};

/// One way in which one agent may prove itself.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentCredential {
    /// Its id.
    pub id: CredentialId,
    /// Whose it is.
    pub agent: AgentName,
    /// What is proved, and by what.
    pub means: Means,
    /// When it was added.
    pub added: Timestamp,
    /// Who added it, or made the code that it was enrolled by.
    pub by: PersonName,
}

/// What proves that somebody is an agent.
#[derive(Debug, Clone, PartialEq)]
pub enum Means {
    /// The private half of this public key (a JWK): `private_key_jwt`.
    Key(Object),
    /// A JWT-SVID of this SPIFFE id, exact or ending in `/*`.
    Spiffe(String),
    /// A token of another system whose claims meet all of these conditions.
    Federated {
        /// The issuer, by its name in `placet.toml`.
        issuer: String,
        /// Path and pattern of each claim.
        claims: Vec<(String, String)>,
    },
}

/// A one-time code that an agent's key can be enrolled by. The code itself is kept nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolment {
    /// Whose key.
    pub agent: AgentName,
    /// Who made the code.
    pub by: PersonName,
    /// Until when it may be used.
    pub expires: Timestamp,
}

/// Why a stored means is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is no way for an agent to prove itself")]
pub struct UnknownMeans;

impl Means {
    /// The word for it in lists and receipts.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::Spiffe(_) => "spiffe",
            Self::Federated { .. } => "federated",
        }
    }

    /// The written form.
    #[must_use]
    pub fn to_json(&self) -> Object {
        let body = Object::new().with("kind", self.kind());
        match self {
            Self::Key(jwk) => body.with("jwk", jwk.clone()),
            Self::Spiffe(id) => body.with("id", id.as_str()),
            Self::Federated { issuer, claims } => {
                let pairs = claims.iter().map(|(path, pattern)| vec![path.as_str(), pattern.as_str()]);
                body.with("issuer", issuer.as_str()).with("claims", pairs.collect::<Vec<_>>())
            }
        }
    }

    /// Reads the written form.
    ///
    /// # Errors
    /// It is not of the form.
    pub fn from_json(body: &Object) -> Result<Self, UnknownMeans> {
        let text = |name: &str| body.member(name).and_then(Json::as_str).ok_or(UnknownMeans);
        match text("kind")? {
            "key" => body.member("jwk").and_then(Json::as_object).cloned().map(Self::Key).ok_or(UnknownMeans),
            "spiffe" => Ok(Self::Spiffe(text("id")?.to_owned())),
            "federated" => {
                let claims = body.member("claims").and_then(Json::as_array).ok_or(UnknownMeans)?;
                let pair = |pair: &Json| match pair.as_array() {
                    Some([Json::String(path), Json::String(pattern)]) => Ok((path.clone(), pattern.clone())),
                    _ => Err(UnknownMeans),
                };
                let claims = claims.iter().map(pair).collect::<Result<_, _>>()?;
                Ok(Self::Federated { issuer: text("issuer")?.to_owned(), claims })
            }
            _ => Err(UnknownMeans),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_means_reads_back_as_it_was_written() {
        for means in [
            Means::Key(Object::new().with("kty", "OKP").with("crv", "Ed25519").with("x", "AA")),
            Means::Spiffe("spiffe://prod.example/billing".to_owned()),
            Means::Federated {
                issuer: "ci".to_owned(),
                claims: vec![("repository".to_owned(), "acme/billing".to_owned())],
            },
        ] {
            assert_eq!(Means::from_json(&means.to_json()), Ok(means));
        }
        assert_eq!(Means::from_json(&Object::new().with("kind", "password")), Err(UnknownMeans));
        assert_eq!(Means::from_json(&Object::new().with("kind", "key").with("jwk", "x")), Err(UnknownMeans));
    }
}
