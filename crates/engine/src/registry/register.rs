//! Registration: a person who answers for it, a tier that fits what it asks for, and the approvers of that tier.

use placet_domain::{
    Agent, AgentName, Charter, CharterError, GroupName, Life, Object, PersonName, Proposal, RegistryChange,
    Stage, Terms, Tier, limits,
};

use super::directory::NoPerson;
use crate::{
    Engine,
    ports::{LedgerUnavailable, StoreError},
};

/// What is needed to register an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Its name.
    pub name: AgentName,
    /// The person who answers for it.
    pub owner: PersonName,
    /// What it is for.
    pub purpose: String,
    /// Its tier.
    pub tier: Tier,
    /// Groups it belongs to.
    pub groups: Vec<GroupName>,
    /// What it is to do and with.
    pub charter: Charter,
}

/// Why an agent was not registered.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// The charter does not fit.
    #[error(transparent)]
    Charter(#[from] CharterError),
    /// The receipt could not be written.
    #[error("the registration was not recorded")]
    Ledger(#[from] LedgerUnavailable),
    /// Nobody could agree to it.
    #[error(
        "tier {tier} needs the consent of `{group}`, and nobody there is neither its owner nor you; add a person to \
         the group, or name other groups in `[registry.approvers]` of placet.toml"
    )]
    NoApprover {
        /// The tier whose approvers are asked.
        tier: Tier,
        /// The group that cannot answer.
        group: GroupName,
    },
    /// The owner or the backup owner is not a person we know.
    #[error(transparent)]
    NoPerson(#[from] NoPerson),
    /// The purpose is missing or too long.
    #[error("the purpose must be 1 to {} characters", limits::TEXT_CHARS)]
    Purpose,
    /// The owner is their own backup.
    #[error("`{0}` is both owner and backup owner; name another person as backup, or none")]
    SameBackup(PersonName),
    /// The records could not be written.
    #[error("the registration was not recorded")]
    Store(#[from] StoreError),
    /// The name is taken.
    #[error("agent `{0}` is already registered")]
    Taken(AgentName),
}

impl Registration {
    /// What approvers agree to.
    #[must_use]
    pub fn terms(&self) -> Terms {
        Terms {
            purpose: self.purpose.clone(),
            tier: self.tier,
            groups: self.groups.clone(),
            charter: self.charter.clone(),
        }
    }
}

impl Engine {
    /// Registers an agent: active at once if nobody has to agree, else proposed.
    ///
    /// # Errors
    /// See [`RegisterError`].
    pub async fn register(
        &self,
        registration: Registration,
        by: &PersonName,
    ) -> Result<Agent, RegisterError> {
        let _one_at_a_time = self.agents_changing.lock().await;
        self.check_registration(&registration)?;
        self.check_chain(&registration, by)?;
        if self.ports.registry.agent(&registration.name).is_some() {
            return Err(RegisterError::Taken(registration.name));
        }
        let chain = self.chain(&registration).1;
        let now = self.ports.clock.now();
        let stage = if chain.is_empty() { Stage::Active } else { Stage::Proposed };
        let Registration { name, owner, purpose, tier, groups, charter } = registration;
        let proposal = Proposal { by: by.clone(), asked: now, chain, answers: Vec::new(), terms: None };
        let life = Life { by: Some(by.clone()), proposal: Some(proposal), ..Life::begun(stage, now) };
        let agent = Agent {
            name,
            owner,
            purpose,
            tier,
            groups,
            registered: now,
            status: stage.status(),
            charter,
            life,
        };
        self.record_agent(RegistryChange::AgentRegistered, Some(by), self.about_registration(&agent), now)
            .await?;
        if !self.ports.registry.register(agent.clone()).await? {
            return Err(RegisterError::Taken(agent.name));
        }
        if agent.life.stage == Stage::Proposed {
            self.tell_approvers(&agent, now);
        }
        Ok(agent)
    }

    /// Checks what does not depend on what is registered already.
    pub(super) fn check_registration(&self, registration: &Registration) -> Result<(), RegisterError> {
        let Registration { owner, purpose, charter, .. } = registration;
        self.present(owner)?;
        if let Some(backup) = &charter.backup_owner {
            self.present(backup)?;
            if backup == owner {
                return Err(RegisterError::SameBackup(owner.clone()));
            }
        }
        // What is kept has to be read back by the next start.
        Charter::from_json(&charter.to_json())?;
        if purpose.trim().is_empty() || purpose.chars().count() > limits::TEXT_CHARS {
            return Err(RegisterError::Purpose);
        }
        Ok(())
    }

    /// Checks that somebody in each group could agree.
    pub(super) fn check_chain(
        &self,
        registration: &Registration,
        by: &PersonName,
    ) -> Result<(), RegisterError> {
        let (tier, chain) = self.chain(registration);
        let able = |group: &GroupName| {
            self.members(group).any(|person| person != *by && person != registration.owner)
        };
        match chain.into_iter().find(|group| !able(group)) {
            None => Ok(()),
            Some(group) => Err(RegisterError::NoApprover { tier, group }),
        }
    }

    /// The tier whose approvers must agree, and who they are: whoever asks for less than what fits is judged by what
    /// fits.
    #[must_use]
    pub fn chain(&self, registration: &Registration) -> (Tier, Vec<GroupName>) {
        let tier = registration.tier.max(self.suggest(&registration.charter).tier);
        (tier, self.registry.chain(tier).to_vec())
    }

    fn about_registration(&self, agent: &Agent) -> Object {
        let groups: Vec<&str> = agent.groups.iter().map(|group| group.as_str()).collect();
        let charter = agent.charter.to_json();
        let chain = agent.life.proposal.iter().flat_map(|proposal| &proposal.chain);
        let chain: Vec<&str> = chain.map(|group| group.as_str()).collect();
        let about = Object::new()
            .with("agent", agent.name.as_str())
            .with("owner", agent.owner.as_str())
            .with("purpose", agent.purpose.as_str())
            .with("tier", agent.tier.number())
            .with("groups", groups)
            .with("stage", agent.life.stage.as_str());
        let about = if charter.is_empty() { about } else { about.with("charter", charter) };
        if chain.is_empty() { about } else { about.with("approvers", chain) }
    }
}
