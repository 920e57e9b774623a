//! What a mandate or a token narrows an instance to: connectors, tools, resources. It never widens: the effective
//! right is policy ∩ scope. The text form is an OAuth `scope` (RFC 6749 section 3.3); see `scope/entry.rs`.

mod entry;

use std::{collections::BTreeSet, fmt, str::FromStr};

use placet_domain::{ConnectorName, Operation, Resource};

use crate::limits;
use entry::Entry;

/// A set of permitted connectors, tools and resources. An empty one permits nothing.
///
/// | Token | Permits |
/// |---|---|
/// | `*` | everything |
/// | `crm` | everything at connector `crm` |
/// | `crm.get_deal` | one tool (or MCP method) there, on whatever it acts |
/// | `crm.get_deal:Deal/D-1` | that tool on that resource alone |
/// | `crm.get_deal:Deal/EU-*` | that tool on resources of that kind whose id begins so |
/// | `crm.*:Deal/D-1` | every tool there that acts on that resource |
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Scope(BTreeSet<Entry>);

/// Why a text is not a scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseScopeError {
    /// No token at all: leave the scope out to ask for what the mandate has.
    #[error("a scope names at least one connector")]
    Empty,
    /// A token that is not of the form.
    #[error("`{token}` is not `connector`, `connector.tool` or `connector.tool:Kind/id`: {why}")]
    Token {
        /// The token.
        token: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// More than a token can carry.
    #[error("a scope has at most {} tokens in {} bytes", limits::SCOPE_ENTRIES, limits::SCOPE_BYTES)]
    Size,
}

impl Scope {
    /// The scope that narrows nothing.
    #[must_use]
    pub fn everything() -> Self {
        Self(BTreeSet::from([Entry::default()]))
    }

    /// The scope that permits nothing.
    #[must_use]
    pub fn nothing() -> Self {
        Self::default()
    }

    /// Whether nothing is permitted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a call is within the scope. Where an entry names resources, a call that acts on none is not.
    #[must_use]
    pub fn permits(
        &self,
        connector: &ConnectorName,
        operation: &Operation,
        resource: Option<&Resource>,
    ) -> bool {
        self.0.iter().any(|entry| entry.permits(connector.as_str(), operation.name(), resource))
    }

    /// Whether some call of this tool could be within the scope: what an agent may be shown.
    #[must_use]
    pub fn may_permit(&self, connector: &ConnectorName, operation: &Operation) -> bool {
        self.0.iter().any(|entry| entry.may_permit(connector.as_str(), operation.name()))
    }

    /// Whether its text can be parsed again: what both of two scopes permit can be longer than either.
    pub(crate) fn is_writable(&self) -> bool {
        self.0.len() <= limits::SCOPE_ENTRIES && self.to_string().len() <= limits::SCOPE_BYTES
    }

    /// What both permit. It can be empty.
    #[must_use]
    pub fn narrow(&self, other: &Self) -> Self {
        self.0.iter().flat_map(|one| other.0.iter().filter_map(|two| one.meet(two))).collect()
    }

    /// Whether everything this permits is permitted by `other`.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.iter().all(|one| other.0.iter().any(|two| one.is_within(two)))
    }
}

/// Keeps the widest entries only, so that equal scopes of one set of entries are written alike.
impl FromIterator<Entry> for Scope {
    fn from_iter<I: IntoIterator<Item = Entry>>(entries: I) -> Self {
        let all: BTreeSet<Entry> = entries.into_iter().collect();
        let widest = |one: &&Entry| !all.iter().any(|other| *other != **one && one.is_within(other));
        Self(all.iter().filter(widest).cloned().collect())
    }
}

impl FromStr for Scope {
    type Err = ParseScopeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > limits::SCOPE_BYTES {
            return Err(ParseScopeError::Size);
        }
        if text.is_empty() {
            return Err(ParseScopeError::Empty);
        }
        // One space between tokens (RFC 6749 section 3.3): an empty token is an error, not a separator.
        let entries = text
            .split(' ')
            .map(|token| {
                Entry::parse(token).map_err(|why| ParseScopeError::Token { token: token.to_owned(), why })
            })
            .collect::<Result<Vec<_>, _>>()?;
        if entries.len() > limits::SCOPE_ENTRIES {
            return Err(ParseScopeError::Size);
        }
        Ok(entries.into_iter().collect())
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(place, entry)| {
            let space = if place == 0 { "" } else { " " };
            write!(formatter, "{space}{entry}")
        })
    }
}

#[cfg(test)]
mod tests;
