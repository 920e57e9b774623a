//! Adding and removing the ways in which an agent may prove itself. A way is recorded before it exists; a removal holds
//! before it is recorded.

use std::sync::Arc;

use placet_domain::{
    Agent, AgentCredential, AgentName, CredentialId, Digest, Json, Means, Object, PersonName, RegistryChange,
    RegistryReceipt, Timestamp, limits,
};
use placet_identity::{Condition, FederationRule, Jwks, PublicKey, SpiffeId};

use super::IssuerKind;
use crate::{ChangeError, Engine};

impl Engine {
    /// The credentials of an agent, oldest first.
    #[must_use]
    pub fn credentials_of(&self, agent: &AgentName) -> Vec<Arc<AgentCredential>> {
        let mut all = self.ports.credentials.credentials();
        all.retain(|credential| credential.agent == *agent);
        all
    }

    /// Lets an agent prove itself in one more way.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub async fn add_credential(
        &self,
        agent: &AgentName,
        means: Means,
        by: &PersonName,
    ) -> Result<AgentCredential, ChangeError> {
        let _one_at_a_time = self.agents_changing.lock().await;
        self.answers_for(agent, by)?;
        self.keep_credential(agent, means, by, None).await
    }

    /// Takes one way away. Who proved themselves in it before runs on: an instance ends by its time or by a revocation.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub async fn remove_credential(
        &self,
        id: CredentialId,
        by: &PersonName,
    ) -> Result<AgentCredential, ChangeError> {
        let _one_at_a_time = self.agents_changing.lock().await;
        let known = self.ports.credentials.credentials().into_iter().find(|credential| credential.id == id);
        let credential =
            known.ok_or_else(|| ChangeError::Invalid(format!("there is no credential `{id}`")))?;
        self.answers_for(&credential.agent, by)?;
        self.ports.credentials.remove(id).await?;
        self.record_credential(RegistryChange::CredentialRemoved, by, about(&credential)).await?;
        Ok(AgentCredential::clone(&credential))
    }

    /// Checks, records and keeps a credential. The caller holds the lock on changes of agents.
    pub(super) async fn keep_credential(
        &self,
        agent: &AgentName,
        means: Means,
        by: &PersonName,
        through: Option<&str>,
    ) -> Result<AgentCredential, ChangeError> {
        let means = self.sound(agent, means)?;
        let now = self.ports.clock.now();
        let held = self.credentials_of(agent);
        if held.len() >= limits::CREDENTIALS_PER_AGENT {
            let why =
                format!("an agent has at most {} credentials; remove one", limits::CREDENTIALS_PER_AGENT);
            return Err(ChangeError::NotPossible { agent: agent.clone(), why });
        }
        if self.ports.credentials.credentials().iter().any(|known| is_same(known, agent, &means)) {
            let why = "this credential is an agent's already".to_owned();
            return Err(ChangeError::NotPossible { agent: agent.clone(), why });
        }
        let id = CredentialId::new(now, self.random());
        let credential = AgentCredential { id, agent: agent.clone(), means, added: now, by: by.clone() };
        let about = about(&credential).with_some("through", through);
        self.record_credential(RegistryChange::CredentialAdded, by, about).await?;
        self.ports.credentials.add(credential.clone()).await?;
        Ok(credential)
    }

    /// Its owner, its backup owner or an administrator of the registry: who may say how an agent proves itself.
    pub(super) fn answers_for(&self, agent: &AgentName, by: &PersonName) -> Result<Arc<Agent>, ChangeError> {
        let known = self.ports.registry.agent(agent).ok_or_else(|| ChangeError::Unknown(agent.clone()))?;
        let administers = self.ports.people.person(by).is_some_and(|person| self.is_admin(&person));
        match known.owner == *by || known.charter.backup_owner.as_ref() == Some(by) || administers {
            true => Ok(known),
            false => Err(ChangeError::NotAllowed {
                by: by.clone(),
                why: format!("`{agent}` is answered for by {}; an administrator may do it too", known.owner),
            }),
        }
    }

    pub(super) async fn record_credential(
        &self,
        change: RegistryChange,
        by: &PersonName,
        about: Object,
    ) -> Result<(), ChangeError> {
        let now = self.ports.clock.now();
        let receipt = RegistryReceipt { id: self.receipt_id(now), now, change, by: Some(by), about };
        Ok(self.record_change(receipt).await?)
    }

    /// The means in its one form, if it can prove anything here.
    fn sound(&self, agent: &AgentName, means: Means) -> Result<Means, ChangeError> {
        let invalid = |why: String| ChangeError::Invalid(why);
        match means {
            Means::Key(jwk) => {
                let key = PublicKey::from_jwk(&jwk).map_err(|error| invalid(error.to_string()))?;
                let id = key.id().map_or_else(|| key.thumbprint().to_string(), str::to_owned);
                Ok(Means::Key(key.to_jwk().with("kid", id)))
            }
            Means::Spiffe(pattern) => {
                let example =
                    pattern.strip_suffix("/*").map_or_else(|| pattern.clone(), |start| format!("{start}/x"));
                let id: SpiffeId =
                    example.parse().map_err(|error| invalid(format!("`{pattern}`: {error}")))?;
                let known = |held: &&super::KeyCache| held.issuer.trust_domain() == Some(id.trust_domain());
                match self.credentialing.issuers.iter().find(known) {
                    Some(_) => Ok(Means::Spiffe(pattern)),
                    None => Err(invalid(format!(
                        "trust domain `{}` is not trusted here; declare it as an `[[issuer]]` of kind `spiffe`",
                        id.trust_domain()
                    ))),
                }
            }
            Means::Federated { issuer, claims } => self.sound_rule(agent, issuer, claims),
        }
    }

    fn sound_rule(
        &self,
        agent: &AgentName,
        issuer: String,
        claims: Vec<(String, String)>,
    ) -> Result<Means, ChangeError> {
        let invalid = |why: String| ChangeError::Invalid(why);
        let of_kind = |kind: IssuerKind| {
            let mut all = self.credentialing.issuers.iter().filter(|held| held.issuer.kind == kind);
            all.next().filter(|_| all.next().is_none())
        };
        // The preset of a platform names its kind where there is one issuer of it.
        let held = self
            .issuer_named(&issuer)
            .or_else(|| IssuerKind::from_word(&issuer).and_then(of_kind))
            .filter(|held| held.issuer.kind.is_federated())
            .ok_or_else(|| {
                invalid(format!(
                    "`{issuer}` is no issuer of workloads here; declare it as an `[[issuer]]` in placet.toml"
                ))
            })?;
        let conditions: Result<Vec<Condition>, _> =
            claims.iter().map(|(path, pattern)| Condition::parse(path, pattern)).collect();
        let conditions = conditions.map_err(|error| invalid(error.to_string()))?;
        // Whose keys it is checked by does not matter to whether it is a rule; there must be some.
        let keys = Jwks::parse(any_keys().as_bytes()).map_err(|error| invalid(error.to_string()))?;
        FederationRule::new(agent.clone(), &held.issuer.url, "any", keys, conditions)
            .map_err(|error| invalid(error.to_string()))?;
        Ok(Means::Federated { issuer: held.issuer.name.clone(), claims })
    }
}

/// The same means of any agent: a key is of one agent only, a workload's rule may be repeated for another one.
fn is_same(known: &AgentCredential, agent: &AgentName, means: &Means) -> bool {
    match (&known.means, means) {
        (Means::Key(known), Means::Key(new)) => {
            let thumbprint = |jwk: &Object| PublicKey::from_jwk(jwk).ok().map(|key| key.thumbprint());
            thumbprint(known) == thumbprint(new)
        }
        (Means::Spiffe(known), Means::Spiffe(new)) => known == new,
        (Means::Federated { .. }, Means::Federated { .. }) => known.agent == *agent && known.means == *means,
        _ => false,
    }
}

/// What a receipt says about a credential: a key by its thumbprint.
fn about(credential: &AgentCredential) -> Object {
    let about = Object::new()
        .with("agent", credential.agent.as_str())
        .with("credential", credential.id.to_string())
        .with("means", credential.means.kind());
    match &credential.means {
        Means::Key(jwk) => about
            .with_some("thumbprint", PublicKey::from_jwk(jwk).ok().map(|key| key.thumbprint().to_string())),
        Means::Spiffe(id) => about.with("id", id.as_str()),
        Means::Federated { issuer, claims } => {
            let rule = Json::Object(credential.means.to_json()).canonical();
            about
                .with("issuer", issuer.as_str())
                .with("conditions", i64::try_from(claims.len()).unwrap_or(i64::MAX))
                .with("rule", Digest::of(rule.as_bytes()).to_string())
        }
    }
}

/// The base point of Ed25519: a public key that is well known and signs nothing.
fn any_keys() -> String {
    r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"WGZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmY"}]}"#.to_owned()
}

/// When a code that is made now ends.
pub(super) fn enrolment_ends(now: Timestamp) -> Timestamp {
    now.after(limits::ENROLMENT)
}
