//! Invariants, `policies/invariants/*.cedar`: each `permit` describes calls that must never come about, and
//! `@never` says what must not happen to them. The format is in `docs/policies/working.md`.

use cedar_policy::{Effect, Policy, PolicyId, PolicySet, ValidationMode, Validator};
use placet_policy::{Finding, LoadErrors, PolicySource};

use crate::Rules;

/// What must not happen to the calls that an invariant describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Never {
    /// They must not be allowed, approved or not.
    Reached,
    /// They must not be allowed without a person.
    Alone,
}

/// A property that has to hold of a policy set.
#[derive(Debug, Clone)]
pub struct Invariant {
    /// Its `@id`.
    pub id: String,
    /// Its `@reason`, if it has one.
    pub reason: Option<String>,
    /// What must not happen.
    pub never: Never,
    /// Its file.
    pub file: String,
    /// Its line, from 1.
    pub line: usize,
    pub(crate) policy: Policy,
}

impl Invariant {
    /// Reads invariants against the tools that the rules speak of.
    ///
    /// # Errors
    /// Every finding: one that means nothing must not be taken for one that holds.
    pub fn read(sources: &[PolicySource], rules: &Rules) -> Result<Vec<Self>, LoadErrors> {
        let (mut all, mut findings): (Vec<Self>, Vec<Finding>) = (Vec::new(), Vec::new());
        for source in sources {
            let set: PolicySet = match source.text.parse() {
                Ok(set) => set,
                Err(error) => {
                    findings.push(finding(&source.name, None, None, error.to_string()));
                    continue;
                }
            };
            for policy in set.policies() {
                let line = line_of(policy, &source.text);
                match read(policy, &source.name, line) {
                    Ok(one) if all.iter().any(|other| other.id == one.id) => {
                        findings.push(finding(
                            &source.name,
                            Some(line),
                            Some(&one.id),
                            "another invariant has this `@id`".to_owned(),
                        ));
                    }
                    Ok(one) => all.push(one),
                    Err(message) => {
                        findings.push(finding(&source.name, Some(line), policy.annotation("id"), message));
                    }
                }
            }
        }
        validate(&all, rules, &mut findings);
        if !findings.is_empty() {
            findings.sort_by(|left, right| (&left.file, left.line).cmp(&(&right.file, right.line)));
            return Err(LoadErrors { findings });
        }
        all.sort_by(|left, right| (&left.file, left.line).cmp(&(&right.file, right.line)));
        Ok(all)
    }
}

impl Never {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reached => "reached",
            Self::Alone => "alone",
        }
    }
}

fn read(policy: &Policy, file: &str, line: usize) -> Result<Invariant, String> {
    let id = policy.annotation("id").filter(|id| !id.is_empty()).ok_or("the invariant has no `@id`")?;
    if policy.effect() != Effect::Permit {
        return Err("an invariant is a `permit` that describes the calls in question".to_owned());
    }
    if let Some((key, _)) = policy.annotations().find(|(key, _)| !["id", "reason", "never"].contains(key)) {
        return Err(format!("unknown annotation `@{key}`; use `id`, `reason` and `never`"));
    }
    let never = match policy.annotation("never") {
        Some("reached") => Never::Reached,
        Some("alone") => Never::Alone,
        Some(other) => return Err(format!("`@never(\"{other}\")`: use `reached` or `alone`")),
        None => return Err("the invariant has no `@never`: `reached` or `alone`".to_owned()),
    };
    Ok(Invariant {
        id: id.to_owned(),
        reason: policy.annotation("reason").map(str::to_owned),
        never,
        file: file.to_owned(),
        line,
        policy: policy.new_id(PolicyId::new(id)),
    })
}

fn validate(all: &[Invariant], rules: &Rules, findings: &mut Vec<Finding>) {
    let Ok(set) = PolicySet::from_policies(all.iter().map(|one| one.policy.clone())) else { return };
    let result = Validator::new(rules.schema.clone()).validate(&set, ValidationMode::Strict);
    for error in result.validation_errors() {
        let id: &str = error.policy_id().as_ref();
        let Some(of) = all.iter().find(|one| one.id == id) else { continue };
        findings.push(finding(&of.file, Some(of.line), Some(id), error.to_string()));
    }
}

fn finding(file: &str, line: Option<usize>, policy: Option<&str>, message: String) -> Finding {
    Finding {
        file: file.to_owned(),
        line,
        column: None,
        policy: policy.map(str::to_owned),
        message,
        help: None,
    }
}

/// The line on which a policy's `@id` stands: the public interface of Cedar tells no places.
fn line_of(policy: &Policy, text: &str) -> usize {
    let wanted = policy.annotation("id").map(|id| format!("@id(\"{id}\")"));
    let place = wanted.and_then(|wanted| text.find(&wanted)).unwrap_or(0);
    text.get(..place).unwrap_or_default().matches('\n').count() + 1
}
