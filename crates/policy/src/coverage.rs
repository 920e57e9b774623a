//! What a set of requests has tried of a policy set: each policy held and did not hold, each question in its condition
//! was true and was false. Only requests that a policy's scope fits count.

use crate::Workbench;
use crate::explain::{Explanation, Found};
use crate::workbench::PolicyPlace;

/// What was tried, policy by policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// In order of file and place. Policies about approvals alone are not here: calls do not try them.
    pub policies: Vec<PolicyCoverage>,
    places: Vec<usize>,
}

/// What was tried of one policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyCoverage {
    /// The policy.
    pub place: PolicyPlace,
    /// How many requests its scope fitted.
    pub judged: usize,
    /// How often it held.
    pub held: usize,
    /// The questions of its condition.
    pub conditions: Vec<ConditionCoverage>,
}

/// What was tried of one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionCoverage {
    /// The question, as written.
    pub text: String,
    /// Its line, from 1.
    pub line: usize,
    /// How often it was true.
    pub seen_true: usize,
    /// How often it was false.
    pub seen_false: usize,
}

impl Coverage {
    /// Nothing tried yet.
    #[must_use]
    pub fn of(workbench: &Workbench) -> Self {
        let (mut policies, mut places) = (Vec::new(), Vec::new());
        for ((place, _, text), named) in workbench.rules().zip(workbench.policies()) {
            if !text.is_of_calls() {
                continue;
            }
            let conditions = text.condition.atoms.iter().map(|atom| ConditionCoverage {
                text: atom.words.text.clone(),
                line: atom.words.line,
                seen_true: 0,
                seen_false: 0,
            });
            policies.push(PolicyCoverage {
                place: named,
                judged: 0,
                held: 0,
                conditions: conditions.collect(),
            });
            places.push(place);
        }
        Self { policies, places }
    }

    /// Counts what one request tried.
    pub fn add(&mut self, explanation: &Explanation) {
        for account in &explanation.accounts {
            if matches!(account.found, Found::OutOfScope | Found::Expired) {
                continue;
            }
            let place = self.places.binary_search(&account.place).ok();
            let Some(policy) = place.and_then(|place| self.policies.get_mut(place)) else { continue };
            policy.judged += 1;
            policy.held += usize::from(account.found == Found::Holds);
            for (atom, truth) in &account.atoms {
                if let Some(condition) = policy.conditions.get_mut(*atom) {
                    let seen = if *truth { &mut condition.seen_true } else { &mut condition.seen_false };
                    *seen += 1;
                }
            }
        }
    }

    /// What has been tried of what there is to try: each policy once held, each question once true and once false.
    #[must_use]
    pub fn tried(&self) -> (usize, usize) {
        self.policies
            .iter()
            .map(PolicyCoverage::tried)
            .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }

    /// The same in percent, rounded down. An empty set is covered.
    #[must_use]
    pub fn percent(&self) -> usize {
        let (tried, all) = self.tried();
        (tried * 100).checked_div(all).unwrap_or(100)
    }
}

impl PolicyCoverage {
    /// What has been tried of this policy, and what there is to try.
    #[must_use]
    pub fn tried(&self) -> (usize, usize) {
        let once = |count: usize| usize::from(count > 0);
        let conditions = self.conditions.iter();
        let seen: usize = conditions.map(|one| once(one.seen_true) + once(one.seen_false)).sum();
        (once(self.held) + seen, 1 + 2 * self.conditions.len())
    }

    /// What is missing, in words, each with its line.
    #[must_use]
    pub fn missing(&self) -> Vec<(usize, String)> {
        let mut missing = Vec::new();
        if self.judged == 0 {
            missing.push((self.place.line, "no test fits its scope".to_owned()));
            return missing;
        }
        if self.held == 0 {
            missing.push((self.place.line, "it never held".to_owned()));
        }
        for condition in &self.conditions {
            for (count, word) in [(condition.seen_true, "true"), (condition.seen_false, "false")] {
                if count == 0 {
                    missing.push((condition.line, format!("never {word}: {}", condition.text)));
                }
            }
        }
        missing
    }
}
