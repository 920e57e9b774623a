//! `[grants]`: what grants for a time may permit at most.

use std::collections::BTreeMap;

use placet_policy::GrantRules;
use serde::Deserialize;

use super::file::{Wrong, duration, wrong};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    #[serde(default)]
    ceilings: BTreeMap<String, Vec<String>>,
    longest: Option<String>,
}

pub(super) fn resolve(entry: Entry) -> Result<GrantRules, Wrong> {
    const GROUPS: [&str; 7] = ["admin", "delete", "execute", "export", "read", "send", "write"];
    let mut rules = GrantRules::default();
    for (tier, groups) in entry.ceilings {
        let key = format!("grants.ceilings.{tier}");
        if let Some(other) = groups.iter().find(|group| !GROUPS.contains(&group.as_str())) {
            let known = GROUPS.join("`, `");
            return Err(wrong(key, format!("`{other}` is no action group; use `{known}`")));
        }
        let [one, two, three] = &mut rules.ceilings;
        match tier.as_str() {
            "1" => *one = groups,
            "2" => *two = groups,
            "3" => *three = groups,
            _ => return Err(wrong(key, "tiers are 1, 2 and 3")),
        }
    }
    rules.longest = duration("grants.longest", entry.longest.as_deref(), rules.longest)?;
    Ok(rules)
}
