//! Questions to the directory: is this a person, is it a team, whom does one page.

use placet_domain::{Agent, GroupName, LifeFacts, Person, PersonName};

use crate::Engine;

/// A name that is no person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoPerson {
    /// It is a team.
    #[error("`{team}` is a team, and an agent needs a person who answers for it; name one of: {members}")]
    Team {
        /// The name.
        team: PersonName,
        /// Its members.
        members: String,
    },
    /// Nobody has it.
    #[error(
        "`{0}` is not a person; declare them as `[[person]]` in placet.toml: an agent needs a human owner"
    )]
    Unknown(PersonName),
}

impl Engine {
    /// Checks that somebody of this name is here. Whoever has left is not.
    pub(crate) fn present(&self, name: &PersonName) -> Result<(), NoPerson> {
        if self.ports.people.person(name).is_some() {
            return Ok(());
        }
        let members: Vec<String> = name
            .as_str()
            .parse::<GroupName>()
            .map(|group| self.members(&group).map(|person| person.to_string()).collect())
            .unwrap_or_default();
        match members.is_empty() {
            true => Err(NoPerson::Unknown(name.clone())),
            false => Err(NoPerson::Team { team: name.clone(), members: members.join(", ") }),
        }
    }

    /// The people of a group, by name.
    pub(crate) fn members(&self, group: &GroupName) -> impl Iterator<Item = PersonName> {
        let everybody = self.ports.people.everybody();
        everybody.into_iter().filter(|person| person.groups.contains(group)).map(|person| person.name.clone())
    }

    pub(crate) fn is_admin(&self, person: &Person) -> bool {
        person.groups.iter().any(|group| self.registry.admins.contains(group))
    }

    /// Whom to page about an agent: its owner, else the backup, else whoever administers the registry.
    #[must_use]
    pub fn page(&self, agent: &Agent) -> Vec<PersonName> {
        let known = |name: &&PersonName| self.ports.people.person(name).is_some();
        let named: Vec<PersonName> = [Some(&agent.owner), agent.charter.backup_owner.as_ref()]
            .into_iter()
            .flatten()
            .filter(known)
            .cloned()
            .collect();
        if !named.is_empty() {
            return named;
        }
        let mut admins: Vec<PersonName> =
            self.registry.admins.iter().flat_map(|group| self.members(group)).collect();
        admins.sort();
        admins.dedup();
        admins
    }

    /// What the life-cycle of an agent depends on.
    pub(crate) fn life_facts(&self, agent: &Agent) -> LifeFacts {
        LifeFacts {
            owner_present: self.ports.people.person(&agent.owner).is_some(),
            period: agent.charter.certify_every.unwrap_or(self.registry.certify_every),
            until: agent.charter.until,
        }
    }
}
