//! One immutable state of the policies: what the engine holds in an `Arc` and swaps as a whole.

use placet_domain::PolicyRevision;

use crate::index::Index;
use crate::mentions::Mentions;
use crate::model::Model;
use crate::moment::Constructors;
use crate::rule::Rule;
use crate::{Finding, GrantRules, LoadErrors, PolicyConfig, PolicySource};

/// A loaded and checked policy set together with the actions it speaks of. It never changes.
#[derive(Debug)]
pub struct Snapshot {
    pub(crate) model: Model,
    pub(crate) rules: Vec<Rule>,
    pub(crate) index: Index,
    /// Policies that can apply to `approve`, in order.
    pub(crate) approving: Vec<u32>,
    /// Policies that can apply to `grant`, in order, and whether they name it.
    pub(crate) granting: Vec<(u32, bool)>,
    pub(crate) grants: GrantRules,
    pub(crate) mentions: Mentions,
    pub(crate) constructors: Constructors,
    pub(crate) require_user_grants: bool,
    pub(crate) revision: PolicyRevision,
    pub(crate) schema: String,
    pub(crate) warnings: Vec<Finding>,
    /// The same set as if its shadow policies counted, if it has any.
    pub(crate) rehearsal: Option<Box<Snapshot>>,
}

impl Snapshot {
    /// Loads policies against the actions that the configuration and the pinned tools make.
    ///
    /// # Errors
    /// Every finding of parser, lint and strict validation; a rule that can never fire is one.
    pub fn load(sources: &[PolicySource], config: &PolicyConfig) -> Result<Self, LoadErrors> {
        crate::load::load(sources, config, Mentions::default())
    }

    /// A snapshot without policies: it denies everything, also when the configuration has faults, which are its
    /// warnings.
    #[must_use]
    pub fn empty(config: &PolicyConfig) -> Self {
        crate::load::empty(config)
    }

    /// The name of this content: a digest over the sources and the configuration.
    #[must_use]
    pub fn revision(&self) -> PolicyRevision {
        self.revision
    }

    /// The generated Cedar schema, for people and their editors.
    #[must_use]
    pub fn schema_text(&self) -> &str {
        &self.schema
    }

    /// What is odd but no reason to refuse the set.
    #[must_use]
    pub fn warnings(&self) -> &[Finding] {
        &self.warnings
    }

    /// The same set as if its `@mode("shadow")` policies counted; `None` if it has none. It decides about nothing.
    #[must_use]
    pub fn rehearsal(&self) -> Option<&Self> {
        self.rehearsal.as_deref()
    }

    /// The policies in force that decide about calls: all but those about `approve` alone.
    pub fn deciding(&self) -> impl Iterator<Item = &placet_domain::PolicyId> {
        self.rules.iter().filter(|rule| rule.of_calls).map(|rule| &rule.id)
    }

    /// How many policies are in force.
    #[must_use]
    pub fn policy_count(&self) -> usize {
        self.rules.len()
    }
}
