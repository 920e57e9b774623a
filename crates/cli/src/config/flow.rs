//! `[[label]]`, `[history.NAME]` and `[provenance]` of `placet.toml`: what is kept of a run for policies to read.
//! What the keys mean is in docs/policies/flow.md.

use std::{collections::BTreeMap, path::Path};

use placet_domain::Json;
use placet_policy::{Counted, DirectorySource, FactIs, FlowConfig, HistoryRule, LabelRule, ProvenanceConfig};
use serde::Deserialize;

use super::file::{Wrong, wrong};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LabelEntry {
    labels: Vec<String>,
    actions: Vec<String>,
    when: Option<WhenEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WhenEntry {
    attribute: String,
    is: IsEntry,
}

/// What a fact can be compared with.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum IsEntry {
    Bool(bool),
    Integer(i64),
    Text(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HistoryEntry {
    actions: Vec<String>,
    counts: Option<String>,
    within: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProvenanceEntry {
    #[serde(default)]
    trusted: Vec<String>,
    #[serde(default)]
    directory: Vec<DirectoryEntry>,
    #[serde(default)]
    known: Vec<String>,
    #[serde(default)]
    known_files: Vec<String>,
    #[serde(default)]
    known_to: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    believe_agents: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DirectoryEntry {
    actions: Vec<String>,
    paths: Vec<String>,
}

pub(super) fn resolve(
    folder: &Path,
    labels: Vec<LabelEntry>,
    history: BTreeMap<String, HistoryEntry>,
    provenance: Option<ProvenanceEntry>,
) -> Result<FlowConfig, Wrong> {
    let mut flow = FlowConfig::default();
    for entry in labels {
        let labels =
            entry.labels.iter().map(|label| label.parse().map_err(|error| wrong("label.labels", error)));
        flow.labels.push(LabelRule {
            labels: labels.collect::<Result<_, _>>()?,
            actions: entry.actions,
            when: entry.when.map(|when| FactIs { attribute: when.attribute, is: when.is.into() }),
        });
    }
    for (name, entry) in history {
        let key = format!("history.{name}");
        let rule = HistoryRule {
            counts: match &entry.counts {
                None => Counted::default(),
                Some(text) => text.parse().map_err(|error| wrong(format!("{key}.counts"), error))?,
            },
            within: match &entry.within {
                Some(text) => {
                    Some(super::file::duration(&format!("{key}.within"), Some(text), super::DRAIN)?)
                }
                None => None,
            },
            actions: entry.actions,
        };
        flow.history.insert(name.parse().map_err(|error| wrong(key, error))?, rule);
    }
    flow.provenance = provenance.map(|entry| believed(folder, entry)).transpose()?;
    Ok(flow)
}

fn believed(folder: &Path, entry: ProvenanceEntry) -> Result<ProvenanceConfig, Wrong> {
    let mut known = entry.known;
    for file in &entry.known_files {
        let path = folder.join(file);
        let text = std::fs::read_to_string(&path)
            .map_err(|error| wrong("provenance.known_files", format!("{}: {error}", path.display())))?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        known.extend(lines.map(str::to_owned));
    }
    let mut directory = Vec::new();
    for source in entry.directory {
        let paths = source.paths.iter();
        let paths =
            paths.map(|path| path.parse().map_err(|error| wrong("provenance.directory.paths", error)));
        directory.push(DirectorySource { paths: paths.collect::<Result<_, _>>()?, actions: source.actions });
    }
    let mut known_to = BTreeMap::new();
    for (person, values) in entry.known_to {
        let name = person.parse().map_err(|error| wrong(format!("provenance.known_to.{person}"), error))?;
        known_to.insert(name, values);
    }
    let (trusted, believe_agents) = (entry.trusted, entry.believe_agents);
    Ok(ProvenanceConfig { trusted, directory, known, known_to, believe_agents })
}

impl From<IsEntry> for Json {
    fn from(entry: IsEntry) -> Self {
        match entry {
            IsEntry::Bool(truth) => truth.into(),
            IsEntry::Integer(number) => number.into(),
            IsEntry::Text(text) => text.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, parse};

    fn read(text: &str) -> Result<Config, String> {
        parse(std::path::Path::new("/etc/placet/placet.toml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_declared_is_read() {
        let flow = read(
            "[[label]]\nlabels = [\"secret\"]\nactions = [\"vault\"]\nwhen = { attribute = \"class\", is = \"A\" }\n\
             [history.sent]\nactions = [\"send\"]\ncounts = \"succeeded\"\nwithin = \"10m\"\n\
             [provenance]\ntrusted = [\"crm\"]\nknown = [\"ana@example.com\"]\nknown_to = { ana = [\"x\"] }\n\
             [[provenance.directory]]\nactions = [\"crm.contacts\"]\npaths = [\"contacts[*].address\"]",
        )
        .unwrap()
        .policy
        .flow;
        assert_eq!((flow.labels.len(), flow.history.len()), (1, 1));
        assert_eq!(flow.provenance.unwrap().directory.len(), 1);
        assert!(read("").unwrap().policy.flow.is_empty());
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (text, key) in [
            ("[[label]]\nlabels = [\"a b\"]\nactions = [\"x\"]", "label.labels"),
            ("[history.a]\nactions = [\"x\"]\ncounts = \"all\"", "history.a.counts"),
            ("[history.a]\nactions = [\"x\"]\nwithin = \"soon\"", "history.a.within"),
            ("[[provenance.directory]]\nactions = [\"x\"]\npaths = [\"a[0]\"]", "provenance.directory.paths"),
            ("[provenance]\nknown_files = [\"/no/such\"]", "provenance.known_files"),
            ("[provenance]\ntrust = []", "trusted"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(key), "{error}");
        }
    }
}
