//! `[registry]` of `placet.toml`: who must agree to an agent, who administers, how long a certification holds.

use std::{collections::BTreeMap, time::Duration};

use placet_domain::{GroupName, Tier, limits};
use placet_engine::RegistryRules;
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

pub(super) fn resolve(entry: Entry) -> Result<RegistryRules, Wrong> {
    let mut rules = RegistryRules::default();
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

fn parsed(key: &str, groups: &[String]) -> Result<Vec<GroupName>, Wrong> {
    groups.iter().map(|group| group.parse().map_err(|error| wrong(key, error))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Result<RegistryRules, Wrong> {
        resolve(toml::from_str(text).unwrap())
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
