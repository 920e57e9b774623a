//! A policy set as the solver takes it: grants and vetoes, and the gates beside them.

use cedar_policy::{Policy, PolicyId, PolicySet, RequestEnv, Schema};
use placet_policy::{LoadErrors, PolicyConfig, PolicyPlace, PolicySource, RuleClass, Workbench};

/// A loaded policy set, ready to be asked about.
#[derive(Debug)]
pub struct Rules {
    pub(crate) workbench: Workbench,
    pub(crate) config: PolicyConfig,
    pub(crate) schema: Schema,
    pub(crate) policies: Vec<(PolicyPlace, Policy)>,
}

impl Rules {
    /// Loads a set as the gateway does.
    ///
    /// # Errors
    /// Every finding of the loader.
    pub fn load(sources: &[PolicySource], config: &PolicyConfig) -> Result<Self, LoadErrors> {
        let workbench = Workbench::load(sources, config)?;
        let (schema, _) = Schema::from_cedarschema_str(workbench.snapshot().schema_text())
            .map_err(|error| LoadErrors::from(error.to_string()))?;
        let mut policies = Vec::new();
        for source in sources {
            let set: PolicySet = source
                .text
                .parse()
                .map_err(|error: cedar_policy::ParseErrors| LoadErrors::from(error.to_string()))?;
            for policy in set.policies() {
                let id = policy.annotation("id").unwrap_or_default();
                if let Some(place) = workbench.policies().find(|place| place.policy.as_str() == id) {
                    policies.push((place, policy.new_id(PolicyId::new(id))));
                }
            }
        }
        policies.sort_by(|(left, _), (right, _)| (&left.file, left.line).cmp(&(&right.file, right.line)));
        Ok(Self { workbench, config: config.clone(), schema, policies })
    }

    /// The set as it decides.
    #[must_use]
    pub fn workbench(&self) -> &Workbench {
        &self.workbench
    }

    /// What can be reached at all, approvals included: grants and vetoes.
    pub(crate) fn reach(&self) -> PolicySet {
        self.set(&[RuleClass::Grant, RuleClass::Veto])
    }

    /// What needs no person: the same under the approval gates.
    pub(crate) fn alone(&self) -> PolicySet {
        self.set(&[RuleClass::Grant, RuleClass::Veto, RuleClass::Gate])
    }

    fn set(&self, classes: &[RuleClass]) -> PolicySet {
        let mut set = possible();
        for (_, policy) in self.policies.iter().filter(|(place, _)| classes.contains(&place.class)) {
            // Ids are unique: the loader has seen to it, and ours cannot be written.
            let _ = set.add(policy.clone());
        }
        set
    }

    /// Every kind of request: principal, action, kind of resource.
    pub(crate) fn scenes(&self) -> Vec<RequestEnv> {
        let mut scenes: Vec<RequestEnv> = self.schema.request_envs().collect();
        scenes.sort_by_key(|scene| {
            (scene.action().to_string(), scene.principal().to_string(), scene.resource().to_string())
        });
        scenes
    }

    /// The kinds of request in which an agent acts. The person acted for is judged beside it and only narrows.
    pub(crate) fn agent_scenes(&self) -> Vec<RequestEnv> {
        self.scenes().into_iter().filter(|scene| scene.principal().to_string() == "Agent").collect()
    }
}

/// What the gateway never builds is no counterexample: values that facts of ours cannot have.
fn possible() -> PolicySet {
    let read: PolicySet = POSSIBLE.parse().unwrap_or_default();
    let mut set = PolicySet::new();
    for (number, policy) in read.policies().enumerate() {
        // No `@id` has a space in it, so that none of the set's own is taken.
        let _ = set.add(policy.new_id(PolicyId::new(format!("possible {number}"))));
    }
    set
}

const POSSIBLE: &str = r#"
forbid (principal is Agent, action, resource) unless { principal.tier >= 1 && principal.tier <= 3 };
forbid (principal is Agent, action, resource) unless { context.risk >= 0 && context.risk <= 100 };
forbid (principal is Agent, action, resource) unless {
  context.time.weekday >= 1 && context.time.weekday <= 7 &&
  context.time.minute_of_day >= 0 && context.time.minute_of_day <= 1439
};
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_impossible_is_cedar() {
        assert_eq!(possible().policies().count(), 3);
    }
}
