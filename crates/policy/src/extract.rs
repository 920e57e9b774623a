//! What a decision was made of, cut down to what some policy reads, and the way back. It is kept for a while beside the log,
//! so that another policy set can be asked what it would have said. A value that no policy reads is replaced by an empty one
//! of its type; its name stays, so that it is known that it was there.

mod known;

use std::sync::Arc;

use placet_domain::{
    AccessRequest, Agent, AgentStatus, Charter, Decision, GroupName, Instance, Json, Life, Mandate, Number,
    Object, Operation, Person, Pin, Resource, ResourceFacts, Tier, Timestamp, ToolCall,
};

use crate::model::Action;
use crate::{Snapshot, binding};

/// A request as it was kept.
#[derive(Debug, Clone)]
pub struct Extract {
    /// The request; values that no policy read are empty.
    pub request: AccessRequest,
    /// The names of the values that were emptied.
    blank: Vec<String>,
}

/// Why a kept request cannot be judged again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The set reads something that was not kept.
    #[error("it reads `{0}`, which was not kept")]
    NotKept(String),
    /// The kept text is none of ours.
    #[error("what was kept cannot be read: {0}")]
    Unreadable(String),
}

impl Extract {
    /// Cuts a request down to what these sets read.
    #[must_use]
    pub fn of(request: &AccessRequest, sets: &[&Snapshot]) -> Json {
        let reads = |name: &str| sets.iter().any(|set| set.mentions.reads(name));
        let (connector, operation) = (request.call.connector(), request.call.operation());
        let actions: Vec<&Action> =
            sets.iter().filter_map(|set| set.model.action(connector, operation)).collect();
        let mut cut = Cut { reads: &reads, blank: Vec::new() };
        let arguments = cut.arguments(request, &actions);
        let facts = request.facts.as_ref().map(|facts| cut.facts(&facts.attributes, &actions));
        let mandate = cut.mandate(&request.instance.mandate);
        let agent = &request.agent;
        let lifted: Vec<&str> = request.lifted.iter().map(|gate| gate.as_str()).collect();
        let body = Object::new()
            .with("_type", TYPE)
            .with("now", request.now.micros())
            .with(
                "agent",
                Object::new()
                    .with("name", agent.name.as_str())
                    .with("owner", agent.owner.as_str())
                    .with("tier", agent.tier.number())
                    .with("purpose", agent.purpose.as_str())
                    .with("groups", names(&agent.groups)),
            )
            .with("instance", request.instance.id.to_string())
            .with("mandate", mandate)
            .with_some("user", request.user.as_deref().map(person))
            .with("connector", request.call.connector().as_str())
            .with("operation", request.call.operation().name())
            .with("arguments", arguments)
            .with_some("pin", request.pin.map(|pin| pin.to_string()))
            .with_some("resource", request.resource.as_ref().map(resource))
            .with_some("facts", facts)
            .with("lifted", lifted)
            .with_some("granted", known::granted(request))
            .with("flow", known::flow(&request.flow))
            .with_some("observed", known::observed(&request.observed))
            .with("usage", known::usage(&request.usage))
            .with("opinions", known::opinions(&request.opinions))
            .with("blank", cut.blank);
        body.into()
    }

    /// Reads what was kept.
    ///
    /// # Errors
    /// [`ReplayError::Unreadable`].
    pub fn read(kept: &Json) -> Result<Self, ReplayError> {
        if text(kept, "_type")? != TYPE {
            return Err(ReplayError::Unreadable("it is of another version".to_owned()));
        }
        let now = Timestamp::from_micros(integer(kept, "now")?);
        let agent = read_agent(member(kept, "agent")?, now)?;
        let instance = Instance {
            id: parsed(text(kept, "instance")?)?,
            agent: agent.name.clone(),
            mandate: read_mandate(member(kept, "mandate")?)?,
            parent: None,
            started_by: agent.owner.clone(),
            started: now,
            expires: now,
            revoked: None,
        };
        let user = match kept.member("user") {
            None => None,
            Some(person) => Some(Arc::new(Person {
                name: parsed(text(person, "name")?)?,
                groups: read_names(person, "groups")?,
            })),
        };
        let resource = match kept.member("resource") {
            None => None,
            Some(found) => {
                Some(Resource { kind: text(found, "kind")?.to_owned(), id: text(found, "id")?.to_owned() })
            }
        };
        let facts = kept.member("facts").and_then(Json::as_object);
        let facts = facts.map(|attributes| ResourceFacts { attributes: attributes.clone(), fetched: now });
        let request = AccessRequest {
            now,
            agent: Arc::new(agent),
            instance: Arc::new(instance),
            user,
            call: read_call(kept)?,
            pin: kept.member("pin").map(|_| parsed(text(kept, "pin")?)).transpose()?.map(Pin),
            resource,
            facts,
            lifted: read_names(kept, "lifted")?,
            granted: Vec::new(),
            flow: known::read_flow(kept)?,
            observed: known::read_observed(kept)?,
            usage: known::read_usage(kept)?,
            opinions: known::read_opinions(kept)?,
        };
        let granted = known::read_granted(kept, &request)?;
        Ok(Self { request: AccessRequest { granted, ..request }, blank: read_names(kept, "blank")? })
    }
}

impl Snapshot {
    /// Judges a kept request anew.
    ///
    /// # Errors
    /// It cannot be told what this set would have said.
    pub fn replay(&self, kept: &Extract) -> Result<Decision, ReplayError> {
        let action = self.model.action(kept.request.call.connector(), kept.request.call.operation());
        let is_address = |name: &str| {
            self.mentions.reads("to_domains")
                && action.is_some_and(|action| action.addresses.iter().any(|address| address == name))
        };
        if let Some(name) =
            kept.blank.iter().find(|name| self.mentions.reads(name) || is_address(name.as_str()))
        {
            return Err(ReplayError::NotKept(name.clone()));
        }
        Ok(self.decide(&kept.request))
    }
}

/// Keeps what is read, and remembers what was emptied.
struct Cut<'a> {
    reads: &'a dyn Fn(&str) -> bool,
    blank: Vec<String>,
}

impl Cut<'_> {
    fn arguments(&mut self, request: &AccessRequest, actions: &[&Action]) -> Object {
        let none = Object::new();
        let arguments = binding::arguments(&request.call).unwrap_or(&none);
        let is_tool = matches!(request.call.operation(), Operation::Tool(_));
        let kept = |name: &str| {
            actions.iter().any(|action| {
                let field = action.input.field(name);
                let bound = action.bound.as_ref().is_some_and(|bound| bound.argument == name);
                let address =
                    action.addresses.iter().any(|address| address == name) && (self.reads)("to_domains");
                bound || address || field.is_some_and(|field| field.read)
            })
        };
        let mut found = Object::new();
        for (name, value) in arguments.members().filter(|(name, _)| is_tool || *name != "_meta") {
            match kept(name) {
                true => found.set(name, value.clone()),
                false => {
                    self.blank.push(name.to_owned());
                    found.set(name, emptied(value));
                }
            }
        }
        found
    }

    /// The looked-up attributes that a binding names.
    fn facts(&mut self, attributes: &Object, actions: &[&Action]) -> Object {
        let bound = |name: &str| {
            let named = |action: &&Action| {
                action
                    .bound
                    .as_ref()
                    .is_some_and(|bound| bound.attributes.iter().any(|(known, _)| known == name))
            };
            actions.iter().any(named)
        };
        let known: Vec<_> = attributes.members().filter(|(name, _)| bound(name)).collect();
        self.members(known)
    }

    fn mandate(&mut self, mandate: &Mandate) -> Object {
        let facts = self.members(mandate.facts.members().collect());
        Object::new()
            .with_some("task", mandate.task.as_deref())
            .with_some("ticket", mandate.ticket.as_deref())
            .with_some("on_behalf_of", mandate.on_behalf_of.as_ref().map(|person| person.as_str()))
            .with("facts", facts)
            .with_some("kind", mandate.kind.as_ref().map(|kind| kind.as_str()))
            .with_some("purpose", mandate.purpose.as_deref())
            .with("scope", mandate.scope.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn members(&mut self, members: Vec<(&str, &Json)>) -> Object {
        let mut found = Object::new();
        for (name, value) in members {
            match (self.reads)(name) {
                true => found.set(name, value.clone()),
                false => {
                    self.blank.push(name.to_owned());
                    found.set(name, emptied(value));
                }
            }
        }
        found
    }
}

/// A value of the same type that says nothing.
fn emptied(value: &Json) -> Json {
    match value {
        Json::Null => Json::Null,
        Json::Bool(_) => Json::Bool(false),
        Json::Number(Number::Integer(_)) => Json::Number(Number::Integer(0)),
        Json::Number(Number::Fraction(_)) => Json::Number(Number::Fraction(0.5)),
        Json::String(_) => Json::String(String::new()),
        Json::Array(elements) => Json::Array(elements.iter().map(emptied).collect()),
        Json::Object(object) => {
            object.members().fold(Object::new(), |all, (name, value)| all.with(name, emptied(value))).into()
        }
    }
}

fn person(person: &Person) -> Object {
    Object::new().with("name", person.name.as_str()).with("groups", names(&person.groups))
}

fn resource(resource: &Resource) -> Object {
    Object::new().with("kind", resource.kind.as_str()).with("id", resource.id.as_str())
}

fn names(groups: &[GroupName]) -> Vec<&str> {
    groups.iter().map(GroupName::as_str).collect()
}

fn read_agent(agent: &Json, now: Timestamp) -> Result<Agent, ReplayError> {
    let tier = match integer(agent, "tier")? {
        1 => Tier::One,
        2 => Tier::Two,
        3 => Tier::Three,
        other => return Err(ReplayError::Unreadable(format!("{other} is not a tier"))),
    };
    Ok(Agent {
        name: parsed(text(agent, "name")?)?,
        owner: parsed(text(agent, "owner")?)?,
        purpose: text(agent, "purpose")?.to_owned(),
        tier,
        groups: read_names(agent, "groups")?,
        registered: now,
        status: AgentStatus::Active,
        charter: Charter::default(),
        life: Life::default(),
    })
}

fn read_mandate(mandate: &Json) -> Result<Mandate, ReplayError> {
    let word = |key: &str| mandate.member(key).and_then(Json::as_str).map(str::to_owned);
    let facts = mandate.member("facts").and_then(Json::as_object).cloned();
    Ok(Mandate {
        task: word("task"),
        ticket: word("ticket"),
        on_behalf_of: word("on_behalf_of").map(|name| parsed(&name)).transpose()?,
        facts: facts.unwrap_or_default(),
        kind: word("kind").map(|name| parsed(&name)).transpose()?,
        purpose: word("purpose"),
        scope: read_names(mandate, "scope")?,
        // Those of the person acted for stand with the person.
        groups: Vec::new(),
        // Judged before any policy was.
        reads_only: false,
    })
}

fn read_call(kept: &Json) -> Result<ToolCall, ReplayError> {
    let name = text(kept, "operation")?;
    let arguments = member(kept, "arguments")?.as_object().cloned().unwrap_or_default();
    let method = Operation::METHODS.into_iter().find(|method| method.name() == name);
    let (operation, params) = match method {
        Some(method) => (method, arguments),
        None => {
            (Operation::Tool(parsed(name)?), Object::new().with("name", name).with("arguments", arguments))
        }
    };
    ToolCall::new(parsed(text(kept, "connector")?)?, operation, params)
        .map_err(|error| ReplayError::Unreadable(error.to_string()))
}

fn member<'a>(kept: &'a Json, key: &str) -> Result<&'a Json, ReplayError> {
    kept.member(key).ok_or_else(|| ReplayError::Unreadable(format!("it has no `{key}`")))
}

fn text<'a>(kept: &'a Json, key: &str) -> Result<&'a str, ReplayError> {
    member(kept, key)?.as_str().ok_or_else(|| ReplayError::Unreadable(format!("`{key}` is no text")))
}

fn integer(kept: &Json, key: &str) -> Result<i64, ReplayError> {
    member(kept, key)?.as_integer().ok_or_else(|| ReplayError::Unreadable(format!("`{key}` is no number")))
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, ReplayError> {
    text.parse().map_err(|error: T::Err| ReplayError::Unreadable(error.to_string()))
}

fn read_names<T: std::str::FromStr<Err: std::fmt::Display>>(
    kept: &Json,
    key: &str,
) -> Result<Vec<T>, ReplayError> {
    let elements = member(kept, key)?.as_array().unwrap_or_default();
    elements.iter().map(|element| parsed(element.as_str().unwrap_or_default())).collect()
}

const TYPE: &str = "placet.dev/extract/v2";
