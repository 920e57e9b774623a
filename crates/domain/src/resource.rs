//! What a call acts on, and the facts about it that were fetched before judging.

use crate::{Object, Timestamp};

/// The object a call acts on: a Cedar entity type and id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Resource {
    /// Cedar entity type, for example `Deal`.
    pub kind: String,
    /// Entity id, bound from an argument.
    pub id: String,
}

impl std::fmt::Display for Resource {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}::{:?}", self.kind, self.id)
    }
}

/// Attributes of a resource, looked up with a read tool of its own connector, never the agent's word.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceFacts {
    /// Attribute values as the resolver returned them.
    pub attributes: Object,
    /// When they were fetched.
    pub fetched: Timestamp,
}
