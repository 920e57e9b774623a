//! What people do with a registered agent: certify, shrink, hand over, suspend, resume, retire, change its terms.

use placet_domain::{
    Agent, AgentName, Cause, Charter, Event, Life, NotPossible, Object, Person, PersonName, Proposal,
    RegistryChange, Stage, Timestamp, Want,
};

use super::{
    directory::NoPerson,
    register::{RegisterError, Registration},
};
use crate::{
    Engine,
    ports::{LedgerUnavailable, StoreError},
};

/// Why an agent was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// What was sent makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The receipt could not be written. What takes rights away holds all the same.
    #[error("the change was not recorded")]
    Ledger(#[from] LedgerUnavailable),
    /// The named person is nobody.
    #[error(transparent)]
    NoPerson(#[from] NoPerson),
    /// The person may not do this.
    #[error("`{by}` may not do this: {why}")]
    NotAllowed {
        /// The person.
        by: PersonName,
        /// Why not.
        why: String,
    },
    /// The agent's stage does not admit it.
    #[error("agent `{agent}`: {why}")]
    NotPossible {
        /// The agent.
        agent: AgentName,
        /// Why not, and what to do instead.
        why: String,
    },
    /// The new terms cannot be registered.
    #[error(transparent)]
    Register(#[from] RegisterError),
    /// The records could not be written.
    #[error("the change was not recorded")]
    Store(#[from] StoreError),
    /// There is no such agent.
    #[error("there is no agent `{0}`")]
    Unknown(AgentName),
}

impl ChangeError {
    pub(super) fn not_possible(agent: &AgentName, why: impl Into<String>) -> Self {
        Self::NotPossible { agent: agent.clone(), why: why.into() }
    }
}

/// An agent that a person may change in this way now.
struct Change {
    agent: Agent,
    to: Stage,
    now: Timestamp,
}

impl Engine {
    /// Certifies an agent: its owner says that it runs, is needed and does what it was registered for. The receipt holds
    /// the evidence.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub async fn certify(&self, name: &AgentName, by: &PersonName) -> Result<Agent, ChangeError> {
        let _one_at_a_time = self.agents_changing.lock().await;
        let Change { mut agent, to, now } = self.begin(name, Event::Certify, by)?;
        let dossier = self.dossier_of(agent.clone().into(), now).await?;
        let next = Life { certified: now, ..agent.life.clone() }.certification_ends(&self.life_facts(&agent));
        let used = dossier.used_of_permitted();
        let about = Object::new()
            .with("agent", name.as_str())
            .with("owner", agent.owner.as_str())
            .with("permitted", count(dossier.permitted.len()))
            .with("used", count(used.len()))
            .with("tools", used.into_iter().take(TOOLS).collect::<Vec<_>>())
            .with("calls", count(usize::try_from(dossier.usage.calls).unwrap_or(usize::MAX)))
            .with_some("last_call_us", dossier.usage.last_call.map(Timestamp::micros))
            .with("next_us", next.micros());
        self.record_agent(RegistryChange::AgentCertified, Some(by), about, now).await?;
        agent.life.certified = now;
        self.finish(Change { agent, to, now }, by).await
    }

    /// Narrows what an agent may use to what it has used.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub async fn shrink(&self, name: &AgentName, by: &PersonName) -> Result<Agent, ChangeError> {
        let _one_at_a_time = self.agents_changing.lock().await;
        let Change { mut agent, now, .. } = self.begin(name, Event::Shrink, by)?;
        let used = self.usage(name).await?;
        let mut wants: Vec<Want> =
            used.operations.keys().filter_map(|operation| operation.parse().ok()).collect();
        wants
            .retain(|want| agent.wants(&want.connector, want.tool.as_ref().map_or("", |tool| tool.as_str())));
        if wants.is_empty() {
            let why = format!("it has used nothing yet; `placet agent retire {name}` ends it");
            return Err(ChangeError::not_possible(name, why));
        }
        let before = agent.charter.wants.iter().map(ToString::to_string).collect::<Vec<_>>();
        let after = wants.iter().map(ToString::to_string).collect::<Vec<_>>();
        agent.charter.wants = wants;
        // What is kept has to be read back: a longer list would stop the next start.
        Charter::from_json(&agent.charter.to_json()).map_err(|error| {
            ChangeError::not_possible(name, format!("it used more than a registration can name: {error}"))
        })?;
        // A pending proposal would bring back what was just given up.
        if agent.life.stage != Stage::Proposed {
            agent.life.proposal = agent.life.proposal.take().filter(|proposal| !proposal.is_open());
        }
        // INVARIANT: a removal holds before it is recorded.
        self.keep(&agent).await?;
        let about = Object::new().with("agent", name.as_str()).with("before", before).with("wants", after);
        self.record_agent(RegistryChange::AgentChanged, Some(by), about, now).await?;
        Ok(agent)
    }

    /// Hands an agent over to another person.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub async fn replace_owner(
        &self,
        name: &AgentName,
        owner: &PersonName,
        by: &PersonName,
    ) -> Result<Agent, ChangeError> {
        let _one_at_a_time = self.agents_changing.lock().await;
        self.hand_over(name, owner, by).await
    }

    pub(super) async fn hand_over(
        &self,
        name: &AgentName,
        owner: &PersonName,
        by: &PersonName,
    ) -> Result<Agent, ChangeError> {
        self.present(owner)?;
        let mut agent = self.registered(name)?;
        self.may(&agent, Event::ReplaceOwner, by)?;
        let answered = agent.life.proposal.iter().filter(|proposal| proposal.is_open());
        if answered.flat_map(|proposal| &proposal.answers).any(|answer| answer.by == *owner) {
            let why = format!("`{owner}` has answered for one of its approvers; another person must own it");
            return Err(ChangeError::not_possible(name, why));
        }
        let now = self.ports.clock.now();
        let before = std::mem::replace(&mut agent.owner, owner.clone());
        agent.charter.backup_owner = agent.charter.backup_owner.take().filter(|backup| backup != owner);
        let to = self.after(&agent, Event::ReplaceOwner, now)?;
        let about = Object::new()
            .with("agent", name.as_str())
            .with("owner", owner.as_str())
            .with("before", before.as_str());
        self.record_agent(RegistryChange::AgentOwnerReplaced, Some(by), about, now).await?;
        self.finish(Change { agent, to, now }, by).await
    }

    /// Switches an agent off until it is resumed. After `Ok` no further call of it is accepted.
    ///
    /// # Errors
    /// See [`ChangeError`]. If only the receipt is missing, it is switched off all the same.
    pub async fn suspend(&self, name: &AgentName, by: &PersonName) -> Result<Agent, ChangeError> {
        self.step(name, Event::Suspend, by).await
    }

    /// Lifts a suspension.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub async fn resume(&self, name: &AgentName, by: &PersonName) -> Result<Agent, ChangeError> {
        self.step(name, Event::Resume, by).await
    }

    /// Ends an agent for good.
    ///
    /// # Errors
    /// See [`ChangeError`]. If only the receipt is missing, it is retired all the same.
    pub async fn retire(&self, name: &AgentName, by: &PersonName) -> Result<Agent, ChangeError> {
        self.step(name, Event::Retire, by).await
    }

    async fn step(&self, name: &AgentName, event: Event, by: &PersonName) -> Result<Agent, ChangeError> {
        let _one_at_a_time = self.agents_changing.lock().await;
        let change = self.begin(name, event, by)?;
        self.finish(change, by).await
    }

    /// Changes an agent's terms. What allows more waits for its approvers while the agent goes on under the old ones;
    /// the rest holds at once.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub async fn change(&self, registration: Registration, by: &PersonName) -> Result<Agent, ChangeError> {
        let _one_at_a_time = self.agents_changing.lock().await;
        let mut agent = self.registered(&registration.name)?;
        self.may_change(&agent, by)?;
        self.check_registration(&registration)?;
        let now = self.ports.clock.now();
        if matches!(agent.life.stage, Stage::Retired(_)) {
            return Err(ChangeError::not_possible(&agent.name, "it is retired: register a new agent"));
        }
        let asks = agent.life.stage == Stage::Proposed
            || !super::plan::wider(&agent, &registration.terms()).is_empty();
        if asks {
            self.check_chain(&registration, by)?;
        }
        if agent.owner != registration.owner {
            agent = self.hand_over(&agent.name, &registration.owner, by).await?;
        }
        let terms = registration.terms();
        if super::plan::differences(&agent, &terms).is_empty() {
            return Ok(agent);
        }
        let chain = self.chain(&registration).1;
        if agent.life.stage == Stage::Proposed {
            // Nobody has agreed to these terms yet, whatever they have agreed to before.
            agent.life.proposal = Some(Proposal {
                by: by.clone(),
                asked: now,
                chain: chain.clone(),
                answers: Vec::new(),
                terms: None,
            });
            let agent = self.adopt(agent, terms, by, now).await?;
            if chain.is_empty() {
                return self.move_to(agent, Stage::Active, Some(by), now).await;
            }
            self.tell_approvers(&agent, now);
            return Ok(agent);
        }
        if chain.is_empty() || !asks {
            return self.adopt(agent, terms, by, now).await;
        }
        let about = Object::new()
            .with("agent", agent.name.as_str())
            .with("proposed", super::plan::differences(&agent, &terms))
            .with("approvers", chain.iter().map(|group| group.as_str()).collect::<Vec<_>>());
        self.record_agent(RegistryChange::AgentChanged, Some(by), about, now).await?;
        agent.life.proposal =
            Some(Proposal { by: by.clone(), asked: now, chain, answers: Vec::new(), terms: Some(terms) });
        self.keep(&agent).await?;
        self.tell_approvers(&agent, now);
        Ok(agent)
    }

    fn begin(&self, name: &AgentName, event: Event, by: &PersonName) -> Result<Change, ChangeError> {
        let agent = self.registered(name)?;
        let now = self.ports.clock.now();
        self.may(&agent, event, by)?;
        let to = self.after(&agent, event, now)?;
        Ok(Change { agent, to, now })
    }

    fn after(&self, agent: &Agent, event: Event, now: Timestamp) -> Result<Stage, ChangeError> {
        agent
            .life
            .after(event, &self.life_facts(agent), now)
            .map_err(|NotPossible(why)| ChangeError::not_possible(&agent.name, why))
    }

    async fn finish(&self, change: Change, by: &PersonName) -> Result<Agent, ChangeError> {
        let Change { agent, to, now } = change;
        if to == agent.life.stage {
            self.keep(&agent).await?;
            return Ok(agent);
        }
        self.move_to(agent, to, Some(by), now).await
    }

    /// Whether a person may do this with an agent. Anybody may stop one; only whoever answers for it may say that it
    /// is needed.
    fn may(&self, agent: &Agent, event: Event, by: &PersonName) -> Result<(), ChangeError> {
        let refused = |why: &str| ChangeError::NotAllowed { by: by.clone(), why: why.to_owned() };
        let person =
            self.ports.people.person(by).ok_or_else(|| refused("they are not declared as a person"))?;
        let (answers, admin) = (answers_for(agent, &person), self.is_admin(&person));
        let asked = agent.life.proposal.as_ref().is_some_and(|proposal| proposal.by == *by);
        let suspended_by_hand = agent.life.stage == Stage::Suspended(Cause::Operator);
        match event {
            Event::Suspend => Ok(()),
            Event::Certify | Event::Shrink if answers => Ok(()),
            Event::Certify | Event::Shrink => {
                Err(refused(&format!("its owner `{}` or the backup owner does", agent.owner)))
            }
            Event::Resume if suspended_by_hand && (admin || agent.life.by.as_ref() == Some(by)) => Ok(()),
            Event::Resume if suspended_by_hand => {
                let hand = agent.life.by.as_ref().map_or("a person", |by| by.as_str());
                Err(refused(&format!(
                    "`{hand}` suspended it; they or an administrator of the registry resume it"
                )))
            }
            Event::Retire if asked => Ok(()),
            Event::Resume | Event::Retire | Event::ReplaceOwner if answers || admin => Ok(()),
            Event::Resume | Event::Retire | Event::ReplaceOwner => Err(refused(&format!(
                "its owner `{}`, the backup owner or an administrator of the registry does",
                agent.owner
            ))),
            Event::Approve | Event::Refuse => Err(refused("approvers answer the proposal")),
        }
    }

    pub(super) fn may_change(&self, agent: &Agent, by: &PersonName) -> Result<(), ChangeError> {
        self.may(agent, Event::ReplaceOwner, by)
    }
}

fn answers_for(agent: &Agent, person: &Person) -> bool {
    agent.owner == person.name || agent.charter.backup_owner.as_ref() == Some(&person.name)
}

/// Tools that a receipt names. A leaf is bounded.
const TOOLS: usize = 64;

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
