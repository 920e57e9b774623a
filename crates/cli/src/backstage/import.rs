//! People, their groups and the owners of agents, out of the entities of catalog files.

use std::collections::{BTreeMap, BTreeSet};

use placet_domain::{GroupName, PersonName};

use super::entity::{AGENT, Entity, Reference, entity_name};

/// What catalog files say.
#[derive(Debug, Default)]
pub(crate) struct Imported {
    /// People by name.
    pub(crate) people: BTreeMap<PersonName, ImportedPerson>,
    /// Owners by the agent's name, or the name of its entity.
    pub(crate) owners: BTreeMap<String, Owner>,
    /// What could not be taken, and why.
    pub(crate) skipped: Vec<String>,
}

/// A `User` entity.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ImportedPerson {
    pub(crate) email: Option<String>,
    pub(crate) groups: BTreeSet<GroupName>,
}

/// Whom a `Component` or an `AiResource` names as its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A person.
    Person(String),
    /// A team: an agent needs a person.
    Team(String),
}

/// Reads the entities. Later ones of the same name add to earlier ones.
pub(crate) fn imported(entities: &[Entity]) -> Imported {
    let mut imported = Imported::default();
    for entity in entities.iter().filter(|entity| entity.is("User")) {
        let name = &entity.metadata.name;
        match name.parse::<PersonName>() {
            Ok(person) => {
                let known = imported.people.entry(person).or_default();
                let email = entity.spec.get("profile").and_then(|profile| profile.get("email")?.as_str());
                known.email = email.map(str::to_owned).or(known.email.take());
                for group in entity.texts("memberOf") {
                    join(known, Reference::parse(group).name, &mut imported.skipped);
                }
            }
            Err(error) => imported.skipped.push(error.to_string()),
        }
    }
    for entity in entities.iter().filter(|entity| entity.is("Group")) {
        for member in entity.texts("members") {
            let member = Reference::parse(member);
            let person = member.name.parse::<PersonName>().ok();
            if let Some(known) = person.and_then(|person| imported.people.get_mut(&person)) {
                join(known, &entity.metadata.name, &mut imported.skipped);
            }
        }
    }
    for entity in entities.iter().filter(|entity| entity.is("Component") || entity.is("AiResource")) {
        let Some(owner) = entity.text("owner") else { continue };
        let owner = Reference::parse(owner);
        let named = entity.metadata.annotations.get(AGENT).and_then(|name| name.as_str());
        let key = named.map_or_else(|| entity.metadata.name.clone(), str::to_owned);
        // Without a kind an owner is a group (the descriptor format's default).
        let owner = match owner.is("User", "group") {
            true => Owner::Person(owner.name.to_owned()),
            false => Owner::Team(owner.name.to_owned()),
        };
        imported.owners.insert(key, owner);
    }
    imported.skipped.sort();
    imported.skipped.dedup();
    imported
}

fn join(person: &mut ImportedPerson, group: &str, skipped: &mut Vec<String>) {
    match group.parse::<GroupName>() {
        Ok(group) => drop(person.groups.insert(group)),
        Err(error) => skipped.push(error.to_string()),
    }
}

impl Imported {
    /// Who owns an agent, as far as the files say.
    pub(crate) fn owner_of(&self, agent: &str) -> Option<&Owner> {
        self.owners.get(agent).or_else(|| self.owners.get(&entity_name(agent)))
    }
}
