//! A one-time code for a laptop: exchanged once for the right of a key that was made there and never leaves it.

use placet_domain::{
    AgentName, AgentStatus, Digest, Enrolment, Means, Object, PersonName, RegistryChange, Timestamp,
};
use placet_identity::{OAuthCode, OAuthError, PublicKey};

use super::{Answered, OAuthAnswer, OAuthRequest, manage::enrolment_ends};
use crate::{ChangeError, Engine};

impl Engine {
    /// Makes a code by which one key of an agent can be enrolled, once, within minutes. It is kept as a digest only.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub async fn open_enrolment(
        &self,
        agent: &AgentName,
        by: &PersonName,
    ) -> Result<(String, Timestamp), ChangeError> {
        let _one_at_a_time = self.agents_changing.lock().await;
        self.answers_for(agent, by)?;
        let now = self.ports.clock.now();
        let expires = enrolment_ends(now);
        let code = self.new_code();
        let about = Object::new().with("agent", agent.as_str()).with("expires_us", expires.micros());
        self.record_credential(RegistryChange::EnrolmentOpened, by, about).await?;
        let enrolment = Enrolment { agent: agent.clone(), by: by.clone(), expires };
        self.ports.credentials.open_enrolment(digest(&code), enrolment).await?;
        Ok((code, expires))
    }

    /// Answers `POST /oauth/enrol`: the code, the public key, and with the request a proof of the private one.
    pub async fn enrol(&self, request: OAuthRequest, body: Object) -> OAuthAnswer {
        let now = self.ports.clock.now();
        let enrolled = self.enrol_key(&request, body, now).await;
        self.answered(enrolled.map(|body| (201, Some(body))), now)
    }

    async fn enrol_key(&self, request: &OAuthRequest, mut body: Object, now: Timestamp) -> Answered<Object> {
        let invalid = |why: &str| OAuthError::new(OAuthCode::InvalidRequest, why);
        let code = body.remove("code").and_then(|code| code.as_str().map(str::to_owned));
        let jwk = body.remove("jwk").and_then(|jwk| jwk.as_object().cloned());
        let (Some(code), Some(jwk), true) = (code, jwk, body.is_empty()) else {
            return Err(invalid("send 'code' and 'jwk', and nothing else"));
        };
        let key = PublicKey::from_jwk(&jwk).map_err(|error| invalid(&error.to_string()))?;
        match self.proved_key(request, now)? {
            Some(proved) if proved == key.thumbprint() => {}
            Some(_) => return Err(invalid("the proof is of another key")),
            None => {
                let why = "a 'DPoP' proof of the private key is needed";
                return Err(OAuthError::new(OAuthCode::InvalidDpopProof, why));
            }
        }
        let _one_at_a_time = self.agents_changing.lock().await;
        let redeemed = self.ports.credentials.redeem(digest(&code), now).await;
        let unavailable = |error: &dyn std::fmt::Display| {
            OAuthError::new(OAuthCode::TemporarilyUnavailable, error.to_string())
        };
        let Some(enrolment) = redeemed.map_err(|error| unavailable(&error))? else {
            return Err(OAuthError::new(
                OAuthCode::InvalidGrant,
                "the code is unknown, was used or has run out; ask for another one",
            ));
        };
        let agent = self.ports.registry.agent(&enrolment.agent);
        if agent.is_none_or(|agent| agent.status != AgentStatus::Active) {
            return Err(OAuthError::new(
                OAuthCode::AccessDenied,
                format!("'{}' may not run", enrolment.agent),
            ));
        }
        let credential = self
            .keep_credential(&enrolment.agent, Means::Key(jwk), &enrolment.by, Some("enrolment"))
            .await
            .map_err(|error| match error {
                ChangeError::Ledger(_) | ChangeError::Store(_) => unavailable(&error),
                error => invalid(&error.to_string()),
            })?;
        Ok(Object::new()
            .with("agent", credential.agent.as_str())
            .with("client_id", credential.agent.as_str())
            .with("credential", credential.id.to_string())
            .with("issuer", self.deployment.issuer.as_str())
            .with("token_endpoint", format!("{}/oauth/token", self.base())))
    }

    /// A hundred random bits, for people to type: four groups of five.
    fn new_code(&self) -> String {
        let mut bytes = [0; 20];
        self.ports.entropy.fill(&mut bytes);
        let letters = bytes.iter().filter_map(|byte| ALPHABET.get(usize::from(byte & 31)));
        let mut code = String::with_capacity(23);
        for (place, letter) in letters.enumerate() {
            if place > 0 && place % 5 == 0 {
                code.push('-');
            }
            code.push(char::from(*letter));
        }
        code
    }
}

/// A code as it is kept. People may type it in any case, with or without the dashes.
fn digest(code: &str) -> Digest {
    let plain: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
    Digest::of(format!("placet/v1/enrolment/{}", plain.to_ascii_uppercase()).as_bytes())
}

/// No `I`, `L`, `O`, `U`.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
