//! The few entities of one request. There is no entity store: who acts, for whom and on what comes with the
//! request, and the action with its groups is made at load time.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use cedar_policy_core::ast::{Eid, Entity, EntityType, EntityUID, Literal, Name, PartialValue, Value};
use placet_domain::{Agent, Approval, Gate, GroupName, Person};
use smol_str::SmolStr;

use crate::mentions::Mentions;

/// The entity types that every snapshot has.
#[derive(Debug, Clone)]
pub(crate) struct Types {
    pub(crate) action: EntityType,
    pub(crate) agent: EntityType,
    pub(crate) approval_request: EntityType,
    pub(crate) connector: EntityType,
    pub(crate) grant_request: EntityType,
    pub(crate) grant_review: EntityType,
    pub(crate) group: EntityType,
    pub(crate) tool: EntityType,
    pub(crate) user: EntityType,
}

impl Types {
    #[expect(clippy::expect_used, reason = "the names are constants and identifiers")]
    pub(crate) fn new() -> Self {
        let of = |name| entity_type(name).expect("an identifier");
        Self {
            action: of("Action"),
            agent: of("Agent"),
            approval_request: of("ApprovalRequest"),
            connector: of("Connector"),
            grant_request: of("GrantRequest"),
            grant_review: of("GrantReview"),
            group: of("Group"),
            tool: of("Tool"),
            user: of("User"),
        }
    }

    fn groups(&self, groups: &[GroupName]) -> HashSet<EntityUID> {
        groups.iter().map(|group| uid(&self.group, group.as_str())).collect()
    }
}

/// An entity type without a namespace.
pub(crate) fn entity_type(name: &str) -> Option<EntityType> {
    Name::parse_unqualified_name(name).ok().map(EntityType::from)
}

pub(crate) fn uid(kind: &EntityType, id: &str) -> EntityUID {
    EntityUID::from_components(kind.clone(), Eid::new(id), None)
}

pub(crate) fn value(literal: impl Into<Literal>) -> Value {
    Value::from(literal.into())
}

pub(crate) fn text(text: &str) -> Value {
    value(Literal::String(SmolStr::new(text)))
}

pub(crate) fn texts<'a>(all: impl IntoIterator<Item = &'a str>) -> Value {
    Value::set_of_lits(all.into_iter().map(|one| Literal::String(SmolStr::new(one))), None)
}

pub(crate) fn user_value(types: &Types, name: &str) -> Value {
    value(Literal::EntityUID(Arc::new(uid(&types.user, name))))
}

pub(crate) fn entity(
    uid: EntityUID,
    attributes: Vec<(SmolStr, Value)>,
    parents: HashSet<EntityUID>,
) -> Entity {
    let attributes = attributes.into_iter().map(|(name, value)| (name, PartialValue::Value(value)));
    Entity::new_with_attr_partial_value(uid, attributes, HashSet::new(), parents, [])
}

pub(crate) fn action(types: &Types, name: &str, groups: &BTreeSet<String>) -> Entity {
    let parents = groups.iter().map(|group| uid(&types.action, group)).collect();
    entity(uid(&types.action, name), Vec::new(), parents)
}

pub(crate) fn tool(types: &Types, name: &str, connector: &str, operation: &str) -> Entity {
    let attributes = vec![
        (SmolStr::new_static("connector"), text(connector)),
        (SmolStr::new_static("name"), text(operation)),
    ];
    entity(uid(&types.tool, name), attributes, HashSet::from([uid(&types.connector, connector)]))
}

/// The agent, with the attributes that policies may read.
pub(crate) fn agent(types: &Types, mentions: &Mentions, agent: &Agent) -> Entity {
    let mut attributes = Vec::with_capacity(3);
    if mentions.reads("owner") {
        attributes.push((SmolStr::new_static("owner"), user_value(types, agent.owner.as_str())));
    }
    if mentions.reads("purpose") {
        attributes.push((SmolStr::new_static("purpose"), text(&agent.purpose)));
    }
    if mentions.reads("tier") {
        attributes.push((SmolStr::new_static("tier"), value(agent.tier.number())));
    }
    entity(uid(&types.agent, agent.name.as_str()), attributes, types.groups(&agent.groups))
}

pub(crate) fn person(types: &Types, person: &Person) -> Entity {
    entity(uid(&types.user, person.name.as_str()), Vec::new(), types.groups(&person.groups))
}

/// The question whether a gate may be lifted.
pub(crate) fn approval_request(types: &Types, approval: &Approval, gate: &Gate) -> Entity {
    let approvers =
        gate.approvers.iter().map(|group| Literal::EntityUID(Arc::new(uid(&types.group, group.as_str()))));
    let mut attributes = vec![
        (SmolStr::new_static("agent"), text(approval.requester.agent.as_str())),
        (SmolStr::new_static("approvers"), Value::set_of_lits(approvers, None)),
        (SmolStr::new_static("connector"), text(approval.connector.as_str())),
        (SmolStr::new_static("gate"), text(gate.policy.as_str())),
        (SmolStr::new_static("operation"), text(&approval.operation)),
        (SmolStr::new_static("owner"), user_value(types, approval.requester.owner.as_str())),
    ];
    if let Some(person) = &approval.requester.on_behalf_of {
        attributes.push((SmolStr::new_static("on_behalf_of"), user_value(types, person.as_str())));
    }
    entity(uid(&types.approval_request, &approval.id.to_string()), attributes, HashSet::new())
}
