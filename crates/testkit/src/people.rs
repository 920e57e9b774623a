//! People of the world, and what they were told.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use placet_domain::{Approval, Grant, Person, PersonName};
use placet_engine::{
    LifeNotice,
    ports::{Notifier, People, Provisioned},
};
use placet_identity::EventPrincipal;

/// People whom tests declare, and those of the company's directory.
#[derive(Debug, Default)]
pub struct FakePeople {
    declared: Mutex<HashMap<PersonName, Arc<Person>>>,
    provisioned: Mutex<HashMap<PersonName, Arc<Person>>>,
}

impl FakePeople {
    /// Adds or replaces a person.
    pub fn add(&self, name: &str, groups: &[&str]) {
        let name: PersonName = name.parse().unwrap();
        let groups = groups.iter().map(|group| group.parse().unwrap()).collect();
        self.declared.lock().insert(name.clone(), Arc::new(Person { name, groups }));
    }

    /// Takes a person out: they have left.
    pub fn leave(&self, name: &str) {
        self.declared.lock().remove(&name.parse::<PersonName>().unwrap());
    }
}

impl People for FakePeople {
    fn person(&self, name: &PersonName) -> Option<Arc<Person>> {
        let declared = self.declared.lock().get(name).cloned();
        declared.or_else(|| self.provisioned.lock().get(name).cloned())
    }

    /// Everybody is known by an address at `example.com`.
    fn known_as(&self, principal: &EventPrincipal) -> Option<PersonName> {
        match principal {
            EventPrincipal::Email(address) => address.strip_suffix("@example.com")?.parse().ok(),
            EventPrincipal::IssuerSubject { .. } | EventPrincipal::Opaque(_) => None,
        }
    }

    fn provision(&self, here: Vec<Provisioned>, _left: &[PersonName]) {
        *self.provisioned.lock() =
            here.into_iter().map(|one| (one.person.name.clone(), Arc::new(one.person))).collect();
    }

    fn everybody(&self) -> Vec<Arc<Person>> {
        let declared = self.declared.lock();
        let mut all: Vec<_> = declared.values().cloned().collect();
        let provisioned = self.provisioned.lock();
        all.extend(provisioned.values().filter(|person| !declared.contains_key(&person.name)).cloned());
        all.sort_by(|left, right| left.name.cmp(&right.name));
        all
    }
}

/// Remembers what people were told of.
#[derive(Debug, Default)]
pub struct FakeNotifier {
    asked: Mutex<Vec<Approval>>,
    grants: Mutex<Vec<Grant>>,
    life: Mutex<Vec<LifeNotice>>,
}

impl FakeNotifier {
    /// The questions, in order.
    #[must_use]
    pub fn told(&self) -> Vec<Approval> {
        self.asked.lock().clone()
    }

    /// The grants that wait for a person, in order.
    #[must_use]
    pub fn grants(&self) -> Vec<Grant> {
        self.grants.lock().clone()
    }

    /// The notices about agents, in order.
    #[must_use]
    pub fn notices(&self) -> Vec<LifeNotice> {
        self.life.lock().clone()
    }
}

impl Notifier for FakeNotifier {
    fn asked(&self, approval: &Approval) {
        self.asked.lock().push(approval.clone());
    }

    fn grant_asked(&self, grant: &Grant) {
        self.grants.lock().push(grant.clone());
    }

    fn life(&self, notice: &LifeNotice) {
        self.life.lock().push(notice.clone());
    }
}
