//! Who must agree to an agent of a tier, who administers the registry, how long a certification holds, and what a run may
//! do that was started without a mandate.

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
    /// What a run of a tier may do if nobody says what it is for. A tier that is not named: whatever its agent may.
    pub default_scopes: BTreeMap<Tier, DefaultScope>,
}

/// What a run may do if nobody says what it is for. Never more than its agent may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DefaultScope {
    /// Whatever its agent may.
    Everything,
    /// Operations that read.
    Reads,
    /// These tokens of a scope.
    Scope(Vec<String>),
}

impl RegistryRules {
    /// Rules under which nobody has to agree, and a run needs no mandate: for tests.
    #[must_use]
    pub fn without_approvers() -> Self {
        Self { approvers: BTreeMap::new(), default_scopes: BTreeMap::new(), ..Self::default() }
    }

    /// The groups that must agree to this tier.
    #[must_use]
    pub fn chain(&self, tier: Tier) -> &[GroupName] {
        self.approvers.get(&tier).map_or(&[], Vec::as_slice)
    }
}

impl Default for RegistryRules {
    /// Tier 1 nobody, tier 2 security and lead, tier 3 security, compliance and a vice president. Without a mandate a
    /// run reads.
    fn default() -> Self {
        let groups = |names: &[&str]| names.iter().filter_map(|name| name.parse().ok()).collect();
        Self {
            approvers: BTreeMap::from([
                (Tier::Two, groups(&["security", "lead"])),
                (Tier::Three, groups(&["security", "compliance", "vp"])),
            ]),
            admins: groups(&["security"]),
            certify_every: limits::CERTIFY_EVERY,
            default_scopes: [Tier::One, Tier::Two, Tier::Three]
                .map(|tier| (tier, DefaultScope::Reads))
                .into(),
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
