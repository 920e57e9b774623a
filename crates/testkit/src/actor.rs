//! Agents that act in a world.

use std::{sync::Arc, time::Duration};

use placet_domain::{
    AgentName, Charter, Instance, InstanceId, Json, Mandate, Operation, Tier, ToolCall, limits,
};
use placet_engine::{Attempt, Credential, Engine, Registration, Reply, StartRequest, ports::Link};
use tokio::sync::mpsc;

/// A run that is about to start. See [`crate::World::agent`].
#[derive(Debug)]
pub struct Run {
    pub(crate) engine: Arc<Engine>,
    pub(crate) agent: AgentName,
    pub(crate) tier: Tier,
    pub(crate) groups: Vec<String>,
    pub(crate) mandate: Mandate,
    pub(crate) life: Duration,
    pub(crate) parent: Option<InstanceId>,
}

/// A running instance and its credential.
#[derive(Debug, Clone)]
pub struct Actor {
    engine: Arc<Engine>,
    /// The instance.
    pub instance: Instance,
    /// Its bearer token.
    pub token: String,
}

impl Run {
    /// Registers the agent with this tier instead of tier 2.
    #[must_use]
    pub fn tier(mut self, tier: Tier) -> Self {
        self.tier = tier;
        self
    }

    /// Registers the agent as a member of a group.
    #[must_use]
    pub fn group(mut self, group: &str) -> Self {
        self.groups.push(group.to_owned());
        self
    }

    /// Acts for this person.
    #[must_use]
    pub fn on_behalf_of(mut self, person: &str) -> Self {
        self.mandate.on_behalf_of = Some(person.parse().unwrap());
        self
    }

    /// Works on this ticket.
    #[must_use]
    pub fn ticket(mut self, ticket: &str) -> Self {
        self.mandate.ticket = Some(ticket.to_owned());
        self
    }

    /// Is limited to these tokens of a scope.
    #[must_use]
    pub fn scope(mut self, tokens: &[&str]) -> Self {
        self.mandate.scope = tokens.iter().map(|&token| token.to_owned()).collect();
        self
    }

    /// States a mandate fact.
    #[must_use]
    pub fn fact(mut self, name: &str, value: impl Into<Json>) -> Self {
        self.mandate.facts.set(name, value);
        self
    }

    /// Lives so long instead of a quarter of an hour.
    #[must_use]
    pub fn life(mut self, life: Duration) -> Self {
        self.life = life;
        self
    }

    /// Is started to do this.
    #[must_use]
    pub fn task(mut self, task: &str) -> Self {
        self.mandate.task = Some(task.to_owned());
        self
    }

    /// Is started by another run.
    #[must_use]
    pub fn child_of(mut self, parent: &Actor) -> Self {
        self.parent = Some(parent.instance.id);
        self
    }

    /// Registers the agent if it is new, and starts the run; both by `ana`.
    ///
    /// # Panics
    /// If the engine refuses; tests of refusals call the engine itself.
    pub async fn start(self) -> Actor {
        let Self { engine, agent, tier, groups, mandate, life, parent } = self;
        if engine.ports().registry.agent(&agent).is_none() {
            let registration = Registration {
                name: agent.clone(),
                owner: OWNER.parse().unwrap(),
                purpose: "to be tested".to_owned(),
                tier,
                groups: groups.iter().map(|group| group.parse().unwrap()).collect(),
                charter: Charter::default(),
            };
            engine.register(registration, &OWNER.parse().unwrap()).await.expect("the agent is registered");
        }
        let request = StartRequest { agent, mandate, life, by: OWNER.parse().unwrap(), parent };
        let started = engine.start(request).await.expect("the instance is started");
        Actor { engine, instance: started.instance, token: started.token }
    }
}

impl Actor {
    /// Calls `connector.tool` with these arguments.
    pub async fn calls(&self, operation: &str, arguments: &str) -> Reply {
        self.sends(self.attempt(operation, arguments)).await
    }

    /// The attempt that [`Actor::calls`] makes, to be changed before it is sent.
    ///
    /// # Panics
    /// If the operation or the arguments are not what they should be.
    #[must_use]
    pub fn attempt(&self, operation: &str, arguments: &str) -> Attempt {
        let (connector, tool) = operation.split_once('.').expect("`connector.tool`");
        let arguments = Json::parse(arguments.as_bytes()).expect("arguments are strict JSON");
        let params = placet_domain::Object::new().with("name", tool).with("arguments", arguments);
        let connector: placet_domain::ConnectorName = connector.parse().unwrap();
        let call = ToolCall::new(connector.clone(), Operation::Tool(tool.parse().unwrap()), params);
        Attempt {
            credential: self.credential(),
            connector,
            call: Ok(call.expect("arguments are an object")),
            link: Link::Stateless,
        }
    }

    /// Hands in an attempt.
    pub async fn sends(&self, attempt: Attempt) -> Reply {
        let (relay, _frames) = mpsc::channel(limits::RELAY_FRAMES);
        self.engine.clone().handle(attempt, relay).await
    }

    /// The same run, with the engine that a world has now.
    #[must_use]
    pub fn at(&self, world: &crate::World) -> Self {
        Self { engine: world.engine.clone(), ..self.clone() }
    }

    /// The credential.
    #[must_use]
    pub fn credential(&self) -> Credential {
        Credential::Bearer(self.token.as_str().into())
    }
}

/// Every world has her: she owns and starts its agents.
pub(crate) const OWNER: &str = "ana";
