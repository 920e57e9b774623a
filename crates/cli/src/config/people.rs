//! The people of this deployment: `[[person]]` in `placet.toml`, `people.toml` beside it, which is read again while Placet
//! runs, the company's directory, and whoever signs in. A name in a file is the file's, see `docs/directory.md`. Whoever
//! is marked as having left is nobody here: no owner, no approver, no operator.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::RwLock;
use placet_domain::{GroupName, Person, PersonName};
use placet_engine::ports::Provisioned;
use placet_identity::EventPrincipal;
use serde::Deserialize;

use super::file::{Wrong, wrong};

/// A person as people type them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PersonEntry {
    name: String,
    #[serde(default)]
    groups: Vec<String>,
    os_user: Option<String>,
    os_uid: Option<u32>,
    /// Under which address identity providers know them.
    email: Option<String>,
    /// Under which accounts identity providers know them: `issuer|subject`.
    #[serde(default)]
    subjects: Vec<String>,
    #[serde(default)]
    left: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PeopleFile {
    #[serde(default)]
    person: Vec<PersonEntry>,
}

/// Who is here. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct People {
    declared: Vec<PersonEntry>,
    file: PathBuf,
    /// By name.
    present: Arc<RwLock<Vec<Present>>>,
    sources: Arc<RwLock<Sources>>,
    admit: bool,
}

/// What is said of people, by whom.
#[derive(Debug, Default)]
struct Sources {
    /// The files, as they could last be read: names, and who of them is here.
    files: Vec<(PersonName, Option<Present>)>,
    /// The company's directory: who is here, and who has left as far as it still knows.
    provisioned: Vec<Provisioned>,
    left: BTreeSet<PersonName>,
    /// Whoever signed in, with what the identity provider said then.
    signed_in: BTreeMap<PersonName, Vec<GroupName>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Present {
    person: Arc<Person>,
    uid: Option<u32>,
    known_as: Vec<EventPrincipal>,
}

impl People {
    /// Takes the declared people and reads `people.toml` in this folder.
    pub(super) fn resolve(folder: &Path, declared: Vec<PersonEntry>) -> Result<Self, Wrong> {
        let people = Self { declared, file: folder.join("people.toml"), ..Self::default() };
        let files = people.read()?;
        people.take(|sources| sources.files = files);
        Ok(people)
    }

    /// Reads `people.toml` again: whether somebody came, left or changed groups. On an error everybody stays who they
    /// were.
    pub(crate) fn look_again(&self) -> Result<bool, String> {
        let files = self.read().map_err(|(key, message)| format!("{key}: {message}"))?;
        Ok(self.take(|sources| sources.files = files))
    }

    /// Takes what a source says now; whether anybody is somebody else by it.
    fn take(&self, change: impl FnOnce(&mut Sources)) -> bool {
        let mut sources = self.sources.write();
        change(&mut sources);
        let today = self.merged(&sources);
        let mut present = self.present.write();
        let changed = *present != today;
        *present = today;
        changed
    }

    /// Whoever signs in at the identity provider without being declared becomes known by it.
    pub(super) fn admitting(mut self, admit: bool) -> Self {
        self.admit = admit;
        self
    }

    /// Takes what the identity provider says of somebody: their groups, besides those that are declared. Until the next
    /// time it says something.
    pub(crate) fn signed_in(&self, name: &PersonName, groups: &[GroupName]) {
        self.take(|sources| {
            sources.signed_in.insert(name.clone(), groups.to_vec());
        });
    }

    /// Who a user of this machine is.
    pub(crate) fn of_uid(&self, uid: u32) -> Option<PersonName> {
        let present = self.present.read();
        present.iter().find(|one| one.uid == Some(uid)).map(|one| one.person.name.clone())
    }

    /// What the files say, if it fits together.
    fn read(&self) -> Result<Vec<(PersonName, Option<Present>)>, Wrong> {
        let shown = self.file.display().to_string();
        let written = match std::fs::read_to_string(&self.file) {
            Ok(text) => toml::from_str::<PeopleFile>(&text).map_err(|error| wrong(&shown, error))?.person,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(wrong(&shown, error)),
        };
        let mut named: Vec<(PersonName, Option<Present>)> = Vec::new();
        for entry in self.declared.iter().chain(&written) {
            let key = format!("person `{}`", entry.name);
            let one = resolve(entry, &key)?;
            if named.iter().any(|(name, _)| *name == one.person.name) {
                return Err(wrong(key, "the person is declared twice"));
            }
            let name = one.person.name.clone();
            if entry.left {
                named.push((name, None));
                continue;
            }
            let mut others = named.iter().filter_map(|(_, present)| present.as_ref());
            if one.uid.is_some() && others.clone().any(|other| other.uid == one.uid) {
                return Err(wrong(key, "another person already has this operating-system user"));
            }
            if others.any(|other| other.known_as.iter().any(|known| one.known_as.contains(known))) {
                return Err(wrong(key, "another person already has this `email` or one of these `subjects`"));
            }
            named.push((name, Some(one)));
        }
        Ok(named)
    }

    fn merged(&self, sources: &Sources) -> Vec<Present> {
        let mut present: Vec<Present> =
            sources.files.iter().filter_map(|(_, present)| present.clone()).collect();
        for (name, groups) in &sources.signed_in {
            if let Some(one) = present.iter_mut().find(|one| one.person.name == *name) {
                let mut person = (*one.person).clone();
                person
                    .groups
                    .extend(groups.iter().filter(|group| !one.person.groups.contains(group)).cloned());
                one.person = Arc::new(person);
            }
        }
        // Names that differ in capitals alone are one person's: nobody is to agree with themselves.
        let mut taken: BTreeSet<String> = sources.files.iter().map(|(name, _)| folded(name)).collect();
        let mut addresses: BTreeSet<String> =
            present.iter().flat_map(|one| &one.known_as).filter_map(address).collect();
        for Provisioned { person, email } in &sources.provisioned {
            if !taken.insert(folded(&person.name)) {
                continue;
            }
            // An address is one person's; the files', if they name it.
            let email = email.clone().filter(|email| addresses.insert(email.clone()));
            let known_as = email.map(EventPrincipal::Email).into_iter().collect();
            present.push(Present { person: Arc::new(person.clone()), uid: None, known_as });
        }
        let left: BTreeSet<String> = sources.left.iter().map(folded).collect();
        for (name, groups) in sources.signed_in.iter().filter(|_| self.admit) {
            if !left.contains(&folded(name)) && taken.insert(folded(name)) {
                let person = Person { name: name.clone(), groups: groups.clone() };
                present.push(Present { person: Arc::new(person), uid: None, known_as: Vec::new() });
            }
        }
        present.sort_by(|left, right| left.person.name.cmp(&right.person.name));
        present
    }
}

fn address(principal: &EventPrincipal) -> Option<String> {
    match principal {
        EventPrincipal::Email(address) => Some(address.clone()),
        EventPrincipal::IssuerSubject { .. } | EventPrincipal::Opaque(_) => None,
    }
}

fn folded(name: &PersonName) -> String {
    name.as_str().to_ascii_lowercase()
}

impl placet_engine::ports::People for People {
    fn person(&self, name: &PersonName) -> Option<Arc<Person>> {
        let present = self.present.read();
        let place = present.binary_search_by(|one| one.person.name.cmp(name)).ok()?;
        present.get(place).map(|one| one.person.clone())
    }

    fn known_as(&self, principal: &EventPrincipal) -> Option<PersonName> {
        let present = self.present.read();
        present.iter().find(|one| one.known_as.contains(principal)).map(|one| one.person.name.clone())
    }

    fn account_at(&self, name: &PersonName, issuer: &str) -> Option<String> {
        let present = self.present.read();
        let person = present.iter().find(|one| one.person.name == *name)?;
        person.known_as.iter().find_map(|known| match known {
            EventPrincipal::IssuerSubject { issuer: at, subject } if at == issuer => Some(subject.clone()),
            _ => None,
        })
    }

    fn provision(&self, here: Vec<Provisioned>, left: &[PersonName]) {
        self.take(|sources| {
            // Whoever has left comes back by signing in anew, not by having signed in.
            sources.signed_in.retain(|name, _| !left.contains(name));
            sources.provisioned = here;
            sources.left = left.iter().cloned().collect();
        });
    }

    fn everybody(&self) -> Vec<Arc<Person>> {
        self.present.read().iter().map(|one| one.person.clone()).collect()
    }
}

fn resolve(entry: &PersonEntry, key: &str) -> Result<Present, Wrong> {
    let uid = match (entry.os_uid, &entry.os_user) {
        (Some(_), Some(_)) => return Err(wrong(key, "give `os_user` or `os_uid`, not both")),
        (Some(uid), None) => Some(uid),
        (None, Some(user)) => match uid_of(user) {
            Some(uid) => Some(uid),
            // A leaver's account may be gone before their name is.
            None if entry.left => None,
            None => return Err(wrong(key, format!("no user `{user}` on this machine"))),
        },
        (None, None) => None,
    };
    let name = entry.name.parse().map_err(|error| wrong(key, error))?;
    let groups = entry.groups.iter().map(|group| group.parse().map_err(|error| wrong(key, error)));
    let person = Person { name, groups: groups.collect::<Result<_, _>>()? };
    Ok(Present { person: Arc::new(person), uid, known_as: known_as(entry, key)? })
}

/// How identity providers name a person. An issuer's address has no bar, an account may have.
fn known_as(entry: &PersonEntry, key: &str) -> Result<Vec<EventPrincipal>, Wrong> {
    let mut all: Vec<EventPrincipal> = entry.email.iter().cloned().map(EventPrincipal::Email).collect();
    for subject in &entry.subjects {
        match subject.split_once('|') {
            Some((issuer, subject)) if !issuer.is_empty() && !subject.is_empty() => {
                let (issuer, subject) = (issuer.to_owned(), subject.to_owned());
                all.push(EventPrincipal::IssuerSubject { issuer, subject });
            }
            _ => return Err(wrong(key, format!("`subjects`: write `issuer|subject`, not `{subject}`"))),
        }
    }
    Ok(all)
}

/// The id of a user of this machine, by `/etc/passwd`.
fn uid_of(user: &str) -> Option<u32> {
    let passwd = std::fs::read_to_string("/etc/passwd").ok()?;
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == user).then(|| fields.nth(1)?.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use placet_engine::ports::People as _;

    use super::*;

    #[test]
    fn identity_providers_know_a_person_by_address_or_account_and_nobody_by_anothers() {
        let folder = tempfile::tempdir().unwrap();
        let entry = |lines: &str| toml::from_str::<PersonEntry>(lines).unwrap();
        let ana = "name = \"ana\"\nemail = \"ana@corp.example\"\nsubjects = [\"https://idp.example|a|1\"]";
        let people = People::resolve(folder.path(), vec![entry(ana)]).unwrap();
        let account = |subject: &str| EventPrincipal::IssuerSubject {
            issuer: "https://idp.example".to_owned(),
            subject: subject.to_owned(),
        };
        let name = |principal| people.known_as(&principal).map(|name| name.to_string());
        assert_eq!(name(account("a|1")).as_deref(), Some("ana"));
        assert_eq!(name(EventPrincipal::Email("ana@corp.example".to_owned())).as_deref(), Some("ana"));
        assert_eq!((name(account("1")), name(EventPrincipal::Opaque("ana".to_owned()))), (None, None));
        for wrong in ["email = \"ana@corp.example\"", "subjects = [\"no bar\"]", "subjects = [\"|x\"]"] {
            let bo = entry(&format!("name = \"bo\"\n{wrong}"));
            assert!(People::resolve(folder.path(), vec![entry(ana), bo]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn whoever_is_marked_as_left_is_nobody_from_the_next_look_on() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("people.toml");
        let entry = |line: &str| toml::from_str::<PersonEntry>(line).unwrap();
        let people = People::resolve(folder.path(), vec![entry("name = \"ana\"\nos_uid = 7")]).unwrap();
        assert_eq!(people.of_uid(7).unwrap().as_str(), "ana");
        assert_eq!(people.look_again(), Ok(false));
        std::fs::write(&file, "[[person]]\nname = \"bo\"\ngroups = [\"lead\"]\nos_uid = 8\n").unwrap();
        assert_eq!(people.look_again(), Ok(true));
        let names = || people.everybody().iter().map(|person| person.name.to_string()).collect::<Vec<_>>();
        assert_eq!(names(), ["ana", "bo"]);
        std::fs::write(&file, "[[person]]\nname = \"bo\"\nos_uid = 8\nleft = true\n").unwrap();
        assert_eq!(people.clone().look_again(), Ok(true));
        assert_eq!((names(), people.of_uid(8)), (vec!["ana".to_owned()], None));
        // Whoever has left stays away, whatever an identity provider says of them.
        let admitting = people.clone().admitting(true);
        admitting.signed_in(&"bo".parse().unwrap(), &["lead".parse().unwrap()]);
        assert_eq!(admitting.everybody().len(), 1);
        // A file that makes no sense changes nothing.
        for broken in ["[[person]]\nname = \"ana\"\n", "person = 1", "[[person]]\nname = \"b c\"\n"] {
            std::fs::write(&file, broken).unwrap();
            assert!(people.look_again().is_err() && names() == ["ana"], "{broken}");
        }
    }

    #[test]
    fn a_name_in_a_file_is_the_files_and_the_directory_knows_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let entry = |lines: &str| toml::from_str::<PersonEntry>(lines).unwrap();
        let ana = "name = \"ana\"\ngroups = [\"staff\"]\nemail = \"ana@corp.example\"";
        let gone = "name = \"gus\"\nleft = true";
        let people = People::resolve(folder.path(), vec![entry(ana), entry(gone)]).unwrap().admitting(true);
        let here = |name: &str, group: &str| Provisioned {
            person: Person { name: name.parse().unwrap(), groups: vec![group.parse().unwrap()] },
            email: Some(format!("{}@corp.example", name.to_lowercase())),
        };
        for name in ["bo", "zoe"] {
            people.signed_in(&name.parse().unwrap(), &["old".parse().unwrap()]);
        }
        people.provision(vec![here("Ana", "admins"), here("bo", "lead"), here("gus", "lead")], &[]);
        let shown = || {
            let shown = |person: Arc<Person>| format!("{} {:?}", person.name, person.groups);
            people.everybody().into_iter().map(shown).collect::<Vec<_>>()
        };
        assert_eq!(shown(), ["ana [staff]", "bo [lead]", "zoe [old]"]);
        let known = |address: &str| people.known_as(&EventPrincipal::Email(address.to_owned()));
        assert_eq!(known("bo@corp.example").unwrap().as_str(), "bo");
        assert_eq!(known("ana@corp.example").unwrap().as_str(), "ana");
        // Whoever has left is gone, whether they signed in or not; whoever the file names is not.
        people.provision(vec![], &["bo".parse().unwrap(), "zoe".parse().unwrap(), "ana".parse().unwrap()]);
        assert_eq!(shown(), ["ana [staff]"]);
        people.signed_in(&"bo".parse().unwrap(), &[]);
        assert_eq!((shown(), people.person(&"bo".parse().unwrap())), (vec!["ana [staff]".to_owned()], None));
        // A broken file keeps nobody here.
        people.provision(vec![here("bo", "lead")], &[]);
        std::fs::write(folder.path().join("people.toml"), "person = 1").unwrap();
        assert!(people.look_again().is_err());
        people.provision(vec![], &["bo".parse().unwrap()]);
        assert_eq!(shown(), ["ana [staff]"]);
    }

    #[test]
    fn an_identity_provider_adds_groups_and_people_only_where_it_may() {
        let folder = tempfile::tempdir().unwrap();
        let ana = toml::from_str::<PersonEntry>("name = \"ana\"\ngroups = [\"staff\"]").unwrap();
        let people = People::resolve(folder.path(), vec![ana]).unwrap();
        let groups = |people: &People, name: &str| {
            let person = people.person(&name.parse().unwrap());
            person.map(|person| person.groups.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        let said = ["staff".parse().unwrap(), "lead".parse().unwrap()];
        for name in ["ana", "zoe"] {
            people.signed_in(&name.parse().unwrap(), &said);
        }
        assert_eq!(groups(&people, "ana"), Some(vec!["staff".to_owned(), "lead".to_owned()]));
        assert_eq!(groups(&people, "zoe"), None);
        people.signed_in(&"ana".parse().unwrap(), &[]);
        assert_eq!(groups(&people, "ana"), Some(vec!["staff".to_owned()]));
        let people = people.admitting(true);
        assert_eq!(people.look_again(), Ok(true));
        assert_eq!(groups(&people, "zoe"), Some(vec!["staff".to_owned(), "lead".to_owned()]));
    }
}
