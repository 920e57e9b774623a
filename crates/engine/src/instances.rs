//! Instances: starting, revoking. A right is recorded before it exists; a revocation holds before it is recorded.
//! Registering agents is `registry/`.

use std::time::Duration;

use placet_domain::{
    AgentName, AgentStatus, Instance, InstanceId, Json, Mandate, Object, PersonName, Refusal, RegistryChange,
    RegistryReceipt, Timestamp, limits,
};
use placet_identity::{AccessToken, Claims, Delegation, IssueError, Thumbprint};
use placet_policy::FactType;

use crate::{
    Engine,
    ports::{LedgerUnavailable, StoreError},
    registry::standing,
    scope::SettledMandate,
};

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
    /// The live instance that starts it, if one does. It ends with its parent, and not after it.
    pub parent: Option<InstanceId>,
}

/// A started instance and its credential.
#[derive(Debug, Clone)]
pub struct Started {
    /// The instance.
    pub instance: Instance,
    /// Its bearer token.
    pub token: String,
}

/// What a token request adds to a start.
#[derive(Debug, Default)]
pub(crate) struct Terms {
    /// The resource that the token is good for; the whole deployment if absent.
    pub(crate) audience: Option<String>,
    /// The key that the token is bound to.
    pub(crate) bound_to: Option<Thumbprint>,
    /// When the instance ends at the latest.
    pub(crate) latest: Option<Timestamp>,
    /// How it was proven that the agent asks: for the receipt.
    pub(crate) proven: Option<Object>,
}

/// A started instance and what its token says.
#[derive(Debug)]
pub(crate) struct Issued {
    pub(crate) started: Started,
    pub(crate) access: AccessToken,
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
    /// The agent's stage does not admit runs.
    #[error("{why}")]
    NotRunning {
        /// What is the case.
        why: String,
        /// What to do.
        next: String,
    },
    /// The instance that starts it may not.
    #[error("instance `{parent}` cannot start another: {why}")]
    Parent {
        /// The parent.
        parent: InstanceId,
        /// Why not.
        why: String,
    },
    /// The scope cannot be read, or leaves nothing to do.
    #[error("{0}")]
    Scope(String),
    /// The records could not be written.
    #[error("the start was not recorded")]
    Store(#[from] StoreError),
    /// The kind of task is not the agent's, or lacks something that it needs.
    #[error("{0}")]
    Task(String),
    /// The agent is not registered.
    #[error(
        "agent `{0}` is not registered; register it with `placet agent register {0} --owner PERSON --purpose TEXT --tier N`"
    )]
    UnknownAgent(AgentName),
    /// The person acted for is not known.
    #[error("`{0}` is not a person; declare them as `[[person]]` in placet.toml")]
    UnknownPerson(PersonName),
}

impl Engine {
    /// Starts an instance of an agent and issues its credential.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(&self, request: StartRequest) -> Result<Started, StartError> {
        self.start_on(request, Terms::default()).await.map(|issued| issued.started)
    }

    /// [`Engine::start`] on the terms of a token request.
    pub(crate) async fn start_on(&self, request: StartRequest, terms: Terms) -> Result<Issued, StartError> {
        let StartRequest { agent, mandate, life, by, parent } = request;
        if life < Duration::from_secs(1) || life > limits::INSTANCE_LIFE {
            return Err(StartError::Life);
        }
        let known = match self.ports.registry.agent(&agent) {
            Some(known) if known.status == AgentStatus::Active => known,
            Some(known) => {
                let (why, next) = standing(&known);
                return Err(StartError::NotRunning { why, next });
            }
            None => return Err(StartError::UnknownAgent(agent)),
        };
        if let Some(person) =
            mandate.on_behalf_of.as_ref().filter(|name| self.ports.people.person(name).is_none())
        {
            return Err(StartError::UnknownPerson(person.clone()));
        }
        self.accept_facts(&mandate.facts)?;
        let now = self.ports.clock.now();
        let latest = [self.latest_end(parent, now)?, terms.latest].into_iter().flatten().min();
        let SettledMandate { mandate, life, default_of } =
            self.settled_mandate(&known, mandate, life, parent)?;
        let instance = Instance {
            id: InstanceId::new(now, self.random()),
            agent,
            mandate,
            started_by: by,
            started: now,
            expires: latest.map_or(now.after(life), |latest| latest.min(now.after(life))),
            revoked: None,
            parent,
        };
        self.unless_run_halted(&instance, &known)
            .map_err(|Refusal { why, next, .. }| StartError::NotRunning { why, next })?;
        let access = self.access(&instance, &terms)?;
        let token = self.keys.set.load().active().issue_access(&self.deployment, &access)?;
        self.record_change(RegistryReceipt {
            id: self.receipt_id(now),
            now,
            change: RegistryChange::InstanceStarted,
            by: Some(&instance.started_by),
            about: about(&instance)
                .with_some("default_of_tier", default_of.map(placet_domain::Tier::number))
                .with_some("proven", terms.proven.clone()),
        })
        .await?;
        if terms.proven.is_some() {
            self.note_self_started(&instance);
        }
        self.ports.mandates.start(instance.clone()).await?;
        Ok(Issued { started: Started { instance, token }, access })
    }

    /// What the token of an instance says: all that the registry says about who acts for whom.
    fn access(&self, instance: &Instance, terms: &Terms) -> Result<AccessToken, StartError> {
        let mut parents = Vec::new();
        let mut next = instance.parent;
        while let (Some(id), true) = (next, parents.len() < limits::INSTANCE_DEPTH) {
            parents.push(id);
            next = self.ports.mandates.instance(id).and_then(|parent| parent.parent);
        }
        let chain = Delegation::new(instance.id, parents, instance.mandate.on_behalf_of.clone());
        let claims =
            Claims { instance: instance.id, agent: instance.agent.clone(), expires: instance.expires };
        let audience = terms.audience.as_ref().unwrap_or(&self.deployment.audience);
        let token = AccessToken::new(&claims, instance.id.to_string(), audience.as_str(), instance.started)
            .acting(chain.map_err(IssueError::Chain)?);
        Ok(AccessToken {
            scope: match instance.mandate.scope.is_empty() {
                true => None,
                false => Some(crate::scope::read(&instance.mandate.scope).map_err(StartError::Scope)?),
            },
            bound_to: terms.bound_to,
            ..token
        })
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
        self.halting.announce();
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

    /// Until when a parent lives; it must live now, and its chain must have room.
    fn latest_end(
        &self,
        parent: Option<InstanceId>,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StartError> {
        let Some(parent) = parent else { return Ok(None) };
        let refused = |refusal: Refusal| StartError::Parent { parent, why: refusal.why };
        let parent = self.lives(parent, now).map_err(refused)?;
        let mut ancestor = parent.instance().parent;
        for _ in 2..limits::INSTANCE_DEPTH {
            let Some(id) = ancestor else { break };
            ancestor = self.lives(id, now).map_err(refused)?.instance().parent;
        }
        match ancestor {
            None => Ok(Some(parent.instance().expires)),
            Some(_) => {
                let why = format!("a chain has at most {} instances", limits::INSTANCE_DEPTH);
                Err(StartError::Parent { parent: parent.instance().id, why })
            }
        }
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
    let groups: Vec<&str> = mandate.groups.iter().map(|group| group.as_str()).collect();
    let groups = (!groups.is_empty()).then_some(groups);
    Object::new()
        .with("agent", instance.agent.as_str())
        .with("instance", instance.id.to_string())
        .with("expires_us", instance.expires.micros())
        .with_some("task", mandate.task.as_deref())
        .with_some("ticket", mandate.ticket.as_deref())
        .with_some("on_behalf_of", mandate.on_behalf_of.as_ref().map(|person| person.as_str()))
        .with_some("groups", groups)
        .with_some("kind", mandate.kind.as_ref().map(|kind| kind.as_str()))
        .with_some("purpose", mandate.purpose.as_deref())
        .with_some("scope", (!mandate.scope.is_empty()).then(|| mandate.scope.join(" ")))
        .with_some("reads_only", mandate.reads_only.then_some(true))
        .with_some("parent", instance.parent.map(|parent| parent.to_string()))
}
