//! `[registry]` and `[tiers]` of `placet.toml`: who must agree to an agent, who administers, how long a certification
//! holds, what a run may do that was started without a mandate.

use std::{collections::BTreeMap, time::Duration};

use placet_domain::{GroupName, Tier, limits};
use placet_engine::{DefaultScope, RegistryRules};
use placet_identity::Scope;
use serde::Deserialize;

use super::file::{Wrong, wrong};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// By tier; a tier that is not named keeps its default.
    #[serde(default)]
    approvers: BTreeMap<String, Vec<String>>,
    admins: Option<Vec<String>>,
    certify_days: Option<u64>,
}

/// `[tiers.N]` as people type it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TierEntry {
    default_scope: Option<DefaultEntry>,
}

/// A word, or tokens of a scope.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum DefaultEntry {
    Word(String),
    Tokens(Vec<String>),
}

pub(super) fn resolve(entry: Entry, tiers: BTreeMap<String, TierEntry>) -> Result<RegistryRules, Wrong> {
    let mut rules = RegistryRules::default();
    for (tier, entry) in tiers {
        let number: Tier = tier.parse().map_err(|error| wrong(format!("tiers.{tier}"), error))?;
        if let Some(scope) = entry.default_scope {
            let scope = default_scope(&format!("tiers.{tier}.default_scope"), scope)?;
            rules.default_scopes.insert(number, scope);
        }
    }
    for (tier, groups) in entry.approvers {
        let key = format!("registry.approvers.{tier}");
        let number: Tier = tier.parse().map_err(|error| wrong(&key, error))?;
        rules.approvers.insert(number, parsed(&key, &groups)?);
    }
    if let Some(admins) = entry.admins {
        rules.admins = parsed("registry.admins", &admins)?;
    }
    if let Some(days) = entry.certify_days {
        let period = Duration::from_secs(days.saturating_mul(24 * 60 * 60));
        if days == 0 || period > limits::CERTIFY_EVERY_MOST {
            return Err(wrong("registry.certify_days", "write a number of days from 1 to 366"));
        }
        rules.certify_every = period;
    }
    Ok(rules)
}

fn default_scope(key: &str, entry: DefaultEntry) -> Result<DefaultScope, Wrong> {
    let tokens = match entry {
        DefaultEntry::Word(word) => match word.as_str() {
            "reads" => return Ok(DefaultScope::Reads),
            "everything" => return Ok(DefaultScope::Everything),
            _ => {
                let message = "write `reads`, `everything`, or a list such as `[\"crm.get_deal\"]`";
                return Err(wrong(key, message));
            }
        },
        DefaultEntry::Tokens(tokens) => tokens,
    };
    tokens.join(" ").parse::<Scope>().map_err(|error| wrong(key, error))?;
    Ok(DefaultScope::Scope(tokens))
}

fn parsed(key: &str, groups: &[String]) -> Result<Vec<GroupName>, Wrong> {
    groups.iter().map(|group| group.parse().map_err(|error| wrong(key, error))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Result<RegistryRules, Wrong> {
        resolve(toml::from_str(text).unwrap(), BTreeMap::new())
    }

    fn tiers(text: &str) -> Result<RegistryRules, Wrong> {
        resolve(Entry::default(), toml::from_str(text).unwrap())
    }

    #[test]
    fn a_run_without_a_mandate_reads_unless_its_tier_says_otherwise() {
        let scope = |rules: &RegistryRules, tier| rules.default_scopes.get(&tier).cloned();
        let rules =
            tiers("2 = { default_scope = [\"crm.get_deal\"] }\n3.default_scope = \"everything\"").unwrap();
        assert_eq!(scope(&rules, Tier::One), Some(DefaultScope::Reads));
        assert_eq!(scope(&rules, Tier::Two), Some(DefaultScope::Scope(vec!["crm.get_deal".to_owned()])));
        assert_eq!(scope(&rules, Tier::Three), Some(DefaultScope::Everything));
        for (text, key) in [
            ("4 = {}", "tiers.4"),
            ("1.default_scope = \"all\"", "tiers.1.default_scope"),
            ("1.default_scope = []", "tiers.1.default_scope"),
            ("1.default_scope = [\"crm.\"]", "tiers.1.default_scope"),
        ] {
            assert_eq!(tiers(text).unwrap_err().0, key);
        }
    }

    #[test]
    fn what_is_not_written_keeps_its_default() {
        assert_eq!(rules(""), Ok(RegistryRules::default()));
        let alone = rules("approvers = { 2 = [] }\ncertify_days = 30").unwrap();
        assert!(alone.chain(Tier::Two).is_empty() && alone.chain(Tier::Three).len() == 3);
        assert_eq!(alone.certify_every, Duration::from_secs(30 * 86_400));
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (text, key) in [
            ("approvers = { 4 = [] }", "registry.approvers.4"),
            ("approvers = { 2 = [\"a b\"] }", "registry.approvers.2"),
            ("admins = [\"\"]", "registry.admins"),
            ("certify_days = 0", "registry.certify_days"),
            ("certify_days = 9999", "registry.certify_days"),
        ] {
            assert_eq!(rules(text).unwrap_err().0, key);
        }
    }
}
