//! A snapshot together with the texts it was made of: what tests, coverage and explanations need besides decisions.
//! Not for the data path: a decision never tells places in the source.

use cedar_policy::ActionConstraint;
use placet_domain::PolicyId;

use crate::condition::Condition;
use crate::load::{Loader, on_a_stack_of_its_own};
use crate::model::{APPROVE, GRANT};
use crate::parsed;
use crate::position::Lines;
use crate::rule::{Class, Rule};
use crate::{LoadErrors, PolicyConfig, PolicySource, Snapshot};

/// A loaded policy set that can say why it decides as it does.
#[derive(Debug)]
pub struct Workbench {
    snapshot: Snapshot,
    /// In the order of the snapshot's rules.
    texts: Vec<RuleText>,
}

/// What a policy is for: see `docs/policies.md`, "Three kinds".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RuleClass {
    /// Permits.
    Grant,
    /// Forbids.
    Veto,
    /// Forbids until a person lifts it.
    Gate,
    /// Forbids unless something is done with the call.
    Duty,
    /// Forbids unless a counter has room for the call.
    Limit,
}

/// One policy and where it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyPlace {
    /// Its `@id`.
    pub policy: PolicyId,
    /// What it is for.
    pub class: RuleClass,
    /// Its file.
    pub file: String,
    /// Its first line, from 1.
    pub line: usize,
}

/// What the snapshot does not keep of a policy.
#[derive(Debug)]
pub(crate) struct RuleText {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) principal: String,
    pub(crate) resource: String,
    /// Names of actions and groups; `None` is any.
    pub(crate) actions: Option<Vec<String>>,
    pub(crate) condition: Condition,
    /// Everything it says, whatever its layout.
    meaning: String,
}

impl Workbench {
    /// Loads a set as [`Snapshot::load`] does.
    ///
    /// # Errors
    /// Every finding.
    pub fn load(sources: &[PolicySource], config: &PolicyConfig) -> Result<Self, LoadErrors> {
        let snapshot = Snapshot::load(sources, config)?;
        let texts = on_a_stack_of_its_own(|| Ok(read_texts(sources)))?;
        Ok(Self { snapshot, texts })
    }

    /// What decides.
    #[must_use]
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Every policy, in order of file and place.
    pub fn policies(&self) -> impl Iterator<Item = PolicyPlace> + '_ {
        self.rules().map(|(_, rule, text)| PolicyPlace {
            policy: rule.id.clone(),
            class: RuleClass::of(&rule.class),
            file: text.file.clone(),
            line: text.line,
        })
    }

    /// Every policy with all that it says, in a form that does not depend on its layout.
    pub fn meanings(&self) -> impl Iterator<Item = (&PolicyId, &str)> {
        self.rules().map(|(_, rule, text)| (&rule.id, text.meaning.as_str()))
    }

    pub(crate) fn rules(&self) -> impl Iterator<Item = (usize, &Rule, &RuleText)> {
        self.snapshot
            .rules
            .iter()
            .zip(&self.texts)
            .enumerate()
            .map(|(place, (rule, text))| (place, rule, text))
    }
}

impl RuleClass {
    pub(crate) fn of(class: &Class) -> Self {
        match class {
            Class::Grant { .. } => Self::Grant,
            Class::Veto => Self::Veto,
            Class::Gate(_) => Self::Gate,
            Class::Duty(_) => Self::Duty,
            Class::Limit(_) => Self::Limit,
        }
    }

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Veto => "veto",
            Self::Gate => "gate",
            Self::Duty => "duty",
            Self::Limit => "limit",
        }
    }
}

impl RuleText {
    /// Whether the scope names this action or one of its groups.
    pub(crate) fn covers(&self, action: &crate::model::Action) -> bool {
        let named = |name: &String| *name == action.name || action.groups.contains(name);
        self.actions.as_ref().is_none_or(|names| names.iter().any(named))
    }

    /// Whether it can be about a call, and not only about answering an approval or giving a grant.
    pub(crate) fn is_of_calls(&self) -> bool {
        let is_call = |name: &String| ![APPROVE, GRANT].contains(&name.as_str());
        self.actions.as_ref().is_none_or(|names| names.iter().any(is_call))
    }
}

/// Reads the texts again, places included. They have been accepted once.
fn read_texts(sources: &[PolicySource]) -> Vec<RuleText> {
    let mut loader = Loader::default();
    // A policy that is only tried is no part of what decides.
    let read = loader.read_all(sources).into_iter().filter(|one| !one.rule.shadow);
    let text = |one: crate::load::Read| {
        let (file, line) = loader.origin(&one.rule.id).unwrap_or_default();
        let source = sources.iter().find(|source| source.name == file);
        let lines = Lines::of(source.map_or("", |source| source.text.as_str()));
        let policy: &cedar_policy_core::ast::Policy = one.policy.as_ref();
        RuleText {
            file: file.to_owned(),
            line,
            principal: policy.principal_constraint().to_string(),
            resource: policy.resource_constraint().to_string(),
            actions: match one.policy.action_constraint() {
                ActionConstraint::Any => None,
                ActionConstraint::Eq(uid) => Some(vec![uid.id().unescaped().to_owned()]),
                ActionConstraint::In(uids) => {
                    Some(uids.iter().map(|uid| uid.id().unescaped().to_owned()).collect())
                }
            },
            meaning: parsed::to_json(&one.policy).map(|json| json.to_string()).unwrap_or_default(),
            condition: Condition::of(policy.non_scope_constraints(), &lines, line),
        }
    };
    let read: Vec<crate::load::Read> = read.collect();
    read.into_iter().map(text).collect()
}
