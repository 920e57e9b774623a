//! The entities of one question: a person with their groups and roles, and the thing.

use std::collections::{HashMap, HashSet};

use cedar_policy::{Entities, Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression, Schema};
use placet_domain::{Person, PersonName};

use super::{Role, Thing};

/// # Errors
/// The entities do not fit the schema; the request is denied.
pub(super) fn of_request(
    person: &Person,
    roles: &[Role],
    thing: &Thing,
    schema: &Schema,
) -> Result<Entities, String> {
    let approver = uid("Role", "approver");
    let mut all = vec![Entity::new_no_attrs(approver.clone(), HashSet::new())];
    let mut parents: HashSet<EntityUid> =
        person.groups.iter().map(|group| uid("Group", group.as_str())).collect();
    for role in roles {
        let of = match role {
            Role::Approver(_) => HashSet::from([approver.clone()]),
            Role::Admin | Role::Operator | Role::Owner | Role::Security | Role::Viewer => HashSet::new(),
        };
        let role = uid("Role", role.as_str());
        if parents.insert(role.clone()) {
            all.push(Entity::new_no_attrs(role, of));
        }
    }
    all.push(Entity::new_no_attrs(person_uid(&person.name), parents));
    all.push(of_thing(thing)?);
    Entities::from_entities(all, Some(schema)).map_err(|error| error.to_string())
}

fn of_thing(thing: &Thing) -> Result<Entity, String> {
    let set = |all: Vec<EntityUid>| {
        RestrictedExpression::new_set(all.into_iter().map(RestrictedExpression::new_entity_uid))
    };
    let mut attributes = HashMap::from([
        ("owners".to_owned(), set(thing.owners.iter().map(person_uid).collect())),
        (
            "approvers".to_owned(),
            set(thing.approvers.iter().map(|group| uid("Group", group.as_str())).collect()),
        ),
    ]);
    if let Some(tier) = thing.tier {
        attributes.insert("tier".to_owned(), RestrictedExpression::new_long(tier));
    }
    Entity::new(thing_uid(thing), attributes, HashSet::new()).map_err(|error| error.to_string())
}

pub(super) fn person_uid(name: &PersonName) -> EntityUid {
    uid("Person", name.as_str())
}

pub(super) fn thing_uid(thing: &Thing) -> EntityUid {
    uid(thing.kind.as_str(), &thing.id)
}

#[expect(clippy::expect_used, reason = "the names of the types are constants and identifiers")]
pub(super) fn uid(kind: &'static str, id: &str) -> EntityUid {
    let kind: EntityTypeName = kind.parse().expect("an identifier");
    EntityUid::from_type_name_and_id(kind, EntityId::new(id))
}
