//! Agents and instances: registering, starting, revoking. A right is recorded before it exists;
//! a revocation holds before it is recorded.

use std::time::Duration;

use placet_domain::{
    Agent, AgentName, AgentStatus, GroupName, Instance, InstanceId, Json, Mandate, Object, PersonName,
    RegistryChange, RegistryReceipt, Tier, limits,
};
use placet_identity::{Claims, IssueError};
use placet_policy::FactType;

use crate::{
    Engine,
    ports::{LedgerUnavailable, StoreError},
};

/// What is needed to register an agent.
#[derive(Debug, Clone)]
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
}

/// Why an agent was not registered.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// The receipt could not be written.
    #[error("the registration was not recorded")]
    Ledger(#[from] LedgerUnavailable),
    /// The purpose is missing or too long.
    #[error("the purpose must be 1 to {} characters", limits::TEXT_CHARS)]
    Purpose,
    /// The records could not be written.
    #[error("the registration was not recorded")]
    Store(#[from] StoreError),
    /// The name is taken.
    #[error("agent `{0}` is already registered")]
    Taken(AgentName),
    /// The owner is not a person we know.
    #[error(
        "`{0}` is not a person; declare them as `[[person]]` in placet.toml: an agent needs a human owner"
    )]
    UnknownOwner(PersonName),
}

/// What is needed to start an instance.
#[derive(Debug, Clone)]
pub struct StartRequest {
    /// The agent.
    pub agent: AgentName,
    /// What the run is for.
    pub mandate: Mandate,
    /// How long its credential lives.
    pub life: Duration,
    /// Who starts it, authenticated.
    pub by: PersonName,
}

/// A started instance and its credential.
#[derive(Debug, Clone)]
pub struct Started {
    /// The instance.
    pub instance: Instance,
    /// Its bearer token.
    pub token: String,
}

/// Why an instance was not started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A mandate fact is not declared, or of another type.
    #[error("{0}")]
    Fact(String),
    /// The token could not be signed.
    #[error("the credential was not issued")]
    Issue(#[from] IssueError),
    /// The receipt could not be written.
    #[error("the start was not recorded")]
    Ledger(#[from] LedgerUnavailable),
    /// The asked life is zero or too long.
    #[error("an instance lives between a second and {} minutes", limits::INSTANCE_LIFE.as_secs() / 60)]
    Life,
    /// The records could not be written.
    #[error("the start was not recorded")]
    Store(#[from] StoreError),
    /// The agent is not registered or was switched off.
    #[error(
        "agent `{0}` is not registered; register it with `placet agent register {0} --owner PERSON --purpose TEXT --tier N`"
    )]
    UnknownAgent(AgentName),
    /// The person acted for is not known.
    #[error("`{0}` is not a person; declare them as `[[person]]` in placet.toml")]
    UnknownPerson(PersonName),
}

impl Engine {
    /// Registers an agent.
    ///
    /// # Errors
    /// See [`RegisterError`].
    pub async fn register(
        &self,
        registration: Registration,
        by: &PersonName,
    ) -> Result<Agent, RegisterError> {
        let Registration { name, owner, purpose, tier, groups } = registration;
        if self.ports.people.person(&owner).is_none() {
            return Err(RegisterError::UnknownOwner(owner));
        }
        if purpose.trim().is_empty() || purpose.chars().count() > limits::TEXT_CHARS {
            return Err(RegisterError::Purpose);
        }
        if self.ports.registry.agent(&name).is_some() {
            return Err(RegisterError::Taken(name));
        }
        let now = self.ports.clock.now();
        let agent =
            Agent { name, owner, purpose, tier, groups, registered: now, status: AgentStatus::Active };
        let about = Object::new()
            .with("agent", agent.name.as_str())
            .with("owner", agent.owner.as_str())
            .with("purpose", agent.purpose.as_str())
            .with("tier", agent.tier.number())
            .with("groups", agent.groups.iter().map(|group| group.as_str()).collect::<Vec<_>>());
        self.record_change(RegistryReceipt {
            id: self.receipt_id(now),
            now,
            change: RegistryChange::AgentRegistered,
            by: Some(by),
            about,
        })
        .await?;
        match self.ports.registry.register(agent.clone()).await? {
            true => Ok(agent),
            false => Err(RegisterError::Taken(agent.name)),
        }
    }

    /// Starts an instance of an agent and issues its credential.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(&self, request: StartRequest) -> Result<Started, StartError> {
        let StartRequest { agent, mandate, life, by } = request;
        if life < Duration::from_secs(1) || life > limits::INSTANCE_LIFE {
            return Err(StartError::Life);
        }
        match self.ports.registry.agent(&agent) {
            Some(known) if known.status == AgentStatus::Active => {}
            _ => return Err(StartError::UnknownAgent(agent)),
        }
        if let Some(person) =
            mandate.on_behalf_of.as_ref().filter(|name| self.ports.people.person(name).is_none())
        {
            return Err(StartError::UnknownPerson(person.clone()));
        }
        self.accept_facts(&mandate.facts)?;
        let now = self.ports.clock.now();
        let instance = Instance {
            id: InstanceId::new(now, self.random()),
            agent,
            mandate,
            started_by: by,
            started: now,
            expires: now.after(life),
            revoked: None,
        };
        let claims =
            Claims { instance: instance.id, agent: instance.agent.clone(), expires: instance.expires };
        let token = self.tokens.issue(&self.deployment, &claims, now)?;
        self.record_change(RegistryReceipt {
            id: self.receipt_id(now),
            now,
            change: RegistryChange::InstanceStarted,
            by: Some(&instance.started_by),
            about: about(&instance),
        })
        .await?;
        self.ports.mandates.start(instance.clone()).await?;
        Ok(Started { instance, token })
    }

    /// Revokes an instance. After `Ok` no further call of it is accepted; `false` if there is no such instance.
    ///
    /// # Errors
    /// The store could not be written: the instance may live. The ledger could not: it is revoked, and the receipt
    /// is missing.
    pub async fn revoke(&self, id: InstanceId, by: &PersonName) -> Result<bool, StartError> {
        let now = self.ports.clock.now();
        if !self.ports.mandates.revoke(id, now).await? {
            return Ok(false);
        }
        self.record_change(RegistryReceipt {
            id: self.receipt_id(now),
            now,
            change: RegistryChange::InstanceRevoked,
            by: Some(by),
            about: Object::new().with("instance", id.to_string()),
        })
        .await?;
        Ok(true)
    }

    /// Every fact must be declared: an undeclared one would be invisible to policies without anybody noticing.
    fn accept_facts(&self, facts: &Object) -> Result<(), StartError> {
        for (name, value) in facts.members() {
            let Some(declared) = self.policy.facts.get(name) else {
                let hint = match self.policy.facts.is_empty() {
                    true => "no facts are declared".to_owned(),
                    false => {
                        let known: Vec<&str> = self.policy.facts.keys().map(String::as_str).collect();
                        format!("declared are: {}", known.join(", "))
                    }
                };
                return Err(StartError::Fact(format!(
                    "fact `{name}` is not declared in `[policy.facts]` of placet.toml; {hint}"
                )));
            };
            let fits = match declared {
                FactType::Bool => value.as_bool().is_some(),
                FactType::Long => value.as_integer().is_some(),
                FactType::String => value.as_str().is_some(),
                FactType::SetOfString => {
                    value.as_array().is_some_and(|all| all.iter().all(|one| one.as_str().is_some()))
                }
            };
            if !fits {
                return Err(StartError::Fact(format!(
                    "fact `{name}` is {}, which is not its declared type",
                    value.kind()
                )));
            }
        }
        Ok(())
    }

    pub(crate) async fn record_change(&self, receipt: RegistryReceipt<'_>) -> Result<(), LedgerUnavailable> {
        self.ports.ledger.append(Json::Object(receipt.to_json()).canonical(), None).await.map(|_| ())
    }
}

fn about(instance: &Instance) -> Object {
    let mandate = &instance.mandate;
    Object::new()
        .with("agent", instance.agent.as_str())
        .with("instance", instance.id.to_string())
        .with("expires_us", instance.expires.micros())
        .with_some("task", mandate.task.as_deref())
        .with_some("ticket", mandate.ticket.as_deref())
        .with_some("on_behalf_of", mandate.on_behalf_of.as_ref().map(|person| person.as_str()))
}
