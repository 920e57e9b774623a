//! Which agent sends a request to the token endpoints: by a signed assertion of its key, by its SVID, or by the token of
//! one of its instances. There are no client secrets.

use placet_domain::{AgentName, CredentialId, Means, Object, Timestamp};
use placet_identity::{
    CLIENT_ASSERTION_TYPE, ClientKeys, Jwks, OAuthCode, OAuthError, PublicKey, SPIFFE_ASSERTION_TYPE,
    SpiffeId, SpiffeTrust, TokenError, UnverifiedToken,
};

use super::{Answered, Form, OAuthRequest};
use crate::{Credential, Engine};

/// An agent that proved itself.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) agent: AgentName,
    pub(super) proven: Proven,
    /// When its proof ends, if what it gets must end with it.
    pub(super) ends: Option<Timestamp>,
}

/// How somebody proved themselves: for the receipt.
#[derive(Debug, Clone)]
pub(super) struct Proven {
    by: &'static str,
    credential: Option<CredentialId>,
    detail: Object,
}

impl Proven {
    pub(super) fn new(by: &'static str, detail: Object) -> Self {
        Self { by, credential: None, detail }
    }

    fn with(self, credential: CredentialId) -> Self {
        Self { credential: Some(credential), ..self }
    }

    pub(super) fn to_json(&self) -> Object {
        let detail = (!self.detail.is_empty()).then(|| self.detail.clone());
        Object::new()
            .with("by", self.by)
            .with_some("credential", self.credential.map(|id| id.to_string()))
            .with_some("detail", detail)
    }
}

impl Engine {
    /// The agent that authenticated the request; `None` if it carries no client authentication.
    pub(super) async fn client(&self, form: &Form, now: Timestamp) -> Answered<Option<Client>> {
        if form.text("client_secret").is_some() {
            return Err(refused("there are no client secrets here; use private_key_jwt or a JWT-SVID"));
        }
        match (form.text("client_assertion_type"), form.text("client_assertion")) {
            (None, None) => Ok(None),
            (Some(CLIENT_ASSERTION_TYPE), Some(assertion)) => self.key_client(form, assertion, now).map(Some),
            (Some(SPIFFE_ASSERTION_TYPE), Some(svid)) => {
                self.workload_client(form, svid, now).await.map(Some)
            }
            (Some(kind), Some(_)) => {
                Err(refused(format!("client assertions of type '{kind}' are not taken")))
            }
            _ => Err(OAuthError::new(
                OAuthCode::InvalidRequest,
                "client_assertion and client_assertion_type belong together",
            )),
        }
    }

    /// The agent that sends a request about a token: by client authentication, or by a token of its own.
    pub(super) async fn asker(&self, request: &OAuthRequest, now: Timestamp) -> Answered<AgentName> {
        if let Some(client) = self.client(&request.form, now).await? {
            return Ok(client.agent);
        }
        if matches!(request.credential, Credential::Absent) {
            return Err(refused("authenticate by a client assertion, or by the token of an instance"));
        }
        let token = request.credential.token().unwrap_or_default();
        let known = |audience: &str| self.is_known_audience(audience);
        let token = self.verifier.inspect(token, known, now).map_err(|error| refused(error.to_string()))?;
        self.possesses(&token, &request.credential, now).map_err(|refusal| refused(refusal.why))?;
        self.believe(&token, now).map_err(|refusal| refused(refusal.why))?;
        Ok(token.agent.clone())
    }

    /// `private_key_jwt` (RFC 7523).
    fn key_client(&self, form: &Form, assertion: &str, now: Timestamp) -> Answered<Client> {
        let agent = ClientKeys::claimed_client(assertion).map_err(|error| OAuthError::client(&error))?;
        if form.text("client_id").is_some_and(|stated| stated != agent.as_str()) {
            return Err(refused("client_id is not the client of the assertion"));
        }
        let mut refusal: Option<TokenError> = None;
        for credential in self.credentials_of(&agent) {
            let Means::Key(jwk) = &credential.means else { continue };
            let Some(keys) = PublicKey::from_jwk(jwk).ok().and_then(|key| Jwks::new(vec![key]).ok()) else {
                continue;
            };
            let keys = ClientKeys::new(agent.clone(), keys, &self.deployment.issuer);
            match keys.authenticate(assertion, &self.credentialing.assertions, now) {
                Ok(_) => {
                    let proven = Proven::new("private_key_jwt", Object::new()).with(credential.id);
                    return Ok(Client { agent, proven, ends: None });
                }
                Err(error) => refusal = refusal.or(Some(error)),
            }
        }
        Err(match refusal {
            Some(error) => OAuthError::client(&error),
            None => refused(format!(
                "'{agent}' has no key here; add one with 'placet credential add {agent} --jwk FILE'"
            )),
        })
    }

    /// A JWT-SVID (draft-ietf-oauth-spiffe-client-auth). What is issued for it ends with it.
    async fn workload_client(&self, form: &Form, svid: &str, now: Timestamp) -> Answered<Client> {
        let id: SpiffeId = UnverifiedToken::parse(svid)
            .map_err(|error| OAuthError::client(&error))?
            .subject()
            .and_then(|subject| subject.parse().ok())
            .ok_or_else(|| refused("the SVID's 'sub' is not a SPIFFE id"))?;
        let held = self
            .credentialing
            .issuers
            .iter()
            .find(|held| held.issuer.trust_domain() == Some(id.trust_domain()))
            .ok_or_else(|| refused(format!("trust domain '{}' is not configured", id.trust_domain())))?;
        let bundle = self.keys_for(held, svid, now).await?;
        let here = format!("spiffe://{}/", id.trust_domain());
        let mut agents = Vec::new();
        for credential in self.ports.credentials.credentials() {
            if let Means::Spiffe(pattern) = &credential.means
                && pattern.starts_with(&here)
                && let Ok(pattern) = pattern.parse()
            {
                agents.push((pattern, credential.agent.clone()));
            }
        }
        let trust = SpiffeTrust::new(id.trust_domain(), bundle, &self.deployment.issuer, agents)
            .map_err(|error| OAuthError::new(OAuthCode::ServerError, error.to_string()))?;
        let workload = trust
            .authenticate(svid, form.text("client_id"), now)
            .map_err(|error| OAuthError::client(&error))?;
        let detail = Object::new().with("id", workload.id.as_str());
        Ok(Client {
            agent: workload.agent,
            proven: Proven::new("jwt-spiffe", detail),
            ends: Some(workload.expires),
        })
    }
}

pub(super) fn refused(why: impl AsRef<str>) -> OAuthError {
    OAuthError::new(OAuthCode::InvalidClient, why)
}
