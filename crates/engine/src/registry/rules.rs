//! Who must agree to an agent of a tier, who administers the registry, how long a certification holds.

use std::{collections::BTreeMap, time::Duration};

use placet_domain::{GroupName, Tier, limits};

/// The operator's rules of registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryRules {
    /// The groups that must agree to an agent of a tier, one distinct person for each. None: it is active at once.
    pub approvers: BTreeMap<Tier, Vec<GroupName>>,
    /// Groups whose members may name owners, resume and retire agents that are not theirs.
    pub admins: Vec<GroupName>,
    /// How long a certification holds where the charter says nothing.
    pub certify_every: Duration,
}

impl RegistryRules {
    /// Rules under which nobody has to agree: for one person alone, and for tests.
    #[must_use]
    pub fn without_approvers() -> Self {
        Self { approvers: BTreeMap::new(), ..Self::default() }
    }

    /// The groups that must agree to this tier.
    #[must_use]
    pub fn chain(&self, tier: Tier) -> &[GroupName] {
        self.approvers.get(&tier).map_or(&[], Vec::as_slice)
    }
}

impl Default for RegistryRules {
    /// Tier 1 nobody, tier 2 security and lead, tier 3 security, compliance and a vice president.
    fn default() -> Self {
        let groups = |names: &[&str]| names.iter().filter_map(|name| name.parse().ok()).collect();
        Self {
            approvers: BTreeMap::from([
                (Tier::Two, groups(&["security", "lead"])),
                (Tier::Three, groups(&["security", "compliance", "vp"])),
            ]),
            admins: groups(&["security"]),
            certify_every: limits::CERTIFY_EVERY,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_default_only_tier_1_needs_nobody() {
        let rules = RegistryRules::default();
        let chain = |tier| rules.chain(tier).iter().map(|group| group.as_str()).collect::<Vec<_>>();
        assert!(chain(Tier::One).is_empty());
        assert_eq!(chain(Tier::Two), ["security", "lead"]);
        assert_eq!(chain(Tier::Three), ["security", "compliance", "vp"]);
    }
}
