//! People: owners, approvers, those on whose behalf an agent acts.

use crate::{GroupName, PersonName};

/// A person declared by the operator. Nobody becomes one by naming themselves in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Unique name.
    pub name: PersonName,
    /// Groups this person belongs to: parents in Cedar.
    pub groups: Vec<GroupName>,
}
