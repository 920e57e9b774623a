//! What differs between two policy sets, policy by policy, and whether the change can widen what is allowed. The
//! answer is sound and coarse: adding a permit only widens, adding a forbid only narrows, and whatever is not
//! word for word the same counts as taken away and added.

use std::collections::{BTreeMap, HashSet};

use cedar_policy::Policy;
use placet_domain::{Digest, PolicyId};

use crate::rule::{Class, Rule};
use crate::{Snapshot, parsed};

/// Annotations that no decision depends on.
const WORDS: [&str; 6] = ["granted_by", "id", "mode", "owner", "reason", "remedy"];

/// A policy's content as digests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    /// All of it but the layout.
    whole: Digest,
    /// What a decision depends on.
    meaning: Digest,
}

impl Fingerprint {
    pub(crate) fn of(policy: &Policy) -> Self {
        let Ok(mut json) = parsed::to_json(policy) else {
            // Cedar could not write what it has read: the text stands for it, and any change of it counts.
            let text = Digest::of(policy.to_string().as_bytes());
            return Self { whole: text, meaning: text };
        };
        let whole = Digest::of(json.to_string().as_bytes());
        if let Some(annotations) = json.get_mut("annotations").and_then(|all| all.as_object_mut()) {
            annotations.retain(|key, _| !WORDS.contains(&key.as_str()));
        }
        Self { whole, meaning: Digest::of(json.to_string().as_bytes()) }
    }
}

/// What differs between two sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// Policies that only the later set has.
    pub added: Vec<PolicyId>,
    /// Policies that only the earlier set has.
    pub removed: Vec<PolicyId>,
    /// Policies that read differently.
    pub changed: Vec<PolicyId>,
    /// Whether anything could be allowed, or allowed without a person, that was not before. `false` is certain.
    pub widens: bool,
}

impl Snapshot {
    /// Compares this set with a later one.
    #[must_use]
    pub fn compare(&self, later: &Self) -> Comparison {
        let (before, after) = (self.by_id(), later.by_id());
        let owned = |ids: Vec<&PolicyId>| ids.into_iter().cloned().collect();
        let only_in = |one: &BTreeMap<&PolicyId, Digest>, other: &BTreeMap<&PolicyId, Digest>| {
            one.keys().filter(|id| !other.contains_key(*id)).map(|id| PolicyId::clone(id)).collect()
        };
        let differs =
            |(id, content): &(&&PolicyId, &Digest)| before.get(*id).is_some_and(|old| old != *content);
        Comparison {
            added: only_in(&after, &before),
            removed: only_in(&before, &after),
            changed: owned(after.iter().filter(differs).map(|(id, _)| *id).collect()),
            widens: self.is_widened_by(later),
        }
    }

    fn by_id(&self) -> BTreeMap<&PolicyId, Digest> {
        self.all_rules().iter().map(|rule| (&rule.id, rule.fingerprint.whole)).collect()
    }

    /// Shadow policies included.
    fn all_rules(&self) -> &[Rule] {
        &self.rehearsal().unwrap_or(self).rules
    }

    fn is_widened_by(&self, later: &Self) -> bool {
        let meanings = |snapshot: &Self, grants: bool| -> HashSet<Digest> {
            let of_kind = |rule: &&Rule| matches!(rule.class, Class::Grant { .. }) == grants;
            snapshot.rules.iter().filter(of_kind).map(|rule| rule.fingerprint.meaning).collect()
        };
        !meanings(later, true).is_subset(&meanings(self, true))
            || !meanings(self, false).is_subset(&meanings(later, false))
            || self.require_user_grants && !later.require_user_grants
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PolicyConfig, PolicySource};

    fn set(text: &str) -> Snapshot {
        let sources = [PolicySource { name: "a.cedar".to_owned(), text: text.to_owned() }];
        Snapshot::load(&sources, &PolicyConfig::default()).unwrap_or_else(|errors| panic!("{errors}"))
    }

    const BASE: &str = r#"
        @id("grant") @reason("r") permit (principal, action == Action::"approve", resource);
        @id("veto") forbid (principal, action == Action::"approve", resource) when { resource.gate == "x" };
    "#;

    #[test]
    fn policies_are_told_apart_by_id_and_content() {
        let later = r#"
            @id("grant") @reason("other words") permit (principal, action == Action::"approve", resource);
            @id("new") forbid (principal, action == Action::"approve", resource);
        "#;
        let found = set(BASE).compare(&set(later));
        let names = |ids: &[PolicyId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(&found.added), ["new"]);
        assert_eq!(names(&found.removed), ["veto"]);
        assert_eq!(names(&found.changed), ["grant"]);
    }

    #[test]
    fn only_more_grants_or_fewer_forbids_widen() {
        let more = |text: &str| format!("{BASE}{text}");
        for (later, expected) in [
            (BASE.to_owned(), false),
            (BASE.replace("\"r\"", "\"another reason\"").replace("veto", "renamed"), false),
            (format!("// a remark\n{}", BASE.replace("        ", " ")), false),
            (more(r#"@id("n") forbid (principal, action == Action::"approve", resource);"#), false),
            (
                more(
                    r#"@id("n") permit (principal, action == Action::"approve", resource) when { resource.gate == "y" };"#,
                ),
                true,
            ),
            (BASE.replace("\"x\"", "\"y\""), true),
            (BASE.replace(r#"@id("veto")"#, r#"@id("veto") @unless("approval") @approvers("ops")"#), true),
            (BASE.replace(r#"@id("veto")"#, r#"@id("veto") @mode("shadow")"#), true),
            (BASE.lines().take(2).collect(), true),
            (
                more(
                    r#"@id("n") @mode("shadow") permit (principal, action == Action::"approve", resource) when { resource.gate == "y" };"#,
                ),
                false,
            ),
            (String::new(), true),
        ] {
            assert_eq!(set(BASE).compare(&set(&later)).widens, expected, "{later}");
        }
        assert!(set("").compare(&set(BASE)).widens);
    }
}
