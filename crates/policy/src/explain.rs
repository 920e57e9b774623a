//! Why a request is decided as it is: the decision, and what each policy said of it, with places in the source.
//! The decision is the one that [`Snapshot::decide`] gives; the accounts explain it and never make one.

use std::sync::Arc;

use cedar_policy_core::ast::Entity;
use placet_domain::{AccessRequest, Decision, PolicyId};

use crate::evaluate::Trial;
use crate::prepare::Prepared;
use crate::rule::{Class, Rule};
use crate::workbench::{RuleClass, RuleText};
use crate::{Snapshot, Workbench};

/// A decision and what the policies said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The decision.
    pub decision: Decision,
    /// What each policy that is about the action said, in order of file and place. Empty if nothing could be judged.
    pub accounts: Vec<Account>,
}

/// What one policy said of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its `@id`.
    pub policy: PolicyId,
    /// What it is for.
    pub class: RuleClass,
    /// Its file.
    pub file: String,
    /// Its first line, from 1.
    pub line: usize,
    /// Whom it judged: the agent, or the person acted for.
    pub judged: Judged,
    /// What came of it.
    pub found: Found,
    /// Parts of its scope that do not fit the request.
    pub misfits: Vec<String>,
    /// The parts of its condition that were asked, in order.
    pub answers: Vec<Answer>,
    /// Place among the rules, and the smallest questions that were asked, for coverage.
    pub(crate) place: usize,
    pub(crate) atoms: Vec<(usize, bool)>,
}

/// Whose pass it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// The agent.
    Agent,
    /// The person acted for.
    User,
}

/// What came of one policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Its scope fits and its condition is true.
    Holds,
    /// Its condition is false.
    Fails,
    /// Its condition could not be evaluated.
    Errs(String),
    /// Its scope does not fit.
    OutOfScope,
    /// Its `@expires` has passed.
    Expired,
}

/// One part of a condition and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The part, as written, on one line.
    pub text: String,
    /// Its line, from 1.
    pub line: usize,
    /// Its truth, or why it has none.
    pub truth: Result<bool, String>,
    /// What it reads, and the values here; `absent` if there is none.
    pub values: Vec<(String, String)>,
}

impl Workbench {
    /// Judges a request and tells what each policy said.
    #[must_use]
    pub fn explain(&self, request: &AccessRequest) -> Explanation {
        let snapshot = self.snapshot();
        let decision = snapshot.decide(request);
        let action = snapshot.model.action(request.call.connector(), request.call.operation());
        let prepared = action.and_then(|action| snapshot.prepare(action, request).ok());
        let accounts = prepared.map(|prepared| self.accounts(&prepared, request)).unwrap_or_default();
        Explanation { decision, accounts }
    }

    fn accounts(&self, prepared: &Prepared<'_>, request: &AccessRequest) -> Vec<Account> {
        let mut passes = vec![(Judged::Agent, &prepared.agent)];
        passes.extend(prepared.user.iter().map(|user| (Judged::User, user)));
        let mut accounts = Vec::new();
        for (judged, principal) in passes {
            let trial = Trial::new(
                principal.uid(),
                prepared.action.entity.uid(),
                prepared.resource.uid(),
                &prepared.context,
                &prepared.entities,
            );
            for (place, rule, text) in self.rules().filter(|(_, _, text)| text.covers(prepared.action)) {
                if counts(self.snapshot(), judged, &rule.class) {
                    let scene = Scene { judged, principal, prepared, trial: &trial };
                    accounts.push(scene.account(place, rule, text, request));
                }
            }
        }
        accounts
    }
}

/// A grant for the person counts only where the configuration asks for one.
fn counts(snapshot: &Snapshot, judged: Judged, class: &Class) -> bool {
    match judged {
        Judged::Agent => true,
        Judged::User => snapshot.require_user_grants || !matches!(class, Class::Grant { .. }),
    }
}

/// One pass over one request.
struct Scene<'a> {
    judged: Judged,
    principal: &'a Arc<Entity>,
    prepared: &'a Prepared<'a>,
    trial: &'a Trial<'a>,
}

impl Scene<'_> {
    fn account(&self, place: usize, rule: &Rule, text: &RuleText, request: &AccessRequest) -> Account {
        let fits_resource = rule.resource.matches(&self.prepared.resource);
        let mut misfits = Vec::new();
        if !rule.principal.matches(self.principal) {
            misfits.push(format!("{} (it is {})", text.principal, self.principal.uid()));
        }
        if !fits_resource {
            misfits.push(format!("{} (it is {})", text.resource, self.prepared.resource.uid()));
        }
        // Another kind of resource has other attributes: there is nothing to ask.
        let hearing = if fits_resource { text.condition.hear(self.trial) } else { Default::default() };
        let answers = hearing.conjuncts.iter().filter_map(|(conjunct, truth)| {
            let words = &text.condition.conjuncts.get(*conjunct)?.words;
            let values = text.condition.values(*conjunct, self.trial);
            Some(Answer { text: words.text.clone(), line: words.line, truth: truth.clone(), values })
        });
        let found = match hearing.result() {
            _ if !misfits.is_empty() => Found::OutOfScope,
            _ if !rule.is_in_force(request.now) => Found::Expired,
            Ok(true) => Found::Holds,
            Ok(false) => Found::Fails,
            Err(why) => Found::Errs(why),
        };
        Account {
            policy: rule.id.clone(),
            class: RuleClass::of(&rule.class),
            file: text.file.clone(),
            line: text.line,
            judged: self.judged,
            found,
            misfits,
            answers: answers.collect(),
            place,
            atoms: hearing.atoms,
        }
    }
}

impl Explanation {
    /// The policies that decided: those that the decision names.
    pub fn deciding(&self) -> impl Iterator<Item = &Account> {
        let named = |account: &&Account| {
            self.decision.reasons.iter().any(|reason| reason.policy == account.policy)
                && matches!(account.found, Found::Holds | Found::Errs(_))
        };
        self.accounts.iter().filter(named)
    }

    /// Grants that would have had to hold, those that miss least first.
    #[must_use]
    pub fn nearest_grants(&self, most: usize) -> Vec<&Account> {
        let missing =
            |account: &&Account| account.class == RuleClass::Grant && !matches!(account.found, Found::Holds);
        let mut grants: Vec<&Account> = self.accounts.iter().filter(missing).collect();
        grants.sort_by_key(|account| {
            let asked = account.answers.iter().filter(|answer| answer.truth == Ok(true)).count();
            (account.misfits.len(), usize::from(account.found == Found::Expired), usize::MAX - asked)
        });
        grants.truncate(most);
        grants
    }
}

impl Account {
    /// The first part of the condition that is not true.
    #[must_use]
    pub fn first_false(&self) -> Option<&Answer> {
        self.answers.iter().find(|answer| answer.truth != Ok(true))
    }
}

impl Judged {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::User => "user",
        }
    }
}

#[cfg(test)]
mod tests;
