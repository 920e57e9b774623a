//! People of the world, and what they were told.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use placet_domain::{Approval, Person, PersonName};
use placet_engine::ports::{Notifier, People};

/// A directory that tests write.
#[derive(Debug, Default)]
pub struct FakePeople(Mutex<HashMap<PersonName, Arc<Person>>>);

impl FakePeople {
    /// Adds or replaces a person.
    pub fn add(&self, name: &str, groups: &[&str]) {
        let name: PersonName = name.parse().unwrap();
        let groups = groups.iter().map(|group| group.parse().unwrap()).collect();
        self.0.lock().insert(name.clone(), Arc::new(Person { name, groups }));
    }
}

impl People for FakePeople {
    fn person(&self, name: &PersonName) -> Option<Arc<Person>> {
        self.0.lock().get(name).cloned()
    }
}

/// Remembers which questions people were told of.
#[derive(Debug, Default)]
pub struct FakeNotifier(Mutex<Vec<Approval>>);

impl FakeNotifier {
    /// The questions, in order.
    #[must_use]
    pub fn told(&self) -> Vec<Approval> {
        self.0.lock().clone()
    }
}

impl Notifier for FakeNotifier {
    fn asked(&self, approval: &Approval) {
        self.0.lock().push(approval.clone());
    }
}
