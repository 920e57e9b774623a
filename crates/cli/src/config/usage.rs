//! `[usage.NAME]`: what is counted, for conditions that read `context.usage.NAME`.

use placet_domain::{KeyPart, Measure, UsageName};
use placet_policy::UsageRule;
use serde::Deserialize;

use super::file::{Wrong, wrong};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    of: Vec<String>,
    window: String,
    #[serde(default)]
    key: Vec<String>,
    sum: Option<String>,
}

pub(super) fn resolve(name: &str, entry: Entry) -> Result<(UsageName, UsageRule), Wrong> {
    let key = |part: &str| format!("usage.{name}{part}");
    if entry.of.is_empty() {
        return Err(wrong(
            key(".of"),
            "name what is counted: tools as `connector.tool`, connectors, or groups",
        ));
    }
    let parts = match entry.key.is_empty() {
        true => Vec::new(),
        false => KeyPart::list(&entry.key.join(",")).map_err(|error| wrong(key(".key"), error))?,
    };
    let measure = match entry.sum {
        None => Measure::Calls,
        Some(path) if !path.is_empty() && path.split('.').all(|part| !part.is_empty()) => Measure::Sum(path),
        Some(_) => return Err(wrong(key(".sum"), "name an argument, for example `amount`")),
    };
    let window = entry.window.parse().map_err(|error| wrong(key(".window"), error))?;
    let parsed = name.parse().map_err(|error| wrong(key(""), error))?;
    Ok((parsed, UsageRule { of: entry.of, key: parts, window, measure }))
}
