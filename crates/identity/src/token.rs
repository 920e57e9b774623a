//! What an instance token says, and how it is signed.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use placet_domain::{AgentName, InstanceId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::TokenKey;

/// The names under which this deployment issues and accepts tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// `iss`: this deployment, for example `http://127.0.0.1:7420`.
    pub issuer: String,
    /// `aud`: what tokens are good for (RFC 8707 resource).
    pub audience: String,
}

/// What a verified token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// The instance (`sub`).
    pub instance: InstanceId,
    /// The agent it claims to be a run of (`client_id`).
    pub agent: AgentName,
    /// When it ends (`exp`).
    pub expires: Timestamp,
}

/// A token could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("the token cannot be signed")]
pub struct IssueError(#[source] jsonwebtoken::errors::Error);

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WireClaims {
    pub(crate) iss: String,
    pub(crate) aud: String,
    pub(crate) sub: String,
    pub(crate) client_id: String,
    pub(crate) iat: i64,
    pub(crate) exp: i64,
    pub(crate) jti: String,
}

pub(crate) const TYPE: &str = "at+jwt";

impl TokenKey {
    /// Signs a token for one instance.
    ///
    /// # Errors
    /// A key the library does not take.
    pub fn issue(
        &self,
        deployment: &Deployment,
        claims: &Claims,
        now: Timestamp,
    ) -> Result<String, IssueError> {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(self.id());
        let wire = WireClaims {
            iss: deployment.issuer.clone(),
            aud: deployment.audience.clone(),
            sub: claims.instance.to_string(),
            client_id: claims.agent.to_string(),
            iat: now.seconds(),
            exp: claims.expires.seconds(),
            jti: claims.instance.to_string(),
        };
        jsonwebtoken::encode(&header, &wire, &EncodingKey::from_ed_der(self.pkcs8())).map_err(IssueError)
    }
}
