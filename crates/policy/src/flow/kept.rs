//! What a kept revision says about the flow of runs, read back. It is the other way of `FlowConfig::canonical`; known
//! values are not in it.

use std::str::FromStr;
use std::time::Duration;

use placet_domain::{HistoryName, Json};

use super::{Counted, DirectorySource, FactIs, FlowConfig, HistoryRule, LabelRule, ProvenanceConfig};

impl FlowConfig {
    /// Reads the `flow` of a manifest. Whether it was read rightly shows when the manifest is made anew.
    pub(crate) fn of_manifest(flow: &Json) -> Result<Self, String> {
        let mut config = Self::default();
        for rule in array(flow, "labels") {
            config.labels.push(LabelRule {
                labels: all(rule, "labels")?,
                actions: all(rule, "actions")?,
                when: rule.member("when").map(when).transpose()?,
            });
        }
        for (name, rule) in
            flow.member("history").and_then(Json::as_object).into_iter().flat_map(|one| one.members())
        {
            let within = rule.member("within_us").and_then(Json::as_integer);
            let within = within.and_then(|micros| u64::try_from(micros).ok()).map(Duration::from_micros);
            let (actions, counts) = (all(rule, "actions")?, parsed(rule.member("counts"))?);
            let name: HistoryName = parsed(Some(&name.into()))?;
            config.history.insert(name, HistoryRule { actions, counts, within });
        }
        config.provenance = flow.member("provenance").map(believed).transpose()?;
        Ok(config)
    }
}

fn when(when: &Json) -> Result<FactIs, String> {
    let is = when.member("is").cloned().ok_or("a condition has no value")?;
    Ok(FactIs { attribute: parsed(when.member("attribute"))?, is })
}

fn believed(provenance: &Json) -> Result<ProvenanceConfig, String> {
    let source = |source: &Json| {
        Ok(DirectorySource { actions: all(source, "actions")?, paths: all(source, "paths")? })
    };
    Ok(ProvenanceConfig {
        trusted: all(provenance, "trusted")?,
        directory: array(provenance, "directory").iter().map(source).collect::<Result<_, String>>()?,
        ..ProvenanceConfig::default()
    })
}

fn array<'a>(json: &'a Json, key: &str) -> &'a [Json] {
    json.member(key).and_then(Json::as_array).unwrap_or_default()
}

fn all<T: FromStr<Err: std::fmt::Display>>(json: &Json, key: &str) -> Result<Vec<T>, String> {
    array(json, key).iter().map(|one| parsed(Some(one))).collect()
}

fn parsed<T: FromStr<Err: std::fmt::Display>>(json: Option<&Json>) -> Result<T, String> {
    json.and_then(Json::as_str).unwrap_or_default().parse().map_err(|error: T::Err| error.to_string())
}

impl Counted {
    /// The word of the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Attempted => "attempted",
            Self::Refused => "refused",
            Self::Succeeded => "succeeded",
        }
    }
}

/// Why a text does not say what is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write `allowed`, `attempted`, `refused` or `succeeded`")]
pub struct UnknownCounted;

impl FromStr for Counted {
    type Err = UnknownCounted;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = [Self::Allowed, Self::Attempted, Self::Refused, Self::Succeeded];
        known.into_iter().find(|one| one.as_str() == text).ok_or(UnknownCounted)
    }
}
