//! What an import would do: lines for `people.toml`, and other owners of agents. Nothing that is written is changed, and
//! nobody is taken out: a catalog is no directory.

use std::fmt::Write as _;

use placet_domain::{Json, PersonName};

use super::{
    entity::entity_name,
    import::{Imported, ImportedPerson, Owner},
};
use crate::print::{list, text};

/// The steps of an import.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// People who are not known here yet.
    pub(crate) new: Vec<(PersonName, ImportedPerson)>,
    /// People who are known, whose groups or address the files say otherwise: shown, never changed.
    pub(crate) differing: Vec<(PersonName, String)>,
    /// People of whom the files say what is known.
    pub(crate) known: usize,
    /// Agents with another owner in the files.
    pub(crate) owners: Vec<OwnerStep>,
}

/// An agent whose owner the files name otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OwnerStep {
    /// It can be handed over.
    Hand { agent: String, from: String, to: PersonName },
    /// It cannot, and why.
    Keep { agent: String, why: String },
}

impl Plan {
    /// Compares what the files say with the people written down (name, groups) and the agents of the control API.
    pub(crate) fn of(
        imported: &Imported,
        written: &[(PersonName, Vec<String>)],
        present: &[PersonName],
        agents: &Json,
    ) -> Self {
        let mut plan = Self::default();
        for (name, person) in &imported.people {
            match written.iter().find(|(known, _)| known == name) {
                Some((_, groups)) => {
                    let missing: Vec<&str> = person
                        .groups
                        .iter()
                        .map(|group| group.as_str())
                        .filter(|group| !groups.iter().any(|known| known == group))
                        .collect();
                    match missing.is_empty() {
                        true => plan.known += 1,
                        false => {
                            plan.differing.push((name.clone(), format!("also in {}", missing.join(", "))))
                        }
                    }
                }
                None if present.contains(name) => plan.known += 1,
                None => plan.new.push((name.clone(), person.clone())),
            }
        }
        for agent in list(agents, "agents").iter().filter(|agent| text(agent, "stage") != "retired") {
            plan.owners.extend(owner_step(imported, present, agent));
        }
        plan
    }

    /// Whether nothing is to be done.
    pub(crate) fn is_empty(&self) -> bool {
        self.new.is_empty() && !self.owners.iter().any(|step| matches!(step, OwnerStep::Hand { .. }))
    }

    /// The lines for `people.toml`.
    pub(crate) fn lines(&self) -> String {
        let mut lines = String::new();
        for (name, person) in &self.new {
            let groups: Vec<String> = person.groups.iter().map(|group| toml_text(group.as_str())).collect();
            // Writing to a text does not fail.
            let _ = write!(lines, "\n[[person]]\nname = {}\n", toml_text(name.as_str()));
            if !groups.is_empty() {
                let _ = writeln!(lines, "groups = [{}]", groups.join(", "));
            }
            if let Some(email) = &person.email {
                let _ = writeln!(lines, "email = {}", toml_text(email));
            }
        }
        lines
    }
}

fn owner_step(imported: &Imported, present: &[PersonName], agent: &Json) -> Option<OwnerStep> {
    let (name, from) = (text(agent, "name"), text(agent, "owner"));
    let keep = |why: String| Some(OwnerStep::Keep { agent: name.clone(), why });
    match imported.owner_of(&name)? {
        Owner::Team(team) => keep(format!(
            "the catalog names the team `{team}`; an agent needs a person: `placet agent owner {name} PERSON`"
        )),
        // The catalog's name of who owns it already.
        Owner::Person(person) if *person == from || *person == entity_name(&from) => None,
        Owner::Person(person) => {
            let known = imported.people.keys().chain(present);
            match known
                .into_iter()
                .find(|known| known.as_str() == person || entity_name(known.as_str()) == *person)
            {
                Some(to) => Some(OwnerStep::Hand { agent: name, from, to: to.clone() }),
                None => keep(format!(
                    "the catalog names `{person}`, who is not known here, and no `User` of the files"
                )),
            }
        }
    }
}

/// A basic string of TOML.
fn toml_text(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{
        super::{catalog, imported, parse},
        *,
    };

    const FILES: &str = "
apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: zoe}
spec:
  profile: {displayName: Zoe, email: 'zoe@corp.example'}
  memberOf: [group:default/leads]
---
apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: ana}
spec: {memberOf: [ops, security]}
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: security}
spec: {type: team, children: [], members: [user:default/zoe, 'user:nobody']}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: crm-writer}
spec: {type: service, lifecycle: production, owner: 'user:default/zoe'}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: mailer}
spec: {type: service, lifecycle: production, owner: guild}
";

    fn tree(text: &str) -> Json {
        Json::parse(text.as_bytes()).unwrap()
    }

    fn agents() -> Json {
        tree(
            r#"{"agents":[
            {"name":"crm-writer","owner":"ana","purpose":"keeps deals fresh","tier":2,"stage":"active",
             "certification_ends":"2027-01-01T00:00:00Z",
             "charter":{"wants":["crm.get_deal","crm.update_deal","mail"],"environment":"staging","model":"m"}},
            {"name":"mailer","owner":"ana","purpose":"p","tier":1,"stage":"countdown","charter":{}},
            {"name":"old","owner":"ana","purpose":"p","tier":1,"stage":"retired","charter":{}}]}"#,
        )
    }

    fn connectors() -> Json {
        tree(
            r#"{"connectors":[{"name":"crm","url":"http://localhost:7420/mcp/crm","tools":[{"name":"get_deal"}]}]}"#,
        )
    }

    #[test]
    fn people_become_lines_and_owners_steps_and_nothing_known_is_changed() {
        let imported = imported(&parse(FILES).unwrap());
        let ana: PersonName = "ana".parse().unwrap();
        let written = [(ana.clone(), vec!["ops".to_owned()])];
        let plan = Plan::of(&imported, &written, &[ana], &agents());
        assert_eq!(
            plan.lines(),
            "\n[[person]]\nname = \"zoe\"\ngroups = [\"leads\", \"security\"]\nemail = \"zoe@corp.example\"\n"
        );
        assert_eq!(plan.differing[0].1, "also in security");
        let zoe = "zoe".parse().unwrap();
        assert_eq!(
            plan.owners[0],
            OwnerStep::Hand { agent: "crm-writer".to_owned(), from: "ana".to_owned(), to: zoe }
        );
        assert!(
            matches!(&plan.owners[1], OwnerStep::Keep { agent, why } if agent == "mailer" && why.contains("team `guild`"))
        );
        assert!(!plan.is_empty());
    }

    #[test]
    fn what_was_exported_is_imported_without_a_step() {
        let exported = catalog(&agents(), &connectors(), "group:default/operators").unwrap();
        let text = serde_saphyr::to_string_multiple(&exported).unwrap();
        let read = parse(&text).unwrap();
        assert_eq!(read, exported, "{text}");
        let plan = Plan::of(&imported(&read), &[], &["ana".parse().unwrap()], &agents());
        assert!(plan.is_empty() && plan.owners.is_empty());
        // A hand-over that is written in the catalog is found.
        let moved = text.replace("user:default/ana", "user:default/zoe");
        let present = ["ana".parse().unwrap(), "zoe".parse().unwrap()];
        let plan = Plan::of(&imported(&parse(&moved).unwrap()), &[], &present, &agents());
        assert_eq!(plan.owners.len(), 2);
    }

    #[test]
    fn agents_say_who_owns_them_how_far_they_are_and_what_they_need() {
        let exported = catalog(&agents(), &connectors(), "group:default/operators").unwrap();
        let shown: Vec<Value> = exported.iter().map(|entity| Value::Object(entity.spec.clone())).collect();
        let url = "http://localhost:7420/mcp/crm";
        assert_eq!(
            shown,
            [
                json!({ "type": "mcp-server", "lifecycle": "production", "owner": "group:default/operators",
                    "remotes": [{ "type": "streamable-http", "url": url }] }),
                json!({ "type": "agent", "lifecycle": "experimental", "owner": "user:default/ana",
                    "dependsOn": ["api:default/crm", "api:default/mail"] }),
                json!({ "type": "agent", "lifecycle": "deprecated", "owner": "user:default/ana",
                    "dependsOn": ["api:default/crm"] }),
            ]
        );
        let twice = tree(
            r#"{"agents":[{"name":"a@b","owner":"ana","stage":"active"},{"name":"a-b","owner":"ana","stage":"active"}]}"#,
        );
        assert!(catalog(&twice, &connectors(), "x").is_err());
    }
}
